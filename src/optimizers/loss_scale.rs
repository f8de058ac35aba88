//! A factor on gradients that adapts (Micikevicius et al., "Mixed Precision Training", 2017): doubled after many steps in a
//! row went well, halved when a gradient overflows, and that step left out.

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::identifier::Identifier;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    inner_optimizer: Value,
    #[serde(default = "default_scale")]
    initial_scale: f64,
    #[serde(default = "default_growth")]
    dynamic_growth_steps: u64,
}

fn default_scale() -> f64 {
    32768.0
}

fn default_growth() -> u64 {
    2000
}

/// The factor, and how long it has gone well.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LossScale {
    pub scale: f64,
    pub well: u64,
    growth_steps: u64,
}

impl LossScale {
    /// Reads a config; what is left is the optimizer inside.
    pub fn from_config(id: &mut Identifier) -> Result<(Self, Value)> {
        id.take_string("name")?;
        let fields: Fields = id.fields()?;
        if !(fields.initial_scale > 0.0 && fields.initial_scale.is_finite()) {
            let got = format!("initial_scale={}", fields.initial_scale);
            return Err(Error::config("initial_scale > 0", got).at("LossScaleOptimizer"));
        }
        if fields.dynamic_growth_steps == 0 {
            let got = "dynamic_growth_steps=0";
            return Err(Error::config("dynamic_growth_steps > 0", got).at("LossScaleOptimizer"));
        }
        let scale = Self {
            scale: fields.initial_scale,
            well: 0,
            growth_steps: fields.dynamic_growth_steps,
        };
        Ok((scale, fields.inner_optimizer))
    }

    /// A step that went well.
    pub fn grow(&mut self) {
        self.well += 1;
        if self.well >= self.growth_steps {
            (self.well, self.scale) = (0, self.scale * 2.0);
        }
    }

    /// A step that did not.
    pub fn shrink(&mut self) {
        (self.well, self.scale) = (0, self.scale * 0.5);
    }
}
