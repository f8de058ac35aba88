//! What is reported of training: streaming means and sums over batches, one file per family, and the registry.

mod accuracy;
mod at_thresholds;
mod auc;
mod class_matrix;
mod correlation;
mod f_score;
mod histogram;
mod mean;
mod of_loss;
mod r2_score;
mod top_k;
mod unit_weights;

use std::fmt::{self, Debug};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::identifier::{Identifier, Known};
use crate::losses::{Task, Weights, snake_case};
use crate::real::Real;
use at_thresholds::AtThresholds;
use auc::Auc;
use class_matrix::ClassMatrix;
use correlation::Correlation;
use f_score::FScore;
use histogram::Counts;
use r2_score::R2Score;

pub use accuracy::{Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy};
pub use mean::{Mean, Plain, Sum, UnitValues};
pub use of_loss::{Negated, OfLoss, SquaredError};
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

    /// The number so far, 0 if nothing came; of several numbers, their mean.
    fn result(&self) -> f64;

    /// The numbers so far, if there are several.
    fn several(&self) -> Option<Several> {
        None
    }

    /// Forgets all batches.
    fn reset_state(&mut self);

    /// All that is remembered.
    fn state(&self) -> Vec<f64>;

    /// Takes back what [`state`](Metric::state) gave.
    fn set_state(&mut self, state: &[f64]) -> Result<()>;
}

/// Numbers that a metric gives together.
#[derive(Debug, Clone, PartialEq)]
pub struct Several {
    /// Their shape.
    pub shape: Vec<usize>,
    /// The numbers.
    pub values: Vec<f64>,
}

impl Several {
    /// Numbers in a row.
    pub fn list(values: Vec<f64>) -> Self {
        Self {
            shape: vec![values.len()],
            values,
        }
    }
}

/// What is reported of a metric.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// A number.
    One(f64),
    /// Several.
    Several(Several),
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(number) => fmt::Display::fmt(number, f),
            Self::Several(several) => f.debug_list().entries(&several.values).finish(),
        }
    }
}

/// What Keras adds to divisors.
const EPSILON: f64 = 1e-7;

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
    Known::new("AUC"),
    Known::new("Accuracy"),
    Known::new("BinaryAccuracy"),
    Known::with("BinaryCrossentropy", &["bce"]),
    Known::new("BinaryIoU"),
    Known::new("CategoricalAccuracy"),
    Known::new("CategoricalCrossentropy"),
    Known::new("CategoricalHinge"),
    Known::new("ConcordanceCorrelation"),
    Known::new("ConfusionMatrix"),
    Known::new("CosineSimilarity"),
    Known::new("F1Score"),
    Known::new("FBetaScore"),
    Known::new("FalseNegatives"),
    Known::new("FalsePositives"),
    Known::new("Hinge"),
    Known::new("IoU"),
    Known::new("KLDivergence"),
    Known::new("LogCoshError"),
    Known::new("Mean"),
    Known::with("MeanAbsoluteError", &["mae"]),
    Known::with("MeanAbsolutePercentageError", &["mape"]),
    Known::new("MeanIoU"),
    Known::with("MeanSquaredError", &["mse"]),
    Known::with("MeanSquaredLogarithmicError", &["msle"]),
    Known::new("OneHotIoU"),
    Known::new("OneHotMeanIoU"),
    Known::new("PearsonCorrelation"),
    Known::new("Perplexity"),
    Known::new("Poisson"),
    Known::new("Precision"),
    Known::new("PrecisionAtRecall"),
    Known::new("R2Score"),
    Known::new("Recall"),
    Known::new("RecallAtPrecision"),
    Known::new("RootMeanSquaredError"),
    Known::new("SensitivityAtSpecificity"),
    Known::new("SparseCategoricalAccuracy"),
    Known::new("SparseCategoricalCrossentropy"),
    Known::new("SparseTopKCategoricalAccuracy"),
    Known::new("SpecificityAtSensitivity"),
    Known::new("SquaredHinge"),
    Known::new("Sum"),
    Known::new("TopKCategoricalAccuracy"),
    Known::new("TrueNegatives"),
    Known::new("TruePositives"),
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
    /// The number so far, or the numbers.
    pub fn reading(&self) -> Reading {
        match self.metric.several() {
            Some(several) => Reading::Several(several),
            None => Reading::One(self.metric.result()),
        }
    }

    /// Reads a name or a Keras config. `"accuracy"` must be made plain by [`resolve`] first.
    pub fn from_config(value: &Value) -> Result<Self> {
        let mut id = Identifier::parse("metric", value, KNOWN)?;
        id.take_dtype(F::DTYPE)?;
        // Keras reports a metric under the very string it was asked for by.
        let asked = value.as_str().map(str::to_owned);
        let name = id
            .take_string("name")?
            .or(asked)
            .unwrap_or_else(|| default_name(id.class_name));
        Ok(Self {
            name,
            metric: build(id)?,
        })
    }
}

fn build<F: Real>(mut id: Identifier) -> Result<Box<dyn Metric<F>>> {
    let kind = id.class_name;
    let class_matrix = matches!(
        kind,
        "BinaryIoU" | "ConfusionMatrix" | "IoU" | "MeanIoU" | "OneHotIoU" | "OneHotMeanIoU"
    );
    Ok(match kind {
        "AUC" => Box::new(Auc::new(id.fields()?)?),
        "FalseNegatives" => Box::new(AtThresholds::each(id, |c| c.false_negatives)?),
        "FalsePositives" => Box::new(AtThresholds::each(id, |c| c.false_positives)?),
        "TrueNegatives" => Box::new(AtThresholds::each(id, |c| c.true_negatives)?),
        "TruePositives" => Box::new(AtThresholds::each(id, |c| c.true_positives)?),
        "Precision" => Box::new(AtThresholds::each(id, Counts::precision)?),
        "Recall" => Box::new(AtThresholds::each(id, Counts::recall)?),
        "PrecisionAtRecall" => {
            Box::new(AtThresholds::best(&id, Counts::precision, Counts::recall)?)
        }
        "RecallAtPrecision" => {
            Box::new(AtThresholds::best(&id, Counts::recall, Counts::precision)?)
        }
        "SensitivityAtSpecificity" => Box::new(AtThresholds::best(
            &id,
            Counts::recall,
            Counts::specificity,
        )?),
        "SpecificityAtSensitivity" => Box::new(AtThresholds::best(
            &id,
            Counts::specificity,
            Counts::recall,
        )?),
        "F1Score" | "FBetaScore" => Box::new(FScore::new(kind, id.fields()?)?),
        "R2Score" => Box::new(R2Score::new(id.fields()?)),
        _ if class_matrix => Box::new(ClassMatrix::new(kind, id.fields()?)?),
        "Sum" => {
            id.no_fields()?;
            Box::new(Sum::default())
        }
        "RootMeanSquaredError" => {
            id.no_fields()?;
            Box::new(Mean::root_of(Box::new(SquaredError)))
        }
        "Perplexity" => {
            id.class_name = "SparseCategoricalCrossentropy";
            let loss = crate::losses::build(&id)?;
            Box::new(Mean::exponential_of(Box::new(OfLoss(loss))))
        }
        _ => Box::new(Mean::of(values(id)?)),
    })
}

/// What a metric that is a mean is the mean of.
fn values<F: Real>(mut id: Identifier) -> Result<Box<dyn UnitValues<F>>> {
    let plain = |values: Box<dyn UnitValues<F>>| id.no_fields().map(|()| values);
    Ok(match id.class_name {
        "Accuracy" => plain(Box::new(Accuracy))?,
        "CategoricalAccuracy" => plain(Box::new(CategoricalAccuracy))?,
        "SparseCategoricalAccuracy" => plain(Box::new(SparseCategoricalAccuracy))?,
        "Mean" => plain(Box::new(Plain))?,
        "BinaryAccuracy" => Box::new(id.fields::<BinaryAccuracy>()?),
        "ConcordanceCorrelation" => Box::new(Correlation::concordance(id.fields()?)),
        "PearsonCorrelation" => Box::new(Correlation::pearson(id.fields()?)),
        "TopKCategoricalAccuracy" => Box::new(id.fields::<TopK>()?),
        "SparseTopKCategoricalAccuracy" => {
            let TopKFields { k, from_sorted_ids } = id.fields()?;
            if from_sorted_ids {
                Box::new(SortedIds { k })
            } else {
                Box::new(SparseTopK { k })
            }
        }
        "CosineSimilarity" => Box::new(Negated(OfLoss(crate::losses::build(&id)?))),
        "LogCoshError" => {
            id.class_name = "LogCosh";
            Box::new(OfLoss(crate::losses::build(&id)?))
        }
        _ => Box::new(OfLoss(crate::losses::build(&id)?)),
    })
}

/// The name a metric is reported under by default.
fn default_name(class_name: &str) -> String {
    match class_name {
        "LogCoshError" => "logcosh".to_owned(),
        "AUC" => "auc".to_owned(),
        "KLDivergence" => "kl_divergence".to_owned(),
        other => snake_case(other),
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

/// Refuses a state that is not of so many numbers.
fn state_of_len(state: &[f64], len: usize) -> Result<()> {
    if state.len() == len {
        return Ok(());
    }
    Err(Error::param(
        format!("a metric's state of {len} numbers"),
        state.len().to_string(),
    ))
}

/// Refuses a state that is not of so many numbers, any number of times.
fn state_of_any(state: &[f64], group: usize) -> Result<()> {
    if state.len().is_multiple_of(group) {
        return Ok(());
    }
    Err(Error::param(
        format!("a metric's state of {group} numbers for each class or output"),
        state.len().to_string(),
    ))
}

#[cfg(test)]
mod tests;
