//! Numbers of right and wrong decisions, and shares of them, at one threshold or several.
//!
//! ```text
//! precision = tp / (tp + fp)      recall = sensitivity = tp / (tp + fn)      specificity = tn / (tn + fp)
//! ```

use serde::Deserialize;
use serde_json::Value;

use super::histogram::{Counts, Histogram, Thresholds};
use super::unit_weights::{UnitWeights, weight_at};
use super::{Batch, Metric, Several};
use crate::error::{Error, Result};
use crate::identifier::Identifier;
use crate::losses::alignment::align;
use crate::real::Real;
use crate::shape::Shape;

/// What Keras gives predictions that are not among the `k` largest.
const LEFT_OUT: f64 = -1e10;

/// Something of the counts at a threshold.
pub(super) type Rate = fn(Counts) -> f64;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    top_k: Option<usize>,
    class_id: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Constrained {
    #[serde(
        alias = "precision",
        alias = "recall",
        alias = "sensitivity",
        alias = "specificity"
    )]
    value: f64,
    #[serde(default = "default_thresholds")]
    num_thresholds: usize,
    #[serde(default)]
    class_id: Option<usize>,
}

fn default_thresholds() -> usize {
    200
}

/// Counts, or a share of them, at each threshold; or the largest of those whose `where_` share is large enough.
#[derive(Debug)]
pub(super) struct AtThresholds<F> {
    kind: &'static str,
    of: Rate,
    constraint: Option<(Rate, f64)>,
    thresholds: Thresholds<F>,
    top_k: Option<usize>,
    class_id: Option<usize>,
    histogram: Histogram,
    weights: UnitWeights<F>,
    /// Predictions of which all but the largest are taken out, and room to find them.
    largest: Vec<F>,
    order: Vec<usize>,
}

impl<F: Real> AtThresholds<F> {
    fn new(kind: &'static str, of: Rate, thresholds: Thresholds<F>) -> Self {
        Self {
            kind,
            of,
            constraint: None,
            histogram: Histogram::new(thresholds.len(), 1),
            thresholds,
            top_k: None,
            class_id: None,
            weights: UnitWeights::default(),
            largest: Vec::new(),
            order: Vec::new(),
        }
    }

    /// `of` at the thresholds of the config.
    pub fn each(mut id: Identifier, of: Rate) -> Result<Self> {
        let given = thresholds_of(&mut id)?;
        let Options { top_k, class_id } = id.fields()?;
        let default = if top_k.is_some() { LEFT_OUT } else { 0.5 };
        let thresholds = Thresholds::new(&given.unwrap_or_else(|| vec![default]));
        Ok(Self {
            top_k,
            class_id,
            ..Self::new(id.class_name, of, thresholds)
        })
    }

    /// The largest `of` among the thresholds where `constrained` is at least what the config says.
    pub fn best(id: &Identifier, of: Rate, constrained: Rate) -> Result<Self> {
        let Constrained {
            value,
            num_thresholds,
            class_id,
        } = id.fields()?;
        if !(0.0..=1.0).contains(&value) {
            let got = value.to_string();
            return Err(Error::config("a share from 0 to 1", got).at(id.class_name));
        }
        if num_thresholds == 0 {
            let got = format!("num_thresholds={num_thresholds}");
            return Err(Error::config("num_thresholds > 0", got).at(id.class_name));
        }
        Ok(Self {
            constraint: Some((constrained, value)),
            class_id,
            ..Self::new(id.class_name, of, Thresholds::spread(num_thresholds))
        })
    }

    fn all(&self) -> Vec<f64> {
        let rates: Vec<f64> = self.histogram.counts(0).into_iter().map(self.of).collect();
        self.thresholds.in_given_order(&rates)
    }
}

/// Takes `thresholds` out of a config: one from 0 to 1, or several.
fn thresholds_of(id: &mut Identifier) -> Result<Option<Vec<f64>>> {
    let given = match id.take("thresholds") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(several)) => several,
        Some(one) => vec![one],
    };
    let read: Vec<f64> = given
        .iter()
        .filter_map(Value::as_f64)
        .filter(|threshold| (0.0..=1.0).contains(threshold))
        .collect();
    if read.is_empty() || read.len() != given.len() {
        let got = format!("thresholds={}", Value::Array(given));
        return Err(
            Error::config("thresholds from 0 to 1: a number or a list", got).at(id.class_name),
        );
    }
    Ok(Some(read))
}

/// The predictions, those that are not among the `k` largest of their row taken out; of equals the first are larger.
fn only_largest<F: Real>(
    from: &[F],
    width: usize,
    k: usize,
    to: &mut Vec<F>,
    order: &mut Vec<usize>,
) {
    to.clear();
    to.resize(from.len(), F::of(LEFT_OUT));
    for (row, to) in from.chunks(width).zip(to.chunks_mut(width)) {
        order.clear();
        order.extend(0..width);
        if k < width {
            order.select_nth_unstable_by(k, |&a, &b| {
                row[b].f64().total_cmp(&row[a].f64()).then(a.cmp(&b))
            });
        }
        for &i in order.iter().take(k) {
            to[i] = row[i];
        }
    }
}

impl<F: Real> Metric<F> for AtThresholds<F> {
    fn update(&mut self, batch: Batch<'_, F>) -> Result<()> {
        let mut units =
            align(batch.target_shape, batch.prediction_shape).map_err(|e| e.at(self.kind))?;
        let width = units.last().copied().unwrap_or(1).max(1);
        let mut prediction = batch.prediction;
        if let Some(k) = self.top_k {
            only_largest(prediction, width, k, &mut self.largest, &mut self.order);
            prediction = &self.largest;
        }
        let (start, stride) = match self.class_id {
            None => (0, 1),
            Some(class) if class < width && units.len() > 1 => {
                if let Some(last) = units.last_mut() {
                    *last = 1;
                }
                (class, width)
            }
            Some(class) => {
                let expected =
                    format!("predictions with more than {class} classes on the last axis");
                let got = Shape::known(batch.prediction_shape);
                return Err(Error::shape(expected, format!("shape {got}")).at(self.kind));
            }
        };
        let weights = self.weights.of(&units, &batch, None)?;
        let pairs = batch.target.iter().zip(prediction);
        for (i, (&t, &p)) in pairs.skip(start).step_by(stride).enumerate() {
            let (exceeded, weight) = (self.thresholds.exceeded(p), weight_at(weights, i));
            self.histogram.add(0, exceeded, t != F::ZERO, weight);
        }
        Ok(())
    }

    fn result(&self) -> f64 {
        let Some((constrained, value)) = self.constraint else {
            let all = self.all();
            return all.iter().sum::<f64>() / all.len() as f64;
        };
        let counts = self.histogram.counts(0).into_iter();
        counts
            .filter(|&counts| constrained(counts) >= value)
            .map(self.of)
            .fold(0.0, f64::max)
    }

    fn several(&self) -> Option<Several> {
        (self.constraint.is_none() && self.thresholds.len() > 1).then(|| Several::list(self.all()))
    }

    fn reset_state(&mut self) {
        self.histogram.clear();
    }

    fn state(&self) -> Vec<f64> {
        self.histogram.state()
    }

    fn set_state(&mut self, state: &[f64]) -> Result<()> {
        self.histogram.set_state(state, Some(1))
    }
}
