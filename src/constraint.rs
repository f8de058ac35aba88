//! Rules that weights are brought back to after every step of the optimizer.

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::identifier::{Identifier, Known};
use crate::real::Real;
use crate::shape::{Shape, axis_index};

/// What Keras adds to a norm before it divides by it.
const EPSILON: f64 = 1e-7;

/// Neighbouring columns whose norms are taken in one pass over memory.
const COLUMNS: usize = 64;

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
    /// All axes; `None` in Python.
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

impl Axes {
    /// The axes as one bit each, or an error if one lies beyond `rank`.
    fn bits(&self, shape: &[usize]) -> Result<u64> {
        let rank = shape.len();
        let bit = |axis: i64| {
            axis_index(axis, rank)
                .filter(|&index| index < 64)
                .map(|index| 1u64 << index)
                .ok_or_else(|| {
                    Error::config(
                        format!("an axis of a weight of shape {}", Shape::known(shape)),
                        format!("axis={axis}"),
                    )
                })
        };
        match self {
            Self::One(axis) => bit(*axis),
            Self::Many(axes) => axes.iter().try_fold(0, |bits, &axis| Ok(bits | bit(axis)?)),
            Self::All => Ok(u64::MAX >> (64 - rank.clamp(1, 64))),
        }
    }
}

impl Constraint {
    /// Whether the constraint can be kept by a weight of this shape.
    pub fn check(&self, shape: &[usize]) -> Result<()> {
        match self {
            Self::NonNeg => Ok(()),
            Self::MaxNorm(MaxNorm { axis, .. })
            | Self::MinMaxNorm(MinMaxNorm { axis, .. })
            | Self::UnitNorm(UnitNorm { axis }) => axis.bits(shape).map(|_| ()),
        }
    }

    /// Brings `values` of this `shape` back to the rule.
    ///
    /// # Errors
    /// If an axis of the norm is none of the shape.
    pub fn apply<F: Real>(&self, shape: &[usize], values: &mut [F]) -> Result<()> {
        match self {
            Self::NonNeg => {
                values.iter_mut().for_each(|w| *w = w.maximum(F::ZERO));
                Ok(())
            }
            Self::MaxNorm(MaxNorm { max_value, axis }) => {
                scale_norms(values, shape, axis.bits(shape)?, |norm| {
                    norm.clamp(0.0, max_value.max(0.0)) / (EPSILON + norm)
                });
                Ok(())
            }
            Self::MinMaxNorm(MinMaxNorm {
                min_value,
                max_value,
                rate,
                axis,
            }) => {
                scale_norms(values, shape, axis.bits(shape)?, |norm| {
                    let wanted = norm.max(*min_value).min(*max_value);
                    (rate * wanted + (1.0 - rate) * norm) / (EPSILON + norm)
                });
                Ok(())
            }
            Self::UnitNorm(UnitNorm { axis }) => {
                scale_norms(values, shape, axis.bits(shape)?, |norm| {
                    1.0 / (EPSILON + norm)
                });
                Ok(())
            }
        }
    }
}

/// Multiplies every group of elements that differ in the `reduced` axes alone by `factor(norm of the group)`.
///
/// The axes after the last reduced one are contiguous columns: [`COLUMNS`] of them are taken at once, so that a
/// norm over axis 0 of a matrix reads whole rows.
fn scale_norms<F: Real>(
    values: &mut [F],
    shape: &[usize],
    reduced: u64,
    factor: impl Fn(f64) -> f64,
) {
    if values.is_empty() {
        return;
    }
    let split = (u64::BITS - reduced.leading_zeros()) as usize;
    let (outer, inner) = shape.split_at(split.min(shape.len()));
    let width: usize = inner.iter().product();
    let groups = count(outer, !reduced);
    let members = count(outer, reduced);
    for group in 0..groups {
        let base = offset(outer, !reduced, group) * width;
        for start in (0..width).step_by(COLUMNS) {
            let columns = COLUMNS.min(width - start);
            let row = |member| {
                let at = base + offset(outer, reduced, member) * width + start;
                at..at + columns
            };
            let mut norms = [0.0f64; COLUMNS];
            for member in 0..members {
                for (sum, w) in norms.iter_mut().zip(&values[row(member)]) {
                    *sum += w.f64() * w.f64();
                }
            }
            let factors = norms.map(|sum| F::of(factor(sum.sqrt())));
            for member in 0..members {
                for (w, &factor) in values[row(member)].iter_mut().zip(&factors) {
                    *w *= factor;
                }
            }
        }
    }
}

/// How many places the chosen axes have.
fn count(shape: &[usize], chosen: u64) -> usize {
    let sizes = shape.iter().enumerate();
    sizes
        .filter(|(axis, _)| chosen >> axis & 1 == 1)
        .map(|(_, &size)| size)
        .product()
}

/// Where the `index`-th place of the chosen axes lies, the other axes at 0.
fn offset(shape: &[usize], chosen: u64, mut index: usize) -> usize {
    let (mut at, mut stride) = (0, 1);
    for (axis, &size) in shape.iter().enumerate().rev() {
        if chosen >> axis & 1 == 1 {
            at += index % size * stride;
            index /= size;
        }
        stride *= size;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The norm of each group by brute force: every element finds its group by its kept indices.
    fn slow_norms(values: &[f64], shape: &[usize], reduced: &[usize]) -> Vec<f64> {
        let group = |mut i: usize| {
            let mut key = 0;
            for (axis, &size) in shape.iter().enumerate().rev() {
                if !reduced.contains(&axis) {
                    key = key * size + i % size;
                }
                i /= size;
            }
            key
        };
        (0..values.len())
            .map(|i| {
                let same = (0..values.len()).filter(|&j| group(i) == group(j));
                same.map(|j| values[j] * values[j]).sum::<f64>().sqrt()
            })
            .collect()
    }

    #[test]
    fn unit_norm_divides_every_group_by_its_norm() {
        for (shape, axes) in [
            (&[3usize, 70][..], &[0usize][..]),
            (&[4, 3], &[1]),
            (&[2, 3, 4, 5], &[0, 1, 2]),
            (&[2, 3, 4, 5], &[0, 2]),
            (&[6], &[0]),
        ] {
            let n: usize = shape.iter().product();
            let start: Vec<f64> = (0..n).map(|i| ((i * 7 + 3) % 11) as f64 - 4.0).collect();
            let norms = slow_norms(&start, shape, axes);
            let axis = Axes::Many(axes.iter().map(|&a| a as i64).collect());
            let mut values = start.clone();
            Constraint::UnitNorm(UnitNorm { axis })
                .apply(shape, &mut values)
                .unwrap();
            for ((value, start), norm) in values.iter().zip(&start).zip(&norms) {
                assert!(
                    (value - start / (norm + EPSILON)).abs() < 1e-12,
                    "{shape:?} {axes:?}"
                );
            }
        }
    }

    #[test]
    fn max_norm_shortens_long_columns_alone() {
        let mut values = [3.0f64, 0.3, 4.0, 0.4];
        Constraint::MaxNorm(MaxNorm::default())
            .apply(&[2, 2], &mut values)
            .unwrap();
        for (value, wanted) in values.iter().zip([1.2, 0.3, 1.6, 0.4]) {
            assert!((value - wanted).abs() < 1e-6, "{values:?}");
        }
    }

    #[test]
    fn min_max_norm_moves_by_its_rate() {
        let rule = MinMaxNorm {
            min_value: 1.0,
            max_value: 2.0,
            rate: 0.5,
            axis: Axes::All,
        };
        let mut values = [3.0f64, 4.0];
        Constraint::MinMaxNorm(rule)
            .apply(&[2], &mut values)
            .unwrap();
        assert!((values[0] - 3.0 * 3.5 / 5.0).abs() < 1e-6, "{values:?}");
    }

    #[test]
    fn non_neg_keeps_nan_visible() {
        let mut values = [-1.0f32, 2.0, f32::NAN];
        Constraint::NonNeg.apply(&[3], &mut values).unwrap();
        assert_eq!(values[..2], [0.0, 2.0]);
        assert!(values[2].is_nan());
    }

    #[test]
    fn axis_beyond_the_shape_is_refused() {
        let value = json!({"class_name": "UnitNorm", "config": {"axis": [0, 2]}});
        let error = Constraint::try_from(value)
            .unwrap()
            .check(&[3, 4])
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected an axis of a weight of shape (3, 4), got axis=2"
        );
    }
}
