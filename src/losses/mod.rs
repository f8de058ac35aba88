//! What training makes small: one file per loss, and the registry that reads them from Keras configs.
//!
//! A [`Loss`] turns predictions and targets into one value per unit (a sample, or a time step of one) and knows its
//! derivative; [`LossFn`] adds what Keras adds to every loss: reduction, weights and masks.

pub mod alignment;
mod binary_crossentropy;
mod binary_focal_crossentropy;
mod categorical_crossentropy;
mod categorical_focal_crossentropy;
mod circle;
mod cosine_similarity;
mod ctc;
mod gaussian_negative_log_likelihood;
mod generalized_cross_entropy;
mod given;
mod hinge;
mod kl_divergence;
mod line;
mod mean_absolute_error;
mod mean_squared_error;
mod overlap;
mod pointwise;
mod poisson;
mod quantile;
mod reduction;
mod relative_errors;
mod robust_errors;
mod sparse_categorical_crossentropy;
mod step;
mod weighted_sum;

use std::fmt::Debug;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::identifier::{Identifier, Known};
use crate::kernels::activation::Activation;
use crate::real::Real;
use overlap::{DiceFields, TverskyFields};
use pointwise::LastAxisMean;

pub use binary_crossentropy::BinaryCrossentropy;
pub use binary_focal_crossentropy::BinaryFocalCrossentropy;
pub use categorical_crossentropy::CategoricalCrossentropy;
pub use categorical_focal_crossentropy::CategoricalFocalCrossentropy;
pub use circle::Circle;
pub use cosine_similarity::CosineSimilarity;
pub use ctc::Ctc;
pub use gaussian_negative_log_likelihood::GaussianNegativeLogLikelihood;
pub use generalized_cross_entropy::CategoricalGeneralizedCrossEntropy;
pub use given::Given;
pub use hinge::{CategoricalHinge, Hinge};
pub use kl_divergence::KLDivergence;
pub use mean_absolute_error::MeanAbsoluteError;
pub use mean_squared_error::MeanSquaredError;
pub use overlap::Overlap;
pub use poisson::Poisson;
pub use quantile::Quantile;
pub use reduction::{Kept, Reduction, Weights};
pub use relative_errors::{MeanAbsolutePercentageError, MeanSquaredLogarithmicError};
pub use robust_errors::{Huber, LogCosh};
pub use sparse_categorical_crossentropy::SparseCategoricalCrossentropy;
pub use step::Operands;
pub use weighted_sum::WeightedSum;

/// What Keras keeps probabilities away from 0 and 1 by before it takes their logarithm.
pub(crate) const EPSILON: f64 = 1e-7;

/// Elements of one piece of parallel work. Part of what fixes the bits of a result.
pub(crate) const CHUNK: usize = 8192;

/// The maths of one loss. Holds no array.
pub trait Loss<F: Real>: Debug + Send + Sync {
    /// The Keras name of the class.
    fn kind(&self) -> &'static str;

    /// The shape of the values for targets and predictions of these shapes, or an error if they do not fit.
    fn check(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>>;

    /// Refuses targets that cannot be: NaN, infinite, a label out of range. Names the value and its place.
    fn validate(&self, target: &[F], prediction_shape: &[usize]) -> Result<()> {
        let _ = prediction_shape;
        finite(target)
    }

    /// `values[i]` = loss of unit `i`, before weights and reduction. Overwrites.
    fn forward(
        &self,
        target: &[F],
        prediction: &[F],
        prediction_shape: &[usize],
        values: &mut [F],
    ) -> Result<()>;

    /// `grad_prediction` = d `sum_i scale[i] * values[i]` / d prediction. Overwrites.
    fn backward(
        &self,
        target: &[F],
        prediction: &[F],
        prediction_shape: &[usize],
        scale: &[F],
        grad_prediction: &mut [F],
    ) -> Result<()>;

    /// [`Loss::forward`] and, with `scale[i] = factor * weights[i]`, [`Loss::backward`] in one pass. False if the loss has none
    /// for these operands: then nothing has been written.
    fn forward_backward(
        &self,
        target: &[F],
        prediction: &[F],
        prediction_shape: &[usize],
        (weights, factor): (&[F], F),
        values: &mut [F],
        grad_prediction: &mut [F],
    ) -> Result<bool> {
        let _ = (target, prediction, prediction_shape);
        let _ = (weights, factor, values, grad_prediction);
        Ok(false)
    }

    /// The same loss taken on what goes into `activation`, if the two together have a stable form.
    fn on_logits(&self, activation: &Activation) -> Option<Box<dyn Loss<F>>> {
        let _ = activation;
        None
    }

    /// The label whose units do not count.
    fn ignored_class(&self) -> Option<F> {
        None
    }

    /// Units of value 0 do not count in means.
    fn counts_only_positive(&self) -> bool {
        false
    }
}

/// A loss with its reduction and name, as `compile(loss=…)` takes it.
#[derive(Debug)]
pub struct LossFn<F> {
    /// The maths.
    pub loss: Box<dyn Loss<F>>,
    /// How values become one number.
    pub reduction: Reduction,
    /// The name it is reported under.
    pub name: String,
}

/// The losses by name.
pub const KNOWN: &[Known] = &[
    Known::with("BinaryCrossentropy", &["bce"]),
    Known::new("BinaryFocalCrossentropy"),
    Known::new("CTC"),
    Known::new("CategoricalCrossentropy"),
    Known::new("CategoricalFocalCrossentropy"),
    Known::new("CategoricalGeneralizedCrossEntropy"),
    Known::new("CategoricalHinge"),
    Known::new("Circle"),
    Known::new("CosineSimilarity"),
    Known::new("Dice"),
    Known::new("GaussianNegativeLogLikelihood"),
    Known::new("Given"),
    Known::new("Hinge"),
    Known::new("Huber"),
    Known::with("KLDivergence", &["kld"]),
    Known::new("LogCosh"),
    Known::with("MeanAbsoluteError", &["mae"]),
    Known::with("MeanAbsolutePercentageError", &["mape"]),
    Known::with("MeanSquaredError", &["mse"]),
    Known::with("MeanSquaredLogarithmicError", &["msle"]),
    Known::new("Poisson"),
    Known::with("Quantile", &["pinball"]),
    Known::new("SparseCategoricalCrossentropy"),
    Known::new("SquaredHinge"),
    Known::new("Tversky"),
    Known::new("WeightedSum"),
];

/// Builds the maths of a loss from its fields: shared with the metrics of the same name.
pub(crate) fn build<F: Real>(id: &Identifier) -> Result<Box<dyn Loss<F>>> {
    let hinge = |squared| id.no_fields().map(|()| Box::new(Hinge { squared }));
    Ok(match id.class_name {
        "BinaryCrossentropy" => Box::new(id.fields::<BinaryCrossentropy>()?.checked()?),
        "BinaryFocalCrossentropy" => Box::new(id.fields::<BinaryFocalCrossentropy>()?.checked()?),
        "CTC" => Box::new(id.fields::<Ctc>()?),
        "CategoricalCrossentropy" => Box::new(id.fields::<CategoricalCrossentropy>()?.checked()?),
        "CategoricalFocalCrossentropy" => {
            Box::new(id.fields::<CategoricalFocalCrossentropy>()?.checked()?)
        }
        "CategoricalGeneralizedCrossEntropy" => {
            let fields = id.fields::<CategoricalGeneralizedCrossEntropy>()?;
            Box::new(fields.checked()?)
        }
        "CategoricalHinge" => Box::new(id.fields::<CategoricalHinge>()?),
        "Circle" => Box::new(id.fields::<Circle>()?),
        "CosineSimilarity" => Box::new(id.fields::<CosineSimilarity>()?),
        "Dice" => Box::new(Overlap::from(id.fields::<DiceFields>()?)),
        "GaussianNegativeLogLikelihood" => Box::new(id.fields::<GaussianNegativeLogLikelihood>()?),
        "Given" => id.no_fields().map(|()| Box::new(Given))?,
        "Hinge" => hinge(false)?,
        "Huber" => Box::new(LastAxisMean(id.fields::<Huber>()?.checked()?)),
        "KLDivergence" => Box::new(id.fields::<KLDivergence>()?),
        "LogCosh" => Box::new(LastAxisMean(id.fields::<LogCosh>()?)),
        "MeanAbsoluteError" => Box::new(LastAxisMean(id.fields::<MeanAbsoluteError>()?)),
        "MeanAbsolutePercentageError" => {
            Box::new(LastAxisMean(id.fields::<MeanAbsolutePercentageError>()?))
        }
        "MeanSquaredError" => Box::new(LastAxisMean(id.fields::<MeanSquaredError>()?)),
        "MeanSquaredLogarithmicError" => {
            Box::new(LastAxisMean(id.fields::<MeanSquaredLogarithmicError>()?))
        }
        "Poisson" => Box::new(LastAxisMean(id.fields::<Poisson>()?)),
        "Quantile" => Box::new(LastAxisMean(id.fields::<Quantile>()?.checked()?)),
        "SquaredHinge" => hinge(true)?,
        "WeightedSum" => Box::new(WeightedSum::new(id.fields()?)?),
        "Tversky" => Box::new(Overlap::from(id.fields::<TverskyFields>()?)),
        _ => Box::new(id.fields::<SparseCategoricalCrossentropy>()?),
    })
}

impl<F: Real> LossFn<F> {
    /// Reads a name or a Keras config. `"crossentropy"` must be made plain by [`resolve`] first.
    pub fn from_config(value: &Value) -> Result<Self> {
        let mut id = Identifier::parse("loss", value, KNOWN)?;
        let reduction = match id.take("reduction") {
            None => Reduction::default(),
            Some(Value::Null) => Reduction::None,
            Some(other) => serde_json::from_value(other.clone()).map_err(|_| {
                Error::config(
                    "reduction \"sum_over_batch_size\", \"sum\", \"mean\", \"mean_with_sample_weight\", \"none\" or None",
                    format!("reduction={other}"),
                )
                .at(id.class_name)
            })?,
        };
        id.take_dtype(F::DTYPE)?;
        let name = id
            .take_string("name")?
            .unwrap_or_else(|| default_name(id.class_name));
        Ok(Self {
            loss: build(&id)?,
            reduction,
            name,
        })
    }

    /// The loss of a batch, and in `scale` what [`Loss::backward`] needs: `factor * d loss / d values`.
    ///
    /// `units` is the shape of `values`; `mask` holds 0 for units that do not count.
    #[allow(clippy::too_many_arguments)] // the operands of one formula
    pub fn reduce(
        &self,
        target: &[F],
        values: &[F],
        units: &[usize],
        weights: Option<Weights<'_, F>>,
        mask: Option<&[F]>,
        factor: f64,
        scale: &mut [F],
    ) -> Result<f64> {
        let kept = self.kept(target, values, mask)?;
        self.reduction
            .reduce(values, units, weights, kept, factor, scale)
    }

    /// Multiplies each of `values` by its weight: what Keras returns for `reduction=None`.
    pub fn weigh(
        &self,
        target: &[F],
        values: &mut [F],
        units: &[usize],
        weights: Option<Weights<'_, F>>,
        mask: Option<&[F]>,
        scratch: &mut [F],
    ) -> Result<()> {
        let kept = self.kept(target, values, mask)?;
        self.reduction.weigh(units, weights, kept, scratch)?;
        values
            .iter_mut()
            .zip(scratch)
            .for_each(|(value, weight)| *value *= *weight);
        Ok(())
    }

    fn kept<'a>(
        &self,
        target: &'a [F],
        values: &'a [F],
        mask: Option<&'a [F]>,
    ) -> Result<Kept<'a, F>> {
        let kept = Kept::new(values.len(), mask, target, self.loss.ignored_class())
            .map_err(|e| e.at(self.loss.kind()))?;
        Ok(if self.loss.counts_only_positive() {
            kept.positive(values)
        } else {
            kept
        })
    }
}

/// The class that `"crossentropy"` or `"ce"` means for these shapes, as in Keras; any other config is left as it is.
pub fn resolve(value: &Value, target: &[usize], prediction: &[usize]) -> Value {
    let name = value
        .as_str()
        .or_else(|| value.get("class_name").and_then(Value::as_str));
    match name.map(str::to_lowercase).as_deref() {
        Some("crossentropy" | "ce") => match Task::of(target, prediction) {
            Task::Binary => "binary_crossentropy".into(),
            Task::Sparse => "sparse_categorical_crossentropy".into(),
            Task::Categorical => "categorical_crossentropy".into(),
        },
        _ => value.clone(),
    }
}

/// What a classifier's shapes say of its targets (`is_binary_or_sparse_categorical` of Keras's `compile_utils.py`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// One probability.
    Binary,
    /// Class labels.
    Sparse,
    /// One number per class.
    Categorical,
}

impl Task {
    pub(crate) fn of(target: &[usize], prediction: &[usize]) -> Self {
        let (target_last, prediction_last) = (target.last().copied(), prediction.last().copied());
        if prediction_last == Some(1) {
            Self::Binary
        } else if target.len() < prediction.len()
            || (target_last == Some(1) && prediction_last > Some(1))
        {
            Self::Sparse
        } else {
            Self::Categorical
        }
    }
}

/// The name a loss is reported under by default: Keras calls Huber's `huber_loss`.
fn default_name(class_name: &str) -> String {
    match class_name {
        "CTC" => "ctc".to_owned(),
        "Huber" => "huber_loss".to_owned(),
        "KLDivergence" => "kl_divergence".to_owned(),
        other => snake_case(other),
    }
}

/// The Keras name of an object of this class: `MeanSquaredError` is `mean_squared_error`.
pub(crate) fn snake_case(class_name: &str) -> String {
    let mut name = String::with_capacity(class_name.len() + 4);
    for c in class_name.chars() {
        if c.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(c.to_lowercase());
    }
    name
}

/// Refuses a target that is no number.
pub(crate) fn finite<F: Real>(target: &[F]) -> Result<()> {
    match target.iter().position(|t| !t.is_finite()) {
        None => Ok(()),
        Some(at) => Err(Error::data(
            "finite targets",
            format!("{} at index {at} of the targets", target[at]),
        )),
    }
}

/// Whether predictions and values have the sizes that `check` said; a mistake of the caller otherwise.
pub(crate) fn sizes_agree(kind: &str, target: usize, expected: usize) -> Result<()> {
    if target == expected {
        return Ok(());
    }
    Err(Error::shape(format!("{expected} target values"), format!("{target}")).at(kind.to_owned()))
}

/// The shape of the values of a loss that is a mean over the last axis.
fn mean_lines(kind: &str, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
    let mut shape = alignment::align(target, prediction).map_err(|e| e.at(kind.to_owned()))?;
    shape.pop();
    Ok(shape)
}

/// Refuses a `label_smoothing` outside 0..=1.
fn check_smoothing(kind: &str, label_smoothing: f64) -> Result<()> {
    if (0.0..=1.0).contains(&label_smoothing) {
        return Ok(());
    }
    let got = format!("label_smoothing={label_smoothing}");
    Err(Error::config("label_smoothing from 0 to 1", got).at(kind.to_owned()))
}

#[cfg(test)]
mod tests;
