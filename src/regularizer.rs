//! Penalties on weights that are added to the loss: `l1 * sum(|w|) + l2 * sum(w^2)`.

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::identifier::{Identifier, Known};

/// A penalty on the size of weights or activations. Read from a name or a Keras config.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub enum Regularizer {
    /// `l1 * sum(|w|) + l2 * sum(w^2)`.
    L1L2 {
        /// The weight of the sum of absolute values.
        l1: f64,
        /// The weight of the sum of squares.
        l2: f64,
    },
}

/// The regularizers by name.
pub const KNOWN: &[Known] = &[
    Known::new("L1"),
    Known::new("L2"),
    Known::new("L1L2"),
    Known::new("OrthogonalRegularizer"),
];

/// Absent and null mean the default of the class, as in Keras.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct L1Fields {
    #[serde(default)]
    l1: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct L2Fields {
    #[serde(default)]
    l2: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct L1L2Fields {
    #[serde(default)]
    l1: Option<f64>,
    #[serde(default)]
    l2: Option<f64>,
}

impl TryFrom<Value> for Regularizer {
    type Error = Error;

    fn try_from(value: Value) -> Result<Self> {
        let id = Identifier::parse("regularizer", &value, KNOWN)?;
        let (l1, l2) = match id.class_name {
            "L1" => (id.fields::<L1Fields>()?.l1.unwrap_or(0.01), 0.0),
            "L2" => (0.0, id.fields::<L2Fields>()?.l2.unwrap_or(0.01)),
            "L1L2" => {
                let L1L2Fields { l1, l2 } = id.fields()?;
                (l1.unwrap_or(0.0), l2.unwrap_or(0.0))
            }
            other => {
                return Err(Error::config("the regularizer L1, L2 or L1L2", other)
                    .remedy("OrthogonalRegularizer is not available yet."));
            }
        };
        for (name, factor) in [("l1", l1), ("l2", l2)] {
            if !factor.is_finite() || factor < 0.0 {
                return Err(Error::config(
                    format!("a non-negative number for {name}"),
                    format!("{name}={factor}"),
                )
                .at(id.class_name));
            }
        }
        Ok(Self::L1L2 { l1, l2 })
    }
}
