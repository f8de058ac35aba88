//! `initial * rate^(step / steps)`.

use serde::Deserialize;

use super::{Schedule, positive_steps};
use crate::error::Result;

/// Exponential decay.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExponentialDecay {
    /// The learning rate at step 0.
    pub initial_learning_rate: f64,
    /// The steps after which it has fallen by the factor `decay_rate`.
    pub decay_steps: f64,
    /// The factor.
    pub decay_rate: f64,
    /// Whether it falls once in `decay_steps` steps instead of in each.
    #[serde(default)]
    pub staircase: bool,
}

impl ExponentialDecay {
    pub(super) fn checked(self) -> Result<Self> {
        positive_steps("ExponentialDecay", self.decay_steps)?;
        Ok(self)
    }
}

impl Schedule for ExponentialDecay {
    fn kind(&self) -> &'static str {
        "ExponentialDecay"
    }

    fn learning_rate(&self, step: f64) -> f64 {
        let decays = step / self.decay_steps;
        let decays = if self.staircase {
            decays.floor()
        } else {
            decays
        };
        self.initial_learning_rate * self.decay_rate.powf(decays)
    }
}
