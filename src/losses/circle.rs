//! Circle loss: vectors of one class should point the same way, those of different classes should not (Sun et al.,
//! Circle Loss: A Unified Perspective of Pair Similarity Optimization, 2020), over all pairs of a batch.
//!
//! ```text
//! d[i,j] = max(1 - y[i].y[j], 0)                            y should have length 1
//! a[i]   = log sum over j of i's class of e^(gamma (d[i,j]^2 - margin^2))
//! b[i]   = log sum over other j of e^(gamma max(1 + margin - d[i,j], 0) (1 - margin - d[i,j]))
//! value  = log(1 + e^(a[i] + b[i]))
//! ```
//! A sample without a partner or without an opponent has the value 0 and does not count in means.

use serde::Deserialize;

use super::alignment::label_units;
use super::{Loss, finite, sizes_agree};
use crate::error::{Error, Result};
use crate::kernels::scratch::with_scratch;
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;
use crate::shape::Shape;

/// `values[i] = log(1 + e^(a[i] + b[i]))`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Circle {
    /// The scale of similarities.
    pub gamma: f64,
    /// How much room there is between classes.
    pub margin: f64,
    /// Whether a sample is no partner of its own.
    pub remove_diagonal: bool,
}

impl Default for Circle {
    fn default() -> Self {
        Self {
            gamma: 80.0,
            margin: 0.4,
            remove_diagonal: true,
        }
    }
}

/// The largest exponent and the sum of `e^(exponent - largest)`.
#[derive(Clone, Copy)]
struct LogSum {
    max: f64,
    sum: f64,
}

impl LogSum {
    const EMPTY: Self = Self {
        max: f64::NEG_INFINITY,
        sum: 0.0,
    };

    fn add(&mut self, x: f64) {
        if x > self.max {
            self.sum = self.sum * (self.max - x).exp() + 1.0;
            self.max = x;
        } else {
            self.sum += (x - self.max).exp();
        }
    }

    fn log(self) -> f64 {
        self.max + self.sum.ln()
    }
}

/// A batch of vectors and labels.
struct Batch<'a, F> {
    labels: &'a [F],
    vectors: &'a [F],
    width: usize,
}

impl<F: Real> Batch<'_, F> {
    fn vector(&self, i: usize) -> &[F] {
        &self.vectors[i * self.width..(i + 1) * self.width]
    }

    /// `1 - y[i].y[j]`, before it is cut at 0.
    fn distance(&self, i: usize, j: usize) -> f64 {
        let pairs = self.vector(i).iter().zip(self.vector(j));
        1.0 - pairs.map(|(a, b)| a.f64() * b.f64()).sum::<f64>()
    }
}

impl Circle {
    /// The exponent of a pair and its derivative by the distance; `None` if the pair does not count.
    fn exponent(&self, same: bool, itself: bool, distance: f64) -> Option<(f64, f64)> {
        let (gamma, margin, d) = (self.gamma, self.margin, distance.max(0.0));
        if same {
            let counts = !(itself && self.remove_diagonal);
            return counts.then_some((gamma * (d * d - margin * margin), 2.0 * gamma * d));
        }
        let weight = 1.0 + margin - d;
        Some(if weight > 0.0 {
            (gamma * weight * (1.0 - margin - d), 2.0 * gamma * (d - 1.0))
        } else {
            (0.0, 0.0)
        })
    }

    /// `a[i]` and `b[i]`.
    fn sums<F: Real>(&self, batch: &Batch<'_, F>, i: usize) -> [f64; 2] {
        let mut sums = [LogSum::EMPTY; 2];
        for j in 0..batch.labels.len() {
            let same = batch.labels[i] == batch.labels[j];
            if let Some((exponent, _)) = self.exponent(same, i == j, batch.distance(i, j)) {
                sums[usize::from(!same)].add(exponent);
            }
        }
        sums.map(LogSum::log)
    }

    /// d value[i] / d d[i,j], given `a[i]` and `b[i]`.
    fn slope(&self, same: bool, itself: bool, distance: f64, [a, b]: [f64; 2]) -> f64 {
        let Some((exponent, slope)) = self.exponent(same, itself, distance) else {
            return 0.0;
        };
        if distance < 0.0 || a == f64::NEG_INFINITY || b == f64::NEG_INFINITY {
            return 0.0;
        }
        let share = (exponent - if same { a } else { b }).exp();
        share * slope / (1.0 + (-(a + b)).exp())
    }
}

impl<F: Real> Loss<F> for Circle {
    fn kind(&self) -> &'static str {
        "Circle"
    }

    fn check(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        if prediction.len() != 2 {
            return Err(Error::shape(
                "predictions of shape (batch, width), one vector for each sample",
                Shape::known(prediction).to_string(),
            )
            .at("Circle"));
        }
        label_units(target, prediction, -1).map_err(|e| e.at("Circle"))
    }

    fn validate(&self, target: &[F], _: &[usize]) -> Result<()> {
        finite(target)
    }

    fn forward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        values: &mut [F],
    ) -> Result<()> {
        sizes_agree("Circle", target.len(), values.len())?;
        let batch = Batch {
            labels: target,
            vectors: prediction,
            width: shape[1],
        };
        for_each_chunk_mut(values, 16, |chunk, values| {
            for (row, value) in values.iter_mut().enumerate() {
                let [a, b] = self.sums(&batch, chunk * 16 + row);
                let x = a + b;
                *value = F::of(x.max(0.0) + (-x.abs()).exp().ln_1p());
            }
        });
        Ok(())
    }

    fn backward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        scale: &[F],
        grad_prediction: &mut [F],
    ) -> Result<()> {
        sizes_agree("Circle", target.len(), scale.len())?;
        let width = shape[1];
        let batch = Batch {
            labels: target,
            vectors: prediction,
            width,
        };
        with_scratch(target.len(), |sums: &mut [[f64; 2]]| {
            for_each_chunk_mut(sums, 16, |chunk, sums| {
                for (row, sums) in sums.iter_mut().enumerate() {
                    *sums = self.sums(&batch, chunk * 16 + row);
                }
            });
            let sums = &*sums;
            for_each_chunk_mut(grad_prediction, 16 * width.max(1), |chunk, grads| {
                for (row, grad) in grads.chunks_mut(width.max(1)).enumerate() {
                    let i = chunk * 16 + row;
                    grad.fill(F::ZERO);
                    for j in 0..target.len() {
                        let (same, d) = (target[i] == target[j], batch.distance(i, j));
                        // y[i] stands in the distances of its own row and of all others.
                        let weight = scale[i].f64() * self.slope(same, i == j, d, sums[i])
                            + scale[j].f64() * self.slope(same, i == j, d, sums[j]);
                        for (g, y) in grad.iter_mut().zip(batch.vector(j)) {
                            *g = F::of(g.f64() - weight * y.f64());
                        }
                    }
                }
            });
        });
        Ok(())
    }

    fn counts_only_positive(&self) -> bool {
        true
    }
}
