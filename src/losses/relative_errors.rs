//! Errors on other scales: in per cent of the target, and between logarithms.

use serde::Deserialize;

use super::EPSILON;
use super::mean_absolute_error::sign;
use super::pointwise::Pointwise;
use crate::real::Real;

/// `100 |(target - prediction) / target|`, where a target nearer to 0 than 1e-7 counts as 1e-7.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeanAbsolutePercentageError {}

/// `(log(1 + prediction) - log(1 + target))^2`, where what is below 1e-7 counts as 1e-7.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeanSquaredLogarithmicError {}

impl<F: Real> Pointwise<F> for MeanAbsolutePercentageError {
    const KIND: &'static str = "MeanAbsolutePercentageError";

    #[inline(always)]
    fn value(&self, target: F, prediction: F) -> F {
        F::of(100.0) * ((prediction - target) / scale(target)).abs()
    }

    #[inline(always)]
    fn slope(&self, target: F, prediction: F) -> F {
        F::of(100.0) * sign(prediction - target) / scale(target)
    }
}

#[inline(always)]
fn scale<F: Real>(target: F) -> F {
    target.abs().maximum(F::of(EPSILON))
}

impl<F: Real> Pointwise<F> for MeanSquaredLogarithmicError {
    const KIND: &'static str = "MeanSquaredLogarithmicError";

    #[inline(always)]
    fn value(&self, target: F, prediction: F) -> F {
        let error = logarithm(prediction) - logarithm(target);
        error * error
    }

    #[inline(always)]
    fn slope(&self, target: F, prediction: F) -> F {
        if prediction < F::of(EPSILON) {
            return F::ZERO;
        }
        F::of(2.0) * (logarithm(prediction) - logarithm(target)) / (F::ONE + prediction)
    }
}

#[inline(always)]
fn logarithm<F: Real>(x: F) -> F {
    x.maximum(F::of(EPSILON)).ln_1p()
}
