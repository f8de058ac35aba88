//! Half a cosine from the initial learning rate down to a share of it, after a linear warm-up if one is asked for
//! (Loshchilov & Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2016).

use std::f64::consts::PI;

use serde::Deserialize;

use super::{Schedule, positive_steps};
use crate::error::{Error, Result};

/// Cosine decay with warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CosineDecay {
    /// The learning rate at step 0.
    pub initial_learning_rate: f64,
    /// The steps of the decay, after those of the warm-up.
    pub decay_steps: f64,
    /// The share of the learning rate that is left in the end.
    #[serde(default)]
    pub alpha: f64,
    /// The learning rate at the end of the warm-up; none without it.
    #[serde(default)]
    pub warmup_target: Option<f64>,
    /// The steps of the warm-up.
    #[serde(default)]
    pub warmup_steps: f64,
}

impl CosineDecay {
    pub(super) fn checked(self) -> Result<Self> {
        positive_steps("CosineDecay", self.decay_steps)?;
        if self.warmup_steps.is_finite() && self.warmup_steps >= 0.0 {
            return Ok(self);
        }
        Err(Error::config(
            "warmup_steps >= 0",
            format!("warmup_steps={}", self.warmup_steps),
        )
        .at("CosineDecay"))
    }

    fn decayed(&self, from: f64, step: f64) -> f64 {
        let cosine = 0.5 * (1.0 + (PI * (step / self.decay_steps).min(1.0)).cos());
        from * ((1.0 - self.alpha) * cosine + self.alpha)
    }
}

impl Schedule for CosineDecay {
    fn kind(&self) -> &'static str {
        "CosineDecay"
    }

    fn learning_rate(&self, step: f64) -> f64 {
        let initial = self.initial_learning_rate;
        match self.warmup_target {
            None => self.decayed(initial, step),
            Some(target) if step < self.warmup_steps => {
                initial + (target - initial) * (step / self.warmup_steps)
            }
            Some(target) => self.decayed(target, step - self.warmup_steps),
        }
    }
}
