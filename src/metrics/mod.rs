//! What is reported of training: streaming means and sums over batches, one file per family, and the registry.

mod accuracy;
mod mean;
mod of_loss;
mod top_k;

use std::fmt::Debug;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::identifier::{Identifier, Known};
use crate::losses::{Task, Weights, snake_case};
use crate::real::Real;

pub use accuracy::{Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy};
pub use mean::{Mean, Plain, Sum, UnitValues};
pub use of_loss::{OfLoss, SquaredError};
pub use top_k::{SortedIds, SparseTopK, TopK};

/// One batch as a metric sees it.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a, F> {
    /// The targets; empty for metrics of plain values.
    pub target: &'a [F],
    /// Their shape.
    pub target_shape: &'a [usize],
    /// The predictions, or the plain values.
    pub prediction: &'a [F],
    /// Their shape.
    pub prediction_shape: &'a [usize],
    /// The weights of samples or units.
    pub weights: Option<Weights<'a, F>>,
    /// 0 for what does not count; a number for each unit, or for each of the first axes.
    pub mask: Option<&'a [F]>,
}

/// A number that grows over batches. Sums are `f64` and run in the order of the data.
pub trait Metric<F: Real>: Debug + Send + Sync {
    /// Takes a batch in.
    fn update(&mut self, batch: Batch<'_, F>) -> Result<()>;

    /// The number so far; 0 if nothing came.
    fn result(&self) -> f64;

    /// Forgets all batches.
    fn reset_state(&mut self);

    /// All that is remembered.
    fn state(&self) -> Vec<f64>;

    /// Takes back what [`state`](Metric::state) gave.
    fn set_state(&mut self, state: &[f64]) -> Result<()>;
}

/// A metric and the name it is reported under.
#[derive(Debug)]
pub struct NamedMetric<F> {
    /// The name.
    pub name: String,
    /// The metric.
    pub metric: Box<dyn Metric<F>>,
}

/// The metrics by name.
pub const KNOWN: &[Known] = &[
    Known::new("Accuracy"),
    Known::new("BinaryAccuracy"),
    Known::with("BinaryCrossentropy", &["bce"]),
    Known::new("CategoricalAccuracy"),
    Known::new("CategoricalCrossentropy"),
    Known::new("Mean"),
    Known::with("MeanAbsoluteError", &["mae"]),
    Known::with("MeanSquaredError", &["mse"]),
    Known::new("RootMeanSquaredError"),
    Known::new("SparseCategoricalAccuracy"),
    Known::new("SparseCategoricalCrossentropy"),
    Known::new("SparseTopKCategoricalAccuracy"),
    Known::new("Sum"),
    Known::new("TopKCategoricalAccuracy"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TopKFields {
    k: usize,
    from_sorted_ids: bool,
}

impl Default for TopKFields {
    fn default() -> Self {
        Self {
            k: 5,
            from_sorted_ids: false,
        }
    }
}

impl<F: Real> NamedMetric<F> {
    /// Reads a name or a Keras config. `"accuracy"` must be made plain by [`resolve`] first.
    pub fn from_config(value: &Value) -> Result<Self> {
        let mut id = Identifier::parse("metric", value, KNOWN)?;
        id.take_dtype(F::DTYPE)?;
        // Keras reports a metric under the very string it was asked for by.
        let asked = value.as_str().map(str::to_owned);
        let name = id
            .take_string("name")?
            .or(asked)
            .unwrap_or_else(|| snake_case(id.class_name));
        Ok(Self {
            name,
            metric: build(&id)?,
        })
    }
}

fn build<F: Real>(id: &Identifier) -> Result<Box<dyn Metric<F>>> {
    let plain = |values: Box<dyn UnitValues<F>>| {
        id.no_fields()?;
        Ok(Box::new(Mean::of(values)) as Box<dyn Metric<F>>)
    };
    match id.class_name {
        "Accuracy" => plain(Box::new(Accuracy)),
        "CategoricalAccuracy" => plain(Box::new(CategoricalAccuracy)),
        "SparseCategoricalAccuracy" => plain(Box::new(SparseCategoricalAccuracy)),
        "Mean" => plain(Box::new(Plain)),
        "Sum" => {
            id.no_fields()?;
            Ok(Box::new(Sum::default()))
        }
        "RootMeanSquaredError" => {
            id.no_fields()?;
            Ok(Box::new(Mean::root_of(Box::new(SquaredError))))
        }
        "BinaryAccuracy" => Ok(Box::new(Mean::of(Box::new(id.fields::<BinaryAccuracy>()?)))),
        "TopKCategoricalAccuracy" => Ok(Box::new(Mean::of(Box::new(id.fields::<TopK>()?)))),
        "SparseTopKCategoricalAccuracy" => {
            let TopKFields { k, from_sorted_ids } = id.fields()?;
            Ok(Box::new(Mean::of(if from_sorted_ids {
                Box::new(SortedIds { k })
            } else {
                Box::new(SparseTopK { k })
            })))
        }
        _ => Ok(Box::new(Mean::of(Box::new(OfLoss(crate::losses::build(
            id,
        )?))))),
    }
}

/// The class that `"accuracy"`, `"acc"`, `"crossentropy"` or `"ce"` means for these shapes, as in Keras, reported under
/// the word that was asked for; any other config is left as it is.
pub fn resolve(value: &Value, target: &[usize], prediction: &[usize]) -> Value {
    let word = match value {
        Value::String(word) => word,
        // An object named "Accuracy" is the class of that name; in lower case it is the word.
        Value::Object(object) => match object.get("class_name") {
            Some(Value::String(word)) if word.chars().all(char::is_lowercase) => word,
            _ => return value.clone(),
        },
        _ => return value.clone(),
    };
    let suffix = match word.to_lowercase().as_str() {
        "accuracy" | "acc" => "Accuracy",
        "crossentropy" | "ce" => "Crossentropy",
        _ => return value.clone(),
    };
    let prefix = match Task::of(target, prediction) {
        Task::Binary => "Binary",
        Task::Sparse => "SparseCategorical",
        Task::Categorical => "Categorical",
    };
    let mut config = value.get("config").cloned().unwrap_or_else(|| json!({}));
    if let Some(config) = config.as_object_mut() {
        config.entry("name").or_insert_with(|| word.as_str().into());
    }
    json!({"class_name": format!("{prefix}{suffix}"), "config": config})
}

/// Refuses a state of the wrong length.
fn state_of<const N: usize>(state: &[f64]) -> Result<[f64; N]> {
    state.try_into().map_err(|_| {
        Error::param(
            format!("a metric's state of {N} numbers"),
            format!("{}", state.len()),
        )
    })
}

#[cfg(test)]
mod tests;
