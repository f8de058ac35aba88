//! Lion (Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023): steps of one size, in the direction that the
//! sign of the momentum tells. `w -= lr sign(beta_1 m + (1 - beta_1) g);  m = beta_2 m + (1 - beta_2) g`.

use serde::Deserialize;

use super::{Optimizer, Segment, Slots, Step};
use crate::error::{Error, Result};
use crate::kernels::optimizer::{Rule, update};
use crate::real::Real;

/// Sign descent with momentum.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lion {
    /// The share of the momentum in the direction.
    pub beta_1: f64,
    /// The share of the momentum that is kept.
    pub beta_2: f64,
}

impl Default for Lion {
    fn default() -> Self {
        Self {
            beta_1: 0.9,
            beta_2: 0.99,
        }
    }
}

impl Lion {
    pub(super) fn checked(self) -> Result<Self> {
        if self.beta_1 > 0.0 && self.beta_1 <= 1.0 {
            return Ok(self);
        }
        Err(Error::config("0 < beta_1 <= 1", format!("beta_1={}", self.beta_1)).at("Lion"))
    }
}

#[derive(Clone, Copy)]
struct Signs<F> {
    lr: F,
    beta_1: F,
    rest_1: F,
    beta_2: F,
    rest_2: F,
}

impl<F: Real> Rule<F, 1> for Signs<F> {
    #[inline(always)]
    fn step(&self, w: F, g: F, [m]: &mut [F; 1]) -> F {
        let direction = *m * self.beta_1 + g * self.rest_1;
        *m = *m * self.beta_2 + g * self.rest_2;
        if direction > F::ZERO {
            w - self.lr
        } else if direction < F::ZERO {
            w + self.lr
        } else {
            w + direction // 0, or NaN, which is to be seen
        }
    }
}

impl<F: Real> Optimizer<F> for Lion {
    fn kind(&self) -> &'static str {
        "Lion"
    }

    fn slots(&self, _: &Segment) -> Slots {
        Slots::Elementwise(&["momentum"])
    }

    fn update(&self, step: &Step<F>, _: &Segment, weights: &mut [F], grads: &[F], slots: &mut [F]) {
        let rule = Signs {
            lr: step.common.learning_rate,
            beta_1: F::of(self.beta_1),
            rest_1: F::of(1.0 - self.beta_1),
            beta_2: F::of(self.beta_2),
            rest_2: F::of(1.0 - self.beta_2),
        };
        update::<F, 1>(rule, step.common, weights, grads, slots);
    }
}
