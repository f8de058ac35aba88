//! The share of predictions that are right, for each form of target.

use serde::Deserialize;

use super::{Batch, UnitValues};
use crate::error::Result;
use crate::losses::alignment::{align, class, label_units};
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;

/// Elements of one piece of parallel work.
const CHUNK: usize = 8192;

/// Predictions equal to their targets.
#[derive(Debug, Clone, Copy)]
pub struct Accuracy;

/// Predictions on the side of `threshold` that their targets, 0 or 1, ask for.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BinaryAccuracy {
    /// Predictions above this count as 1.
    pub threshold: f64,
}

/// The largest prediction at the largest target, along the last axis.
#[derive(Debug, Clone, Copy)]
pub struct CategoricalAccuracy;

/// The largest prediction at the label, along the last axis.
#[derive(Debug, Clone, Copy)]
pub struct SparseCategoricalAccuracy;

impl Default for BinaryAccuracy {
    fn default() -> Self {
        Self { threshold: 0.5 }
    }
}

pub(super) fn one_if<F: Real>(right: bool) -> F {
    if right { F::ONE } else { F::ZERO }
}

impl<F: Real> UnitValues<F> for Accuracy {
    fn units(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        align(target, prediction).map_err(|e| e.at("Accuracy"))
    }

    fn fill(&self, batch: &Batch<'_, F>, values: &mut [F]) -> Result<()> {
        let pairs = batch.target.iter().zip(batch.prediction);
        values
            .iter_mut()
            .zip(pairs)
            .for_each(|(value, (t, p))| *value = one_if(t == p));
        Ok(())
    }
}

impl<F: Real> UnitValues<F> for BinaryAccuracy {
    fn units(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        align(target, prediction).map_err(|e| e.at("BinaryAccuracy"))
    }

    fn fill(&self, batch: &Batch<'_, F>, values: &mut [F]) -> Result<()> {
        let threshold = F::of(self.threshold);
        let pairs = batch.target.iter().zip(batch.prediction);
        for (value, (&t, &p)) in values.iter_mut().zip(pairs) {
            *value = one_if(t == one_if(p > threshold));
        }
        Ok(())
    }
}

impl<F: Real> UnitValues<F> for CategoricalAccuracy {
    fn units(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        rows_of("CategoricalAccuracy", target, prediction)
    }

    fn fill(&self, batch: &Batch<'_, F>, values: &mut [F]) -> Result<()> {
        each_row(batch, values, |index, row, target| {
            let width = row.len();
            target
                .get(index * width..(index + 1) * width)
                .is_some_and(|target| is_first_largest(row, largest(target)))
        });
        Ok(())
    }
}

impl<F: Real> UnitValues<F> for SparseCategoricalAccuracy {
    fn units(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        labels_of("SparseCategoricalAccuracy", target, prediction)
    }

    fn fill(&self, batch: &Batch<'_, F>, values: &mut [F]) -> Result<()> {
        each_row(batch, values, |index, row, target| {
            class(target[index], row.len()).is_some_and(|label| is_first_largest(row, label))
        });
        Ok(())
    }
}

/// The shape of one value per row, for one-hot targets of the predictions' shape.
pub(super) fn rows_of(kind: &str, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
    let mut shape = align(target, prediction).map_err(|e| e.at(kind.to_owned()))?;
    shape.pop();
    Ok(shape)
}

/// The shape of one value per row, for one label per row.
pub(super) fn labels_of(kind: &str, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
    label_units(target, prediction, -1).map_err(|e| e.at(kind.to_owned()))
}

/// `values[i]` = whether `right(i, row i of the predictions, all targets)`.
pub(super) fn each_row<F: Real>(
    batch: &Batch<'_, F>,
    values: &mut [F],
    right: impl Fn(usize, &[F], &[F]) -> bool + Sync,
) {
    let width = batch.prediction_shape.last().copied().unwrap_or(1);
    let rows = (CHUNK / width.max(1)).max(1);
    for_each_chunk_mut(values, rows, |chunk, values| {
        for (i, value) in values.iter_mut().enumerate() {
            let index = chunk * rows + i;
            let row = &batch.prediction[index * width..(index + 1) * width];
            *value = one_if(right(index, row, batch.target));
        }
    });
}

/// Where the largest element is, the first of equals.
fn largest<F: Real>(row: &[F]) -> usize {
    let mut best = 0;
    for (i, &x) in row.iter().enumerate() {
        if x > row[best] {
            best = i;
        }
    }
    best
}

/// Whether element `at` is the largest of a row and the first of equals. Never, if it is not comparable: a row of NaN is
/// right for no label. Both loops run without branches, so they become vectors.
fn is_first_largest<F: Real>(row: &[F], at: usize) -> bool {
    let x = row[at];
    let before = row[..at].iter().fold(true, |all, &other| all & (other < x));
    let after = row[at..]
        .iter()
        .fold(true, |all, &other| all & (other <= x));
    before & after
}
