//! Categorical cross-entropy: `-sum_k t[k] log p[k]` along the axis of the classes.
//!
//! With `p = softmax(x)` it is `sum_k t[k] (lse - x[k])`, `lse = log sum_k e^x[k]`, and its derivative is
//! `softmax(x)[k] sum(t) - t[k]`. Probabilities are divided by their sum and kept away from 0 and 1 first, as in Keras.

use serde::Deserialize;

use super::alignment::{Along, align, canonical, without};
use super::line::{self, Line};
use super::{Loss, check_smoothing, sizes_agree};
use crate::error::Result;
use crate::kernels::activation::Activation;
use crate::kernels::cross_entropy::Targets;
use crate::real::Real;

/// `values[i] = -sum_k t[k] log p[k]`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CategoricalCrossentropy {
    /// Whether predictions are what goes into the softmax.
    pub from_logits: bool,
    /// How far targets are moved from 0 and 1 towards the uniform distribution.
    pub label_smoothing: f64,
    /// The axis of the classes.
    pub axis: i64,
}

impl Default for CategoricalCrossentropy {
    fn default() -> Self {
        Self {
            from_logits: false,
            label_smoothing: 0.0,
            axis: -1,
        }
    }
}

impl CategoricalCrossentropy {
    /// The same, or an error if a field is out of range.
    pub(super) fn checked(self) -> Result<Self> {
        check_smoothing("CategoricalCrossentropy", self.label_smoothing)?;
        Ok(self)
    }
}

/// A smoothed target is `t * keep + add`. Keras counts the classes along the last axis, whatever `axis` is.
pub(super) fn smoothing<F: Real>(label_smoothing: f64, shape: &[usize]) -> (F, F) {
    let classes = shape.last().copied().unwrap_or(1).max(1);
    (
        F::of(1.0 - label_smoothing),
        F::of(label_smoothing / classes as f64),
    )
}

/// The shape of one value per line of classes along `axis`, for one-hot targets.
pub(super) fn one_hot_lines(
    axis: i64,
    target: &[usize],
    prediction: &[usize],
) -> Result<Vec<usize>> {
    let axis = canonical(axis, prediction.len())?;
    let values = without(prediction, axis);
    align(target, prediction).map_err(|error| {
        if target == values || matches!(target, [first @ .., _] if first == values) {
            error.remedy("Use SparseCategoricalCrossentropy for class labels.")
        } else {
            error
        }
    })?;
    Ok(values)
}

impl<F: Real> Loss<F> for CategoricalCrossentropy {
    fn kind(&self) -> &'static str {
        "CategoricalCrossentropy"
    }

    fn check(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        one_hot_lines(self.axis, target, prediction).map_err(|e| e.at("CategoricalCrossentropy"))
    }

    fn forward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        values: &mut [F],
    ) -> Result<()> {
        sizes_agree("CategoricalCrossentropy", target.len(), prediction.len())?;
        let (keep, add) = smoothing(self.label_smoothing, shape);
        line::map(Along::new(shape, self.axis)?, values, |_, at| {
            let (t, x) = (Line::new(target, at), Line::new(prediction, at));
            let t = |k| t.get(k) * keep + add;
            if self.from_logits {
                let (max, log_sum) = x.log_sum_exp();
                (0..at.len)
                    .map(|k| t(k) * (log_sum - (x.get(k) - max)))
                    .sum()
            } else {
                let sum = x.sum();
                -(0..at.len)
                    .map(|k| t(k) * line::clipped(x.get(k) / sum).ln())
                    .sum::<F>()
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
        sizes_agree("CategoricalCrossentropy", target.len(), prediction.len())?;
        let (keep, add) = smoothing(self.label_smoothing, shape);
        line::for_each_mut(
            Along::new(shape, self.axis)?,
            grad_prediction,
            |index, at, grad| {
                let (t, x, scale) = (
                    Line::new(target, at),
                    Line::new(prediction, at),
                    scale[index],
                );
                let t = |k| t.get(k) * keep + add;
                if self.from_logits {
                    let mass: F = (0..at.len).map(t).sum();
                    let sum = x.exp_into(grad);
                    grad.each(|k, g| *g = scale * (*g * (mass / sum) - t(k)));
                } else {
                    // q = p / sum(p); d/dp[j] = (g[j] - sum_k g[k] q[k]) / sum(p), where g[k] = -t[k] / q[k] unless clipped.
                    let sum = x.sum();
                    let slope = |k| line::if_unclipped(x.get(k) / sum, -t(k));
                    let common: F = (0..at.len).map(|k| slope(k) * (x.get(k) / sum)).sum();
                    grad.each(|k, g| *g = scale * (slope(k) - common) / sum);
                }
            },
        );
        Ok(())
    }

    fn forward_backward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        (weights, factor): (&[F], F),
        values: &mut [F],
        grad_prediction: &mut [F],
    ) -> Result<bool> {
        sizes_agree("CategoricalCrossentropy", target.len(), prediction.len())?;
        let along = Along::new(shape, self.axis)?;
        let Some(shares) = F::as_f32(target) else {
            return Ok(false);
        };
        let (keep, add) = smoothing::<F>(self.label_smoothing, shape);
        let targets = Targets::Shares {
            values: shares,
            keep: keep.f64() as f32,
            add: add.f64() as f32,
        };
        Ok(self.from_logits
            && line::fused(
                along,
                prediction,
                targets,
                (weights, factor),
                values,
                grad_prediction,
            ))
    }

    fn on_logits(&self, activation: &Activation) -> Option<Box<dyn Loss<F>>> {
        let softmax = self.axis == -1 && matches!(activation, Activation::Softmax);
        (!self.from_logits && softmax).then(|| {
            Box::new(Self {
                from_logits: true,
                ..*self
            }) as Box<dyn Loss<F>>
        })
    }
}
