//! Poisson loss: the negative log likelihood of counts, up to a constant of the target.

use serde::Deserialize;

use super::EPSILON;
use super::pointwise::Pointwise;
use crate::real::Real;

/// `prediction - target log(prediction + 1e-7)`: predictions are rates, not their logarithms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poisson {}

impl<F: Real> Pointwise<F> for Poisson {
    const KIND: &'static str = "Poisson";

    #[inline(always)]
    fn value(&self, target: F, prediction: F) -> F {
        prediction - target * (prediction + F::of(EPSILON)).ln()
    }

    #[inline(always)]
    fn slope(&self, target: F, prediction: F) -> F {
        F::ONE - target / (prediction + F::of(EPSILON))
    }
}
