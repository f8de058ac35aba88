//! Binary cross-entropy: `-mean(t log p + (1 - t) log(1 - p))`, on probabilities or on logits.
//!
//! With `p = sigmoid(x)` the loss is `max(x, 0) - x t + log(1 + e^-|x|)`, which neither overflows nor loses digits
//! for any `x`, and its derivative is `sigmoid(x) - t`.

use serde::Deserialize;

use super::alignment::{Along, align, canonical, without};
use super::pointwise::{self, Pointwise};
use super::{EPSILON, Loss, check_smoothing};
use crate::error::{Error, Result};
use crate::kernels::activation::Activation;
use crate::real::Real;
use crate::shape::Shape;

/// `values[i]` = mean over `axis` of `-(t log p + (1 - t) log(1 - p))`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BinaryCrossentropy {
    /// Whether predictions are what goes into the sigmoid.
    pub from_logits: bool,
    /// How far targets are moved from 0 and 1 towards 1/2.
    pub label_smoothing: f64,
    /// The axis of the mean.
    pub axis: i64,
}

impl Default for BinaryCrossentropy {
    fn default() -> Self {
        Self {
            from_logits: false,
            label_smoothing: 0.0,
            axis: -1,
        }
    }
}

/// `log(1 + e^-|x|) + max(x, 0) - x t` on logits.
struct OnLogits<F> {
    smoothing: F,
}

/// `-(t log p + (1 - t) log(1 - p))` on probabilities kept within `low..=high`.
struct OnProbabilities<F> {
    smoothing: F,
    low: F,
    high: F,
}

pub(super) fn smooth<F: Real>(target: F, smoothing: F) -> F {
    target * (F::ONE - smoothing) + F::of(0.5) * smoothing
}

impl<F: Real> Pointwise<F> for OnLogits<F> {
    const KIND: &'static str = "BinaryCrossentropy";

    #[inline(always)]
    fn value(&self, target: F, x: F) -> F {
        x.maximum(F::ZERO) - x * smooth(target, self.smoothing) + (-x.abs()).exp().ln_1p()
    }

    #[inline(always)]
    fn slope(&self, target: F, x: F) -> F {
        // sigmoid(x) without overflow: e^-|x| is at most 1.
        let e = (-x.abs()).exp();
        let above = F::ONE / (F::ONE + e);
        (if x >= F::ZERO { above } else { e * above }) - smooth(target, self.smoothing)
    }
}

impl<F: Real> Pointwise<F> for OnProbabilities<F> {
    const KIND: &'static str = "BinaryCrossentropy";

    #[inline(always)]
    fn value(&self, target: F, p: F) -> F {
        let (t, p) = (
            smooth(target, self.smoothing),
            p.maximum(self.low).minimum(self.high),
        );
        -(t * p.ln() + (F::ONE - t) * (F::ONE - p).ln())
    }

    #[inline(always)]
    fn slope(&self, target: F, p: F) -> F {
        if p < self.low || p > self.high {
            return F::ZERO;
        }
        (p - smooth(target, self.smoothing)) / (p * (F::ONE - p))
    }
}

/// The shape of means over `axis`.
pub(super) fn means_over(axis: i64, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
    let shape = align(target, prediction)?;
    if axis != -1 && shape != prediction {
        return Err(Error::shape(
            format!(
                "targets of the predictions' shape {} with axis={axis}",
                Shape::known(prediction)
            ),
            format!("targets of shape {}", Shape::known(target)),
        ));
    }
    Ok(without(&shape, canonical(axis, shape.len())?))
}

/// Where the lines of `means_over` lie.
pub(super) fn along(
    axis: i64,
    predictions: usize,
    values: usize,
    shape: &[usize],
) -> Result<Along> {
    match axis {
        -1 => Along::values(predictions, values, shape),
        axis => Along::new(shape, axis),
    }
}

impl BinaryCrossentropy {
    /// The same, or an error if a field is out of range.
    pub(super) fn checked(self) -> Result<Self> {
        check_smoothing("BinaryCrossentropy", self.label_smoothing)?;
        Ok(self)
    }

    fn probabilities<F: Real>(&self) -> OnProbabilities<F> {
        OnProbabilities {
            smoothing: F::of(self.label_smoothing),
            low: F::of(EPSILON),
            high: F::ONE - F::of(EPSILON),
        }
    }
}

impl<F: Real> Loss<F> for BinaryCrossentropy {
    fn kind(&self) -> &'static str {
        "BinaryCrossentropy"
    }

    fn check(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        means_over(self.axis, target, prediction).map_err(|e| e.at("BinaryCrossentropy"))
    }

    fn forward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        values: &mut [F],
    ) -> Result<()> {
        let along = along(self.axis, prediction.len(), values.len(), shape)?;
        if self.from_logits {
            let op = OnLogits {
                smoothing: F::of(self.label_smoothing),
            };
            pointwise::forward(&op, target, prediction, along, values)
        } else {
            pointwise::forward(&self.probabilities(), target, prediction, along, values)
        }
    }

    fn backward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        scale: &[F],
        grad_prediction: &mut [F],
    ) -> Result<()> {
        let along = along(self.axis, prediction.len(), scale.len(), shape)?;
        if self.from_logits {
            let op = OnLogits {
                smoothing: F::of(self.label_smoothing),
            };
            pointwise::backward(&op, target, prediction, along, scale, grad_prediction)
        } else {
            pointwise::backward(
                &self.probabilities(),
                target,
                prediction,
                along,
                scale,
                grad_prediction,
            )
        }
    }

    fn on_logits(&self, activation: &Activation) -> Option<Box<dyn Loss<F>>> {
        (!self.from_logits && matches!(activation, Activation::Sigmoid)).then(|| {
            Box::new(Self {
                from_logits: true,
                ..*self
            }) as Box<dyn Loss<F>>
        })
    }
}
