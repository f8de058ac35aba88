//! Keras's rule for targets and predictions whose ranks differ by an axis of size 1.

use crate::error::{Error, Result};
use crate::real::Real;
use crate::shape::{Shape, axis_index};

/// The shape both have once the rule is applied, or an error.
///
/// An axis of size 1 at the end of one of them does not count, so that labels `(n,)` fit predictions `(n, 1)`; a
/// one-dimensional partner is widened to `(n, 1)` instead (`squeeze_or_expand_to_same_rank` of Keras's
/// `losses/loss.py`). Unlike Keras, nothing is broadcast: what still differs is a mistake.
pub fn align(target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
    let (long, short) = if target.len() > prediction.len() {
        (target, prediction)
    } else {
        (prediction, target)
    };
    let aligned = match (long, short) {
        (long, short) if long == short => Some(long),
        ([first @ .., 1], short) if first == short => {
            Some(if short.len() == 1 { long } else { short })
        }
        _ => None,
    };
    aligned
        .map(<[usize]>::to_vec)
        .ok_or_else(|| differ(target, prediction))
}

/// Targets that do not fit the predictions.
pub fn differ(target: &[usize], prediction: &[usize]) -> Error {
    Error::shape(
        format!(
            "targets of the predictions' shape {}",
            Shape::known(prediction)
        ),
        format!("targets of shape {}", Shape::known(target)),
    )
}

/// The shape of one value per label, where classes lie along `axis` of the predictions.
pub fn label_units(target: &[usize], prediction: &[usize], axis: i64) -> Result<Vec<usize>> {
    let axis = canonical(axis, prediction.len())?;
    let values = without(prediction, axis);
    let narrow =
        target.len() == prediction.len() && target[axis] == 1 && without(target, axis) == values;
    if target == values || narrow {
        return Ok(values);
    }
    let error = differ(target, &values);
    Err(if target == prediction {
        error.remedy("For one-hot targets use the class without \"Sparse\".")
    } else {
        error
    })
}

/// The class a label means; `None` if it is out of range or no whole number.
pub fn class<F: Real>(label: F, classes: usize) -> Option<usize> {
    let class = label.f64() as usize;
    (class < classes && F::of_usize(class) == label).then_some(class)
}

/// `axis` counted from the front, or an error if it is none of `rank` axes.
pub fn canonical(axis: i64, rank: usize) -> Result<usize> {
    axis_index(axis, rank).ok_or_else(|| {
        Error::config(
            format!("an axis of {rank}-dimensional predictions"),
            format!("axis={axis}"),
        )
    })
}

/// A tensor seen along one axis: `outer` blocks of `len` rows of `inner` elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Along {
    /// The product of the axes before.
    pub outer: usize,
    /// The size of the axis.
    pub len: usize,
    /// The product of the axes after.
    pub inner: usize,
}

impl Along {
    /// `shape` along `axis`.
    pub fn new(shape: &[usize], axis: i64) -> Result<Self> {
        let axis = canonical(axis, shape.len())?;
        Ok(Self {
            outer: shape[..axis].iter().product(),
            len: shape[axis],
            inner: shape[axis + 1..].iter().product(),
        })
    }

    /// `predictions` numbers along the last axis, where each of `values` is made of one line.
    ///
    /// A last axis of size 1 may have been dropped by [`align`], so the sizes say more than the `shape`.
    pub fn values(predictions: usize, values: usize, shape: &[usize]) -> Result<Self> {
        let len = predictions.checked_div(values).unwrap_or(1);
        if len * values == predictions && len > 0 {
            return Ok(Self {
                outer: values,
                len,
                inner: 1,
            });
        }
        Err(Error::shape(
            format!("at least one prediction for each of {values} losses"),
            format!("predictions of shape {}", Shape::known(shape)),
        ))
    }

    /// The number of lines along the axis.
    pub fn lines(&self) -> usize {
        self.outer * self.inner
    }

    /// Where the `index`-th line starts; its elements lie `inner` apart.
    pub fn start(&self, index: usize) -> usize {
        index / self.inner * self.inner * self.len + index % self.inner
    }
}

/// `shape` without `axis`.
pub fn without(shape: &[usize], axis: usize) -> Vec<usize> {
    let mut rest = shape.to_vec();
    rest.remove(axis);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_of_size_one_does_not_count() {
        for (target, prediction, aligned) in [
            (&[8usize][..], &[8usize, 1][..], Some(&[8usize, 1][..])),
            (&[8, 1], &[8], Some(&[8, 1])),
            (&[8, 5], &[8, 5, 1], Some(&[8, 5])),
            (&[8, 5, 1], &[8, 5], Some(&[8, 5])),
            (&[8, 3], &[8, 3], Some(&[8, 3])),
            (&[8], &[8], Some(&[8])),
            (&[8], &[8, 3], None),
            (&[8, 1], &[8, 3], None),
        ] {
            assert_eq!(
                align(target, prediction).ok().as_deref(),
                aligned,
                "{target:?} {prediction:?}"
            );
        }
    }

    #[test]
    fn lines_along_an_inner_axis_start_where_they_should() {
        let along = Along::new(&[2, 3, 4], 1).unwrap();
        assert_eq!(
            along,
            Along {
                outer: 2,
                len: 3,
                inner: 4
            }
        );
        assert_eq!(
            (0..8).map(|i| along.start(i)).collect::<Vec<_>>(),
            [0, 1, 2, 3, 12, 13, 14, 15]
        );
        assert!(Along::new(&[2, 3], 2).is_err());
    }
}
