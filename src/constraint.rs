//! Rules that weights are brought back to after every step of the optimizer.

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::identifier::{Identifier, Known};

/// A rule that weights keep. Read from a name or a Keras config.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub enum Constraint {
    /// Every norm at most `max_value`.
    MaxNorm(MaxNorm),
    /// Every norm within bounds, or moved towards them.
    MinMaxNorm(MinMaxNorm),
    /// No element below 0.
    NonNeg,
    /// Every norm 1.
    UnitNorm(UnitNorm),
}

/// The axes a norm is taken over: one, several, or all.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Axes {
    /// One axis; negative ones count from the end.
    One(i64),
    /// Several axes.
    Many(Vec<i64>),
    /// All axes.
    All,
}

/// Every norm at most `max_value`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MaxNorm {
    /// The largest norm allowed.
    pub max_value: f64,
    /// The axes of the norm.
    pub axis: Axes,
}

/// Norms moved towards `min_value..=max_value` by the share `rate`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MinMaxNorm {
    /// The smallest norm wanted.
    pub min_value: f64,
    /// The largest norm wanted.
    pub max_value: f64,
    /// 1: norms are brought within bounds at once; less: moved towards them by this share.
    pub rate: f64,
    /// The axes of the norm.
    pub axis: Axes,
}

/// Every norm 1.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UnitNorm {
    /// The axes of the norm.
    pub axis: Axes,
}

impl Default for MaxNorm {
    fn default() -> Self {
        Self {
            max_value: 2.0,
            axis: Axes::One(0),
        }
    }
}

impl Default for MinMaxNorm {
    fn default() -> Self {
        Self {
            min_value: 0.0,
            max_value: 1.0,
            rate: 1.0,
            axis: Axes::One(0),
        }
    }
}

impl Default for UnitNorm {
    fn default() -> Self {
        Self { axis: Axes::One(0) }
    }
}

/// The constraints by name.
pub const KNOWN: &[Known] = &[
    Known::new("MaxNorm"),
    Known::new("MinMaxNorm"),
    Known::with("NonNeg", &["NonNegative"]),
    Known::new("UnitNorm"),
];

impl TryFrom<Value> for Constraint {
    type Error = Error;

    fn try_from(value: Value) -> Result<Self> {
        let id = Identifier::parse("constraint", &value, KNOWN)?;
        Ok(match id.class_name {
            "MaxNorm" => Self::MaxNorm(id.fields()?),
            "MinMaxNorm" => Self::MinMaxNorm(id.fields()?),
            "UnitNorm" => Self::UnitNorm(id.fields()?),
            _ => id.no_fields().map(|()| Self::NonNeg)?,
        })
    }
}
