//! The share of the targets' variance that predictions explain, of each output and of all:
//!
//! ```text
//! R2 = 1 - sum w (t - y)^2 / (sum w t^2 - (sum w t)^2 / sum w)
//! ```

use serde::Deserialize;

use super::unit_weights::{UnitWeights, weight_at};
use super::{Batch, Metric, Several, state_of_any};
use crate::error::{Error, Result};
use crate::losses::alignment::align;
use crate::real::Real;
use crate::shape::Shape;

/// How the scores of several outputs become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Aggregation {
    UniformAverage,
    VarianceWeightedAverage,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Fields {
    class_aggregation: Option<Aggregation>,
    num_regressors: usize,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            class_aggregation: Some(Aggregation::UniformAverage),
            num_regressors: 0,
        }
    }
}

/// Per output: the sums of `w t`, `w t^2`, `w (t - y)^2` and `w`.
type Sums = [f64; 4];

/// R squared.
#[derive(Debug)]
pub(super) struct R2Score<F> {
    fields: Fields,
    /// The number of target values.
    seen: f64,
    outputs: Vec<Sums>,
    weights: UnitWeights<F>,
}

impl<F: Real> R2Score<F> {
    pub fn new(fields: Fields) -> Self {
        Self {
            fields,
            seen: 0.0,
            outputs: Vec::new(),
            weights: UnitWeights::default(),
        }
    }

    /// The adjusted score, which takes the number of regressors into account where there are enough samples.
    fn adjusted(&self, score: f64) -> f64 {
        let regressors = self.fields.num_regressors as f64;
        if regressors == 0.0 || regressors >= self.seen - 1.0 {
            return score;
        }
        1.0 - (1.0 - score) * (self.seen - 1.0) / (self.seen - regressors - 1.0)
    }

    fn scores(&self) -> Vec<f64> {
        let score = |&[_, _, residual, _]: &Sums, total: f64| {
            let score = 1.0 - residual / total;
            if score.is_infinite() { 0.0 } else { score }
        };
        let outputs = self.outputs.iter();
        outputs.map(|sums| score(sums, variance(sums))).collect()
    }
}

fn variance(&[sum, square_sum, _, weight]: &Sums) -> f64 {
    square_sum - sum * (sum / weight)
}

impl<F: Real> Metric<F> for R2Score<F> {
    fn update(&mut self, batch: Batch<'_, F>) -> Result<()> {
        let units =
            align(batch.target_shape, batch.prediction_shape).map_err(|e| e.at("R2Score"))?;
        let width = match (units.as_slice(), self.outputs.len()) {
            (&[_, width], 0) => width,
            (&[_, width], known) if width == known => width,
            (_, known) => {
                let outputs = if known == 0 {
                    "outputs".to_owned()
                } else {
                    known.to_string()
                };
                let expected = format!("predictions of shape (batch, {outputs})");
                let got = format!("shape {}", Shape::known(batch.prediction_shape));
                return Err(Error::shape(expected, got).at("R2Score"));
            }
        };
        self.outputs.resize(width, [0.0; 4]);
        let weights = self.weights.of(&units, &batch, None)?;
        for (i, (t, p)) in batch.target.iter().zip(batch.prediction).enumerate() {
            let (t, p, weight) = (t.f64(), p.f64(), weight_at(weights, i));
            let sums = &mut self.outputs[i % width];
            sums[0] += weight * t;
            sums[1] += weight * t * t;
            sums[2] += weight * (t - p) * (t - p);
            sums[3] += weight;
        }
        self.seen += batch.target.len() as f64;
        Ok(())
    }

    fn result(&self) -> f64 {
        if self.seen == 0.0 {
            return 0.0;
        }
        let scores = self.scores();
        let score = match self.fields.class_aggregation {
            Some(Aggregation::VarianceWeightedAverage) => {
                let totals = self.outputs.iter().map(variance);
                let weighted: f64 = scores.iter().zip(totals.clone()).map(|(s, t)| s * t).sum();
                weighted / totals.sum::<f64>()
            }
            _ => scores.iter().sum::<f64>() / scores.len() as f64,
        };
        self.adjusted(score)
    }

    fn several(&self) -> Option<Several> {
        (self.fields.class_aggregation.is_none() && !self.outputs.is_empty()).then(|| {
            let scores = self.scores().into_iter();
            Several::list(scores.map(|score| self.adjusted(score)).collect())
        })
    }

    fn reset_state(&mut self) {
        self.seen = 0.0;
        self.outputs.fill([0.0; 4]);
    }

    fn state(&self) -> Vec<f64> {
        [&[self.seen], self.outputs.as_flattened()].concat()
    }

    fn set_state(&mut self, state: &[f64]) -> Result<()> {
        let (&seen, sums) = state.split_first().unwrap_or((&0.0, &[]));
        state_of_any(sums, 4)?;
        self.seen = seen;
        self.outputs = sums.as_chunks::<4>().0.to_vec();
        Ok(())
    }
}
