//! Adafactor (Shazeer & Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", 2018): the mean squares of
//! a matrix are kept as sums over rows and columns alone.
//!
//! ```text
//! r = b r + (1 - b) mean over columns of (g^2 + epsilon_1)      c = the same over rows      b = 1 - t^beta_2_decay
//! v = r c / mean(r)      u = g / sqrt(v)      rho = min(lr, 1 / sqrt(t))
//! w -= max(epsilon_2, rms(w)) rho u / max(1, rms(u) / clip_threshold)
//! ```
//! Weights of one axis keep `v` itself. Of more than two axes, the last two are the matrix.

use serde::Deserialize;

use super::{Optimizer, Segment, Slots, Step};
use crate::kernels::optimizer::{Common, square_sum, zip_apply};
use crate::parallel::{for_each_chunk_mut, sum_chunks};
use crate::real::Real;

/// Elements of one piece of parallel work.
const PIECE: usize = 8192;

/// Adam with little memory.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Adafactor {
    /// How fast the share of the means that is kept comes to 1; below 0.
    pub beta_2_decay: f64,
    /// Added to squares.
    pub epsilon_1: f64,
    /// The size a weight is taken to have at least.
    pub epsilon_2: f64,
    /// The largest root mean square of a step, before the learning rate.
    pub clip_threshold: f64,
    /// Of no effect, as in Keras: no step is longer than `1 / sqrt(t)` either way.
    #[serde(rename = "relative_step")]
    pub _relative_step: bool,
}

impl Default for Adafactor {
    fn default() -> Self {
        Self {
            beta_2_decay: -0.8,
            epsilon_1: 1e-30,
            epsilon_2: 1e-3,
            clip_threshold: 1.0,
            _relative_step: true,
        }
    }
}

/// The mean squares of one weight: `rows` and `columns` of each of some matrices, or one number per element.
enum Squares<'a, F> {
    Factored {
        rows: &'a mut [F],
        columns: &'a mut [F],
        width: usize,
        height: usize,
    },
    Whole(&'a mut [F]),
}

impl<'a, F: Real> Squares<'a, F> {
    fn new(shape: &[usize], slots: &'a mut [F]) -> Self {
        match shape {
            [first @ .., height, width] => {
                let matrices: usize = first.iter().product();
                let (rows, columns) = slots.split_at_mut(matrices * height);
                Self::Factored {
                    rows,
                    columns,
                    width: *width,
                    height: *height,
                }
            }
            _ => Self::Whole(slots),
        }
    }

    /// `kept` of the means stay, the rest comes from these gradients.
    fn follow(&mut self, kept: F, square: impl Fn(usize) -> F + Sync) {
        let rest = F::ONE - kept;
        match self {
            Self::Whole(squares) => for_each_chunk_mut(squares, PIECE, |chunk, squares| {
                for (i, old) in squares.iter_mut().enumerate() {
                    *old = kept * *old + rest * square(chunk * PIECE + i);
                }
            }),
            Self::Factored {
                rows,
                columns,
                width,
                height,
            } => {
                let (width, height) = (*width, *height);
                let some = (PIECE / width).max(1);
                for_each_chunk_mut(rows, some, |chunk, rows| {
                    for (i, old) in rows.iter_mut().enumerate() {
                        let start = (chunk * some + i) * width;
                        let mean = (start..start + width)
                            .map(&square)
                            .fold(F::ZERO, |a, b| a + b)
                            / F::of_usize(width);
                        *old = kept * *old + rest * mean;
                    }
                });
                let some = (PIECE / height).max(1);
                for_each_chunk_mut(columns, some, |chunk, columns| {
                    for (i, old) in columns.iter_mut().enumerate() {
                        let column = chunk * some + i;
                        let start = column / width * height * width + column % width;
                        let mean = (0..height)
                            .map(|row| square(start + row * width))
                            .fold(F::ZERO, |a, b| a + b)
                            / F::of_usize(height);
                        *old = kept * *old + rest * mean;
                    }
                });
            }
        }
    }

    /// Calls `with` with the index of each element of `range` and its mean square.
    fn each(&self, range: std::ops::Range<usize>, mut with: impl FnMut(usize, F)) {
        match self {
            Self::Whole(squares) => range.for_each(|i| with(i, squares[i])),
            Self::Factored {
                rows,
                columns,
                width,
                height,
            } => {
                let mut i = range.start;
                while i < range.end {
                    let (row, column) = (i / width, i % width);
                    let matrix = row / height;
                    let mean = rows[matrix * height..][..*height]
                        .iter()
                        .fold(F::ZERO, |sum, &row| sum + row)
                        / F::of_usize(*height);
                    let share = rows[row] / mean;
                    let count = (width - column).min(range.end - i);
                    for k in 0..count {
                        with(i + k, share * columns[matrix * width + column + k]);
                    }
                    i += count;
                }
            }
        }
    }
}

impl<F: Real> Optimizer<F> for Adafactor {
    fn kind(&self) -> &'static str {
        "Adafactor"
    }

    fn slots(&self, weight: &Segment) -> Slots {
        match weight.shape.as_slice() {
            [first @ .., height, width] => Slots::Apart(vec![
                ("row_velocity", [first, &[*height]].concat()),
                ("column_velocity", [first, &[*width]].concat()),
            ]),
            _ => Slots::Elementwise(&["velocity"]),
        }
    }

    fn update(
        &self,
        step: &Step<F>,
        weight: &Segment,
        weights: &mut [F],
        grads: &[F],
        slots: &mut [F],
    ) {
        if weights.is_empty() {
            return;
        }
        let Common {
            decay,
            learning_rate,
            ..
        } = step.common;
        if decay != F::ZERO {
            zip_apply(weights, grads, |w, _| w - w * decay * learning_rate);
        }
        let gradient = |i: usize| step.common.gradient(grads[i]);
        let t = (step.iteration + 1) as f64;
        let epsilon = F::of(self.epsilon_1);
        let mut squares = Squares::new(&weight.shape, slots);
        squares.follow(F::of(1.0 - t.powf(self.beta_2_decay)), |i| {
            gradient(i) * gradient(i) + epsilon
        });
        let len = weights.len();
        let moved = sum_chunks(len, PIECE, |range| {
            let mut sum = 0.0;
            squares.each(range, |i, square| {
                let u = (gradient(i) / square.sqrt()).f64();
                sum += u * u;
            });
            sum
        });
        let rms = |square_sum: f64| (square_sum / len as f64).sqrt();
        let size = rms(square_sum(weights)).max(self.epsilon_2);
        let rate = size * step.learning_rate.min(1.0 / t.sqrt());
        let rate = F::of(rate / (rms(moved) / self.clip_threshold).max(1.0));
        for_each_chunk_mut(weights, PIECE, |chunk, weights| {
            let start = chunk * PIECE;
            squares.each(start..start + weights.len(), |i, square| {
                weights[i - start] -= rate * (gradient(i) / square.sqrt());
            });
        });
    }
}
