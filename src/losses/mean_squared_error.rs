//! Mean squared error: `mean((target - prediction)^2)` over the last axis.

use serde::Deserialize;

use super::alignment::Along;
use super::pointwise::{self, Pointwise};
use super::{Loss, mean_lines};
use crate::error::Result;
use crate::real::Real;

/// `values[i]` = mean over the last axis of `(target - prediction)^2`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeanSquaredError {}

impl<F: Real> Pointwise<F> for MeanSquaredError {
    const KIND: &'static str = "MeanSquaredError";

    #[inline(always)]
    fn value(&self, target: F, prediction: F) -> F {
        (prediction - target) * (prediction - target)
    }

    #[inline(always)]
    fn slope(&self, target: F, prediction: F) -> F {
        (prediction - target) + (prediction - target)
    }
}

impl<F: Real> Loss<F> for MeanSquaredError {
    fn kind(&self) -> &'static str {
        "MeanSquaredError"
    }

    fn check(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        mean_lines("MeanSquaredError", target, prediction)
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
