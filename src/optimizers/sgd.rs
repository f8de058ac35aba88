//! Stochastic gradient descent: `w -= lr * g`, or with momentum
//! `m = momentum * m - lr * g; w += m`, or with Nesterov's `w += momentum * m - lr * g`
//! (Sutskever et al., "On the Importance of Initialization and Momentum in Deep Learning", 2013).

use serde::Deserialize;

use super::{Optimizer, Segment, Slots, Step};
use crate::error::{Error, Result};
use crate::kernels::optimizer::{Rule, update};
use crate::real::Real;

/// Gradient descent with momentum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sgd {
    /// The share of the last change that is kept; 0 for none.
    pub momentum: f64,
    /// Whether the gradient is followed from where the momentum leads to.
    pub nesterov: bool,
}

#[derive(Clone, Copy)]
struct Plain<F> {
    lr: F,
}

impl<F: Real> Rule<F, 0> for Plain<F> {
    #[inline(always)]
    fn step(&self, w: F, g: F, _: &mut [F; 0]) -> F {
        w - g * self.lr
    }
}

#[derive(Clone, Copy)]
struct Momentum<F> {
    lr: F,
    momentum: F,
    nesterov: bool,
}

impl<F: Real> Rule<F, 1> for Momentum<F> {
    #[inline(always)]
    fn step(&self, w: F, g: F, [m]: &mut [F; 1]) -> F {
        let change = g * self.lr;
        *m = *m * self.momentum - change;
        if self.nesterov {
            w + (*m * self.momentum - change)
        } else {
            w + *m
        }
    }
}

impl Sgd {
    pub(super) fn checked(self) -> Result<Self> {
        if (0.0..=1.0).contains(&self.momentum) {
            return Ok(self);
        }
        Err(Error::config(
            "momentum from 0 to 1",
            format!("momentum={}", self.momentum),
        )
        .at("SGD"))
    }
}

impl<F: Real> Optimizer<F> for Sgd {
    fn kind(&self) -> &'static str {
        "SGD"
    }

    fn slots(&self, _: &Segment) -> Slots {
        Slots::Elementwise(if self.momentum == 0.0 {
            &[]
        } else {
            &["momentum"]
        })
    }

    fn update(&self, step: &Step<F>, _: &Segment, weights: &mut [F], grads: &[F], slots: &mut [F]) {
        let (lr, momentum) = (step.common.learning_rate, F::of(self.momentum));
        if self.momentum == 0.0 {
            update(Plain { lr }, step.common, weights, grads, slots);
        } else {
            update(
                Momentum {
                    lr,
                    momentum,
                    nesterov: self.nesterov,
                },
                step.common,
                weights,
                grads,
                slots,
            );
        }
    }
}
