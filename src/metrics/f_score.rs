//! The weighted harmonic mean of precision and recall of each class:
//!
//! ```text
//! F = (1 + beta^2) * precision * recall / (beta^2 * precision + recall)
//! ```

use serde::Deserialize;

use super::unit_weights::{UnitWeights, weight_at};
use super::{Batch, EPSILON, Metric, Several, state_of_any};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::shape::Shape;

/// How the scores of the classes become one number; without, they do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Average {
    /// The score of all classes' counts together.
    Micro,
    /// The mean.
    Macro,
    /// The mean weighted by how often a class is true.
    Weighted,
}

/// The F score.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FScoreFields {
    average: Option<Average>,
    beta: f64,
    threshold: Option<f64>,
}

impl Default for FScoreFields {
    fn default() -> Self {
        Self {
            average: None,
            beta: 1.0,
            threshold: None,
        }
    }
}

/// Per class: true positives, false positives, false negatives, and the weight of what is true.
type Sums = [f64; 4];

/// The F score at work.
#[derive(Debug)]
pub(super) struct FScore<F> {
    kind: &'static str,
    fields: FScoreFields,
    classes: Vec<Sums>,
    weights: UnitWeights<F>,
}

impl<F: Real> FScore<F> {
    pub fn new(kind: &'static str, fields: FScoreFields) -> Result<Self> {
        if !(fields.beta > 0.0 && fields.beta.is_finite()) {
            return Err(Error::config("beta > 0", format!("beta={}", fields.beta)).at(kind));
        }
        if let Some(threshold) = fields.threshold.filter(|&t| !(t > 0.0 && t <= 1.0)) {
            return Err(
                Error::config("0 < threshold <= 1", format!("threshold={threshold}")).at(kind),
            );
        }
        Ok(Self {
            kind,
            fields,
            classes: Vec::new(),
            weights: UnitWeights::default(),
        })
    }

    fn score(&self, [hits, false_alarms, missed, _]: Sums) -> f64 {
        let precision = hits / (hits + false_alarms + EPSILON);
        let recall = hits / (hits + missed + EPSILON);
        let square = self.fields.beta * self.fields.beta;
        precision * recall / (square * precision + recall + EPSILON) * (1.0 + square)
    }

    fn scores(&self) -> Vec<f64> {
        self.classes.iter().map(|&sums| self.score(sums)).collect()
    }
}

impl<F: Real> Metric<F> for FScore<F> {
    fn update(&mut self, batch: Batch<'_, F>) -> Result<()> {
        let &[rows, width] = batch.prediction_shape else {
            let got = format!("shape {}", Shape::known(batch.prediction_shape));
            return Err(Error::shape("predictions of shape (batch, classes)", got).at(self.kind));
        };
        if batch.target_shape != batch.prediction_shape {
            let expected = format!("one-hot targets of shape ({rows}, {width})");
            let got = format!("targets of shape {}", Shape::known(batch.target_shape));
            return Err(Error::shape(expected, got)
                .remedy("Make labels one-hot with lamina.utils.to_categorical.")
                .at(self.kind));
        }
        if self.classes.is_empty() {
            self.classes = vec![[0.0; 4]; width];
        }
        if self.classes.len() != width {
            let expected = format!("{} classes, as before", self.classes.len());
            return Err(Error::shape(expected, width.to_string()).at(self.kind));
        }
        let weights = self.weights.of(&[rows], &batch, None)?;
        let lines = batch
            .prediction
            .chunks_exact(width.max(1))
            .zip(batch.target.chunks_exact(width.max(1)));
        for (i, (prediction, target)) in lines.enumerate() {
            let weight = weight_at(weights, i);
            let largest = prediction
                .iter()
                .fold(-F::INFINITY, |largest, &p| largest.maximum(p));
            for ((sums, &p), &t) in self.classes.iter_mut().zip(prediction).zip(target) {
                let said = match self.fields.threshold {
                    // A row of zeros says nothing.
                    None => p >= largest && p.abs() > F::of(1e-9),
                    Some(threshold) => p > F::of(threshold),
                };
                let (said, t) = (f64::from(u8::from(said)), t.f64());
                sums[0] += weight * said * t;
                sums[1] += weight * said * (1.0 - t);
                sums[2] += weight * (1.0 - said) * t;
                sums[3] += weight * t;
            }
        }
        Ok(())
    }

    fn result(&self) -> f64 {
        match self.fields.average {
            Some(Average::Micro) => {
                let mut all = [0.0; 4];
                for sums in &self.classes {
                    all.iter_mut().zip(sums).for_each(|(all, sum)| *all += sum);
                }
                self.score(all)
            }
            Some(Average::Weighted) => {
                let total: f64 = self.classes.iter().map(|sums| sums[3]).sum();
                let scores = self.scores().into_iter().zip(&self.classes);
                scores
                    .map(|(score, sums)| score * sums[3] / (total + EPSILON))
                    .sum()
            }
            Some(Average::Macro) | None => {
                self.scores().iter().sum::<f64>() / self.classes.len().max(1) as f64
            }
        }
    }

    fn several(&self) -> Option<Several> {
        (self.fields.average.is_none() && !self.classes.is_empty())
            .then(|| Several::list(self.scores()))
    }

    fn reset_state(&mut self) {
        self.classes.fill([0.0; 4]);
    }

    fn state(&self) -> Vec<f64> {
        self.classes.concat()
    }

    fn set_state(&mut self, state: &[f64]) -> Result<()> {
        state_of_any(state, 4)?;
        let (classes, _) = state.as_chunks::<4>();
        self.classes = classes.to_vec();
        Ok(())
    }
}
