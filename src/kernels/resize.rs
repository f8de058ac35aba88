//! An axis made longer or shorter: each new place is a weighted sum of the old ones around it.
//!
//! New place i of m lies at `s = (i + 1/2) * n / m - 1/2` of the n old ones, pixels being squares and not points. The
//! weights `k(s - j)` of the old places j inside are divided by their sum:
//!
//! ```text
//! bilinear  k(t) = max(0, 1 - |t|)
//! bicubic   k(t) = ((1.5 |t| - 2.5) |t|) |t| + 1 up to 1, ((-0.5 |t| + 2.5) |t| - 4) |t| + 2 up to 2   (Keys, 1981)
//! lanczos r k(t) = sinc(t) sinc(t / r) up to r                                                       (Duchon, 1979)
//! ```

use std::f64::consts::PI;

use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;

/// Elements one chunk holds at least.
const CHUNK: usize = 1 << 12;

/// The shape of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpolation {
    /// Straight lines between neighbours.
    Bilinear,
    /// Cubic pieces.
    Bicubic,
    /// A windowed sinc over 3 places to either side.
    Lanczos3,
    /// A windowed sinc over 5 places to either side.
    Lanczos5,
}

impl Interpolation {
    /// Places to either side that have a weight.
    fn radius(self) -> usize {
        match self {
            Self::Bilinear => 1,
            Self::Bicubic => 2,
            Self::Lanczos3 => 3,
            Self::Lanczos5 => 5,
        }
    }

    /// The weight at distance `t`.
    fn weight(self, t: f64) -> f64 {
        let t = t.abs();
        match self {
            Self::Bilinear => (1.0 - t).max(0.0),
            Self::Bicubic if t < 1.0 => (1.5 * t - 2.5) * t * t + 1.0,
            Self::Bicubic if t < 2.0 => ((-0.5 * t + 2.5) * t - 4.0) * t + 2.0,
            Self::Bicubic => 0.0,
            Self::Lanczos3 | Self::Lanczos5 => {
                let radius = self.radius() as f64;
                if t > radius {
                    0.0
                } else if t > 1e-3 {
                    radius * (PI * t).sin() * (PI * t / radius).sin() / (PI * t).powi(2)
                } else {
                    1.0
                }
            }
        }
    }
}

/// An axis of `from` places that gets `to`.
#[derive(Debug, Clone, Copy)]
pub struct Axis {
    /// Old places.
    pub from: usize,
    /// New places.
    pub to: usize,
    /// The shape of the weights.
    pub interpolation: Interpolation,
}

impl Axis {
    /// Old places that one new place looks at.
    fn taps(&self) -> usize {
        2 * self.interpolation.radius()
    }

    /// How many weights there are.
    pub fn num_weights(&self) -> usize {
        self.to * self.taps()
    }

    /// Where new place `i` lies among the old ones.
    fn place(&self, i: usize) -> f64 {
        (i as f64 + 0.5) * self.from as f64 / self.to as f64 - 0.5
    }

    /// The old places that new place `i` looks at, and which of its weights are theirs.
    fn neighbours(&self, i: usize) -> impl Iterator<Item = (usize, usize)> {
        let first = self.place(i).floor() as i64 + 1 - self.interpolation.radius() as i64;
        let from = self.from;
        (0..self.taps()).filter_map(move |tap| {
            let j = usize::try_from(first + tap as i64).ok()?;
            (j < from).then_some((tap, j))
        })
    }

    /// Writes the weights, those of one new place after the other.
    ///
    /// # Panics
    /// If there are not [`Self::num_weights`].
    pub fn weights<F: Real>(&self, weights: &mut [F]) {
        assert_eq!(weights.len(), self.num_weights(), "weights of {self:?}");
        for (i, weights) in weights.chunks_exact_mut(self.taps()).enumerate() {
            let weight = |j: usize| self.interpolation.weight(self.place(i) - j as f64);
            let sum: f64 = self.neighbours(i).map(|(_, j)| weight(j)).sum();
            weights.fill(F::ZERO);
            for (tap, j) in self.neighbours(i) {
                weights[tap] = F::of(weight(j) / sum);
            }
        }
    }

    /// `y[o, i, :] = sum over j of weight[i, j] * x[o, j, :]`, where the last axis has `inner` numbers.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn forward<F: Real>(&self, weights: &[F], x: &[F], y: &mut [F], inner: usize) {
        assert_eq!(x.len() * self.to, y.len() * self.from, "one axis changes");
        if y.is_empty() {
            return;
        }
        let rows = CHUNK.div_ceil(inner);
        for_each_chunk_mut(y, rows * inner, |index, y| {
            dispatch(Forward {
                axis: self,
                weights,
                x,
                y,
                inner,
                first: index * rows,
            });
        });
    }

    /// The opposite way: `dx[o, j, :] = sum over i of weight[i, j] * dy[o, i, :]`; added to `dx` if `accumulate`.
    ///
    /// # Panics
    /// As [`Self::forward`].
    pub fn backward<F: Real>(
        &self,
        weights: &[F],
        dy: &[F],
        dx: &mut [F],
        inner: usize,
        accumulate: bool,
    ) {
        assert_eq!(dx.len() * self.to, dy.len() * self.from, "one axis changes");
        if dx.is_empty() {
            return;
        }
        let outer = CHUNK.div_ceil(self.from * inner);
        for_each_chunk_mut(dx, outer * self.from * inner, |index, dx| {
            if !accumulate {
                dx.fill(F::ZERO);
            }
            let len = dx.len() / self.from * self.to;
            let dy = &dy[index * outer * self.to * inner..][..len];
            dispatch(Backward {
                axis: self,
                weights,
                dy,
                dx,
                inner,
            });
        });
    }
}

struct Forward<'a, F> {
    axis: &'a Axis,
    weights: &'a [F],
    x: &'a [F],
    y: &'a mut [F],
    inner: usize,
    first: usize,
}

impl<F: Real> Kernel for Forward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { axis, inner, .. } = self;
        for (row, y) in self.y.chunks_exact_mut(inner).enumerate() {
            let (outer, i) = ((self.first + row) / axis.to, (self.first + row) % axis.to);
            let weights = &self.weights[i * axis.taps()..][..axis.taps()];
            y.fill(F::ZERO);
            for (tap, j) in axis.neighbours(i) {
                let x = &self.x[(outer * axis.from + j) * inner..][..inner];
                y.iter_mut()
                    .zip(x)
                    .for_each(|(y, &x)| *y += weights[tap] * x);
            }
        }
    }
}

struct Backward<'a, F> {
    axis: &'a Axis,
    weights: &'a [F],
    dy: &'a [F],
    dx: &'a mut [F],
    inner: usize,
}

impl<F: Real> Kernel for Backward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { axis, inner, .. } = self;
        for (row, dy) in self.dy.chunks_exact(inner).enumerate() {
            let (outer, i) = (row / axis.to, row % axis.to);
            let weights = &self.weights[i * axis.taps()..][..axis.taps()];
            for (tap, j) in axis.neighbours(i) {
                let dx = &mut self.dx[(outer * axis.from + j) * inner..][..inner];
                dx.iter_mut()
                    .zip(dy)
                    .for_each(|(dx, &dy)| *dx += weights[tap] * dy);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(interpolation: Interpolation, from: usize, to: usize) -> (Axis, Vec<f64>) {
        let axis = Axis {
            from,
            to,
            interpolation,
        };
        let mut weights = vec![0.0; axis.num_weights()];
        axis.weights(&mut weights);
        (axis, weights)
    }

    #[test]
    fn bilinear_takes_the_neighbours_by_their_distance() {
        let (axis, weights) = weights(Interpolation::Bilinear, 2, 4);
        let mut y = [0.0; 8];
        axis.forward(&weights, &[0.0, 8.0, 4.0, 16.0], &mut y, 2);
        assert_eq!(y, [0.0, 8.0, 1.0, 10.0, 3.0, 14.0, 4.0, 16.0]);
        let mut dx = [1.0; 2];
        axis.backward(&weights, &[1.0; 4], &mut dx, 1, true);
        assert_eq!(dx, [3.0, 3.0]);
    }

    #[test]
    fn weights_sum_to_one_and_keep_what_is_straight() {
        for interpolation in [
            Interpolation::Bilinear,
            Interpolation::Bicubic,
            Interpolation::Lanczos3,
            Interpolation::Lanczos5,
        ] {
            for (from, to) in [(1, 3), (4, 12), (7, 3), (20, 60)] {
                let (axis, weights) = weights(interpolation, from, to);
                let mut y = vec![0.0; to];
                axis.forward(&weights, &vec![2.0; from], &mut y, 1);
                assert!(y.iter().all(|y| (y - 2.0).abs() < 1e-14));
            }
        }
    }
}
