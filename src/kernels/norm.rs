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

use std::ops::Range;

use crate::kernels::reduce::{COLUMNS, RowTerm, fold_lanes, fold_rows};
use crate::kernels::simd::{Kernel, LANES, Simd, dispatch};
use crate::parallel::{for_each_chunk_mut, for_each_chunk_mut3};
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
        let statistics = self.mean.iter_mut().zip(self.inverse_std);
        let rows = self
            .x
            .chunks_exact(width)
            .zip(self.y.chunks_exact_mut(width));
        for ((x, y), (mean, inverse_std)) in rows.zip(statistics) {
            let m = lane_sum(x, x, |x, _| x) * scale;
            let variance = lane_sum(x, x, |x, _| (x - m) * (x - m)) * scale;
            let r = F::ONE / (variance + self.epsilon).sqrt();
            (*mean, *inverse_std) = (m, r);
            match (self.affine.gamma, self.affine.beta) {
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
        }
    }
}

/// The sum of `term(a, b)` over 16 lanes that are folded at the end.
#[inline(always)]
fn lane_sum<F: Real>(a: &[F], b: &[F], term: impl Fn(F, F) -> F) -> F {
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [F::ZERO; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += term(a[lane], b[lane]);
        }
    }
    for (lane, (&a, &b)) in a_tail.iter().zip(b_tail).enumerate() {
        sums[lane] += term(a, b);
    }
    fold_lanes(sums)
}

/// The gradient of [`normalize_rows`] by `x`, added to `dx` if `accumulate`; `dy` is used up.
///
/// # Panics
/// If a length does not fit.
pub fn normalize_rows_backward<F: Real>(
    x: &[F],
    dy: &mut [F],
    width: usize,
    gamma: Option<&[F]>,
    statistics: RowStatistics<'_, F>,
    dx: &mut [F],
    accumulate: bool,
) {
    assert!(x.len() == dy.len() && x.len() == dx.len(), "one shape");
    if width == 0 {
        return;
    }
    let rows = CHUNK.div_ceil(width);
    if let Some(gamma) = gamma {
        for_each_chunk_mut(dy, rows * width, |_, dy| {
            for dy in dy.chunks_exact_mut(width) {
                dy.iter_mut().zip(gamma).for_each(|(dy, &g)| *dy *= g);
            }
        });
    }
    let g = &*dy;
    for_each_chunk_mut(dx, rows * width, |index, dx| {
        let (first_row, first) = (index * rows, index * rows * width);
        dispatch(NormalizeBackward {
            x: &x[first..][..dx.len()],
            g: &g[first..][..dx.len()],
            width,
            mean: &statistics.mean[first_row..],
            inverse_std: &statistics.inverse_std[first_row..],
            dx,
            accumulate,
        });
    });
}

struct NormalizeBackward<'a, F> {
    x: &'a [F],
    g: &'a [F],
    width: usize,
    mean: &'a [F],
    inverse_std: &'a [F],
    dx: &'a mut [F],
    accumulate: bool,
}

impl<F: Real> Kernel for NormalizeBackward<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let width = self.width;
        let scale = F::ONE / F::of_usize(width);
        let statistics = self.mean.iter().zip(self.inverse_std);
        let inputs = self.x.chunks_exact(width).zip(self.g.chunks_exact(width));
        let rows = inputs.zip(self.dx.chunks_exact_mut(width));
        for (((x, g), dx), (&m, &r)) in rows.zip(statistics) {
            let mean_g = lane_sum(g, g, |g, _| g) * scale;
            let mean_gx = lane_sum(g, x, |g, x| g * ((x - m) * r)) * scale;
            let terms = x.iter().zip(g);
            let gradient = |(x, g): (&F, &F)| r * (*g - mean_g - (*x - m) * r * mean_gx);
            if self.accumulate {
                let gradients = dx.iter_mut().zip(terms);
                gradients.for_each(|(dx, term)| *dx += gradient(term));
            } else {
                let gradients = dx.iter_mut().zip(terms);
                gradients.for_each(|(dx, term)| *dx = gradient(term));
            }
        }
    }
}

/// The gradients of [`normalize_rows`] by gamma and beta, added to if the flag beside says so.
///
/// # Panics
/// If a length does not fit.
pub fn normalize_rows_backward_affine<F: Real>(
    x: &[F],
    dy: &[F],
    width: usize,
    statistics: RowStatistics<'_, F>,
    gamma: Option<(&mut [F], bool)>,
    beta: Option<(&mut [F], bool)>,
) {
    assert_eq!(x.len(), dy.len(), "one shape");
    let rows = x.len().checked_div(width).unwrap_or(0);
    if let Some((gamma, accumulate)) = gamma {
        let term = GammaTerm {
            x,
            dy,
            width,
            statistics,
        };
        fold_rows(&term, rows, width, [gamma], accumulate);
    }
    if let Some((beta, accumulate)) = beta {
        crate::kernels::reduce::column_sums(dy, width, beta, accumulate);
    }
}

struct GammaTerm<'a, F> {
    x: &'a [F],
    dy: &'a [F],
    width: usize,
    statistics: RowStatistics<'a, F>,
}

impl<F: Real> RowTerm<F, 1> for GammaTerm<'_, F> {
    #[inline(always)]
    fn add(&self, row: usize, columns: Range<usize>, [sums]: &mut [[F; COLUMNS]; 1]) {
        let (m, r) = (self.statistics.mean[row], self.statistics.inverse_std[row]);
        let x = &self.x[row * self.width..][columns.clone()];
        let dy = &self.dy[row * self.width..][columns];
        for ((sum, &x), &dy) in sums.iter_mut().zip(x).zip(dy) {
            *sum += dy * ((x - m) * r);
        }
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
