//! Adam (Kingma & Ba, 2014) in Keras's form, where epsilon is added before the bias correction:
//!
//! ```text
//! m += (g - m) (1 - beta_1)        v += (g^2 - v) (1 - beta_2)        a = lr sqrt(1 - beta_2^t) / (1 - beta_1^t)
//! w -= a m / (sqrt(v) + epsilon)
//! ```
//! AMSGrad divides by the largest `v` seen so far (Reddi et al., "On the Convergence of Adam and Beyond", 2018).
//! AdamW is the same with decoupled weight decay (Loshchilov & Hutter, 2017), which every optimizer here has.

use serde::Deserialize;

use super::{Optimizer, Segment, Slots, Step};
use crate::kernels::optimizer::{Rule, update};
use crate::real::Real;

/// Adam and AdamW.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Adam {
    /// The share of the mean of the gradients that is kept.
    pub beta_1: f64,
    /// The share of the mean of their squares that is kept.
    pub beta_2: f64,
    /// Added to the divisor.
    pub epsilon: f64,
    /// Whether to divide by the largest mean of squares so far.
    pub amsgrad: bool,
    /// Whether this is AdamW.
    #[serde(skip)]
    pub decoupled: bool,
}

impl Default for Adam {
    fn default() -> Self {
        Self {
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-7,
            amsgrad: false,
            decoupled: false,
        }
    }
}

#[derive(Clone, Copy)]
struct Moments<F> {
    rate_1: F,
    rate_2: F,
    alpha: F,
    epsilon: F,
}

impl<F: Real> Moments<F> {
    #[inline(always)]
    fn follow(&self, g: F, m: &mut F, v: &mut F) {
        *m += (g - *m) * self.rate_1;
        *v += (g * g - *v) * self.rate_2;
    }

    #[inline(always)]
    fn moved(&self, w: F, m: F, v: F) -> F {
        w - m * self.alpha / (v.sqrt() + self.epsilon)
    }
}

impl<F: Real> Rule<F, 2> for Moments<F> {
    #[inline(always)]
    fn step(&self, w: F, g: F, [m, v]: &mut [F; 2]) -> F {
        self.follow(g, m, v);
        self.moved(w, *m, *v)
    }
}

/// The same, dividing by the largest mean of squares.
impl<F: Real> Rule<F, 3> for Moments<F> {
    #[inline(always)]
    fn step(&self, w: F, g: F, [m, v, largest]: &mut [F; 3]) -> F {
        self.follow(g, m, v);
        *largest = largest.maximum(*v);
        self.moved(w, *m, *largest)
    }
}

/// `beta^t`, rounded where Keras rounds: from the power of the rounded beta, so that the first steps agree.
pub(super) fn power<F: Real>(beta: f64, t: u64) -> f64 {
    F::of(F::of(beta).f64().powf(t as f64)).f64()
}

impl<F: Real> Optimizer<F> for Adam {
    fn kind(&self) -> &'static str {
        if self.decoupled { "AdamW" } else { "Adam" }
    }

    fn slots(&self, _: &Segment) -> Slots {
        Slots::Elementwise(if self.amsgrad {
            &["momentum", "velocity", "velocity_hat"]
        } else {
            &["momentum", "velocity"]
        })
    }

    fn update(&self, step: &Step<F>, _: &Segment, weights: &mut [F], grads: &[F], slots: &mut [F]) {
        let t = step.iteration + 1;
        let correction =
            (1.0 - power::<F>(self.beta_2, t)).sqrt() / (1.0 - power::<F>(self.beta_1, t));
        let rule = Moments {
            rate_1: F::of(1.0 - self.beta_1),
            rate_2: F::of(1.0 - self.beta_2),
            alpha: F::of(step.learning_rate * correction),
            epsilon: F::of(self.epsilon),
        };
        if self.amsgrad {
            update::<F, 3>(rule, step.common, weights, grads, slots);
        } else {
            update::<F, 2>(rule, step.common, weights, grads, slots);
        }
    }
}
