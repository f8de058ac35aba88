//! Adagrad (Duchi et al., "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", 2011), in
//! Keras's form with epsilon under the root: `a += g^2; w -= lr g / sqrt(a + epsilon)`.

use serde::Deserialize;

use super::{Optimizer, Segment, Slots, Step};
use crate::kernels::optimizer::{Rule, update};
use crate::real::Real;

/// Gradient descent divided by the root of the sum of squares so far.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Adagrad {
    /// What the sums start at.
    pub initial_accumulator_value: f64,
    /// Added under the root.
    pub epsilon: f64,
}

impl Default for Adagrad {
    fn default() -> Self {
        Self {
            initial_accumulator_value: 0.1,
            epsilon: 1e-7,
        }
    }
}

#[derive(Clone, Copy)]
struct Sums<F> {
    lr: F,
    epsilon: F,
}

impl<F: Real> Rule<F, 1> for Sums<F> {
    #[inline(always)]
    fn step(&self, w: F, g: F, [sum]: &mut [F; 1]) -> F {
        *sum += g * g;
        w - self.lr * g / (*sum + self.epsilon).sqrt()
    }
}

impl<F: Real> Optimizer<F> for Adagrad {
    fn kind(&self) -> &'static str {
        "Adagrad"
    }

    fn slots(&self, _: &Segment) -> Slots {
        Slots::Elementwise(&["accumulator"])
    }

    fn start(&self, _: &str) -> f64 {
        self.initial_accumulator_value
    }

    fn update(&self, step: &Step<F>, _: &Segment, weights: &mut [F], grads: &[F], slots: &mut [F]) {
        let rule = Sums {
            lr: step.common.learning_rate,
            epsilon: F::of(self.epsilon),
        };
        update::<F, 1>(rule, step.common, weights, grads, slots);
    }
}
