//! Up and down between two learning rates (Smith, "Cyclical Learning Rates for Training Neural Networks", 2017), as
//! PyTorch's `CyclicLR` counts.

use serde::Deserialize;

use super::{Schedule, positive_steps};
use crate::error::Result;

/// What becomes of the height of the cycles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nothing.
    #[default]
    Triangular,
    /// It is halved after each cycle.
    Triangular2,
    /// It falls by the factor `gamma` at each step.
    ExpRange,
}

/// Cycles.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cyclic {
    /// The smallest learning rate.
    pub base_learning_rate: f64,
    /// The largest.
    pub max_learning_rate: f64,
    /// The steps up.
    #[serde(default = "default_up")]
    pub step_size_up: f64,
    /// The steps down; as many as up if none.
    #[serde(default)]
    pub step_size_down: Option<f64>,
    /// What becomes of the height.
    #[serde(default)]
    pub mode: Mode,
    /// The factor of `exp_range`.
    #[serde(default = "default_gamma")]
    pub gamma: f64,
}

fn default_up() -> f64 {
    2000.0
}

fn default_gamma() -> f64 {
    1.0
}

impl Cyclic {
    pub(super) fn checked(self) -> Result<Self> {
        positive_steps("Cyclic", self.step_size_up.min(self.down()))?;
        Ok(self)
    }

    fn down(&self) -> f64 {
        self.step_size_down.unwrap_or(self.step_size_up)
    }
}

impl Schedule for Cyclic {
    fn kind(&self) -> &'static str {
        "Cyclic"
    }

    fn learning_rate(&self, step: f64) -> f64 {
        let length = self.step_size_up + self.down();
        let cycle = (step / length).floor();
        let at = step - cycle * length;
        let height = if at <= self.step_size_up {
            at / self.step_size_up
        } else {
            (length - at) / self.down()
        };
        let scale = match self.mode {
            Mode::Triangular => 1.0,
            Mode::Triangular2 => 0.5f64.powf(cycle),
            Mode::ExpRange => self.gamma.powf(step),
        };
        self.base_learning_rate
            + (self.max_learning_rate - self.base_learning_rate) * height * scale
    }
}
