//! LAMB (You et al., "Large Batch Optimization for Deep Learning", 2019): Adam's direction, as long as the weight itself.
//!
//! ```text
//! d = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)      w -= lr d |w| / |d|
//! ```

use serde::Deserialize;

use super::adam::power;
use super::{Optimizer, Segment, Slots, Step};
use crate::kernels::optimizer::{CHUNK, Common, Rule, slot_range, square_sum, update};
use crate::parallel::sum_chunks;
use crate::real::Real;

/// Adam with steps in proportion to each weight.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lamb {
    /// The share of the mean of the gradients that is kept.
    pub beta_1: f64,
    /// The share of the mean of their squares that is kept.
    pub beta_2: f64,
    /// Added to the divisor.
    pub epsilon: f64,
}

impl Default for Lamb {
    fn default() -> Self {
        Self {
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-7,
        }
    }
}

/// The first pass: the means follow.
#[derive(Clone, Copy)]
struct Follow<F> {
    rate_1: F,
    rate_2: F,
}

impl<F: Real> Rule<F, 2> for Follow<F> {
    #[inline(always)]
    fn step(&self, w: F, g: F, [m, v]: &mut [F; 2]) -> F {
        *m += (g - *m) * self.rate_1;
        *v += (g * g - *v) * self.rate_2;
        w
    }
}

/// The second pass: the weight moves.
#[derive(Clone, Copy)]
struct Move<F> {
    correction_1: F,
    correction_2: F,
    epsilon: F,
    rate: F,
}

impl<F: Real> Move<F> {
    #[inline(always)]
    fn direction(&self, m: F, v: F) -> F {
        m / self.correction_1 / ((v / self.correction_2).sqrt() + self.epsilon)
    }
}

impl<F: Real> Rule<F, 2> for Move<F> {
    #[inline(always)]
    fn step(&self, w: F, _: F, [m, v]: &mut [F; 2]) -> F {
        w - self.rate * self.direction(*m, *v)
    }
}

impl<F: Real> Optimizer<F> for Lamb {
    fn kind(&self) -> &'static str {
        "Lamb"
    }

    fn slots(&self, _: &Segment) -> Slots {
        Slots::Elementwise(&["momentum", "velocity"])
    }

    fn update(&self, step: &Step<F>, _: &Segment, weights: &mut [F], grads: &[F], slots: &mut [F]) {
        let follow = Follow {
            rate_1: F::of(1.0 - self.beta_1),
            rate_2: F::of(1.0 - self.beta_2),
        };
        update::<F, 2>(follow, step.common, weights, grads, slots);
        let t = step.iteration + 1;
        let mut rule = Move {
            correction_1: F::of(1.0 - power::<F>(self.beta_1, t)),
            correction_2: F::of(1.0 - power::<F>(self.beta_2, t)),
            epsilon: F::of(self.epsilon),
            rate: F::ZERO,
        };
        let len = weights.len();
        let length = sum_chunks(len, CHUNK, |range| {
            // A part is a whole number of chunks.
            (range.start / CHUNK..range.end.div_ceil(CHUNK))
                .map(|chunk| {
                    let means = &slots[slot_range(len, 2, 0, chunk)];
                    let squares = &slots[slot_range(len, 2, 1, chunk)];
                    let pairs = means.iter().zip(squares);
                    pairs
                        .map(|(&m, &v)| rule.direction(m, v).f64())
                        .fold(0.0, |sum, d| sum + d * d)
                })
                .sum()
        });
        let (length, size) = (length.sqrt(), square_sum(weights).sqrt());
        let ratio = if size > 0.0 && length > 0.0 {
            size / length
        } else {
            1.0
        };
        rule.rate = F::of(ratio * step.learning_rate);
        update::<F, 2>(rule, Common::NOTHING, weights, grads, slots);
    }
}
