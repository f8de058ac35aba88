//! RMSprop (Hinton, "Neural Networks for Machine Learning", lecture 6e, 2012) in Keras's form, epsilon under the root:
//!
//! ```text
//! v = rho v + (1 - rho) g^2        d = lr g / sqrt(v + epsilon)        w -= d
//! ```
//! Centered, the square of the mean gradient is taken from `v` (Graves, 2013); with momentum, `w -= m`, `m = momentum m + d`.

use serde::Deserialize;

use super::{Optimizer, Segment, Slots, Step};
use crate::error::{Error, Result};
use crate::kernels::optimizer::{Rule, update};
use crate::real::Real;

/// Gradient descent divided by a running root mean square.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RmsProp {
    /// The share of the means that is kept.
    pub rho: f64,
    /// The share of the last change that is kept; 0 for none.
    pub momentum: f64,
    /// Added to the mean of squares.
    pub epsilon: f64,
    /// Whether to divide by the deviation from the mean gradient.
    pub centered: bool,
}

impl Default for RmsProp {
    fn default() -> Self {
        Self {
            rho: 0.9,
            momentum: 0.0,
            epsilon: 1e-7,
            centered: false,
        }
    }
}

/// Slots: velocity, then momentum if there is any, then the mean gradient if centered.
#[derive(Clone, Copy)]
struct RootMeanSquare<F> {
    lr: F,
    rho: F,
    rest: F,
    epsilon: F,
    momentum: F,
    has_momentum: bool,
    centered: bool,
}

impl<F: Real, const SLOTS: usize> Rule<F, SLOTS> for RootMeanSquare<F> {
    #[inline(always)]
    fn step(&self, w: F, g: F, slots: &mut [F; SLOTS]) -> F {
        slots[0] = self.rho * slots[0] + self.rest * (g * g);
        let mut square = slots[0];
        if self.centered {
            let mean = &mut slots[SLOTS - 1];
            *mean = self.rho * *mean + self.rest * g;
            square -= *mean * *mean;
        }
        let change = self.lr * g / (square + self.epsilon).sqrt();
        if !self.has_momentum {
            return w - change;
        }
        slots[1] = self.momentum * slots[1] + change;
        w - slots[1]
    }
}

impl RmsProp {
    pub(super) fn checked(self) -> Result<Self> {
        if self.momentum.is_finite() {
            return Ok(self);
        }
        Err(Error::config("a finite momentum", format!("momentum={}", self.momentum)).at("RMSprop"))
    }
}

impl<F: Real> Optimizer<F> for RmsProp {
    fn kind(&self) -> &'static str {
        "RMSprop"
    }

    fn slots(&self, _: &Segment) -> Slots {
        Slots::Elementwise(match (self.momentum > 0.0, self.centered) {
            (false, false) => &["velocity"],
            (true, false) => &["velocity", "momentum"],
            (false, true) => &["velocity", "average_gradient"],
            (true, true) => &["velocity", "momentum", "average_gradient"],
        })
    }

    fn update(&self, step: &Step<F>, _: &Segment, weights: &mut [F], grads: &[F], slots: &mut [F]) {
        let rule = RootMeanSquare {
            lr: step.common.learning_rate,
            rho: F::of(self.rho),
            rest: F::of(1.0 - self.rho),
            epsilon: F::of(self.epsilon),
            momentum: F::of(self.momentum),
            has_momentum: self.momentum > 0.0,
            centered: self.centered,
        };
        match 1 + usize::from(rule.has_momentum) + usize::from(rule.centered) {
            1 => update::<F, 1>(rule, step.common, weights, grads, slots),
            2 => update::<F, 2>(rule, step.common, weights, grads, slots),
            _ => update::<F, 3>(rule, step.common, weights, grads, slots),
        }
    }
}
