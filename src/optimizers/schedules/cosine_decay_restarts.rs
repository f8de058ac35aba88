//! Half a cosine again and again, each `t_mul` times as long and starting `m_mul` times as high as the one before
//! (Loshchilov & Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2016).

use std::f64::consts::PI;

use serde::Deserialize;

use super::Schedule;
use crate::error::{Error, Result};

/// Cosine decay with restarts.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CosineDecayRestarts {
    /// The learning rate at step 0.
    pub initial_learning_rate: f64,
    /// The steps of the first decay.
    pub first_decay_steps: f64,
    /// How much longer each decay is than the one before.
    #[serde(default = "default_t_mul")]
    pub t_mul: f64,
    /// How much higher each decay starts than the one before.
    #[serde(default = "default_m_mul")]
    pub m_mul: f64,
    /// The share of the learning rate that is left at the end of a decay.
    #[serde(default)]
    pub alpha: f64,
}

fn default_t_mul() -> f64 {
    2.0
}

fn default_m_mul() -> f64 {
    1.0
}

impl CosineDecayRestarts {
    pub(super) fn checked(self) -> Result<Self> {
        for (name, value) in [
            ("first_decay_steps", self.first_decay_steps),
            ("t_mul", self.t_mul),
        ] {
            if !(value.is_finite() && value > 0.0) {
                let got = format!("{name}={value}");
                return Err(Error::config(format!("{name} > 0"), got).at("CosineDecayRestarts"));
            }
        }
        Ok(self)
    }
}

impl Schedule for CosineDecayRestarts {
    fn kind(&self) -> &'static str {
        "CosineDecayRestarts"
    }

    fn learning_rate(&self, step: f64) -> f64 {
        let done = step / self.first_decay_steps;
        let (restarts, part) = if self.t_mul == 1.0 {
            (done.floor(), done - done.floor())
        } else {
            // The lengths so far are a geometric sum.
            let restarts = ((1.0 - done * (1.0 - self.t_mul)).ln() / self.t_mul.ln()).floor();
            let length = self.t_mul.powf(restarts);
            let before = (1.0 - length) / (1.0 - self.t_mul);
            (restarts, (done - before) / length)
        };
        let cosine = 0.5 * self.m_mul.powf(restarts) * (1.0 + (PI * part).cos());
        self.initial_learning_rate * ((1.0 - self.alpha) * cosine + self.alpha)
    }
}
