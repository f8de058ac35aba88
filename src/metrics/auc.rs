//! The area under a curve of two shares of decisions that a threshold ties together.

use serde::Deserialize;

use super::histogram::{Counts, Histogram, Thresholds, ratio};
use super::unit_weights::{UnitWeights, weight_at};
use super::{Batch, Metric};
use crate::error::{Error, Result};
use crate::losses::alignment::align;
use crate::real::Real;
use crate::shape::Shape;

/// Which shares make the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
enum Curve {
    /// Recall over the share of false alarms.
    #[default]
    #[serde(rename = "ROC", alias = "roc")]
    Roc,
    /// Precision over recall.
    #[serde(rename = "PR", alias = "pr")]
    Pr,
    /// Precision gain over recall gain (Flach & Kull, "Precision-Recall-Gain Curves", 2015).
    #[serde(rename = "PRGAIN", alias = "prgain")]
    PrGain,
}

/// How high the curve is between two points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Summation {
    /// The mean of both; for precision and recall the curve between them (Davis & Goadrich, 2006).
    #[default]
    #[serde(alias = "Interpolation")]
    Interpolation,
    /// The lower one.
    #[serde(alias = "Minoring")]
    Minoring,
    /// The higher one.
    #[serde(alias = "Majoring")]
    Majoring,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Fields {
    num_thresholds: usize,
    curve: Curve,
    summation_method: Summation,
    thresholds: Option<Vec<f64>>,
    multi_label: bool,
    num_labels: Option<usize>,
    label_weights: Option<Vec<f64>>,
    from_logits: bool,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            num_thresholds: 200,
            curve: Curve::default(),
            summation_method: Summation::default(),
            thresholds: None,
            multi_label: false,
            num_labels: None,
            label_weights: None,
            from_logits: false,
        }
    }
}

/// The area under a curve.
#[derive(Debug)]
pub(super) struct Auc<F> {
    curve: Curve,
    summation: Summation,
    multi_label: bool,
    num_labels: Option<usize>,
    label_weights: Option<Vec<f64>>,
    from_logits: bool,
    thresholds: Thresholds<F>,
    histogram: Histogram,
    weights: UnitWeights<F>,
}

impl<F: Real> Auc<F> {
    pub fn new(fields: Fields) -> Result<Self> {
        let refused =
            |expected: &str, got: String| Err(Error::config(expected, got).at("AUC".to_owned()));
        let thresholds = match &fields.thresholds {
            None if fields.num_thresholds < 2 => {
                let got = format!("num_thresholds={}", fields.num_thresholds);
                return refused("num_thresholds > 1", got);
            }
            None => Thresholds::spread(fields.num_thresholds),
            Some(given) => {
                if let Some(wrong) = given.iter().find(|t| !(0.0..=1.0).contains(*t)) {
                    return refused("thresholds from 0 to 1", wrong.to_string());
                }
                let mut all = [&[0.0], given.as_slice(), &[1.0]].concat();
                all.sort_by(f64::total_cmp);
                Thresholds::new(&all)
            }
        }
        .opened();
        if !fields.multi_label && fields.num_labels.is_some_and(|labels| labels > 0) {
            let got = "num_labels without multi_label=True".to_owned();
            return refused("num_labels only with multi_label=True", got);
        }
        let num_labels = fields.num_labels.filter(|&labels| labels > 0);
        let labels = if fields.multi_label {
            num_labels.unwrap_or(0)
        } else {
            1
        };
        Ok(Self {
            curve: fields.curve,
            summation: fields.summation_method,
            multi_label: fields.multi_label,
            num_labels,
            label_weights: fields.label_weights,
            from_logits: fields.from_logits,
            histogram: Histogram::new(thresholds.len(), labels),
            thresholds,
            weights: UnitWeights::default(),
        })
    }

    fn area(&self, label: usize) -> f64 {
        let counts = self.histogram.counts(label);
        if self.curve == Curve::Pr && self.summation == Summation::Interpolation {
            return counts
                .windows(2)
                .map(|pair| under_interpolated(pair[0], pair[1]))
                .sum();
        }
        let points: Vec<(f64, f64)> = counts.iter().map(|&counts| self.point(counts)).collect();
        points
            .windows(2)
            .map(|pair| {
                let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
                let height = match self.summation {
                    Summation::Interpolation => (y0 + y1) / 2.0,
                    Summation::Minoring => y0.min(y1),
                    Summation::Majoring => y0.max(y1),
                };
                (x0 - x1) * height
            })
            .sum()
    }

    fn point(&self, counts: Counts) -> (f64, f64) {
        match self.curve {
            Curve::Roc => (1.0 - kept(counts), counts.recall()),
            Curve::Pr => (counts.recall(), counts.precision()),
            Curve::PrGain => {
                let Counts {
                    true_positives: tp,
                    false_positives: fp,
                    true_negatives: tn,
                    false_negatives: missed,
                } = counts;
                if tp == 0.0 {
                    return (0.0, 1.0);
                }
                let odds = ratio(tp + missed, tn + fp);
                ((1.0 - odds * missed / tp).max(0.0), 1.0 - odds * fp / tp)
            }
        }
    }
}

/// 1 minus the share of false alarms; 1 if nothing is negative.
fn kept(counts: Counts) -> f64 {
    let false_alarms = ratio(
        counts.false_positives,
        counts.false_positives + counts.true_negatives,
    );
    1.0 - false_alarms
}

/// The area under precision over recall between two neighbouring thresholds. The number of true positives is taken as a
/// linear function of that of positives, `tp = intercept + slope * p`:
///
/// ```text
/// integral of (intercept + slope p) / p dtp = slope * (dtp + intercept * ln(p0 / p1)) / positives
/// ```
fn under_interpolated(lower: Counts, upper: Counts) -> f64 {
    let (p0, p1) = (
        lower.true_positives + lower.false_positives,
        upper.true_positives + upper.false_positives,
    );
    let gained = lower.true_positives - upper.true_positives;
    let slope = ratio(gained, (p0 - p1).max(0.0));
    let intercept = upper.true_positives - slope * p1;
    let log = if p0 > 0.0 && p1 > 0.0 {
        (p0 / p1).ln()
    } else {
        0.0
    };
    ratio(
        slope * (gained + intercept * log),
        upper.true_positives + upper.false_negatives,
    )
}

impl<F: Real> Metric<F> for Auc<F> {
    fn update(&mut self, batch: Batch<'_, F>) -> Result<()> {
        let units = align(batch.target_shape, batch.prediction_shape).map_err(|e| e.at("AUC"))?;
        let width = units.last().copied().unwrap_or(1).max(1);
        let refused = |expected: String| {
            let got = format!("shape {}", Shape::known(batch.prediction_shape));
            Err(Error::shape(expected, got).at("AUC"))
        };
        if self.multi_label {
            let known = match self.histogram.labels() {
                0 => self.num_labels,
                labels => Some(labels),
            };
            if units.len() != 2 || known.is_some_and(|labels| labels != width) {
                let labels = known.map_or("labels".to_owned(), |labels| labels.to_string());
                return refused(format!(
                    "predictions of shape (batch, {labels}) for multi_label=True"
                ));
            }
            if known != Some(self.histogram.labels()) {
                self.histogram = Histogram::new(self.thresholds.len(), width);
            }
        }
        if let Some(weights) = self.label_weights.as_ref().filter(|w| w.len() != width) {
            return refused(format!(
                "as many predictions on the last axis as label_weights, {}",
                weights.len()
            ));
        }
        let weights = self.weights.of(&units, &batch, None)?;
        for (i, (&t, &p)) in batch.target.iter().zip(batch.prediction).enumerate() {
            let p = if self.from_logits {
                F::ONE / (F::ONE + (-p).exp())
            } else {
                p
            };
            let (label, weight) = (i % width, weight_at(weights, i));
            let exceeded = self.thresholds.exceeded(p);
            if self.multi_label {
                self.histogram.add(label, exceeded, t != F::ZERO, weight);
            } else {
                let share = self.label_weights.as_ref().map_or(1.0, |w| w[label]);
                self.histogram
                    .add(0, exceeded, t != F::ZERO, weight * share);
            }
        }
        Ok(())
    }

    fn result(&self) -> f64 {
        let areas = (0..self.histogram.labels()).map(|label| self.area(label));
        match &self.label_weights {
            Some(weights) if self.multi_label => ratio(
                areas.zip(weights).map(|(area, weight)| area * weight).sum(),
                weights.iter().sum(),
            ),
            _ => ratio(areas.sum(), self.histogram.labels() as f64),
        }
    }

    fn reset_state(&mut self) {
        self.histogram.clear();
    }

    fn state(&self) -> Vec<f64> {
        self.histogram.state()
    }

    fn set_state(&mut self, state: &[f64]) -> Result<()> {
        self.histogram
            .set_state(state, (!self.multi_label).then_some(1))
    }
}
