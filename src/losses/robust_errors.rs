//! Errors that grow like their size, not their square, once they are large.

use serde::Deserialize;

use super::mean_absolute_error::sign;
use super::pointwise::Pointwise;
use crate::error::{Error, Result};
use crate::real::Real;

/// `e^2 / 2` for `|e| <= delta`, `delta |e| - delta^2 / 2` beyond, with `e = prediction - target` (Huber, Robust
/// Estimation of a Location Parameter, 1964).
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Huber {
    /// Where the square ends.
    pub delta: f64,
}

/// `log(cosh(prediction - target))`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogCosh {}

impl Default for Huber {
    fn default() -> Self {
        Self { delta: 1.0 }
    }
}

impl Huber {
    /// The same, or an error if `delta` is no positive number.
    pub(super) fn checked(self) -> Result<Self> {
        if self.delta > 0.0 && self.delta.is_finite() {
            return Ok(self);
        }
        Err(Error::config("delta above 0", format!("delta={}", self.delta)).at("Huber"))
    }
}

impl<F: Real> Pointwise<F> for Huber {
    const KIND: &'static str = "Huber";

    #[inline(always)]
    fn value(&self, target: F, prediction: F) -> F {
        let (error, delta, half) = (prediction - target, F::of(self.delta), F::of(0.5));
        let size = error.abs();
        if size <= delta {
            half * error * error
        } else {
            delta * size - half * delta * delta
        }
    }

    #[inline(always)]
    fn slope(&self, target: F, prediction: F) -> F {
        let (error, delta) = (prediction - target, F::of(self.delta));
        if error.abs() <= delta {
            error
        } else {
            delta * sign(error)
        }
    }
}

impl<F: Real> Pointwise<F> for LogCosh {
    const KIND: &'static str = "LogCosh";

    // log cosh e = |e| + log((1 + e^(-2|e|)) / 2), which does not overflow.
    #[inline(always)]
    fn value(&self, target: F, prediction: F) -> F {
        let size = (prediction - target).abs();
        size + (F::of(-2.0) * size).exp().ln_1p() - F::of(std::f64::consts::LN_2)
    }

    #[inline(always)]
    fn slope(&self, target: F, prediction: F) -> F {
        (prediction - target).tanh()
    }
}
