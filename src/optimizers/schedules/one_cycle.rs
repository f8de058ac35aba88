//! Up to the largest learning rate and down far below the first (Smith & Topin, "Super-Convergence", 2017), as PyTorch's
//! `OneCycleLR` counts.

use std::f64::consts::PI;

use serde::Deserialize;

use super::Schedule;
use crate::error::{Error, Result};

/// The form of the way up and down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Annealing {
    /// Half a cosine.
    #[default]
    Cos,
    /// A straight line.
    Linear,
}

/// One cycle.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneCycle {
    /// The largest learning rate.
    pub max_learning_rate: f64,
    /// The steps of the cycle.
    pub total_steps: f64,
    /// The share of the steps that go up.
    #[serde(default = "default_start")]
    pub pct_start: f64,
    /// The form of the way.
    #[serde(default)]
    pub anneal: Annealing,
    /// The largest learning rate divided by the first.
    #[serde(default = "default_div")]
    pub div_factor: f64,
    /// The first learning rate divided by the last.
    #[serde(default = "default_final_div")]
    pub final_div_factor: f64,
}

fn default_start() -> f64 {
    0.3
}

fn default_div() -> f64 {
    25.0
}

fn default_final_div() -> f64 {
    1e4
}

impl OneCycle {
    pub(super) fn checked(self) -> Result<Self> {
        let refused =
            |expected: &str, got: String| Err(Error::config(expected, got).at("OneCycle"));
        if !(self.total_steps.is_finite() && self.total_steps > 1.0) {
            return refused(
                "total_steps > 1",
                format!("total_steps={}", self.total_steps),
            );
        }
        if !(0.0..=1.0).contains(&self.pct_start) {
            return refused(
                "pct_start from 0 to 1",
                format!("pct_start={}", self.pct_start),
            );
        }
        let least = self.div_factor.min(self.final_div_factor);
        if least <= 0.0 || least.is_nan() {
            return refused("div_factor and final_div_factor > 0", least.to_string());
        }
        Ok(self)
    }
}

impl Schedule for OneCycle {
    fn kind(&self) -> &'static str {
        "OneCycle"
    }

    fn learning_rate(&self, step: f64) -> f64 {
        let first = self.max_learning_rate / self.div_factor;
        let last = first / self.final_div_factor;
        let (top, end) = (
            self.pct_start * self.total_steps - 1.0,
            self.total_steps - 1.0,
        );
        let between = |from: f64, to: f64, part: f64| match self.anneal {
            Annealing::Cos => to + (from - to) / 2.0 * (1.0 + (PI * part).cos()),
            Annealing::Linear => from + (to - from) * part,
        };
        let step = step.min(end);
        if step <= top {
            let part = if top > 0.0 { step / top } else { 1.0 };
            return between(first, self.max_learning_rate, part);
        }
        let part = ((step - top) / (end - top)).clamp(0.0, 1.0);
        between(self.max_learning_rate, last, part)
    }
}
