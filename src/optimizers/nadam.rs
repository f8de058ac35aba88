//! Nadam (Dozat, "Incorporating Nesterov Momentum into Adam", 2016): Adam whose momentum looks a step ahead.
//!
//! ```text
//! u(t) = beta_1 (1 - 0.96^t / 2)      U(t) = u(1) u(2) ... u(t)      m and v as Adam's
//! w -= lr (u(t+1) m / (1 - U(t+1)) + (1 - u(t)) g / (1 - U(t))) / (sqrt(v / (1 - beta_2^t)) + epsilon)
//! ```

use serde::Deserialize;

use super::adam::power;
use super::{Optimizer, Segment, Slots, Step};
use crate::kernels::optimizer::{Rule, update};
use crate::real::Real;

/// Adam with Nesterov's momentum.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Nadam {
    /// The share of the mean of the gradients that is kept.
    pub beta_1: f64,
    /// The share of the mean of their squares that is kept.
    pub beta_2: f64,
    /// Added to the divisor.
    pub epsilon: f64,
}

impl Default for Nadam {
    fn default() -> Self {
        Self {
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-7,
        }
    }
}

impl Nadam {
    fn momentum_at(&self, power: f64) -> f64 {
        self.beta_1 * (1.0 - 0.5 * power)
    }

    /// `u(1) ... u(t)`; 0 once it is too small to change anything.
    fn product(&self, t: u64) -> f64 {
        let (mut product, mut power) = (1.0, 1.0);
        for _ in 0..t {
            power *= 0.96;
            product *= self.momentum_at(power);
            if product < 1e-20 {
                return 0.0;
            }
        }
        product
    }
}

#[derive(Clone, Copy)]
struct Ahead<F> {
    rate_1: F,
    rate_2: F,
    of_mean: F,
    of_gradient: F,
    correction: F,
    lr: F,
    epsilon: F,
}

impl<F: Real> Rule<F, 2> for Ahead<F> {
    #[inline(always)]
    fn step(&self, w: F, g: F, [m, v]: &mut [F; 2]) -> F {
        *m += (g - *m) * self.rate_1;
        *v += (g * g - *v) * self.rate_2;
        let mean = self.of_mean * *m + self.of_gradient * g;
        w - mean * self.lr / ((*v / self.correction).sqrt() + self.epsilon)
    }
}

impl<F: Real> Optimizer<F> for Nadam {
    fn kind(&self) -> &'static str {
        "Nadam"
    }

    fn slots(&self, _: &Segment) -> Slots {
        Slots::Elementwise(&["momentum", "velocity"])
    }

    fn update(&self, step: &Step<F>, _: &Segment, weights: &mut [F], grads: &[F], slots: &mut [F]) {
        let t = step.iteration + 1;
        let now = self.momentum_at(0.96f64.powf(t as f64));
        let next = self.momentum_at(0.96f64.powf((t + 1) as f64));
        let product = self.product(t);
        let rule = Ahead {
            rate_1: F::of(1.0 - self.beta_1),
            rate_2: F::of(1.0 - self.beta_2),
            of_mean: F::of(next / (1.0 - product * next)),
            of_gradient: F::of((1.0 - now) / (1.0 - product)),
            correction: F::of(1.0 - power::<F>(self.beta_2, t)),
            lr: step.common.learning_rate,
            epsilon: F::of(self.epsilon),
        };
        update::<F, 2>(rule, step.common, weights, grads, slots);
    }
}
