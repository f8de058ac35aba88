//! Categorical focal cross-entropy: `-alpha sum_k (1 - q[k])^gamma t[k] log q[k]`, `q` the probabilities divided by their
//! sum and kept away from 0 and 1 (Lin et al., Focal Loss for Dense Object Detection, 2017).

use serde::Deserialize;

use super::alignment::Along;
use super::categorical_crossentropy::{one_hot_lines, smoothing};
use super::line::{self, Line, LineMut};
use super::{EPSILON, Loss, check_smoothing, sizes_agree};
use crate::error::Result;
use crate::kernels::activation::Activation;
use crate::real::Real;

const KIND: &str = "CategoricalFocalCrossentropy";

/// `values[i] = -alpha sum_k (1 - q[k])^gamma t[k] log q[k]`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CategoricalFocalCrossentropy {
    /// The factor on the whole.
    pub alpha: f64,
    /// How little counts what is right: 0 is plain cross-entropy.
    pub gamma: f64,
    /// Whether predictions are what goes into the softmax.
    pub from_logits: bool,
    /// How far targets are moved from 0 and 1 towards the uniform distribution.
    pub label_smoothing: f64,
    /// The axis of the classes.
    pub axis: i64,
}

impl Default for CategoricalFocalCrossentropy {
    fn default() -> Self {
        Self {
            alpha: 0.25,
            gamma: 2.0,
            from_logits: false,
            label_smoothing: 0.0,
            axis: -1,
        }
    }
}

impl CategoricalFocalCrossentropy {
    /// The same, or an error if a field is out of range.
    pub(super) fn checked(self) -> Result<Self> {
        check_smoothing(KIND, self.label_smoothing)?;
        Ok(self)
    }

    /// The term of one class.
    fn value<F: Real>(&self, t: F, q: F) -> F {
        let q = line::clipped(q);
        -F::of(self.alpha) * (F::ONE - q).powf(F::of(self.gamma)) * t * q.ln()
    }

    /// Its derivative by `q`: 0 where `q` is clipped.
    fn slope<F: Real>(&self, t: F, q: F) -> F {
        if q < F::of(EPSILON) || q > F::ONE - F::of(EPSILON) {
            return F::ZERO;
        }
        let (gamma, rest) = (F::of(self.gamma), F::ONE - q);
        let power = rest.powf(gamma);
        F::of(self.alpha) * t * (gamma * power / rest * q.ln() - power / q)
    }
}

impl<F: Real> Loss<F> for CategoricalFocalCrossentropy {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn check(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        one_hot_lines(self.axis, target, prediction).map_err(|e| e.at(KIND))
    }

    fn forward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        values: &mut [F],
    ) -> Result<()> {
        sizes_agree(KIND, target.len(), prediction.len())?;
        let (keep, add) = smoothing(self.label_smoothing, shape);
        line::map(Along::new(shape, self.axis)?, values, |_, at| {
            let (t, x) = (Line::new(target, at), Line::new(prediction, at));
            let t = |k| t.get(k) * keep + add;
            if self.from_logits {
                let (max, log_sum) = x.log_sum_exp();
                let q = |k| (x.get(k) - max - log_sum).exp();
                (0..at.len).map(|k| self.value(t(k), q(k))).sum()
            } else {
                let sum = x.sum();
                (0..at.len).map(|k| self.value(t(k), x.get(k) / sum)).sum()
            }
        });
        Ok(())
    }

    // With s[k] the slope by q[k]: d/dp[j] = (s[j] - sum_k s[k] q[k]) / sum(p), and q[j] times the same for logits.
    fn backward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        scale: &[F],
        grad_prediction: &mut [F],
    ) -> Result<()> {
        sizes_agree(KIND, target.len(), prediction.len())?;
        let (keep, add) = smoothing(self.label_smoothing, shape);
        let along = Along::new(shape, self.axis)?;
        line::for_each_mut(along, grad_prediction, |index, at, grad| {
            let (t, x) = (Line::new(target, at), Line::new(prediction, at));
            let t = |k| t.get(k) * keep + add;
            let sum = if self.from_logits {
                x.exp_into(grad)
            } else {
                grad.each(|k, g| *g = x.get(k));
                x.sum()
            };
            grad.each(|_, g| *g *= F::ONE / sum);
            let common: F = (0..at.len)
                .map(|k| {
                    let q = share(grad, k);
                    self.slope(t(k), q) * q
                })
                .sum();
            grad.each(|k, g| {
                let by_share = scale[index] * (self.slope(t(k), *g) - common);
                *g = if self.from_logits {
                    *g * by_share
                } else {
                    by_share / sum
                };
            });
        });
        Ok(())
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

fn share<F: Real>(line: &mut LineMut<'_, F>, k: usize) -> F {
    *line.get_mut(k)
}
