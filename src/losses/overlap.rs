//! Losses of overlap, for masks of segmentation: Dice and Tversky.
//!
//! ```text
//! Dice    = 1 - 2 I / (sum t + sum p + 1e-7),                         I = sum t p
//! Tversky = 1 - I / (I + alpha sum (1 - p) t + beta sum p (1 - t) + 1e-7)
//! ```
//! (Sudre et al., Generalised Dice overlap, 2017; Salehi et al., Tversky loss, 2017.) Both are `1 - N / D` with
//! `N = n I` and `D = i I + t sum t + p sum p + 1e-7`.

use serde::Deserialize;

use super::alignment::{align, canonical};
use super::{EPSILON, Loss, sizes_agree};
use crate::config::Integers;
use crate::error::{Error, Result};
use crate::kernels::scratch::with_scratch;
use crate::real::Real;
use crate::shape::Shape;

/// The fields of Keras's `Dice`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DiceFields {
    axis: Option<Integers>,
}

/// The fields of Keras's `Tversky`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TverskyFields {
    alpha: f64,
    beta: f64,
    axis: Option<Integers>,
}

impl Default for TverskyFields {
    fn default() -> Self {
        Self {
            alpha: 0.5,
            beta: 0.5,
            axis: None,
        }
    }
}

/// `values[i] = 1 - N / D` over the axes, or over all.
#[derive(Debug, Clone, PartialEq)]
pub struct Overlap {
    kind: &'static str,
    /// Factors of I in N; of I, sum t and sum p in D.
    factors: [f64; 4],
    axes: Option<Vec<i64>>,
}

impl From<DiceFields> for Overlap {
    fn from(fields: DiceFields) -> Self {
        Self {
            kind: "Dice",
            factors: [2.0, 0.0, 1.0, 1.0],
            axes: fields.axis.map(|axes| axes.0),
        }
    }
}

impl From<TverskyFields> for Overlap {
    fn from(TverskyFields { alpha, beta, axis }: TverskyFields) -> Self {
        Self {
            kind: "Tversky",
            factors: [1.0, 1.0 - alpha - beta, alpha, beta],
            axes: axis.map(|axes| axes.0),
        }
    }
}

impl Overlap {
    /// For each axis whether it is summed over.
    fn summed(&self, rank: usize) -> Result<Vec<bool>> {
        let Some(axes) = &self.axes else {
            return Ok(vec![true; rank]);
        };
        let mut summed = vec![false; rank];
        for &axis in axes {
            summed[canonical(axis, rank)?] = true;
        }
        Ok(summed)
    }

    /// The number of the unit that element `index` belongs to: its place along the axes that are left.
    fn unit(&self, mut index: usize, shape: &[usize]) -> usize {
        let Some(axes) = &self.axes else {
            return 0;
        };
        let (mut unit, mut stride) = (0, 1);
        for (axis, &size) in shape.iter().enumerate().rev() {
            let from_behind = axis as i64 - shape.len() as i64;
            if !axes.contains(&(axis as i64)) && !axes.contains(&from_behind) {
                unit += index % size * stride;
                stride *= size;
            }
            index /= size;
        }
        unit
    }

    /// Calls `work` with `sum t p`, `sum t` and `sum p` of each unit.
    fn with_sums<F: Real, R>(
        &self,
        (target, prediction): (&[F], &[F]),
        shape: &[usize],
        units: usize,
        work: impl FnOnce(&[f64]) -> R,
    ) -> R {
        with_scratch(3 * units, |sums: &mut [f64]| {
            sums.fill(0.0);
            for (i, (t, p)) in target.iter().zip(prediction).enumerate() {
                let (at, t, p) = (3 * self.unit(i, shape), t.f64(), p.f64());
                sums[at] += t * p;
                sums[at + 1] += t;
                sums[at + 2] += p;
            }
            work(sums)
        })
    }

    /// N and D.
    fn fraction(&self, sums: &[f64]) -> (f64, f64) {
        let [n, i, t, p] = self.factors;
        let denominator = i * sums[0] + t * sums[1] + p * sums[2] + EPSILON;
        (n * sums[0], denominator)
    }
}

impl<F: Real> Loss<F> for Overlap {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn check(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        let inner = || {
            align(target, prediction)?;
            if self.axes.is_some() && target != prediction {
                return Err(Error::shape(
                    format!(
                        "targets of the predictions' shape {} with an axis",
                        Shape::known(prediction)
                    ),
                    format!("targets of shape {}", Shape::known(target)),
                ));
            }
            let summed = self.summed(prediction.len())?;
            let kept = prediction.iter().zip(summed).filter(|(_, summed)| !summed);
            Ok(kept.map(|(&size, _)| size).collect())
        };
        inner().map_err(|e: Error| e.at(self.kind))
    }

    fn forward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        values: &mut [F],
    ) -> Result<()> {
        sizes_agree(self.kind, target.len(), prediction.len())?;
        self.with_sums((target, prediction), shape, values.len(), |sums| {
            for (value, sums) in values.iter_mut().zip(sums.chunks(3)) {
                let (numerator, denominator) = self.fraction(sums);
                *value = F::of(1.0 - numerator / denominator);
            }
        });
        Ok(())
    }

    // d(1 - N/D)/dp = (N (i t + p) / D - n t) / D, with the letters of `factors`.
    fn backward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        scale: &[F],
        grad_prediction: &mut [F],
    ) -> Result<()> {
        sizes_agree(self.kind, target.len(), prediction.len())?;
        let [n, i, _, p] = self.factors;
        self.with_sums((target, prediction), shape, scale.len(), |sums| {
            for (index, (grad, t)) in grad_prediction.iter_mut().zip(target).enumerate() {
                let (unit, t) = (self.unit(index, shape), t.f64());
                let (numerator, denominator) = self.fraction(&sums[3 * unit..3 * unit + 3]);
                let slope = (numerator * (i * t + p) / denominator - n * t) / denominator;
                *grad = F::of(scale[unit].f64() * slope);
            }
        });
        Ok(())
    }
}
