//! Mean squared error: `mean((target - prediction)^2)` over the last axis.

use serde::Deserialize;

use super::pointwise::Pointwise;
use crate::real::Real;

/// `(target - prediction)^2`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeanSquaredError {}

impl<F: Real> Pointwise<F> for MeanSquaredError {
    const KIND: &'static str = "MeanSquaredError";

    #[inline(always)]
    fn value(&self, target: F, prediction: F) -> F {
        let error = prediction - target;
        error * error
    }

    #[inline(always)]
    fn slope(&self, target: F, prediction: F) -> F {
        F::of(2.0) * (prediction - target)
    }
}
