//! Which class was taken for which: the matrix itself, and the overlap of what is true and what was said,
//! `IoU = tp / (tp + fp + fn)` of a class.

use serde::Deserialize;

use super::unit_weights::{UnitWeights, weight_at};
use super::{Batch, EPSILON, Metric, Several, state_of_len};
use crate::error::{Error, Result};
use crate::losses::alignment::{Along, align, canonical};
use crate::real::Real;
use crate::shape::Shape;

/// How classes are told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// By their numbers.
    Labels,
    /// By the largest number along an axis; for two classes, one number above a threshold does too, if there is one.
    Scores(Option<f64>),
    /// By a number that reaches the threshold for class 1.
    Threshold(f64),
}

/// What is made of the matrix.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// The mean overlap of these classes.
    Overlap(Vec<usize>),
    /// The matrix, divided by sums of it or not.
    Matrix(Option<Share>),
}

/// What the cells of a matrix are shares of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Share {
    /// Of what is true: rows add up to 1.
    True,
    /// Of what was said: columns add up to 1.
    Pred,
    /// Of everything.
    All,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Fields {
    num_classes: usize,
    target_class_ids: Option<Vec<usize>>,
    ignore_class: Option<i64>,
    sparse_y_true: bool,
    sparse_y_pred: bool,
    axis: i64,
    threshold: f64,
    normalize: Option<Share>,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            num_classes: 2,
            target_class_ids: None,
            ignore_class: None,
            sparse_y_true: true,
            sparse_y_pred: true,
            axis: -1,
            threshold: 0.5,
            normalize: None,
        }
    }
}

/// Counts of true and said classes; row `i` is of class `i`.
#[derive(Debug)]
pub(super) struct ClassMatrix<F> {
    kind: &'static str,
    classes: usize,
    ignored: Option<i64>,
    target: Form,
    prediction: Form,
    axis: i64,
    outcome: Outcome,
    cells: Vec<f64>,
    weights: UnitWeights<F>,
    rows: Vec<Option<usize>>,
    columns: Vec<Option<usize>>,
}

impl<F: Real> ClassMatrix<F> {
    /// The metric of this name.
    pub fn new(kind: &'static str, fields: Fields) -> Result<Self> {
        let classes = fields.num_classes;
        if classes == 0 {
            return Err(Error::config("num_classes > 0", "num_classes=0").at(kind));
        }
        let ids = fields
            .target_class_ids
            .unwrap_or_else(|| (0..classes).collect());
        if let Some(wrong) = ids.iter().find(|&&id| id >= classes) {
            return Err(Error::config(
                format!("target_class_ids below num_classes={classes}"),
                wrong.to_string(),
            )
            .at(kind));
        }
        if ids.is_empty() {
            return Err(Error::config("at least one of target_class_ids", "none").at(kind));
        }
        let is_matrix = kind == "ConfusionMatrix";
        let form = |sparse: bool| {
            if sparse {
                Form::Labels
            } else {
                Form::Scores((is_matrix && classes == 2).then_some(fields.threshold))
            }
        };
        Ok(Self {
            kind,
            classes,
            ignored: fields.ignore_class,
            target: form(fields.sparse_y_true && !kind.starts_with("OneHot")),
            prediction: if kind == "BinaryIoU" {
                Form::Threshold(fields.threshold)
            } else {
                form(fields.sparse_y_pred)
            },
            axis: fields.axis,
            outcome: if is_matrix {
                Outcome::Matrix(fields.normalize)
            } else {
                Outcome::Overlap(ids)
            },
            cells: vec![0.0; classes * classes],
            weights: UnitWeights::default(),
            rows: Vec::new(),
            columns: Vec::new(),
        })
    }

    fn row_sum(&self, class: usize) -> f64 {
        self.cells[class * self.classes..][..self.classes]
            .iter()
            .sum()
    }

    fn column_sum(&self, class: usize) -> f64 {
        self.cells.iter().skip(class).step_by(self.classes).sum()
    }

    fn overlap(&self, ids: &[usize]) -> f64 {
        let (mut sum, mut valid) = (0.0, 0.0);
        for &id in ids {
            let hits = self.cells[id * self.classes + id];
            let either = self.row_sum(id) + self.column_sum(id) - hits;
            if either > 1e-9 {
                sum += hits / (either + EPSILON);
                valid += 1.0;
            }
        }
        sum / (valid + EPSILON)
    }
}

/// Reads classes; `None` is none of them. Returns the shape of what was read.
fn read_classes<F: Real>(
    form: Form,
    (values, shape): (&[F], &[usize]),
    axis: i64,
    classes: usize,
    found: &mut Vec<Option<usize>>,
) -> Result<Vec<usize>> {
    found.clear();
    let reach = |threshold: f64| {
        move |value: &F| (!value.is_nan()).then_some(usize::from(*value >= F::of(threshold)))
    };
    match form {
        Form::Labels => {
            found.extend(values.iter().map(|value| {
                let label = value.f64();
                (label > -1.0 && label < classes as f64).then_some(label as usize)
            }));
            return Ok(shape.to_vec());
        }
        Form::Threshold(threshold) => {
            found.extend(values.iter().map(reach(threshold)));
            return Ok(shape.to_vec());
        }
        Form::Scores(_) => {}
    }
    let along = Along::new(shape, axis)?;
    let mut units = shape.to_vec();
    units.remove(canonical(axis, shape.len())?);
    if let (Form::Scores(Some(threshold)), 1) = (form, along.len) {
        found.extend(values.iter().map(reach(threshold)));
        return Ok(units);
    }
    if along.len != classes {
        return Err(Error::shape(
            format!("{classes} classes along axis {axis}"),
            format!("shape {}", Shape::known(shape)),
        ));
    }
    for block in 0..along.outer {
        for i in 0..along.inner {
            let at = |k: usize| values[(block * along.len + k) * along.inner + i];
            let largest = (1..along.len).fold(0, |best, k| if at(k) > at(best) { k } else { best });
            found.push(Some(largest));
        }
    }
    Ok(units)
}

impl<F: Real> Metric<F> for ClassMatrix<F> {
    fn update(&mut self, batch: Batch<'_, F>) -> Result<()> {
        let (axis, classes, kind) = (self.axis, self.classes, self.kind);
        let (target, prediction) = (
            (batch.target, batch.target_shape),
            (batch.prediction, batch.prediction_shape),
        );
        let rows = read_classes(self.target, target, axis, classes, &mut self.rows)
            .map_err(|e| e.at(format!("{kind}: y_true")))?;
        let columns = read_classes(
            self.prediction,
            prediction,
            axis,
            classes,
            &mut self.columns,
        )
        .map_err(|e| e.at(format!("{kind}: y_pred")))?;
        let units = align(&rows, &columns).map_err(|error| {
            let error = error.at(kind);
            if self.prediction == Form::Labels && columns.len() >= rows.len() {
                error
                    .remedy("If predictions hold a score for each class, give sparse_y_pred=False.")
            } else {
                error
            }
        })?;
        let weights = self.weights.of(&units, &batch, None)?;
        for (i, (&row, &column)) in self.rows.iter().zip(&self.columns).enumerate() {
            if let (Some(row), Some(column)) = (row, column)
                && self.ignored != i64::try_from(row).ok()
            {
                self.cells[row * classes + column] += weight_at(weights, i);
            }
        }
        Ok(())
    }

    fn result(&self) -> f64 {
        match &self.outcome {
            Outcome::Overlap(ids) => self.overlap(ids),
            Outcome::Matrix(_) => {
                let several = self.several().map_or(Vec::new(), |several| several.values);
                several.iter().sum::<f64>() / several.len().max(1) as f64
            }
        }
    }

    fn several(&self) -> Option<Several> {
        let Outcome::Matrix(share) = &self.outcome else {
            return None;
        };
        let total: f64 = self.cells.iter().sum();
        let cell = |(i, &cell): (usize, &f64)| {
            let (row, column) = (i / self.classes, i % self.classes);
            let whole = match share {
                None => return cell,
                Some(Share::True) => self.row_sum(row),
                Some(Share::Pred) => self.column_sum(column),
                Some(Share::All) => total,
            };
            if whole == 0.0 { 0.0 } else { cell / whole }
        };
        Some(Several {
            shape: vec![self.classes, self.classes],
            values: self.cells.iter().enumerate().map(cell).collect(),
        })
    }

    fn reset_state(&mut self) {
        self.cells.fill(0.0);
    }

    fn state(&self) -> Vec<f64> {
        self.cells.clone()
    }

    fn set_state(&mut self, state: &[f64]) -> Result<()> {
        state_of_len(state, self.cells.len())?;
        self.cells.copy_from_slice(state);
        Ok(())
    }
}
