//! Numbers dropped at random: drawn from a stream, and noted for the backward pass in a bit each, because drawing them again
//! would take longer than all else.
//!
//! An element is dropped if its uniform number of `[0, 1)` lies below the rate, in either precision the same elements;
//! what is kept is divided by `1 - rate`, so that the expectation stays.

use crate::kernels::each::{each_row, each_with, each_with2};
use crate::kernels::simd::{Kernel, LANES, Simd, dispatch};
use crate::parallel::{for_each_chunk_mut, for_each_chunk_mut2};
use crate::real::Real;
use crate::rng::{GROUP, MULTIPLIERS, ROUNDS, Stream, WEYL};

/// Elements one chunk holds: whole groups of random numbers.
const CHUNK: usize = 64 * GROUP;

/// Elements whose bits are noted together: in 16 words of 32 bits, so that element `i` is bit `i / 16` of word `i % 16`.
const NOTED: usize = 32 * LANES;
const _: () = assert!(CHUNK.is_multiple_of(NOTED) && NOTED.is_multiple_of(GROUP));

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

    /// The numbers that [`Dropping::apply`] notes for `len` elements: words of bits, which `f64` holds by their value and
    /// `f32` as they are.
    pub fn notes(len: usize) -> usize {
        len.div_ceil(NOTED) * LANES
    }

    /// `y = x / (1 - rate)` where kept, else 0. Notes what was kept unless there is no room for `notes`.
    ///
    /// # Panics
    /// If the lengths differ, or there is some room for notes, but not as much as [`Dropping::notes`].
    pub fn apply<F: Real>(&self, x: &[F], y: &mut [F], notes: &mut [F]) {
        assert_eq!(x.len(), y.len(), "an output for each input");
        assert!(
            notes.is_empty() || notes.len() == Self::notes(x.len()),
            "notes for each input"
        );
        if notes.is_empty() {
            return for_each_chunk_mut(y, CHUNK, |index, y| {
                self.drop(index, Some(&x[index * CHUNK..][..y.len()]), y, &mut []);
            });
        }
        let notes = (notes, CHUNK / NOTED * LANES);
        for_each_chunk_mut2((y, CHUNK), notes, |index, y, notes| {
            self.drop(index, Some(&x[index * CHUNK..][..y.len()]), y, notes);
        });
    }

    /// [`Dropping::apply`] of the elements that were noted; added to `y` if `accumulate`.
    ///
    /// # Panics
    /// If the lengths differ, or there are not as many notes as [`Dropping::notes`].
    pub fn apply_noted<F: Real>(&self, notes: &[F], x: &[F], y: &mut [F], accumulate: bool) {
        assert_eq!(x.len(), y.len(), "an output for each input");
        assert_eq!(notes.len(), Self::notes(x.len()), "notes for each input");
        let scale = 1.0 / (1.0 - self.rate);
        for_each_chunk_mut(y, CHUNK, |index, y| {
            let x = &x[index * CHUNK..][..y.len()];
            let notes = &notes[index * (CHUNK / NOTED * LANES)..][..Self::notes(y.len())];
            if let (Some(x), Some(notes)) = (F::as_f32(x), F::as_f32(notes))
                && let Some(y) = F::as_f32_mut(y)
            {
                let scale = scale as f32;
                return dispatch(NotedVectors {
                    notes,
                    scale,
                    x,
                    y,
                    accumulate,
                });
            }
            for (i, (y, &x)) in y.iter_mut().zip(x).enumerate() {
                let note = notes[i / NOTED * LANES + i % LANES].f64() as u32;
                let kept = note >> (i % NOTED / LANES) & 1 == 1;
                let result = if kept { x * F::of(scale) } else { F::ZERO };
                *y = if accumulate { *y + result } else { result };
            }
        });
    }

    /// `factors = 1 / (1 - rate)` where kept, else 0.
    pub fn factors<F: Real>(&self, factors: &mut [F]) {
        for_each_chunk_mut(factors, CHUNK, |index, factors| {
            self.drop(index, None, factors, &mut []);
        });
    }

    /// Chunk `index`; without `x` it is all ones. Notes what is kept if there is room.
    fn drop<F: Real>(&self, index: usize, x: Option<&[F]>, y: &mut [F], notes: &mut [F]) {
        let draw = Draw {
            stream: self.stream,
            first_group: (index * CHUNK / GROUP) as u64,
            // uniform < rate exactly if its 24 bits lie below this.
            threshold: (self.rate * f64::from(1 << BITS)).ceil() as u32,
        };
        let scale = 1.0 / (1.0 - self.rate);
        if let (Some(y), Some(notes)) = (F::as_f32_mut(y), F::as_f32_mut(notes)) {
            let x = x.and_then(F::as_f32);
            let scale = scale as f32;
            return dispatch(Vectors {
                draw,
                scale,
                x,
                y,
                notes,
            });
        }
        dispatch(Plain {
            draw,
            scale: F::of(scale),
            x,
            y,
            notes,
        });
    }
}

/// The random numbers of a chunk and what they are compared with.
#[derive(Clone, Copy)]
struct Draw {
    stream: Stream,
    first_group: u64,
    threshold: u32,
}

/// [`Plain`] for `f32`, the numbers drawn in registers.
struct Vectors<'a> {
    draw: Draw,
    scale: f32,
    x: Option<&'a [f32]>,
    y: &'a mut [f32],
    notes: &'a mut [f32],
}

impl Kernel for Vectors<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let lanes = s.to_i32(s.load(&LANE_NUMBERS));
        // Both sides are below 2^24, so signs do not matter.
        let below = s.splat_i32(self.draw.threshold as i32 - 1);
        let scale = s.splat(self.scale);
        for (block, y) in self.y.chunks_mut(NOTED).enumerate() {
            let x = self.x.map(|x| &x[block * NOTED..][..y.len()]);
            let mut note = s.splat_i32(0);
            for (group, y) in y.chunks_mut(GROUP).enumerate() {
                let number = block * (NOTED / GROUP) + group;
                let words = philox(
                    s,
                    self.draw.stream,
                    self.draw.first_group + number as u64,
                    lanes,
                );
                for (word, y) in y.chunks_mut(LANES).enumerate() {
                    let place = group * (GROUP / LANES) + word;
                    let kept = s.gt_i32(s.shr_u32(words[word], u32::BITS - BITS), below);
                    let bit = s.floats(s.splat_i32(1 << place));
                    note = s.or_i32(note, s.bits(s.select(kept, bit, s.zero())));
                    let x = match x {
                        Some(x) => s.mul(s.load_partial(&x[place * LANES..][..y.len()]), scale),
                        None => scale,
                    };
                    // An infinite or NaN element that is dropped is 0 too.
                    s.store_partial(y, s.select(kept, x, s.zero()));
                }
            }
            if let Some(place) = self.notes.as_chunks_mut().0.get_mut(block) {
                s.store(place, s.floats(note));
            }
        }
    }
}

/// [`Dropping::apply_noted`] of a chunk of `f32`.
struct NotedVectors<'a> {
    notes: &'a [f32],
    scale: f32,
    x: &'a [f32],
    y: &'a mut [f32],
    accumulate: bool,
}

impl Kernel for NotedVectors<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (notes, _) = self.notes.as_chunks();
        let scale = s.splat(self.scale);
        for (block, y) in self.y.chunks_mut(NOTED).enumerate() {
            let x = &self.x[block * NOTED..][..y.len()];
            let note = s.bits(s.load(&notes[block]));
            for (place, y) in y.chunks_mut(LANES).enumerate() {
                let bit = s.and_i32(note, s.splat_i32(1 << place));
                let dropped = s.eq_i32(bit, s.splat_i32(0));
                let x = s.mul(s.load_partial(&x[place * LANES..][..y.len()]), scale);
                let mut result = s.select(dropped, s.zero(), x);
                if self.accumulate {
                    result = s.add(s.load_partial(y), result);
                }
                s.store_partial(y, result);
            }
        }
    }
}

const LANE_NUMBERS: [f32; LANES] = [
    0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0,
];

/// [`Stream::group`] in registers: four words for each of 16 lanes.
#[inline(always)]
fn philox<S: Simd>(s: S, stream: Stream, group: u64, lanes: S::I) -> [S::I; 4] {
    let (mut key, high) = stream.key_and_high();
    let first = group * LANES as u64;
    let mut c0 = s.add_i32(s.splat_i32(first as i32), lanes);
    let mut c1 = s.splat_i32((first >> 32) as i32);
    let (mut c2, mut c3) = (s.splat_i32(high[0] as i32), s.splat_i32(high[1] as i32));
    for _ in 0..ROUNDS {
        let (high_0, low_0) = s.mul_wide_u32(c0, MULTIPLIERS[0]);
        let (high_1, low_1) = s.mul_wide_u32(c2, MULTIPLIERS[1]);
        c0 = s.xor_i32(s.xor_i32(high_1, c1), s.splat_i32(key[0] as i32));
        c2 = s.xor_i32(s.xor_i32(high_0, c3), s.splat_i32(key[1] as i32));
        (c1, c3) = (low_1, low_0);
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    [c0, c1, c2, c3]
}

/// One chunk of any number type.
struct Plain<'a, F> {
    draw: Draw,
    scale: F,
    x: Option<&'a [F]>,
    y: &'a mut [F],
    notes: &'a mut [F],
}

impl<F: Real> Kernel for Plain<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        for (block, y) in self.y.chunks_mut(NOTED).enumerate() {
            let mut note = [0u32; LANES];
            for (group, y) in y.chunks_mut(GROUP).enumerate() {
                let number = block * (NOTED / GROUP) + group;
                let bits = self
                    .draw
                    .stream
                    .group(self.draw.first_group + number as u64);
                for (i, (y, &bits)) in y.iter_mut().zip(bits.as_flattened()).enumerate() {
                    let x = match self.x {
                        Some(x) => x[number * GROUP + i] * self.scale,
                        None => self.scale,
                    };
                    let kept = bits >> (u32::BITS - BITS) >= self.draw.threshold;
                    note[i % LANES] |= u32::from(kept) << ((group * GROUP + i) / LANES);
                    *y = if kept { x } else { F::ZERO };
                }
            }
            let places = self.notes.chunks_mut(LANES).nth(block).unwrap_or_default();
            for (place, note) in places.iter_mut().zip(note) {
                *place = F::of(f64::from(note));
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
    // Rows one after the other that meet the same row of the factors.
    let repeated = outer.iter().zip(noise).rev();
    let repeated = repeated.take_while(|(size, noise)| noise.unwrap_or(**size) == 1);
    let run: usize = repeated.map(|(size, _)| size).product();
    let rows = CHUNK.div_ceil(width);
    for_each_chunk_mut(y, rows * width, |index, mut y| {
        let mut first = index * rows;
        while !y.is_empty() {
            let together = (run - first % run).min(y.len() / width);
            let (now, rest) = y.split_at_mut(together * width);
            let x = &x[first * width..][..now.len()];
            // The row of the factors that meets these rows: the same place, but 0 along repeated axes.
            let (mut row, mut start, mut stride) = (first, 0, last);
            for (&size, noise) in outer.iter().zip(noise).rev() {
                let repeated = noise.unwrap_or(size);
                start += if repeated > 1 { row % size * stride } else { 0 };
                stride *= repeated;
                row /= size;
            }
            dispatch(Multiply {
                x,
                factors: &factors[start..start + last],
                y: now,
                width,
                accumulate,
            });
            (y, first) = (rest, first + together);
        }
    });
}

/// Rows times the same factors, or one factor.
struct Multiply<'a, F> {
    x: &'a [F],
    factors: &'a [F],
    y: &'a mut [F],
    width: usize,
    accumulate: bool,
}

impl<F: Real> Kernel for Multiply<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let (factors, accumulate) = (self.factors, self.accumulate);
        // An infinite or NaN element that is dropped is 0 too.
        let merged = |y: F, x: F, factor: F| {
            let kept = if factor == F::ZERO {
                F::ZERO
            } else {
                x * factor
            };
            if accumulate { y + kept } else { kept }
        };
        each_row(self.y, self.width, |row, y| {
            let x = &self.x[row * self.width..][..self.width];
            match factors {
                &[factor] => each_with(y, x, |y, x| merged(y, x, factor)),
                _ => each_with2(y, [x, factors], merged),
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::{available, with_isa};

    #[test]
    fn an_element_is_dropped_if_its_uniform_number_is_below_the_rate() {
        let stream = Stream::new(1, 2, 3);
        for rate in [0.0, 0.1, 0.5, 0.999, 1.0] {
            let dropping = Dropping::new(stream, rate);
            let (mut y, mut wide) = (vec![9.0_f32; 10_000], vec![9.0_f64; 10_000]);
            dropping.apply(&vec![2.0; 10_000], &mut y, &mut []);
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
    fn all_levels_and_lengths_drop_the_same() {
        let stream = Stream::new(7, 1, u64::MAX);
        let x: Vec<f32> = (0..20_001).map(|i| i as f32 - 1e4).collect();
        for isa in available() {
            for len in [0, 1, 15, 16, 63, 64, 65, 511, 513, 4096, 20_001] {
                let (y, sum) = with_isa(isa, || noted(stream, &x[..len]));
                for i in 0..len {
                    let kept = f64::from(stream.uniform::<f32>(i as u64)) >= 0.3;
                    let wanted = if kept { x[i] * (1.0 / 0.7) as f32 } else { 0.0 };
                    assert_eq!((y[i], sum[i]), (wanted, 0.5 + wanted), "{isa:?} {len} {i}");
                }
            }
        }
    }

    /// What is kept of `x`, and the same from the notes, added to 0.5.
    fn noted<F: Real>(stream: Stream, x: &[F]) -> (Vec<F>, Vec<F>) {
        let dropping = Dropping::new(stream, 0.3);
        let (mut y, mut sum) = (vec![F::ONE; x.len()], vec![F::of(0.5); x.len()]);
        let mut notes = vec![F::ONE; Dropping::notes(x.len())];
        dropping.apply(x, &mut y, &mut notes);
        dropping.apply_noted(&notes, x, &mut sum, true);
        (y, sum)
    }

    #[test]
    fn notes_of_double_precision_tell_the_same() {
        let x: Vec<f64> = (1..=5000).map(f64::from).collect();
        let (y, sum) = noted(Stream::new(3, 4, 5), &x);
        assert!(y.contains(&0.0) && y.iter().zip(&sum).all(|(y, sum)| *sum == y + 0.5));
    }

    #[test]
    fn dropped_infinities_are_zero() {
        let mut y = [1.0_f32; 3];
        let mut notes = [0.0; LANES];
        let dropping = Dropping::new(Stream::new(0, 0, 0), 1.0);
        dropping.apply(&[f32::NAN; 3], &mut y, &mut notes);
        assert_eq!(y, [0.0; 3]);
        dropping.apply_noted(&notes, &[f32::NAN; 3], &mut y, false);
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
