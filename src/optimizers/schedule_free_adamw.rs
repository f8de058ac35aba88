//! Schedule-free AdamW (Defazio et al., "The Road Less Scheduled", 2024): no schedule is needed, because the weights are
//! between a fast sequence `z` and the mean `x` of all it went through.
//!
//! ```text
//! z' = z - lr g / (sqrt(v / (1 - beta_2^t)) + epsilon)      x = (w - (1 - beta_1) z) / beta_1
//! x' = (1 - 1/t) x + z' / t                                w' = (1 - beta_1) z' + beta_1 x'
//! ```

use serde::Deserialize;

use super::adam::power;
use super::{Optimizer, Segment, Slots, Step};
use crate::error::{Error, Result};
use crate::kernels::optimizer::{CHUNK, Rule, slot_range, update};
use crate::real::Real;

/// AdamW without a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleFreeAdamW {
    /// The share of the mean in the weights.
    pub beta_1: f64,
    /// The share of the mean of squares that is kept.
    pub beta_2: f64,
    /// Added to the divisor.
    pub epsilon: f64,
    /// The steps over which the learning rate rises.
    pub warmup_steps: u64,
}

impl Default for ScheduleFreeAdamW {
    fn default() -> Self {
        Self {
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            warmup_steps: 0,
        }
    }
}

impl ScheduleFreeAdamW {
    pub(super) fn checked(self) -> Result<Self> {
        if self.beta_1 > 0.0 && self.beta_1 <= 1.0 {
            return Ok(self);
        }
        let got = format!("beta_1={}", self.beta_1);
        Err(Error::config("0 < beta_1 <= 1", got).at("ScheduleFreeAdamW"))
    }
}

#[derive(Clone, Copy)]
struct Between<F> {
    lr: F,
    rate_2: F,
    correction: F,
    epsilon: F,
    beta_1: F,
    rest_1: F,
    new: F,
}

impl<F: Real> Rule<F, 2> for Between<F> {
    #[inline(always)]
    fn step(&self, w: F, g: F, [z, v]: &mut [F; 2]) -> F {
        *v += (g * g - *v) * self.rate_2;
        let mean = (w - self.rest_1 * *z) / self.beta_1;
        *z -= self.lr * g / ((*v / self.correction).sqrt() + self.epsilon);
        let mean = (F::ONE - self.new) * mean + self.new * *z;
        self.rest_1 * *z + self.beta_1 * mean
    }
}

impl<F: Real> Optimizer<F> for ScheduleFreeAdamW {
    fn kind(&self) -> &'static str {
        "ScheduleFreeAdamW"
    }

    fn slots(&self, _: &Segment) -> Slots {
        Slots::Elementwise(&["momentum", "velocity"])
    }

    fn update(&self, step: &Step<F>, _: &Segment, weights: &mut [F], grads: &[F], slots: &mut [F]) {
        if step.iteration == 0 {
            // The fast sequence starts at the weights.
            for (chunk, weights) in weights.chunks(CHUNK).enumerate() {
                slots[slot_range(grads.len(), 2, 0, chunk)].copy_from_slice(weights);
            }
        }
        let t = (step.iteration + 1) as f64;
        let warm = if self.warmup_steps > 0 {
            (t / self.warmup_steps as f64).min(1.0)
        } else {
            1.0
        };
        let rule = Between {
            lr: F::of(step.learning_rate * warm),
            rate_2: F::of(1.0 - self.beta_2),
            correction: F::of(1.0 - power::<F>(self.beta_2, step.iteration + 1)),
            epsilon: F::of(self.epsilon),
            beta_1: F::of(self.beta_1),
            rest_1: F::of(1.0 - self.beta_1),
            new: F::of(1.0 / t),
        };
        update::<F, 2>(rule, step.common, weights, grads, slots);
    }
}
