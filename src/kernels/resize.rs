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

use crate::kernels::each::{each_row, each_with, each_with2};
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::parallel::for_each_chunk_mut2;
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

    /// The new places one after the other, from number `row` on, counted through all of them.
    fn walk(&self, row: usize) -> Walk {
        let mut walk = Walk {
            from: self.from as i64,
            to: self.to as i64,
            radius: self.interpolation.radius() as i64,
            outer: row / self.to,
            i: row % self.to,
            whole: 0,
            rest: 0,
        };
        walk.find();
        walk
    }

    /// The old places from `first` on that are there, and which of the weights are theirs.
    #[inline(always)]
    fn neighbours(&self, first: i64) -> impl Iterator<Item = (usize, usize)> {
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
            let sum: f64 = self
                .neighbours(self.walk(i).first())
                .map(|(_, j)| weight(j))
                .sum();
            weights.fill(F::ZERO);
            for (tap, j) in self.neighbours(self.walk(i).first()) {
                weights[tap] = F::of(weight(j) / sum);
            }
        }
    }

    /// Rows of `inner` numbers from number `first` on, counted through all axes:
    /// `y[o, i, :] = sum over j of weight[i, j] * x[o, j, :]`.
    fn forward<F: Real>(&self, weights: &[F], x: &[F], y: &mut [F], inner: usize, first: usize) {
        dispatch(Forward {
            axis: self,
            weights,
            x,
            y,
            inner,
            first,
        });
    }

    /// The opposite way: `dx[o, j, :] = sum over i of weight[i, j] * dy[o, i, :]`; added to `dx` if `accumulate`.
    fn backward<F: Real>(
        &self,
        weights: &[F],
        dy: &[F],
        dx: &mut [F],
        inner: usize,
        accumulate: bool,
    ) {
        if !accumulate {
            dx.fill(F::ZERO);
        }
        dispatch(Backward {
            axis: self,
            weights,
            dy,
            dx,
            inner,
        });
    }
}

/// Images that get other lines, then other columns.
#[derive(Debug, Clone, Copy)]
pub struct Resize {
    /// The lines of an image.
    pub lines: Axis,
    /// The columns of a line.
    pub columns: Axis,
    /// Numbers of a pixel.
    pub channels: usize,
}

impl Resize {
    /// Numbers of a line before and after.
    fn widths(&self) -> [usize; 2] {
        [self.columns.from, self.columns.to].map(|columns| columns * self.channels)
    }

    /// Checks the lengths of the images before, between and after; whether there is nothing to do.
    fn is_empty(&self, [x, between, y]: [usize; 3]) -> bool {
        let [from, to] = self.widths();
        assert_eq!(x * self.lines.to, between * self.lines.from, "lines change");
        assert_eq!(between * to, y * from, "columns change");
        y == 0
    }

    /// `y = x` with the weights of the lines and of the columns; `between` is room for the images between.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn forward<F: Real>(&self, weights: [&[F]; 2], x: &[F], between: &mut [F], y: &mut [F]) {
        if self.is_empty([x.len(), between.len(), y.len()]) {
            return;
        }
        let ([from, to], [by_line, by_column]) = (self.widths(), weights);
        let together = CHUNK.div_ceil(to);
        for_each_chunk_mut2(
            (y, together * to),
            (between, together * from),
            |index, y, between| {
                // A line between is still in the first cache when its columns change.
                let lines = y.chunks_exact_mut(to).zip(between.chunks_exact_mut(from));
                for (i, (y, between)) in lines.enumerate() {
                    let first = index * together + i;
                    self.lines.forward(by_line, x, between, from, first);
                    self.columns
                        .forward(by_column, between, y, self.channels, 0);
                }
            },
        );
    }

    /// The opposite way: `dx` from `dy`; added to `dx` if `accumulate`.
    ///
    /// # Panics
    /// As [`Self::forward`].
    pub fn backward<F: Real>(
        &self,
        weights: [&[F]; 2],
        dy: &[F],
        between: &mut [F],
        dx: &mut [F],
        accumulate: bool,
    ) {
        if self.is_empty([dx.len(), between.len(), dy.len()]) {
            return;
        }
        let ([from, to], [by_line, by_column]) = (self.widths(), weights);
        let together = CHUNK.div_ceil(self.lines.from * from);
        let image = together * self.lines.to;
        for_each_chunk_mut2(
            (dx, together * self.lines.from * from),
            (between, image * from),
            |index, dx, between| {
                let dy = &dy[index * image * to..][..between.len() / from * to];
                self.columns
                    .backward(by_column, dy, between, self.channels, false);
                self.lines.backward(by_line, between, dx, from, accumulate);
            },
        );
    }
}

/// New places one after the other, and which old ones they look at: found by adding, since dividing takes longer than
/// a short row of sums.
struct Walk {
    from: i64,
    to: i64,
    radius: i64,
    /// Whole axes before this one.
    outer: usize,
    /// The place in its axis.
    i: usize,
    /// The old place at or before `((2 i + 1) from - to) / (2 to)`, and what is left of that in parts of `2 to`.
    whole: i64,
    rest: i64,
}

impl Walk {
    fn find(&mut self) {
        let place = (2 * self.i as i64 + 1) * self.from - self.to;
        self.whole = place.div_euclid(2 * self.to);
        self.rest = place.rem_euclid(2 * self.to);
    }

    /// The first of the old places that this one looks at; it may lie before the axis.
    #[inline(always)]
    fn first(&self) -> i64 {
        self.whole + 1 - self.radius
    }

    /// On to the next place.
    #[inline(always)]
    fn step(&mut self) {
        self.i += 1;
        if self.i as i64 == self.to {
            (self.outer, self.i) = (self.outer + 1, 0);
            self.find();
            return;
        }
        self.rest += 2 * self.from;
        while self.rest >= 2 * self.to {
            self.rest -= 2 * self.to;
            self.whole += 1;
        }
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
        let mut walk = axis.walk(self.first);
        each_row(self.y, inner, |_, y| {
            let weights = &self.weights[walk.i * axis.taps()..][..axis.taps()];
            let term = |(tap, j)| {
                let x = &self.x[(walk.outer * axis.from + j) * inner..][..inner];
                (weights[tap], x)
            };
            let mut terms = axis.neighbours(walk.first()).map(term);
            // At least one old place is there. Two at a time, so that sums are written and read again less often.
            match (terms.next(), terms.next()) {
                (Some((a, x)), Some((b, z))) => {
                    each_with2(y, [x, z], |_, x, z| a * x + b * z);
                }
                (Some((a, x)), None) => each_with(y, x, |_, x| a * x),
                (None, _) => y.fill(F::ZERO),
            }
            while let Some((a, x)) = terms.next() {
                match terms.next() {
                    Some((b, z)) => {
                        each_with2(y, [x, z], |y, x, z| y + a * x + b * z);
                    }
                    None => each_with(y, x, |y, x| y + a * x),
                }
            }
            walk.step();
        });
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
        let mut walk = axis.walk(0);
        for dy in self.dy.chunks_exact(inner) {
            let weights = &self.weights[walk.i * axis.taps()..][..axis.taps()];
            for (tap, j) in axis.neighbours(walk.first()) {
                let dx = &mut self.dx[(walk.outer * axis.from + j) * inner..][..inner];
                let weight = weights[tap];
                each_with(dx, dy, |dx, dy| dx + weight * dy);
            }
            walk.step();
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
        axis.forward(&weights, &[0.0, 8.0, 4.0, 16.0], &mut y, 2, 0);
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
                axis.forward(&weights, &vec![2.0; from], &mut y, 1, 0);
                assert!(y.iter().all(|y| (y - 2.0).abs() < 1e-14));
            }
        }
    }
}
