//! The share of targets that are among the `k` largest predictions. A tie is in favour of the target, as in Keras.

use serde::Deserialize;

use super::accuracy::{each_row, labels_of, rows_of};
use super::{Batch, UnitValues};
use crate::error::Result;
use crate::losses::alignment::class;
use crate::real::Real;

/// The largest target among the `k` largest predictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TopK {
    /// How many predictions count.
    pub k: usize,
}

/// The label among the `k` largest predictions.
#[derive(Debug, Clone, Copy)]
pub struct SparseTopK {
    /// How many predictions count.
    pub k: usize,
}

/// The label among the first `k` predictions, which are class numbers, the likeliest first.
#[derive(Debug, Clone, Copy)]
pub struct SortedIds {
    /// How many predictions count.
    pub k: usize,
}

impl Default for TopK {
    fn default() -> Self {
        Self { k: 5 }
    }
}

/// Whether fewer than `k` predictions are larger than that of `class`. NaN is taken as the smallest.
fn in_top_k<F: Real>(row: &[F], class: usize, k: usize) -> bool {
    let x = if row[class].is_nan() {
        -F::INFINITY
    } else {
        row[class]
    };
    row.iter().filter(|&&other| other > x).count() < k
}

impl<F: Real> UnitValues<F> for TopK {
    fn units(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        rows_of("TopKCategoricalAccuracy", target, prediction)
    }

    fn fill(&self, batch: &Batch<'_, F>, values: &mut [F]) -> Result<()> {
        each_row(batch, values, |index, row, target| {
            let target = &target[index * row.len()..(index + 1) * row.len()];
            let largest = (0..target.len())
                .fold(0, |best, i| if target[i] > target[best] { i } else { best });
            in_top_k(row, largest, self.k)
        });
        Ok(())
    }
}

impl<F: Real> UnitValues<F> for SparseTopK {
    fn units(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        labels_of("SparseTopKCategoricalAccuracy", target, prediction)
    }

    fn fill(&self, batch: &Batch<'_, F>, values: &mut [F]) -> Result<()> {
        each_row(batch, values, |index, row, target| {
            class(target[index], row.len()).is_some_and(|label| in_top_k(row, label, self.k))
        });
        Ok(())
    }
}

impl<F: Real> UnitValues<F> for SortedIds {
    fn units(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        labels_of("SparseTopKCategoricalAccuracy", target, prediction)
    }

    fn fill(&self, batch: &Batch<'_, F>, values: &mut [F]) -> Result<()> {
        each_row(batch, values, |index, row, target| {
            row.iter().take(self.k).any(|&id| id == target[index])
        });
        Ok(())
    }
}
