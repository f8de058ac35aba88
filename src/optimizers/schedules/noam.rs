//! Up in a straight line, then down with the root of the step (Vaswani et al., "Attention Is All You Need", 2017):
//! `factor * d_model^-1/2 * min(t^-1/2, t * warmup_steps^-3/2)` with `t = step + 1`.

use serde::Deserialize;

use super::{Schedule, positive_steps};
use crate::error::Result;

/// The schedule of the first transformers.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noam {
    /// The width of the model.
    pub d_model: f64,
    /// The steps up.
    #[serde(default = "default_warmup")]
    pub warmup_steps: f64,
    /// What everything is multiplied by.
    #[serde(default = "default_factor")]
    pub factor: f64,
}

fn default_warmup() -> f64 {
    4000.0
}

fn default_factor() -> f64 {
    1.0
}

impl Noam {
    pub(super) fn checked(self) -> Result<Self> {
        positive_steps("Noam", self.warmup_steps.min(self.d_model))?;
        Ok(self)
    }
}

impl Schedule for Noam {
    fn kind(&self) -> &'static str {
        "Noam"
    }

    fn learning_rate(&self, step: f64) -> f64 {
        let t = step + 1.0;
        let rising = t * self.warmup_steps.powf(-1.5);
        self.factor * self.d_model.powf(-0.5) * t.powf(-0.5).min(rising)
    }
}
