//! Mean absolute error: `mean(|target - prediction|)` over the last axis.

use serde::Deserialize;

use super::pointwise::Pointwise;
use crate::real::Real;

/// `|target - prediction|`. Where both are equal the derivative is taken as 0.
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
        sign(prediction - target)
    }
}

/// -1, 0 or 1; NaN of NaN.
#[inline(always)]
pub(super) fn sign<F: Real>(x: F) -> F {
    if x > F::ZERO {
        F::ONE
    } else if x < F::ZERO {
        -F::ONE
    } else {
        x * F::ZERO
    }
}
