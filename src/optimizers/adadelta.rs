//! Adadelta (Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012):
//!
//! ```text
//! v = rho v + (1 - rho) g^2      d = g sqrt(u + epsilon) / sqrt(v + epsilon)      u = rho u + (1 - rho) d^2      w -= lr d
//! ```

use serde::Deserialize;

use super::{Optimizer, Segment, Slots, Step};
use crate::kernels::optimizer::{Rule, update};
use crate::real::Real;

/// Steps as large as the last ones were, whatever the scale of the gradient.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Adadelta {
    /// The share of the means that is kept.
    pub rho: f64,
    /// Added under the roots.
    pub epsilon: f64,
}

impl Default for Adadelta {
    fn default() -> Self {
        Self {
            rho: 0.95,
            epsilon: 1e-7,
        }
    }
}

#[derive(Clone, Copy)]
struct Deltas<F> {
    lr: F,
    rho: F,
    rest: F,
    epsilon: F,
}

impl<F: Real> Rule<F, 2> for Deltas<F> {
    #[inline(always)]
    fn step(&self, w: F, g: F, [v, u]: &mut [F; 2]) -> F {
        *v = self.rho * *v + self.rest * (g * g);
        let delta = (*u + self.epsilon).sqrt() * g / (*v + self.epsilon).sqrt();
        *u = self.rho * *u + self.rest * (delta * delta);
        w - self.lr * delta
    }
}

impl<F: Real> Optimizer<F> for Adadelta {
    fn kind(&self) -> &'static str {
        "Adadelta"
    }

    fn slots(&self, _: &Segment) -> Slots {
        Slots::Elementwise(&["accumulated_grad", "accumulated_delta_var"])
    }

    fn update(&self, step: &Step<F>, _: &Segment, weights: &mut [F], grads: &[F], slots: &mut [F]) {
        let rule = Deltas {
            lr: step.common.learning_rate,
            rho: F::of(self.rho),
            rest: F::of(1.0 - self.rho),
            epsilon: F::of(self.epsilon),
        };
        update::<F, 2>(rule, step.common, weights, grads, slots);
    }
}
