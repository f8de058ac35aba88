//! `initial / (1 + rate * step / steps)`.

use serde::Deserialize;

use super::{Schedule, positive_steps};
use crate::error::Result;

/// Inverse time decay.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InverseTimeDecay {
    /// The learning rate at step 0.
    pub initial_learning_rate: f64,
    /// The steps of one unit of time.
    pub decay_steps: f64,
    /// How much is added to the divisor per unit of time.
    pub decay_rate: f64,
    /// Whether time goes in whole units.
    #[serde(default)]
    pub staircase: bool,
}

impl InverseTimeDecay {
    pub(super) fn checked(self) -> Result<Self> {
        positive_steps("InverseTimeDecay", self.decay_steps)?;
        Ok(self)
    }
}

impl Schedule for InverseTimeDecay {
    fn kind(&self) -> &'static str {
        "InverseTimeDecay"
    }

    fn learning_rate(&self, step: f64) -> f64 {
        let time = step / self.decay_steps;
        let time = if self.staircase { time.floor() } else { time };
        self.initial_learning_rate / (1.0 + self.decay_rate * time)
    }
}
