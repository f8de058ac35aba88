//! Batch normalisation: each column of a matrix brought to mean 0 and variance 1, then scaled and shifted.
//!
//! Ioffe and Szegedy, "Batch Normalization", 2015. With `x^ = (x - mean) r`, `r = 1 / sqrt(var + epsilon)` and row
//! weights w of sum n (all 1 but where a mask says 0):
//!
//! ```text
//! y = gamma * x^ + beta        dgamma = sum(dy x^)        dbeta = sum(dy)
//! dx = gamma * r * (dy - w / n (sum(dy) + x^ sum(dy x^)))        without the bracket's second term in inference
//! ```
//!
//! Statistics are taken about a number near the mean, so that a large mean costs no digits.

use std::ops::Range;

use crate::kernels::reduce::{COLUMNS, RowTerm, column_sums, fold_rows};
use crate::kernels::scratch::with_scratch;
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;

/// Elements one chunk of rows holds at least.
const CHUNK: usize = 1 << 14;

/// A matrix with a weight for each row.
#[derive(Debug, Clone, Copy)]
pub struct Weighted<'a, F> {
    /// The values, row-major.
    pub x: &'a [F],
    /// The number of columns.
    pub width: usize,
    /// The weights; `None` is 1 for each.
    pub weights: Option<&'a [F]>,
}

impl<F: Real> Weighted<'_, F> {
    fn rows(&self) -> usize {
        self.x.len().checked_div(self.width).unwrap_or(0)
    }

    #[inline(always)]
    fn weight(&self, row: usize) -> F {
        self.weights.map_or(F::ONE, |w| w[row])
    }
}

/// `sums[j] = sum over i of w[i] x[i, j]`
pub fn weighted_sums<F: Real>(matrix: Weighted<'_, F>, sums: &mut [F]) {
    fold_rows(&Sum(matrix), matrix.rows(), matrix.width, [sums], false);
}

struct Sum<'a, F>(Weighted<'a, F>);

impl<F: Real> RowTerm<F, 1> for Sum<'_, F> {
    #[inline(always)]
    fn add(&self, row: usize, columns: Range<usize>, [sums]: &mut [[F; COLUMNS]; 1]) {
        let weight = self.0.weight(row);
        if weight == F::ZERO {
            return; // a masked row may hold anything, NaN too
        }
        let x = &self.0.x[row * self.0.width..][columns];
        sums.iter_mut()
            .zip(x)
            .for_each(|(sum, &x)| *sum += weight * x);
    }
}

/// `sums[j] = sum over i of w[i] (x[i, j] - mean[j])^2`
pub fn squared_deviations<F: Real>(matrix: Weighted<'_, F>, mean: &[F], sums: &mut [F]) {
    let term = Squares(matrix, mean);
    fold_rows(&term, matrix.rows(), matrix.width, [sums], false);
}

struct Squares<'a, F>(Weighted<'a, F>, &'a [F]);

impl<F: Real> RowTerm<F, 1> for Squares<'_, F> {
    #[inline(always)]
    fn add(&self, row: usize, columns: Range<usize>, [sums]: &mut [[F; COLUMNS]; 1]) {
        let weight = self.0.weight(row);
        if weight == F::ZERO {
            return;
        }
        let x = &self.0.x[row * self.0.width..][columns.clone()];
        for ((sum, &x), &mean) in sums.iter_mut().zip(x).zip(&self.1[columns]) {
            *sum += weight * (x - mean) * (x - mean);
        }
    }
}

/// Rows whose mean is near enough to that of all rows.
const SAMPLE: usize = 128;

/// The mean of each column and the sum of the squared deviations from it, in one pass over memory.
///
/// Both come from sums over `d = x - c`, where c is the mean of the first `SAMPLE` rows: `mean = c + sum(d) / n` and
/// `sum(d^2) - sum(d)^2 / n`. The error of the difference is that of the squares times `1 + (mean - c)^2 / variance`. Rows whose
/// mean lies far off raise the variance themselves, so this factor is at most `1 + n / SAMPLE`.
pub fn moments<F: Real>(x: &[F], width: usize, mean: &mut [F], squares: &mut [F]) {
    let rows = x.len().checked_div(width).unwrap_or(0);
    let sample = rows.min(SAMPLE);
    column_sums(&x[..sample * width], width, squares, false);
    let factor = F::of(1.0 / sample.max(1) as f64);
    squares.iter_mut().for_each(|center| *center *= factor);
    with_scratch(width, |center: &mut [F]| {
        center.copy_from_slice(squares);
        let term = Deviations(x, center);
        fold_rows(&term, rows, width, [&mut *mean, &mut *squares], false);
        let factor = F::of(1.0 / rows.max(1) as f64);
        for ((mean, squares), &center) in mean.iter_mut().zip(squares).zip(&*center) {
            let shift = *mean * factor;
            let about_mean = *squares - *mean * shift;
            // A NaN stays one.
            *squares = if about_mean < F::ZERO {
                F::ZERO
            } else {
                about_mean
            };
            *mean = center + shift;
        }
    });
}

struct Deviations<'a, F>(&'a [F], &'a [F]);

impl<F: Real> RowTerm<F, 2> for Deviations<'_, F> {
    #[inline(always)]
    fn add(&self, row: usize, columns: Range<usize>, [sums, squares]: &mut [[F; COLUMNS]; 2]) {
        let Self(x, center) = self;
        let (x, center) = (&x[row * center.len()..][columns.clone()], &center[columns]);
        if let (Some(x), Some(center)) =
            (x.first_chunk::<COLUMNS>(), center.first_chunk::<COLUMNS>())
        {
            for j in 0..COLUMNS {
                let d = x[j] - center[j];
                sums[j] += d;
                squares[j] += d * d;
            }
            return;
        }
        for j in 0..x.len() {
            let d = x[j] - center[j];
            sums[j] += d;
            squares[j] += d * d;
        }
    }
}

/// What the columns are normalised with: one number of each for every column.
#[derive(Debug, Clone, Copy)]
pub struct ColumnStatistics<'a, F> {
    /// The mean.
    pub mean: &'a [F],
    /// `1 / sqrt(variance + epsilon)`
    pub inverse_std: &'a [F],
}

/// `sums = sum(dy)` and `sums_x = sum(dy x^)` of each column.
pub fn gradient_sums<F: Real>(
    x: &[F],
    dy: &[F],
    statistics: ColumnStatistics<'_, F>,
    sums: &mut [F],
    sums_x: &mut [F],
) {
    let width = statistics.mean.len();
    let rows = x.len().checked_div(width).unwrap_or(0);
    let term = Gradients(x, dy, statistics.mean);
    fold_rows(&term, rows, width, [sums, &mut *sums_x], false);
    for (sum, &r) in sums_x.iter_mut().zip(statistics.inverse_std) {
        *sum *= r;
    }
}

/// `dy` and `dy (x - mean)`
struct Gradients<'a, F>(&'a [F], &'a [F], &'a [F]);

impl<F: Real> RowTerm<F, 2> for Gradients<'_, F> {
    #[inline(always)]
    fn add(&self, row: usize, columns: Range<usize>, [sums, sums_x]: &mut [[F; COLUMNS]; 2]) {
        let Self(x, dy, mean) = self;
        let first = row * mean.len();
        let (x, dy) = (&x[first..][columns.clone()], &dy[first..][columns.clone()]);
        let mean = &mean[columns];
        if let (Some(x), Some(dy), Some(mean)) = (
            x.first_chunk::<COLUMNS>(),
            dy.first_chunk::<COLUMNS>(),
            mean.first_chunk::<COLUMNS>(),
        ) {
            for j in 0..COLUMNS {
                sums[j] += dy[j];
                sums_x[j] += dy[j] * (x[j] - mean[j]);
            }
            return;
        }
        for j in 0..x.len() {
            sums[j] += dy[j];
            sums_x[j] += dy[j] * (x[j] - mean[j]);
        }
    }
}

/// `y[i, j] = (x[i, j] - mean[j]) scale[j] + shift[j]`
pub fn scale_columns<F: Real>(x: &[F], y: &mut [F], mean: &[F], scale: &[F], shift: &[F]) {
    let width = mean.len();
    each_chunk(y, width, |first, y| {
        dispatch(Scale {
            x: &x[first..][..y.len()],
            y,
            mean,
            scale,
            shift,
        });
    });
}

struct Scale<'a, F> {
    x: &'a [F],
    y: &'a mut [F],
    mean: &'a [F],
    scale: &'a [F],
    shift: &'a [F],
}

impl<F: Real> Kernel for Scale<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let width = self.mean.len();
        let (mean, scale, shift) = (self.mean, &self.scale[..width], &self.shift[..width]);
        let rows = self
            .x
            .chunks_exact(width)
            .zip(self.y.chunks_exact_mut(width));
        for (x, y) in rows {
            for j in 0..width {
                y[j] = (x[j] - mean[j]) * scale[j] + shift[j];
            }
        }
    }
}

/// The gradient by `x` of one call, column by column.
#[derive(Debug, Clone, Copy)]
pub struct ColumnGradient<'a, F> {
    /// What the forward pass normalised with.
    pub statistics: ColumnStatistics<'a, F>,
    /// `gamma * r`
    pub scale: &'a [F],
    /// `sum(dy) / n` and `sum(dy x^) / n` if the statistics were those of the batch.
    pub means: Option<(&'a [F], &'a [F])>,
    /// Weights of the rows in the statistics.
    pub weights: Option<&'a [F]>,
}

impl<F: Real> ColumnGradient<'_, F> {
    /// Gives `dx`, or adds to it if `accumulate`.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn apply(&self, x: &[F], dy: &[F], dx: &mut [F], accumulate: bool) {
        let width = self.scale.len();
        each_chunk(dx, width, |first, dx| {
            dispatch(Gradient {
                of: *self,
                first_row: first / width,
                x: &x[first..][..dx.len()],
                dy: &dy[first..][..dx.len()],
                dx,
                accumulate,
            });
        });
    }
}

struct Gradient<'a, F> {
    of: ColumnGradient<'a, F>,
    first_row: usize,
    x: &'a [F],
    dy: &'a [F],
    dx: &'a mut [F],
    accumulate: bool,
}

impl<F: Real> Kernel for Gradient<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let width = self.of.scale.len();
        let scale = self.of.scale;
        let (mean, r) = (self.of.statistics.mean, self.of.statistics.inverse_std);
        let (mean, r) = (&mean[..width], &r[..width]);
        let inputs = self.x.chunks_exact(width).zip(self.dy.chunks_exact(width));
        let rows = inputs.zip(self.dx.chunks_exact_mut(width)).enumerate();
        for (row, ((x, dy), dx)) in rows {
            if !self.accumulate {
                dx.fill(F::ZERO);
            }
            let weight = self.of.weights.map_or(F::ONE, |w| w[self.first_row + row]);
            match self.of.means {
                Some((mean_dy, mean_dyx)) if weight != F::ZERO => {
                    let (mean_dy, mean_dyx) = (&mean_dy[..width], &mean_dyx[..width]);
                    for j in 0..width {
                        let normalized = (x[j] - mean[j]) * r[j];
                        let shared = weight * (mean_dy[j] + normalized * mean_dyx[j]);
                        dx[j] += scale[j] * (dy[j] - shared);
                    }
                }
                _ => {
                    for j in 0..width {
                        dx[j] += scale[j] * dy[j];
                    }
                }
            }
        }
    }
}

fn each_chunk<F: Real>(y: &mut [F], width: usize, work: impl Fn(usize, &mut [F]) + Sync) {
    if width > 0 {
        let chunk = CHUNK.div_ceil(width) * width;
        for_each_chunk_mut(y, chunk, |index, y| work(index * chunk, y));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Array;

    #[test]
    fn moments_are_exact_however_large_the_mean_is_and_wherever_the_first_rows_lie() {
        for (rows, width) in [(1, 3), (5, 64), (3000, 70), (700, 128)] {
            let noise = Array::random(&[rows * width], 1).values;
            // The first rows are ten deviations away from the others.
            let at = |i: usize| 3e3 + if i / width < 100 { 5.0 } else { 0.0 } + noise[i];
            let x: Vec<f32> = (0..rows * width).map(|i| at(i) as f32).collect();
            let (mut mean, mut squares) = (vec![0.0; width], vec![0.0; width]);
            moments(&x, width, &mut mean, &mut squares);
            for j in 0..width {
                let column = || x.iter().skip(j).step_by(width).map(|&x| f64::from(x));
                let exact = column().sum::<f64>() / rows as f64;
                let spread: f64 = column().map(|x| (x - exact) * (x - exact)).sum();
                assert!((f64::from(mean[j]) - exact).abs() < 1e-3, "{rows} {width}");
                let error = (f64::from(squares[j]) - spread).abs();
                assert!(
                    error <= 1e-4 * spread + 1e-6,
                    "{rows} {width}: {error} of {spread}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_number_stays_so() {
        let (mut mean, mut squares) = ([0.0f32; 2], [0.0; 2]);
        moments(&[1.0, f32::NAN, 2.0, 5.0], 2, &mut mean, &mut squares);
        assert!(mean[0] == 1.5 && squares[0] == 0.5);
        assert!(mean[1].is_nan() && squares[1].is_nan());
    }
}
