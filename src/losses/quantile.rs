//! Quantile (pinball) loss: `max(q e, (q - 1) e)` with `e = target - prediction`, smallest at the `q`-quantile of the
//! target (Koenker and Bassett, Regression Quantiles, 1978).

use serde::Deserialize;

use super::pointwise::Pointwise;
use crate::error::{Error, Result};
use crate::real::Real;

/// `max(q e, (q - 1) e)`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quantile {
    /// The quantile to predict: 0.5 is the median.
    pub quantile: f64,
}

impl Default for Quantile {
    fn default() -> Self {
        Self { quantile: 0.5 }
    }
}

impl Quantile {
    /// The same, or an error if it is no quantile.
    pub(super) fn checked(self) -> Result<Self> {
        if self.quantile > 0.0 && self.quantile < 1.0 {
            return Ok(self);
        }
        let got = format!("quantile={}", self.quantile);
        Err(Error::config("a quantile between 0 and 1", got).at("Quantile"))
    }
}

impl<F: Real> Pointwise<F> for Quantile {
    const KIND: &'static str = "Quantile";

    #[inline(always)]
    fn value(&self, target: F, prediction: F) -> F {
        let (error, q) = (target - prediction, F::of(self.quantile));
        (q * error).maximum((q - F::ONE) * error)
    }

    // At no error the derivative is taken as 0.
    #[inline(always)]
    fn slope(&self, target: F, prediction: F) -> F {
        let (error, q) = (target - prediction, F::of(self.quantile));
        if error > F::ZERO {
            -q
        } else if error < F::ZERO {
            F::ONE - q
        } else {
            error * F::ZERO
        }
    }
}
