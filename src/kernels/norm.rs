//! Layer normalisation: each row brought to mean 0 and variance 1, then scaled and shifted.
//!
//! Ba et al., "Layer Normalization", 2016. With n elements in a row, `x^ = (x - mean) r`, `r = 1 / sqrt(var + epsilon)`:
//!
//! ```text
//! y = gamma * x^ + beta        g = gamma * dy
//! dx = r (g - sum(g) / n - x^ sum(g x^) / n)        dgamma = sum over the rows of dy x^        dbeta = … of dy
//! ```
//!
//! The variance takes a second pass over the row, which is in the cache: `E[x^2] - E[x]^2` would lose all digits where
//! the mean is large.

use crate::kernels::each::each_row;
use crate::kernels::reduce::fold_lanes;
use crate::kernels::scratch::with_scratch;
use crate::kernels::simd::{Kernel, LANES, Simd, dispatch};
use crate::parallel::{for_each_chunk_mut, for_each_chunk_mut2, for_each_chunk_mut3};
use crate::real::Real;

/// Elements one chunk of rows holds at least.
const CHUNK: usize = 1 << 13;

/// Scale and shift of each element of a row; `None` is 1 or 0.
#[derive(Debug, Clone, Copy)]
pub struct Affine<'a, F> {
    /// The factors.
    pub gamma: Option<&'a [F]>,
    /// The summands.
    pub beta: Option<&'a [F]>,
}

/// Parts that a backward pass is cut into at most.
const MAX_PARTS: usize = 32;

/// Rows whose sum is taken before it is added to the others: rounding grows with the length of a sum.
const ROWS: usize = 128;

/// What the rows are normalised with: one number of each for every row.
#[derive(Debug, Clone, Copy)]
pub struct RowStatistics<'a, F> {
    /// The mean.
    pub mean: &'a [F],
    /// `1 / sqrt(variance + epsilon)`
    pub inverse_std: &'a [F],
}

/// Normalises the rows of `width` elements of `x` into `y`, and keeps each row's mean and inverse deviation.
///
/// # Panics
/// If a length does not fit.
pub fn normalize_rows<F: Real>(
    x: &[F],
    y: &mut [F],
    width: usize,
    affine: Affine<'_, F>,
    epsilon: F,
    mean: &mut [F],
    inverse_std: &mut [F],
) {
    assert_eq!(x.len(), y.len(), "an output for each input");
    if width == 0 {
        return;
    }
    let rows = CHUNK.div_ceil(width);
    for_each_chunk_mut3(
        (y, rows * width),
        (mean, rows),
        (inverse_std, rows),
        |index, y, mean, inverse_std| {
            dispatch(Normalize {
                x: &x[index * rows * width..][..y.len()],
                y,
                width,
                affine,
                epsilon,
                mean,
                inverse_std,
            });
        },
    );
}

struct Normalize<'a, F> {
    x: &'a [F],
    y: &'a mut [F],
    width: usize,
    affine: Affine<'a, F>,
    epsilon: F,
    mean: &'a mut [F],
    inverse_std: &'a mut [F],
}

impl<F: Real> Kernel for Normalize<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let width = self.width;
        let scale = F::ONE / F::of_usize(width);
        let Affine { gamma, beta } = self.affine;
        let (gamma, beta) = (gamma.map(|g| &g[..width]), beta.map(|b| &b[..width]));
        each_row(self.y, width, |row, y| {
            let x = &self.x[row * width..][..width];
            let m = lane_sum(x, x, |x, _| x) * scale;
            let variance = lane_sum(x, x, |x, _| (x - m) * (x - m)) * scale;
            let r = F::ONE / (variance + self.epsilon).sqrt();
            (self.mean[row], self.inverse_std[row]) = (m, r);
            match (gamma, beta) {
                (Some(gamma), Some(beta)) => {
                    for (i, y) in y.iter_mut().enumerate() {
                        *y = (x[i] - m) * r * gamma[i] + beta[i];
                    }
                }
                (Some(gamma), None) => {
                    for (i, y) in y.iter_mut().enumerate() {
                        *y = (x[i] - m) * r * gamma[i];
                    }
                }
                (None, Some(beta)) => {
                    for (i, y) in y.iter_mut().enumerate() {
                        *y = (x[i] - m) * r + beta[i];
                    }
                }
                (None, None) => {
                    for (i, y) in y.iter_mut().enumerate() {
                        *y = (x[i] - m) * r;
                    }
                }
            }
        });
    }
}

/// The sum of `term(a, b)` over 16 lanes that are folded at the end.
#[inline(always)]
pub(super) fn lane_sum<F: Real, T: Real>(a: &[F], b: &[F], term: impl Fn(F, F) -> T) -> T {
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [T::ZERO; LANES];
    let b = &b[..a.len()];
    for i in 0..a.len() {
        for lane in 0..LANES {
            sums[lane] += term(a[i][lane], b[i][lane]);
        }
    }
    if !a_tail.is_empty() {
        let (a, b) = (padded(a_tail), padded(b_tail));
        for lane in 0..LANES {
            let inside = lane < a_tail.len();
            sums[lane] += if inside {
                term(a[lane], b[lane])
            } else {
                T::ZERO
            };
        }
    }
    fold_lanes(sums)
}

/// The sum of `term(a, b, c)` over 16 lanes that are folded at the end.
#[inline(always)]
fn lane_sum3<F: Real>(a: &[F], b: &[F], c: &[F], term: impl Fn(F, F, F) -> F) -> F {
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let (c, c_tail) = c.as_chunks::<LANES>();
    let mut sums = [F::ZERO; LANES];
    let (b, c) = (&b[..a.len()], &c[..a.len()]);
    for i in 0..a.len() {
        for lane in 0..LANES {
            sums[lane] += term(a[i][lane], b[i][lane], c[i][lane]);
        }
    }
    if !a_tail.is_empty() {
        let (a, b, c) = (padded(a_tail), padded(b_tail), padded(c_tail));
        for lane in 0..LANES {
            let inside = lane < a_tail.len();
            sums[lane] += if inside {
                term(a[lane], b[lane], c[lane])
            } else {
                F::ZERO
            };
        }
    }
    fold_lanes(sums)
}

/// A vector of what is left over: its lanes stay together, which they would not if each of them was asked for.
#[inline(always)]
fn padded<F: Real>(tail: &[F]) -> [F; LANES] {
    let mut lanes = [F::ZERO; LANES];
    lanes[..tail.len()].copy_from_slice(tail);
    lanes
}

/// What is wanted of a gradient: where it goes, and whether it is added there.
pub type Wanted<'a, F> = Option<(&'a mut [F], bool)>;

/// The gradients of [`normalize_rows`] by `x`, gamma and beta, each if it is wanted, in one pass over the rows.
///
/// # Panics
/// If a length does not fit.
#[expect(clippy::too_many_arguments)]
pub fn normalize_rows_backward<F: Real>(
    x: &[F],
    dy: &[F],
    width: usize,
    gamma: Option<&[F]>,
    statistics: RowStatistics<'_, F>,
    dx: Wanted<'_, F>,
    grad_gamma: Wanted<'_, F>,
    grad_beta: Wanted<'_, F>,
) {
    assert_eq!(x.len(), dy.len(), "one shape");
    let rows = x.len().checked_div(width).unwrap_or(0);
    let part = rows.div_ceil(MAX_PARTS).max(CHUNK.div_ceil(width.max(1)));
    let parts = rows.div_ceil(part);
    let needs_sums = grad_gamma.is_some() || grad_beta.is_some();
    // For each part the sums of gamma, of beta, and those of the rows that are being added.
    let sums = if needs_sums { 4 * width } else { 0 };
    with_scratch(parts * sums, |partials| {
        let add = dx.as_ref().is_some_and(|&(_, accumulate)| accumulate);
        let run = |index: usize, dx: &mut [F], sums: &mut [F]| {
            let rows = index * part..rows.min((index + 1) * part);
            let elements = rows.start * width..rows.end * width;
            dispatch(NormalizeBackward {
                x: &x[elements.clone()],
                dy: &dy[elements],
                width,
                gamma,
                mean: &statistics.mean[rows.clone()],
                inverse_std: &statistics.inverse_std[rows],
                dx,
                add,
                sums,
            });
        };
        match (dx, needs_sums) {
            (Some((dx, _)), true) => {
                assert_eq!(x.len(), dx.len(), "one shape");
                for_each_chunk_mut2((dx, part * width), (partials, sums), run);
            }
            (Some((dx, _)), false) => {
                assert_eq!(x.len(), dx.len(), "one shape");
                for_each_chunk_mut(dx, part * width, |index, dx| run(index, dx, &mut []));
            }
            (None, true) => {
                for_each_chunk_mut(partials, sums, |index, sums| run(index, &mut [], sums));
            }
            (None, false) => {}
        }
        for (place, grad) in [grad_gamma, grad_beta].into_iter().enumerate() {
            let Some((grad, accumulate)) = grad else {
                continue;
            };
            assert_eq!(grad.len(), width, "a gradient for each element of a row");
            if !accumulate {
                grad.fill(F::ZERO);
            }
            for sums in partials.chunks_exact(sums) {
                let sums = &sums[place * width..][..width];
                grad.iter_mut().zip(sums).for_each(|(g, &s)| *g += s);
            }
        }
    });
}

struct NormalizeBackward<'a, F> {
    x: &'a [F],
    dy: &'a [F],
    width: usize,
    gamma: Option<&'a [F]>,
    mean: &'a [F],
    inverse_std: &'a [F],
    /// Empty if it is not wanted.
    dx: &'a mut [F],
    add: bool,
    /// Empty if they are not wanted.
    sums: &'a mut [F],
}

impl<F: Real> Kernel for NormalizeBackward<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let width = self.width;
        let scale = F::ONE / F::of_usize(width);
        self.sums.fill(F::ZERO);
        let (sums, block) = self.sums.split_at_mut(self.sums.len() / 2);
        for (row, (&m, &r)) in self.mean.iter().zip(self.inverse_std).enumerate() {
            let x = &self.x[row * width..][..width];
            let dy = &self.dy[row * width..][..width];
            if let Some(dx) = self.dx.get_mut(row * width..(row + 1) * width) {
                match self.gamma {
                    Some(gamma) => {
                        let gamma = &gamma[..width];
                        let mean_g = lane_sum3(dy, gamma, x, |dy, g, _| dy * g) * scale;
                        let mean_gx =
                            lane_sum3(dy, gamma, x, |dy, g, x| dy * g * ((x - m) * r)) * scale;
                        let g = |i: usize| dy[i] * gamma[i];
                        gradients(dx, x, g, (m, r), (mean_g, mean_gx), self.add);
                    }
                    None => {
                        let mean_g = lane_sum(dy, dy, |dy, _| dy) * scale;
                        let mean_gx = lane_sum(dy, x, |dy, x| dy * ((x - m) * r)) * scale;
                        gradients(dx, x, |i| dy[i], (m, r), (mean_g, mean_gx), self.add);
                    }
                }
            }
            if block.is_empty() {
                continue;
            }
            let (gamma, beta) = block.split_at_mut(width);
            for i in 0..width {
                gamma[i] += dy[i] * ((x[i] - m) * r);
                beta[i] += dy[i];
            }
            if (row + 1) % ROWS == 0 || row + 1 == self.mean.len() {
                for (sum, block) in sums.iter_mut().zip(&mut *block) {
                    *sum += *block;
                    *block = F::ZERO;
                }
            }
        }
    }
}

/// `dx = r (g - mean_g - x^ mean_gx)` for a row, or added to it.
#[inline(always)]
fn gradients<F: Real>(
    dx: &mut [F],
    x: &[F],
    g: impl Fn(usize) -> F,
    (m, r): (F, F),
    (mean_g, mean_gx): (F, F),
    add: bool,
) {
    let gradient = |i: usize, x: F| r * (g(i) - mean_g - (x - m) * r * mean_gx);
    let terms = dx.iter_mut().zip(x).enumerate();
    if add {
        terms.for_each(|(i, (dx, &x))| *dx += gradient(i, x));
    } else {
        terms.for_each(|(i, (dx, &x))| *dx = gradient(i, x));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Affine<'static, f32> = Affine {
        gamma: None,
        beta: None,
    };

    #[test]
    fn rows_get_mean_zero_and_variance_one() {
        let x = [1.0_f32, 2.0, 3.0, 4.0, -1.0, -1.0, 1.0, 1.0];
        let (mut y, mut mean, mut inverse) = ([0.0; 8], [0.0; 2], [0.0; 2]);
        normalize_rows(&x, &mut y, 4, PLAIN, 0.0, &mut mean, &mut inverse);
        assert_eq!(mean, [2.5, 0.0]);
        assert_eq!(y[4..], x[4..]);
        let r = 1.0 / 1.25_f32.sqrt();
        assert_eq!(y[..4], [-1.5 * r, -0.5 * r, 0.5 * r, 1.5 * r]);
    }

    #[test]
    fn scale_and_shift_come_after() {
        let affine = Affine {
            gamma: Some(&[2.0_f32, 3.0]),
            beta: Some(&[10.0, 20.0]),
        };
        let (mut y, mut mean, mut inverse) = ([0.0; 2], [0.0; 1], [0.0; 1]);
        normalize_rows(
            &[-1.0, 1.0],
            &mut y,
            2,
            affine,
            0.0,
            &mut mean,
            &mut inverse,
        );
        assert_eq!(y, [8.0, 23.0]);
    }

    #[test]
    fn a_large_mean_does_not_spoil_the_variance() {
        let x: Vec<f32> = (0..64).map(|i| 10_000.0 + (i % 2) as f32).collect();
        let (mut y, mut mean, mut inverse) = (vec![0.0; 64], [0.0; 1], [0.0; 1]);
        normalize_rows(&x, &mut y, 64, PLAIN, 0.0, &mut mean, &mut inverse);
        assert_eq!(mean[0], 10_000.5);
        assert_eq!(inverse[0], 2.0);
    }

    #[test]
    fn epsilon_lies_inside_the_root() {
        let (mut y, mut mean, mut inverse) = ([0.0; 2], [0.0; 1], [0.0; 1]);
        normalize_rows(
            &[-1e-3_f32, 1e-3],
            &mut y,
            2,
            PLAIN,
            3e-6,
            &mut mean,
            &mut inverse,
        );
        assert!((inverse[0] - 500.0).abs() < 1e-3);
    }
}
