//! One learning rate up to each boundary, and one after the last.

use serde::Deserialize;

use super::Schedule;
use crate::error::{Error, Result};

/// Piecewise constant decay.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PiecewiseConstantDecay {
    /// The last step of each value but the last one; rising.
    pub boundaries: Vec<f64>,
    /// The learning rates.
    pub values: Vec<f64>,
}

impl PiecewiseConstantDecay {
    pub(super) fn checked(self) -> Result<Self> {
        let (values, boundaries) = (self.values.len(), self.boundaries.len());
        if values != boundaries + 1 {
            return Err(Error::config(
                "one more value than boundaries",
                format!("{values} values and {boundaries} boundaries"),
            )
            .at("PiecewiseConstantDecay"));
        }
        if !self.boundaries.is_sorted() {
            return Err(Error::config(
                "rising boundaries",
                format!("boundaries={:?}", self.boundaries),
            )
            .at("PiecewiseConstantDecay"));
        }
        Ok(self)
    }
}

impl Schedule for PiecewiseConstantDecay {
    fn kind(&self) -> &'static str {
        "PiecewiseConstantDecay"
    }

    fn learning_rate(&self, step: f64) -> f64 {
        self.values[self.boundaries.partition_point(|&boundary| boundary < step)]
    }
}
