//! Mean absolute error: `mean(|target - prediction|)` over the last axis.

use serde::Deserialize;

use super::alignment::Along;
use super::pointwise::{self, Pointwise};
use super::{Loss, mean_lines};
use crate::error::Result;
use crate::real::Real;

/// `values[i]` = mean over the last axis of `|target - prediction|`. Where both are equal the derivative is taken as 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeanAbsoluteError {}

impl<F: Real> Pointwise<F> for MeanAbsoluteError {
    const KIND: &'static str = "MeanAbsoluteError";

    #[inline(always)]
    fn value(&self, target: F, prediction: F) -> F {
        (prediction - target).abs()
    }

    #[inline(always)]
    fn slope(&self, target: F, prediction: F) -> F {
        if prediction > target {
            F::ONE
        } else if prediction < target {
            -F::ONE
        } else {
            // 0, or NaN if one of them is.
            (prediction - target) * F::ZERO
        }
    }
}

impl<F: Real> Loss<F> for MeanAbsoluteError {
    fn kind(&self) -> &'static str {
        "MeanAbsoluteError"
    }

    fn check(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        mean_lines("MeanAbsoluteError", target, prediction)
    }

    fn forward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        values: &mut [F],
    ) -> Result<()> {
        let along = Along::values(prediction.len(), values.len(), shape)?;
        pointwise::forward(self, target, prediction, along, values)
    }

    fn backward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        scale: &[F],
        grad_prediction: &mut [F],
    ) -> Result<()> {
        let along = Along::values(prediction.len(), scale.len(), shape)?;
        pointwise::backward(self, target, prediction, along, scale, grad_prediction)
    }
}
