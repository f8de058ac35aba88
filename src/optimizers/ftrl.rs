//! FTRL-proximal (McMahan et al., "Ad Click Prediction: a View from the Trenches", 2013), which sets weights to 0 where
//! the gradient gives no reason for more.
//!
//! ```text
//! n' = n + g^2      z += g + 2 shrinkage w - (n'^-p - n^-p) w / lr      q = n'^-p / lr + 2 l2 + beta / lr
//! w = (clip(z, -l1, l1) - z) / q
//! ```

use serde::Deserialize;

use super::{Optimizer, Segment, Slots, Step};
use crate::error::{Error, Result};
use crate::kernels::optimizer::{Rule, update};
use crate::real::Real;

/// Follow the regularized leader.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ftrl {
    /// How the learning rate falls with the sum of squares; 0 keeps it.
    pub learning_rate_power: f64,
    /// What the sums start at.
    pub initial_accumulator_value: f64,
    /// What draws weights to 0.
    pub l1_regularization_strength: f64,
    /// What makes weights smaller, at each step anew.
    pub l2_regularization_strength: f64,
    /// What makes weights smaller, through the gradient.
    pub l2_shrinkage_regularization_strength: f64,
    /// What makes steps smaller in the beginning.
    pub beta: f64,
}

impl Default for Ftrl {
    fn default() -> Self {
        Self {
            learning_rate_power: -0.5,
            initial_accumulator_value: 0.1,
            l1_regularization_strength: 0.0,
            l2_regularization_strength: 0.0,
            l2_shrinkage_regularization_strength: 0.0,
            beta: 0.0,
        }
    }
}

impl Ftrl {
    pub(super) fn checked(self) -> Result<Self> {
        let at_least_0 = [
            ("initial_accumulator_value", self.initial_accumulator_value),
            (
                "l1_regularization_strength",
                self.l1_regularization_strength,
            ),
            (
                "l2_regularization_strength",
                self.l2_regularization_strength,
            ),
            (
                "l2_shrinkage_regularization_strength",
                self.l2_shrinkage_regularization_strength,
            ),
        ];
        for (name, value) in at_least_0 {
            if !(value.is_finite() && value >= 0.0) {
                let got = format!("{name}={value}");
                return Err(Error::config(format!("{name} >= 0"), got).at("Ftrl"));
            }
        }
        if self.learning_rate_power <= 0.0 {
            return Ok(self);
        }
        let got = format!("learning_rate_power={}", self.learning_rate_power);
        Err(Error::config("learning_rate_power <= 0", got).at("Ftrl"))
    }
}

#[derive(Clone, Copy)]
struct Leader<F> {
    lr: F,
    power: F,
    is_root: bool,
    l1: F,
    twice_l2: F,
    twice_shrinkage: F,
}

impl<F: Real> Leader<F> {
    #[inline(always)]
    fn powered(&self, sum: F) -> F {
        if self.is_root {
            sum.sqrt()
        } else {
            sum.powf(self.power)
        }
    }
}

impl<F: Real> Rule<F, 2> for Leader<F> {
    #[inline(always)]
    fn step(&self, w: F, g: F, [sum, linear]: &mut [F; 2]) -> F {
        let next = *sum + g * g;
        let powered = self.powered(next);
        *linear += g + self.twice_shrinkage * w - (powered - self.powered(*sum)) / self.lr * w;
        *sum = next;
        let quadratic = powered / self.lr + self.twice_l2;
        if quadratic == F::ZERO {
            return w; // no gradient yet, and nothing to start from
        }
        (linear.maximum(-self.l1).minimum(self.l1) - *linear) / quadratic
    }
}

impl<F: Real> Optimizer<F> for Ftrl {
    fn kind(&self) -> &'static str {
        "Ftrl"
    }

    fn slots(&self, _: &Segment) -> Slots {
        Slots::Elementwise(&["accumulator", "linear"])
    }

    fn start(&self, slot: &str) -> f64 {
        if slot == "accumulator" {
            self.initial_accumulator_value
        } else {
            0.0
        }
    }

    fn update(&self, step: &Step<F>, _: &Segment, weights: &mut [F], grads: &[F], slots: &mut [F]) {
        let l2 = self.l2_regularization_strength + self.beta / (2.0 * step.learning_rate);
        let rule = Leader {
            lr: step.common.learning_rate,
            power: F::of(-self.learning_rate_power),
            is_root: self.learning_rate_power == -0.5,
            l1: F::of(self.l1_regularization_strength),
            twice_l2: F::of(2.0 * l2),
            twice_shrinkage: F::of(2.0 * self.l2_shrinkage_regularization_strength),
        };
        update::<F, 2>(rule, step.common, weights, grads, slots);
    }
}
