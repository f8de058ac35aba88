//! Rows turned into probabilities and their logarithms, and back: each row is worked on whole while it is in the cache.
//!
//! `softmax(x)_i = e^(x_i - m) / sum_j e^(x_j - m)` with m the largest of the row, so that nothing overflows; a row
//! with NaN or plus infinity becomes NaN. `dx = y * (dy - sum(dy * y))`; of the logarithm `dx = dy - e^y sum(dy)`.

use crate::kernels::math;
use crate::kernels::simd::{Kernel, LANES, Simd, dispatch};
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;

/// Elements one chunk of rows holds at least.
const CHUNK: usize = 1 << 12;

/// The rows of `width` elements that make up one chunk.
pub(super) fn rows_per_chunk(width: usize) -> usize {
    CHUNK.div_ceil(width.max(1))
}

/// `x = softmax(x)` of each row of `width` elements.
pub fn softmax<F: Real>(x: &mut [F], width: usize) {
    each_row(x, width, |x| match F::as_f32_mut(x) {
        Some(x) => dispatch(Softmax(None, x, width)),
        None => x.chunks_exact_mut(width).for_each(softmax_row),
    });
}

/// `y = softmax(x)` of each row of `width` elements.
pub fn softmax_of<F: Real>(x: &[F], y: &mut [F], width: usize) {
    each_row_of(x, y, width, |x, y| match (F::as_f32(x), F::as_f32_mut(y)) {
        (Some(x), Some(y)) => dispatch(Softmax(Some(x), y, width)),
        _ => {
            y.copy_from_slice(x);
            y.chunks_exact_mut(width).for_each(softmax_row);
        }
    });
}

/// `x = ln(softmax(x))` of each row of `width` elements.
pub fn log_softmax<F: Real>(x: &mut [F], width: usize) {
    each_row(x, width, |x| match F::as_f32_mut(x) {
        Some(x) => dispatch(LogSoftmax(None, x, width)),
        None => x.chunks_exact_mut(width).for_each(log_softmax_row),
    });
}

/// `y = ln(softmax(x))` of each row of `width` elements.
pub fn log_softmax_of<F: Real>(x: &[F], y: &mut [F], width: usize) {
    each_row_of(x, y, width, |x, y| match (F::as_f32(x), F::as_f32_mut(y)) {
        (Some(x), Some(y)) => dispatch(LogSoftmax(Some(x), y, width)),
        _ => {
            y.copy_from_slice(x);
            y.chunks_exact_mut(width).for_each(log_softmax_row);
        }
    });
}

/// `dy = dx` of [`softmax`] that gave `y`.
pub fn softmax_backward<F: Real>(y: &[F], dy: &mut [F], width: usize) {
    each_row_of(y, dy, width, |y, dy| {
        match (F::as_f32(y), F::as_f32_mut(dy)) {
            (Some(y), Some(dy)) => dispatch(SoftmaxBackward(y, dy, width)),
            _ => {
                for (y, dy) in y.chunks_exact(width).zip(dy.chunks_exact_mut(width)) {
                    let dot: F = y.iter().zip(&*dy).map(|(&y, &dy)| y * dy).sum();
                    y.iter().zip(dy).for_each(|(&y, dy)| *dy = y * (*dy - dot));
                }
            }
        }
    });
}

/// `dy = dx` of [`log_softmax`] that gave `y`.
pub fn log_softmax_backward<F: Real>(y: &[F], dy: &mut [F], width: usize) {
    each_row_of(y, dy, width, |y, dy| {
        match (F::as_f32(y), F::as_f32_mut(dy)) {
            (Some(y), Some(dy)) => dispatch(LogSoftmaxBackward(y, dy, width)),
            _ => {
                for (y, dy) in y.chunks_exact(width).zip(dy.chunks_exact_mut(width)) {
                    let sum: F = dy.iter().copied().sum();
                    y.iter().zip(dy).for_each(|(&y, dy)| *dy -= y.exp() * sum);
                }
            }
        }
    });
}

pub(super) fn each_row<F: Real>(x: &mut [F], width: usize, work: impl Fn(&mut [F]) + Sync) {
    if width > 0 {
        for_each_chunk_mut(x, rows_per_chunk(width) * width, |_, x| work(x));
    }
}

pub(super) fn each_row_of<F: Real>(
    y: &[F],
    dy: &mut [F],
    width: usize,
    work: impl Fn(&[F], &mut [F]) + Sync,
) {
    assert_eq!(y.len(), dy.len(), "a gradient for each output");
    if width > 0 {
        let chunk = rows_per_chunk(width) * width;
        for_each_chunk_mut(dy, chunk, |index, dy| {
            work(&y[index * chunk..index * chunk + dy.len()], dy);
        });
    }
}

pub(super) fn largest<F: Real>(row: &[F]) -> F {
    row.iter().fold(-F::INFINITY, |m, &x| m.maximum(x))
}

fn softmax_row<F: Real>(row: &mut [F]) {
    let largest = largest(row);
    let mut sum = F::ZERO;
    for x in row.iter_mut() {
        *x = (*x - largest).exp();
        sum += *x;
    }
    row.iter_mut().for_each(|x| *x /= sum);
}

fn log_softmax_row<F: Real>(row: &mut [F]) {
    let largest = largest(row);
    let sum: F = row.iter().map(|&x| (x - largest).exp()).sum();
    let shift = sum.ln();
    row.iter_mut().for_each(|x| *x = *x - largest - shift);
}

/// Reads what there is; the other lanes are `fill`.
#[inline(always)]
pub(super) fn load_or<S: Simd>(s: S, from: &[f32], fill: f32) -> S::F {
    let mut lanes = [fill; LANES];
    lanes[..from.len()].copy_from_slice(from);
    s.load(&lanes)
}

/// The largest of a row; a NaN may or may not be seen, the exponentials bring it to light.
#[inline(always)]
pub(super) fn largest_lane<S: Simd>(s: S, row: &[f32]) -> f32 {
    let (body, tail) = row.as_chunks::<LANES>();
    let mut most = [load_or(s, tail, f32::NEG_INFINITY); 4];
    // Four at a time: none waits for the one before.
    let (fours, rest) = body.as_chunks::<4>();
    for four in fours {
        for (m, x) in most.iter_mut().zip(four) {
            *m = s.max(*m, s.load(x));
        }
    }
    for x in rest {
        most[0] = s.max(most[0], s.load(x));
    }
    let [a, b, c, d] = most;
    s.max_lane(s.max(s.max(a, b), s.max(c, d)))
}

/// The numbers of a row that is written: those of another one, or its own.
#[inline(always)]
fn given<'a>(x: Option<&'a [[f32; LANES]]>, y: &'a [f32; LANES], index: usize) -> &'a [f32; LANES] {
    match x {
        Some(x) => &x[index],
        None => y,
    }
}

/// What is read if it is not what is written, what is written, and the width of a row.
struct Softmax<'a>(Option<&'a [f32]>, &'a mut [f32], usize);

impl Kernel for Softmax<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self(x, y, width) = self;
        for (index, row) in y.chunks_exact_mut(width).enumerate() {
            let x = x.map(|x| &x[index * width..][..width]);
            let from = x.unwrap_or(row);
            let largest = s.splat(largest_lane(s, from));
            let (_, tail) = from.as_chunks::<LANES>();
            let rest = s.sub(load_or(s, tail, f32::NEG_INFINITY), largest);
            let rest = math::exp_of_negative(s, rest);
            let mut sum = if tail.is_empty() { s.zero() } else { rest };
            let x = x.map(|x| x.as_chunks::<LANES>().0);
            let (body, tail) = row.as_chunks_mut::<LANES>();
            for (i, y) in body.iter_mut().enumerate() {
                let x = s.load(given(x, y, i));
                let e = math::exp_of_negative(s, s.sub(x, largest));
                sum = s.add(sum, e);
                s.store(y, e);
            }
            let factor = s.div(s.splat(1.0), s.splat(s.sum(sum)));
            s.store_partial(tail, s.mul(rest, factor));
            for y in body {
                s.store(y, s.mul(s.load(y), factor));
            }
        }
    }
}

/// As [`Softmax`].
struct LogSoftmax<'a>(Option<&'a [f32]>, &'a mut [f32], usize);

impl Kernel for LogSoftmax<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self(x, y, width) = self;
        for (index, row) in y.chunks_exact_mut(width).enumerate() {
            let x = x.map(|x| &x[index * width..][..width]);
            let from = x.unwrap_or(row);
            let largest = s.splat(largest_lane(s, from));
            let (body, tail) = from.as_chunks::<LANES>();
            let rest = s.load_partial(tail);
            let mut sum = s.zero();
            if !tail.is_empty() {
                let tail = load_or(s, tail, f32::NEG_INFINITY);
                sum = math::exp_of_negative(s, s.sub(tail, largest));
            }
            for x in body {
                sum = s.add(sum, math::exp_of_negative(s, s.sub(s.load(x), largest)));
            }
            let shift = math::ln(s, s.splat(s.sum(sum)));
            let x = x.map(|x| x.as_chunks::<LANES>().0);
            let (body, tail) = row.as_chunks_mut::<LANES>();
            s.store_partial(tail, s.sub(s.sub(rest, largest), shift));
            for (i, y) in body.iter_mut().enumerate() {
                let x = s.load(given(x, y, i));
                s.store(y, s.sub(s.sub(x, largest), shift));
            }
        }
    }
}

struct SoftmaxBackward<'a>(&'a [f32], &'a mut [f32], usize);

impl Kernel for SoftmaxBackward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self(y, dy, width) = self;
        for (y, dy) in y.chunks_exact(width).zip(dy.chunks_exact_mut(width)) {
            let (y, y_tail) = y.as_chunks::<LANES>();
            let (dy, dy_tail) = dy.as_chunks_mut::<LANES>();
            let (y_rest, dy_rest) = (s.load_partial(y_tail), s.load_partial(dy_tail));
            let mut dot = s.mul(y_rest, dy_rest);
            for (y, dy) in y.iter().zip(dy.iter()) {
                dot = s.fma(s.load(y), s.load(dy), dot);
            }
            let dot = s.splat(s.sum(dot));
            s.store_partial(dy_tail, s.mul(y_rest, s.sub(dy_rest, dot)));
            for (y, dy) in y.iter().zip(dy) {
                s.store(dy, s.mul(s.load(y), s.sub(s.load(dy), dot)));
            }
        }
    }
}

struct LogSoftmaxBackward<'a>(&'a [f32], &'a mut [f32], usize);

impl Kernel for LogSoftmaxBackward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self(y, dy, width) = self;
        for (y, dy) in y.chunks_exact(width).zip(dy.chunks_exact_mut(width)) {
            let (y, y_tail) = y.as_chunks::<LANES>();
            let (dy, dy_tail) = dy.as_chunks_mut::<LANES>();
            let (y_rest, dy_rest) = (s.load_partial(y_tail), s.load_partial(dy_tail));
            let mut sum = dy_rest;
            for dy in dy.iter() {
                sum = s.add(sum, s.load(dy));
            }
            let sum = s.splat(s.sum(sum));
            s.store_partial(dy_tail, s.neg_fma(math::exp(s, y_rest), sum, dy_rest));
            for (y, dy) in y.iter().zip(dy) {
                s.store(dy, s.neg_fma(math::exp(s, s.load(y)), sum, s.load(dy)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTHS: [usize; 8] = [1, 2, 10, 15, 16, 17, 40, 1000];

    fn rows(width: usize) -> Vec<f32> {
        let wave = |i: usize| ((i * 7919 % 1013) as f32 - 500.0) / 60.0;
        (0..3 * width).map(wave).collect()
    }

    fn double(x: &[f32]) -> Vec<f64> {
        x.iter().map(|&x| f64::from(x)).collect()
    }

    fn assert_near(got: &[f32], expected: &[f64], tolerance: f64) {
        for (&got, &expected) in got.iter().zip(expected) {
            let error = (f64::from(got) - expected).abs();
            assert!(
                error <= tolerance * (0.2 + expected.abs()),
                "{got} {expected}"
            );
        }
    }

    #[test]
    fn single_precision_gives_the_numbers_of_double_precision() {
        for width in WIDTHS {
            let (mut x, mut wide) = (rows(width), double(&rows(width)));
            softmax(&mut x, width);
            softmax(&mut wide, width);
            assert_near(&x, &wide, 1e-6);
            let (mut dy, mut wide_dy) = (rows(width), double(&rows(width)));
            softmax_backward(&x, &mut dy, width);
            softmax_backward(&wide, &mut wide_dy, width);
            assert_near(&dy, &wide_dy, 1e-3);

            let (mut x, mut wide) = (rows(width), double(&rows(width)));
            log_softmax(&mut x, width);
            log_softmax(&mut wide, width);
            assert_near(&x, &wide, 1e-6);
            let (mut dy, mut wide_dy) = (rows(width), double(&rows(width)));
            log_softmax_backward(&x, &mut dy, width);
            log_softmax_backward(&wide, &mut wide_dy, width);
            assert_near(&dy, &wide_dy, 1e-3);
        }
    }

    #[test]
    fn known_numbers() {
        let mut x = [1.0_f32, 2.0, 3.0];
        softmax(&mut x, 3);
        assert_near(&x, &[0.090_030_573, 0.244_728_471, 0.665_240_956], 1e-6);
        let mut x = [1.0_f32, 2.0, 3.0];
        log_softmax(&mut x, 3);
        assert_near(&x, &[-2.407_605_96, -1.407_605_96, -0.407_605_96], 1e-6);
    }

    #[test]
    fn large_and_infinite_inputs_do_not_overflow() {
        let inf = f32::INFINITY;
        for width in [3, 20] {
            let mut x = vec![-inf; width];
            x[1] = 1e30;
            x[2] = 1e30;
            let mut y = x.clone();
            softmax(&mut y, width);
            assert_eq!(y[..3], [0.0, 0.5, 0.5]);
            log_softmax(&mut x, width);
            assert_eq!(x[0], -inf);
            assert_eq!(x[1], -std::f32::consts::LN_2);
        }
    }

    #[test]
    fn a_broken_row_becomes_nan_and_leaves_the_others_whole() {
        for bad in [f32::NAN, f32::INFINITY] {
            for place in [0, 5, 18] {
                let mut x = vec![0.0; 3 * 19];
                x[19 + place] = bad;
                softmax(&mut x, 19);
                assert!(x[19..38].iter().all(|x| x.is_nan()) || bad == f32::INFINITY);
                assert!(x[19 + place].is_nan());
                assert_eq!(x[0], 1.0 / 19.0);
                assert_eq!(x[56], 1.0 / 19.0);
            }
        }
    }

    #[test]
    fn rows_without_elements_are_no_work() {
        softmax::<f32>(&mut [], 0);
        log_softmax_backward::<f64>(&[], &mut [], 0);
    }
}
