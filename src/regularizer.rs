//! Penalties on weights that are added to the loss: `l1 * sum(|w|) + l2 * sum(w^2)`, or on vectors that are not at right angles.

mod orthogonal;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::identifier::{Identifier, Known};
use crate::parallel::{for_each_chunk_mut, sum_chunks};
use crate::real::Real;
use orthogonal::Orthogonal;

/// Elements of one partial sum. Part of what fixes the bits of a penalty.
const CHUNK: usize = 8192;

/// A penalty on the size of weights or activations. Read from a name or a Keras config.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub enum Regularizer {
    /// `l1 * sum(|w|) + l2 * sum(w^2)`.
    L1L2 {
        /// The weight of the sum of absolute values.
        l1: f64,
        /// The weight of the sum of squares.
        l2: f64,
    },
    /// The mean cosine between rows or columns of a matrix.
    Orthogonal(Orthogonal),
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
        let positive = |name: &str, factor: f64| {
            if factor.is_finite() && factor >= 0.0 {
                return Ok(factor);
            }
            Err(Error::config(
                format!("a non-negative number for {name}"),
                format!("{name}={factor}"),
            )
            .at(id.class_name))
        };
        let (l1, l2) = match id.class_name {
            "L1" => (id.fields::<L1Fields>()?.l1.unwrap_or(0.01), 0.0),
            "L2" => (0.0, id.fields::<L2Fields>()?.l2.unwrap_or(0.01)),
            "L1L2" => {
                let L1L2Fields { l1, l2 } = id.fields()?;
                (l1.unwrap_or(0.0), l2.unwrap_or(0.0))
            }
            _ => {
                let orthogonal: Orthogonal = id.fields()?;
                positive("factor", orthogonal.factor)?;
                return Ok(Self::Orthogonal(orthogonal));
            }
        };
        Ok(Self::L1L2 {
            l1: positive("l1", l1)?,
            l2: positive("l2", l2)?,
        })
    }
}

impl Regularizer {
    /// Whether arrays with so many axes can be penalised.
    ///
    /// # Errors
    /// If vectors at right angles are asked of what is no matrix.
    pub fn check(&self, rank: usize) -> Result<()> {
        match self {
            Self::Orthogonal(_) if rank != 2 => Err(Error::shape(
                "a matrix for OrthogonalRegularizer",
                format!("{rank} axes"),
            )),
            _ => Ok(()),
        }
    }

    /// What an array of this shape costs.
    pub fn penalty<F: Real>(&self, shape: &[usize], values: &[F]) -> f64 {
        let (l1, l2) = match self {
            Self::L1L2 { l1, l2 } => (l1, l2),
            Self::Orthogonal(orthogonal) => return orthogonal.penalty(matrix(shape), values),
        };
        sum_chunks(values.len(), CHUNK, |range| {
            // sum(|w| * (l1 + l2 * |w|)), the sums of both penalties in one
            values[range]
                .iter()
                .map(|w| {
                    let size = w.f64().abs();
                    size * (l1 + l2 * size)
                })
                .sum()
        })
    }

    /// Adds `factor` times the gradient of the penalty, `l1 * sign(w) + 2 * l2 * w` or what vectors ask for.
    pub fn add_gradient<F: Real>(
        &self,
        shape: &[usize],
        values: &[F],
        factor: f64,
        grad_values: &mut [F],
    ) {
        let (l1, l2) = match self {
            Self::L1L2 { l1, l2 } => (F::of(factor * l1), F::of(factor * 2.0 * l2)),
            Self::Orthogonal(orthogonal) => {
                return orthogonal.add_gradient(matrix(shape), values, factor, grad_values);
            }
        };
        for_each_chunk_mut(grad_values, CHUNK, |index, grads| {
            for (g, &w) in grads.iter_mut().zip(&values[index * CHUNK..]) {
                let sign =
                    F::of_usize(usize::from(w > F::ZERO)) - F::of_usize(usize::from(w < F::ZERO));
                *g += l1 * sign + l2 * w;
            }
        });
    }
}

/// The sizes of what [`Regularizer::check`] has seen.
fn matrix(shape: &[usize]) -> [usize; 2] {
    shape.try_into().expect("checked to be a matrix")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn defaults_are_those_of_the_class() {
        for (value, l1, l2) in [
            (json!("l1"), 0.01, 0.0),
            (json!("L2"), 0.0, 0.01),
            (json!("l1_l2"), 0.0, 0.0),
            (
                json!({"class_name": "L1L2", "config": {"l1": 0.5, "l2": null}}),
                0.5,
                0.0,
            ),
        ] {
            assert_eq!(
                Regularizer::try_from(value).unwrap(),
                Regularizer::L1L2 { l1, l2 }
            );
        }
    }

    #[test]
    fn penalty_and_gradient_follow_the_formula() {
        let regularizer = Regularizer::L1L2 { l1: 0.5, l2: 0.25 };
        let values = [1.0f64, -2.0, 0.0];
        assert_eq!(regularizer.penalty(&[3], &values), 0.5 * 3.0 + 0.25 * 5.0);
        let mut grads = [1.0; 3];
        regularizer.add_gradient(&[3], &values, 2.0, &mut grads);
        assert_eq!(
            grads,
            [1.0 + 2.0 * (0.5 + 0.5), 1.0 - 2.0 * (0.5 + 1.0), 1.0]
        );
    }

    #[test]
    fn negative_factors_and_other_vectors_are_refused() {
        for (value, text) in [
            (
                json!({"class_name": "L2", "config": {"l2": -1.0}}),
                "L2: expected a non-negative number for l2, got l2=-1",
            ),
            (
                json!({"class_name": "OrthogonalRegularizer", "config": {"factor": -1.0}}),
                "OrthogonalRegularizer: expected a non-negative number for factor, got factor=-1",
            ),
        ] {
            assert_eq!(Regularizer::try_from(value).unwrap_err().to_string(), text);
        }
        let orthogonal = Regularizer::try_from(json!("OrthogonalRegularizer")).unwrap();
        assert_eq!(
            orthogonal.check(4).unwrap_err().to_string(),
            "expected a matrix for OrthogonalRegularizer, got 4 axes"
        );
    }
}
