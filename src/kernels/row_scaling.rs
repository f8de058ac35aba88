//! Rows multiplied by a number that their length gives: RMS and unit normalisation.
//!
//! Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019. With n elements in a row and `q = sum(x^2)`:
//!
//! ```text
//! y = r x * scale            r = 1 / sqrt(q / n + epsilon), or min(1 / sqrt(q), limit)
//! g = scale * dy             dx = r g - k r^3 sum(g x) x       with k = 1 / n, or 1, but 0 where the limit holds
//! dscale = sum over the rows of dy r x
//! ```

use std::ops::Range;

use crate::kernels::reduce::{COLUMNS, RowTerm, fold_lanes, fold_rows};
use crate::kernels::simd::{Kernel, LANES, Simd, dispatch};
use crate::parallel::for_each_chunk_mut2;
use crate::real::Real;

/// Elements one chunk of rows holds at least.
const CHUNK: usize = 1 << 13;

/// What a row is divided by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Divisor {
    /// The root of the mean of the squares, which `epsilon` is added to.
    RootMeanSquare {
        /// Added inside the root.
        epsilon: f64,
    },
    /// The root of the sum of the squares.
    Length {
        /// The largest factor.
        limit: f64,
    },
}

impl Divisor {
    /// The factor of a row of `width` elements whose squares have this sum.
    #[inline(always)]
    fn factor<F: Real>(self, squares: F, width: usize) -> F {
        match self {
            Self::RootMeanSquare { epsilon } => {
                F::ONE / (squares / F::of_usize(width) + F::of(epsilon)).sqrt()
            }
            Self::Length { limit } => (F::ONE / squares.sqrt()).minimum(F::of(limit)),
        }
    }

    /// `k r^3`
    #[inline(always)]
    fn slope<F: Real>(self, factor: F, width: usize) -> F {
        let cube = factor * factor * factor;
        match self {
            Self::RootMeanSquare { .. } => cube / F::of_usize(width),
            Self::Length { limit } if factor < F::of(limit) => cube,
            Self::Length { .. } => F::ZERO,
        }
    }
}

/// Scales the rows of `width` elements of `x` into `y`, and keeps each row's factor.
///
/// # Panics
/// If a length does not fit, as in all functions here.
pub fn scale_rows<F: Real>(
    x: &[F],
    y: &mut [F],
    width: usize,
    divisor: Divisor,
    scale: Option<&[F]>,
    factors: &mut [F],
) {
    assert_eq!(x.len(), y.len(), "an output for each input");
    if width == 0 {
        return;
    }
    let rows = CHUNK.div_ceil(width);
    for_each_chunk_mut2((y, rows * width), (factors, rows), |index, y, factors| {
        dispatch(Scale {
            x: &x[index * rows * width..][..y.len()],
            y,
            width,
            divisor,
            scale,
            factors,
        });
    });
}

struct Scale<'a, F> {
    x: &'a [F],
    y: &'a mut [F],
    width: usize,
    divisor: Divisor,
    scale: Option<&'a [F]>,
    factors: &'a mut [F],
}

impl<F: Real> Kernel for Scale<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let width = self.width;
        let rows = self
            .x
            .chunks_exact(width)
            .zip(self.y.chunks_exact_mut(width));
        for ((x, y), factor) in rows.zip(self.factors) {
            let r = self.divisor.factor(products(x, x), width);
            *factor = r;
            match self.scale {
                Some(scale) => {
                    for ((y, &x), &scale) in y.iter_mut().zip(x).zip(scale) {
                        *y = x * r * scale;
                    }
                }
                None => y.iter_mut().zip(x).for_each(|(y, &x)| *y = x * r),
            }
        }
    }
}

/// The sum of the products of both, over 16 lanes that are folded at the end.
#[inline(always)]
fn products<F: Real>(a: &[F], b: &[F]) -> F {
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [F::ZERO; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    for (lane, (&a, &b)) in a_tail.iter().zip(b_tail).enumerate() {
        sums[lane] += a * b;
    }
    fold_lanes(sums)
}

/// The gradient of [`scale_rows`] by `x`, added to `dx` if `accumulate`; `dy` is used up.
#[expect(clippy::too_many_arguments, reason = "what the formula needs")]
pub fn scale_rows_backward<F: Real>(
    x: &[F],
    dy: &mut [F],
    width: usize,
    divisor: Divisor,
    scale: Option<&[F]>,
    factors: &[F],
    dx: &mut [F],
    accumulate: bool,
) {
    assert!(x.len() == dy.len() && x.len() == dx.len(), "one shape");
    if width == 0 {
        return;
    }
    let rows = CHUNK.div_ceil(width);
    for_each_chunk_mut2((dx, rows * width), (dy, rows * width), |index, dx, dy| {
        dispatch(ScaleBackward {
            x: &x[index * rows * width..][..dx.len()],
            dy,
            width,
            divisor,
            scale,
            factors: &factors[index * rows..],
            dx,
            accumulate,
        });
    });
}

struct ScaleBackward<'a, F> {
    x: &'a [F],
    dy: &'a mut [F],
    width: usize,
    divisor: Divisor,
    scale: Option<&'a [F]>,
    factors: &'a [F],
    dx: &'a mut [F],
    accumulate: bool,
}

impl<F: Real> Kernel for ScaleBackward<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let width = self.width;
        let inputs = self
            .x
            .chunks_exact(width)
            .zip(self.dy.chunks_exact_mut(width));
        let rows = inputs.zip(self.dx.chunks_exact_mut(width));
        for (((x, g), dx), &r) in rows.zip(self.factors) {
            if let Some(scale) = self.scale {
                g.iter_mut().zip(scale).for_each(|(g, &scale)| *g *= scale);
            }
            let slope = self.divisor.slope(r, width) * products(g, x);
            let terms = dx.iter_mut().zip(x.iter().zip(&*g));
            if self.accumulate {
                terms.for_each(|(dx, (&x, &g))| *dx += r * g - slope * x);
            } else {
                terms.for_each(|(dx, (&x, &g))| *dx = r * g - slope * x);
            }
        }
    }
}

/// The gradient of [`scale_rows`] by the scale, added to it if `accumulate`.
pub fn scale_gradient<F: Real>(
    x: &[F],
    dy: &[F],
    factors: &[F],
    dscale: &mut [F],
    accumulate: bool,
) {
    assert_eq!(x.len(), dy.len(), "one shape");
    let width = dscale.len();
    let term = ScaleTerm {
        x,
        dy,
        width,
        factors,
    };
    fold_rows(&term, factors.len(), width, [dscale], accumulate);
}

struct ScaleTerm<'a, F> {
    x: &'a [F],
    dy: &'a [F],
    width: usize,
    factors: &'a [F],
}

impl<F: Real> RowTerm<F, 1> for ScaleTerm<'_, F> {
    #[inline(always)]
    fn add(&self, row: usize, columns: Range<usize>, [sums]: &mut [[F; COLUMNS]; 1]) {
        let r = self.factors[row];
        let x = &self.x[row * self.width..][columns.clone()];
        let dy = &self.dy[row * self.width..][columns];
        for ((sum, &x), &dy) in sums.iter_mut().zip(x).zip(dy) {
            *sum += dy * (x * r);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_get_mean_square_or_length_one() {
        let x = [3.0_f32, 4.0, 0.0, 0.0];
        let (mut y, mut factors) = ([0.0; 4], [0.0; 2]);
        let unit = Divisor::Length { limit: 1e12 };
        scale_rows(&x, &mut y, 2, unit, None, &mut factors);
        assert_eq!((y, factors), ([0.6, 0.8, 0.0, 0.0], [0.2, 1e12]));
        let rms = Divisor::RootMeanSquare { epsilon: 0.5 };
        scale_rows(
            &x,
            &mut y,
            4,
            rms,
            Some(&[1.0, 2.0, 3.0, 4.0]),
            &mut factors[..1],
        );
        let r = 1.0 / (25.0_f32 / 4.0 + 0.5).sqrt();
        assert_eq!(y, [3.0 * r, 8.0 * r, 0.0, 0.0]);
    }
}
