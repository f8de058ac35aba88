//! Resilient propagation (Igel & Huesken, "Empirical Evaluation of the Improved Rprop Learning Algorithms", 2003): each
//! weight has a step of its own, which grows while its gradient keeps its sign and shrinks when it changes.
//!
//! ```text
//! same sign:    d = min(d eta_plus, largest)      w -= sign(g) d
//! other sign:   d = max(d eta_minus, smallest)    w goes back, if the loss rose; g is forgotten
//! ```
//! This is iRprop+; without the way back (iRprop-) it is what others call Rprop.

use serde::Deserialize;

use super::{Optimizer, Segment, Slots, Step};
use crate::error::{Error, Result};
use crate::kernels::optimizer::{Rule, update};
use crate::real::Real;

/// Improved resilient propagation.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IRprop {
    /// What a step is multiplied by where the gradient changes its sign, and where it keeps it.
    pub etas: (f64, f64),
    /// The smallest and the largest step.
    pub step_sizes: (f64, f64),
    /// Whether a weight whose gradient changed its sign goes back if the loss rose.
    pub weight_backtracking: bool,
}

impl Default for IRprop {
    fn default() -> Self {
        Self {
            etas: (0.5, 1.2),
            step_sizes: (1e-6, 50.0),
            weight_backtracking: true,
        }
    }
}

impl IRprop {
    pub(super) fn checked(self) -> Result<Self> {
        let refused = |expected: &str, got| Err(Error::config(expected, got).at("IRprop"));
        let ((minus, plus), (smallest, largest)) = (self.etas, self.step_sizes);
        if !(0.0 < minus && minus < 1.0 && 1.0 < plus && plus.is_finite()) {
            let got = format!("etas=({minus}, {plus})");
            return refused("etas below and above 1", got);
        }
        if !(0.0 < smallest && smallest <= largest && largest.is_finite()) {
            let got = format!("step_sizes=({smallest}, {largest})");
            return refused("step_sizes from a smallest above 0 to a largest", got);
        }
        Ok(self)
    }
}

#[derive(Clone, Copy)]
struct Resilient<F> {
    start: F,
    minus: F,
    plus: F,
    smallest: F,
    largest: F,
    goes_back: bool,
}

/// -1, 0 or 1.
#[inline(always)]
fn sign<F: Real>(x: F) -> F {
    if x > F::ZERO {
        F::ONE
    } else if x < F::ZERO {
        -F::ONE
    } else {
        F::ZERO
    }
}

impl<F: Real> Rule<F, 2> for Resilient<F> {
    #[inline(always)]
    fn step(&self, w: F, g: F, [size, previous]: &mut [F; 2]) -> F {
        // 0: no step was made yet.
        let before = if *size == F::ZERO { self.start } else { *size };
        let agreement = sign(g) * sign(*previous);
        let factor = if agreement > F::ZERO {
            self.plus
        } else if agreement < F::ZERO {
            self.minus
        } else {
            F::ONE
        };
        *size = (before * factor)
            .maximum(self.smallest)
            .minimum(self.largest);
        if agreement < F::ZERO {
            let back = if self.goes_back {
                sign(*previous) * before
            } else {
                F::ZERO
            };
            *previous = F::ZERO;
            return w + back;
        }
        *previous = g;
        w - sign(g) * *size
    }
}

impl<F: Real> Optimizer<F> for IRprop {
    fn kind(&self) -> &'static str {
        "IRprop"
    }

    fn slots(&self, _: &Segment) -> Slots {
        Slots::Elementwise(&["step_size", "previous_gradient"])
    }

    fn follows_loss(&self) -> bool {
        self.weight_backtracking
    }

    fn learning_rate_is_a_start(&self) -> bool {
        true
    }

    fn update(&self, step: &Step<F>, _: &Segment, weights: &mut [F], grads: &[F], slots: &mut [F]) {
        let rule = Resilient {
            start: F::of(step.learning_rate),
            minus: F::of(self.etas.0),
            plus: F::of(self.etas.1),
            smallest: F::of(self.step_sizes.0),
            largest: F::of(self.step_sizes.1),
            goes_back: step.loss_rose,
        };
        update::<F, 2>(rule, step.common, weights, grads, slots);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::optimizers::{Optimizers, Segment};

    fn optimizer(config: &serde_json::Value) -> Optimizers<f64> {
        let weights = Segment {
            name: "w".into(),
            owner: (0, 0),
            shape: vec![2],
            value: 0,
            grad: 0,
            constraint: None,
            decay: true,
        };
        let value = json!({"class_name": "IRprop", "config": config});
        Optimizers::from_config(&value, &[weights]).unwrap()
    }

    #[test]
    fn steps_grow_shrink_and_are_taken_back() {
        let mut irprop = optimizer(&json!({"learning_rate": 0.1}));
        let mut w = [0.0, 0.0];
        for (grads, loss, expected) in [
            ([1.0, -5.0], 3.0, [-0.1, 0.1]),
            ([2.0, -1e-9], 2.0, [-0.22, 0.22]), // steps of 0.12
            ([-1.0, -1.0], 2.5, [-0.1, 0.364]), // the first goes back, the loss rose
            ([-1.0, 1.0], 2.0, [-0.04, 0.364]), // forgotten: half the step; the loss fell
        ] {
            irprop
                .apply(&mut w, &mut grads.clone(), Some(loss))
                .unwrap();
            let near = w.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12);
            assert!(near, "{w:?} for {expected:?}");
        }
    }

    #[test]
    fn a_loss_is_needed_to_go_back() {
        let mut irprop = optimizer(&json!({}));
        let error = irprop
            .apply(&mut [0.0; 2], &mut [1.0; 2], None)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "IRprop: expected the loss beside the gradients, got gradients alone. Compile a model with it, or use weight_backtracking=False."
        );
        let mut plain = optimizer(&json!({"weight_backtracking": false}));
        plain.apply(&mut [0.0; 2], &mut [1.0; 2], None).unwrap();
        let error = plain
            .part_mut(0)
            .unwrap()
            .set_learning_rate(1.0)
            .unwrap_err();
        assert!(error.to_string().contains("steps of their own"), "{error}");
    }
}
