//! `(initial - end) * (1 - step / steps)^power + end`; cyclic, the steps are drawn out to a multiple once they are over.

use serde::Deserialize;

use super::{Schedule, positive_steps};
use crate::error::Result;

/// Polynomial decay.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolynomialDecay {
    /// The learning rate at step 0.
    pub initial_learning_rate: f64,
    /// The steps of the decay.
    pub decay_steps: f64,
    /// The learning rate at the end.
    #[serde(default = "default_end")]
    pub end_learning_rate: f64,
    /// The power.
    #[serde(default = "default_power")]
    pub power: f64,
    /// Whether it starts again.
    #[serde(default)]
    pub cycle: bool,
}

fn default_end() -> f64 {
    1e-4
}

fn default_power() -> f64 {
    1.0
}

impl PolynomialDecay {
    pub(super) fn checked(self) -> Result<Self> {
        positive_steps("PolynomialDecay", self.decay_steps)?;
        Ok(self)
    }
}

impl Schedule for PolynomialDecay {
    fn kind(&self) -> &'static str {
        "PolynomialDecay"
    }

    fn learning_rate(&self, step: f64) -> f64 {
        let decays = step / self.decay_steps;
        let part = if self.cycle {
            decays / decays.ceil().max(1.0)
        } else {
            decays.min(1.0)
        };
        let range = self.initial_learning_rate - self.end_learning_rate;
        range * (1.0 - part).powf(self.power) + self.end_learning_rate
    }
}
