//! Several losses of one output, each times a weight, added up unit by unit.

use serde::Deserialize;
use serde_json::Value;

use super::{KNOWN, Loss, build};
use crate::error::{Error, Result};
use crate::identifier::Identifier;
use crate::kernels::scratch::with_scratch;
use crate::real::Real;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fields {
    losses: Vec<Value>,
    #[serde(default)]
    weights: Option<Vec<f64>>,
}

/// The sum of losses.
#[derive(Debug)]
pub struct WeightedSum<F> {
    parts: Vec<(Box<dyn Loss<F>>, F)>,
}

impl<F: Real> WeightedSum<F> {
    pub(super) fn new(fields: Fields) -> Result<Self> {
        let count = fields.losses.len();
        let weights = fields.weights.unwrap_or_else(|| vec![1.0; count]);
        if count == 0 || weights.len() != count {
            let got = format!("{count} losses and {} weights", weights.len());
            let expected = "at least one loss, and a weight for each";
            return Err(Error::config(expected, got).at("WeightedSum"));
        }
        let parts = fields.losses.iter().zip(weights).map(|(loss, weight)| {
            let mut id = Identifier::parse("loss", loss, KNOWN)?;
            id.take_string("name")?;
            id.take_dtype(F::DTYPE)?;
            match id.take("reduction") {
                None => {}
                Some(Value::String(text)) if text == "sum_over_batch_size" || text == "mean" => {}
                Some(other) => {
                    let got = format!("{} with reduction={other}", id.class_name);
                    return Err(Error::config("losses that are means", got)
                        .remedy("Give the reduction to the sum.")
                        .at("WeightedSum"));
                }
            }
            let part = build::<F>(&id)?;
            if part.ignored_class().is_some() || part.counts_only_positive() {
                let got = part.kind().to_owned();
                return Err(
                    Error::config("losses in which every unit counts", got).at("WeightedSum")
                );
            }
            Ok((part, F::of(weight)))
        });
        Ok(Self {
            parts: parts.collect::<Result<_>>()?,
        })
    }
}

impl<F: Real> Loss<F> for WeightedSum<F> {
    fn kind(&self) -> &'static str {
        "WeightedSum"
    }

    fn check(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        let mut units: Option<Vec<usize>> = None;
        for (part, _) in &self.parts {
            let these = part.check(target, prediction)?;
            if let Some(others) = units
                .replace(these.clone())
                .filter(|others| *others != these)
            {
                return Err(Error::shape(
                    "losses with a value for each of the same units",
                    format!(
                        "{} with values of shape {these:?} beside {others:?}",
                        part.kind()
                    ),
                )
                .at("WeightedSum"));
            }
        }
        Ok(units.unwrap_or_default())
    }

    fn validate(&self, target: &[F], prediction_shape: &[usize]) -> Result<()> {
        let mut parts = self.parts.iter();
        parts.try_for_each(|(part, _)| part.validate(target, prediction_shape))
    }

    fn forward(
        &self,
        target: &[F],
        prediction: &[F],
        prediction_shape: &[usize],
        values: &mut [F],
    ) -> Result<()> {
        values.fill(F::ZERO);
        with_scratch(values.len(), |part_values: &mut [F]| {
            for (part, weight) in &self.parts {
                part.forward(target, prediction, prediction_shape, part_values)?;
                let pairs = values.iter_mut().zip(&*part_values);
                pairs.for_each(|(value, &part)| *value += *weight * part);
            }
            Ok(())
        })
    }

    fn backward(
        &self,
        target: &[F],
        prediction: &[F],
        prediction_shape: &[usize],
        scale: &[F],
        grad_prediction: &mut [F],
    ) -> Result<()> {
        grad_prediction.fill(F::ZERO);
        with_scratch(scale.len() + prediction.len(), |room: &mut [F]| {
            let (part_scale, part_grad) = room.split_at_mut(scale.len());
            for (part, weight) in &self.parts {
                let pairs = part_scale.iter_mut().zip(scale);
                pairs.for_each(|(part, &scale)| *part = *weight * scale);
                part.backward(target, prediction, prediction_shape, part_scale, part_grad)?;
                let pairs = grad_prediction.iter_mut().zip(&*part_grad);
                pairs.for_each(|(grad, &part)| *grad += part);
            }
            Ok(())
        })
    }
}
