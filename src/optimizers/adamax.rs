//! Adamax (Kingma & Ba, "Adam", 2014, section 7.1): Adam with the largest gradient, slowly forgotten, in place of the root
//! mean square.
//!
//! ```text
//! m += (g - m) (1 - beta_1)      u = max(beta_2 u, |g|)      w -= lr m / ((1 - beta_1^t) (u + epsilon))
//! ```

use serde::Deserialize;

use super::adam::power;
use super::{Optimizer, Segment, Slots, Step};
use crate::kernels::optimizer::{Rule, update};
use crate::real::Real;

/// Adam with the infinity norm.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Adamax {
    /// The share of the mean of the gradients that is kept.
    pub beta_1: f64,
    /// The share of the norm that is kept.
    pub beta_2: f64,
    /// Added to the divisor.
    pub epsilon: f64,
}

impl Default for Adamax {
    fn default() -> Self {
        Self {
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-7,
        }
    }
}

#[derive(Clone, Copy)]
struct Norms<F> {
    lr: F,
    rate_1: F,
    beta_2: F,
    correction: F,
    epsilon: F,
}

impl<F: Real> Rule<F, 2> for Norms<F> {
    #[inline(always)]
    fn step(&self, w: F, g: F, [m, u]: &mut [F; 2]) -> F {
        *m += (g - *m) * self.rate_1;
        *u = (self.beta_2 * *u).maximum(g.abs());
        w - self.lr * *m / (self.correction * (*u + self.epsilon))
    }
}

impl<F: Real> Optimizer<F> for Adamax {
    fn kind(&self) -> &'static str {
        "Adamax"
    }

    fn slots(&self, _: &Segment) -> Slots {
        Slots::Elementwise(&["momentum", "norm"])
    }

    fn update(&self, step: &Step<F>, _: &Segment, weights: &mut [F], grads: &[F], slots: &mut [F]) {
        let rule = Norms {
            lr: step.common.learning_rate,
            rate_1: F::of(1.0 - self.beta_1),
            beta_2: F::of(self.beta_2),
            correction: F::of(1.0 - power::<F>(self.beta_1, step.iteration + 1)),
            epsilon: F::of(self.epsilon),
        };
        update::<F, 2>(rule, step.common, weights, grads, slots);
    }
}
