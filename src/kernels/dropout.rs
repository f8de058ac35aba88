//! Numbers dropped at random: drawn from a stream, the same ones again in the backward pass.
//!
//! An element is dropped if its uniform number of `[0, 1)` lies below the rate, in either precision the same elements;
//! what is kept is divided by `1 - rate`, so that the expectation stays.

use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;
use crate::rng::{GROUP, Stream};

/// Elements one chunk holds: whole groups of random numbers.
const CHUNK: usize = 64 * GROUP;

/// Bits of the uniform numbers that are compared.
const BITS: u32 = 24;

/// Which elements of a tensor are dropped.
#[derive(Debug, Clone, Copy)]
pub struct Dropping {
    stream: Stream,
    rate: f64,
}

impl Dropping {
    /// Drops a share of `rate`, from 0 to 1, as the numbers of `stream` say.
    pub fn new(stream: Stream, rate: f64) -> Self {
        debug_assert!((0.0..=1.0).contains(&rate), "a share");
        Self { stream, rate }
    }

    /// `y = x / (1 - rate)` where kept, else 0; added to `y` if `accumulate`.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn apply<F: Real>(&self, x: &[F], y: &mut [F], accumulate: bool) {
        assert_eq!(x.len(), y.len(), "an output for each input");
        for_each_chunk_mut(y, CHUNK, |index, y| {
            let x = &x[index * CHUNK..][..y.len()];
            let first = index * CHUNK / GROUP;
            if accumulate {
                dispatch(self.kernel(first, y, |i, y, factor| y + x[i] * factor));
            } else {
                // An infinite or NaN element that is dropped is 0 too.
                dispatch(
                    self.kernel(first, y, |i, _, factor| match factor == F::ZERO {
                        true => F::ZERO,
                        false => x[i] * factor,
                    }),
                );
            }
        });
    }

    /// `factors = 1 / (1 - rate)` where kept, else 0.
    pub fn factors<F: Real>(&self, factors: &mut [F]) {
        for_each_chunk_mut(factors, CHUNK, |index, factors| {
            let first = index * CHUNK / GROUP;
            dispatch(self.kernel(first, factors, |_, _, factor| factor));
        });
    }

    fn kernel<'a, F: Real, T: Fn(usize, F, F) -> F>(
        &self,
        first_group: usize,
        y: &'a mut [F],
        term: T,
    ) -> Drop<'a, F, T> {
        Drop {
            stream: self.stream,
            first_group: first_group as u64,
            // uniform < rate exactly if its 24 bits lie below this.
            threshold: (self.rate * f64::from(1 << BITS)).ceil() as u32,
            scale: F::of(1.0 / (1.0 - self.rate)),
            y,
            term,
        }
    }
}

struct Drop<'a, F, T> {
    stream: Stream,
    first_group: u64,
    threshold: u32,
    scale: F,
    y: &'a mut [F],
    term: T,
}

impl<F: Real, T: Fn(usize, F, F) -> F> Kernel for Drop<'_, F, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        for (group, y) in self.y.chunks_mut(GROUP).enumerate() {
            let bits = self.stream.group(self.first_group + group as u64);
            for (i, (y, &bits)) in y.iter_mut().zip(bits.as_flattened()).enumerate() {
                let kept = bits >> (u32::BITS - BITS) >= self.threshold;
                let factor = if kept { self.scale } else { F::ZERO };
                *y = (self.term)(group * GROUP + i, *y, factor);
            }
        }
    }
}

/// `y = x * factors` with the factors repeated along the axes where their size is 1; added to `y` if `accumulate`.
/// `sizes` are those of `x`, `noise` those of the factors, of the same rank; `None` is the size of `x`.
///
/// # Panics
/// If a length does not fit its sizes.
pub fn multiply_repeated<F: Real>(
    x: &[F],
    sizes: &[usize],
    factors: &[F],
    noise: &[Option<usize>],
    y: &mut [F],
    accumulate: bool,
) {
    let (Some((&width, outer)), Some((last, noise))) = (sizes.split_last(), noise.split_last())
    else {
        return;
    };
    let last = last.unwrap_or(width);
    if x.is_empty() {
        return;
    }
    let rows = CHUNK.div_ceil(width);
    for_each_chunk_mut(y, rows * width, |index, y| {
        for (i, y) in y.chunks_exact_mut(width).enumerate() {
            let mut row = index * rows + i;
            let x = &x[row * width..][..width];
            // The row of the factors that meets this row: the same place, but 0 along repeated axes.
            let (mut start, mut stride) = (0, last);
            for (&size, noise) in outer.iter().zip(noise).rev() {
                let repeated = noise.unwrap_or(size);
                start += if repeated > 1 { row % size * stride } else { 0 };
                stride *= repeated;
                row /= size;
            }
            let factors = &factors[start..start + last];
            for (j, (y, &x)) in y.iter_mut().zip(x).enumerate() {
                let factor = factors[if last > 1 { j } else { 0 }];
                let kept = if factor == F::ZERO {
                    F::ZERO
                } else {
                    x * factor
                };
                *y = if accumulate { *y + kept } else { kept };
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_dropped_if_its_uniform_number_is_below_the_rate() {
        let stream = Stream::new(1, 2, 3);
        for rate in [0.0, 0.1, 0.5, 0.999, 1.0] {
            let dropping = Dropping::new(stream, rate);
            let (mut y, mut wide) = (vec![9.0_f32; 10_000], vec![9.0_f64; 10_000]);
            dropping.apply(&vec![2.0; 10_000], &mut y, false);
            dropping.factors(&mut wide);
            for i in 0..y.len() {
                let kept = f64::from(stream.uniform::<f32>(i as u64)) >= rate;
                let factor = if kept { 1.0 / (1.0 - rate) } else { 0.0 };
                assert_eq!(wide[i], factor);
                assert_eq!(y[i], 2.0 * factor as f32);
            }
        }
    }

    #[test]
    fn dropped_infinities_are_zero() {
        let mut y = [1.0_f32; 3];
        Dropping::new(Stream::new(0, 0, 0), 1.0).apply(&[f32::NAN; 3], &mut y, false);
        assert_eq!(y, [0.0; 3]);
    }

    #[test]
    fn factors_are_repeated_along_axes_of_one() {
        let x: Vec<f64> = (1..=12).map(f64::from).collect();
        let run = |factors: &[f64], noise: &[Option<usize>]| {
            let mut y = vec![0.0; 12];
            multiply_repeated(&x, &[2, 3, 2], factors, noise, &mut y, false);
            y
        };
        let y = run(&[1.0, 0.0, 2.0, 3.0], &[None, Some(1), None]);
        let expected = [
            1.0, 0.0, 3.0, 0.0, 5.0, 0.0, 14.0, 24.0, 18.0, 30.0, 22.0, 36.0,
        ];
        assert_eq!(y, expected);
        let y = run(&[0.0, 1.0, 2.0], &[Some(1), Some(3), Some(1)]);
        let expected = [
            0.0, 0.0, 3.0, 4.0, 10.0, 12.0, 0.0, 0.0, 9.0, 10.0, 22.0, 24.0,
        ];
        assert_eq!(y, expected);
    }
}
