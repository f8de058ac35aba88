//! From one loss per unit to the one number that is minimised: weights, masks and Keras's five reductions.
//!
//! ```text
//! w[i]  = sample_weight[i] * mask[i] * (units / kept units, for the means over units)
//! loss  = sum(w[i] * values[i]) / divisor
//! ```
//! (`reduce_weighted_values` and `apply_mask` of Keras's `losses/loss.py`.)

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::real::Real;
use crate::shape::Shape;

/// How the losses of all units become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// The sum divided by the number of units.
    #[default]
    SumOverBatchSize,
    /// The same as [`Reduction::SumOverBatchSize`].
    Mean,
    /// The sum.
    Sum,
    /// The sum divided by the sum of the weights.
    MeanWithSampleWeight,
    /// Nothing: the weighted losses of all units. Cannot be minimised.
    None,
}

/// Which units count: neither masked nor of the ignored class.
#[derive(Debug, Clone, Copy)]
pub struct Kept<'a, F> {
    mask: Option<&'a [F]>,
    /// The units for each element of the mask.
    repeats: usize,
    target: &'a [F],
    ignored: Option<F>,
    /// Only units whose value is above 0 count.
    positive: Option<&'a [F]>,
}

impl<'a, F: Real> Kept<'a, F> {
    /// All units.
    pub const ALL: Self = Self {
        mask: None,
        repeats: 1,
        target: &[],
        ignored: None,
        positive: None,
    };

    /// Of `units` units with these targets, those where `mask` is not 0 and the target is not `ignored`. The mask holds one
    /// number for each unit, or for each of the first axes.
    pub fn new(
        units: usize,
        mask: Option<&'a [F]>,
        target: &'a [F],
        ignored: Option<F>,
    ) -> Result<Self> {
        let len = mask.map_or(units, <[F]>::len);
        let repeats = units.checked_div(len).unwrap_or(1);
        if repeats * len == units {
            return Ok(Self {
                mask,
                repeats,
                target,
                ignored,
                positive: None,
            });
        }
        Err(Error::shape(
            format!("a mask with one element for each of {units} units"),
            format!("a mask of {len} elements"),
        ))
    }

    /// Of these units, those whose value is above 0.
    pub fn positive(self, values: &'a [F]) -> Self {
        Self {
            positive: Some(values),
            ..self
        }
    }

    /// Whether no unit is left out.
    pub fn is_all(&self) -> bool {
        self.mask.is_none() && self.ignored.is_none() && self.positive.is_none()
    }

    /// Whether unit `i` counts.
    #[inline]
    pub fn contains(&self, i: usize) -> bool {
        self.mask
            .is_none_or(|mask| mask[i / self.repeats] != F::ZERO)
            && self.ignored.is_none_or(|class| self.target[i] != class)
            && self.positive.is_none_or(|values| values[i] > F::ZERO)
    }
}

/// The weights of samples or of units.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a, F> {
    /// The weights.
    pub values: &'a [F],
    /// Their shape: the first axes of the losses' shape, each of its size or 1.
    pub shape: &'a [usize],
}

impl<F: Real> Weights<'_, F> {
    /// Whether weights of this shape fit losses of `units`' shape.
    pub fn check(shape: &[usize], units: &[usize]) -> Result<()> {
        // (n, 1) weights for (n,) losses: the axis of size 1 does not count.
        let fits = match shape {
            [first @ .., 1] if first.len() == units.len() => first == units,
            _ => {
                shape.len() <= units.len()
                    && shape.iter().zip(units).all(|(&w, &u)| w == u || w == 1)
            }
        };
        if fits {
            return Ok(());
        }
        Err(Error::shape(
            format!("sample weights for losses of shape {}", Shape::known(units)),
            format!("weights of shape {}", Shape::known(shape)),
        )
        .remedy("Give one weight for each sample, or one for each loss."))
    }

    /// Writes the weight of every unit.
    fn spread(&self, units: &[usize], weight: &mut [F]) {
        let repeats = weight.len() / self.values.len().max(1);
        if self.shape.len() > units.len() || units.starts_with(self.shape) {
            for (i, w) in weight.iter_mut().enumerate() {
                *w = self.values[i / repeats];
            }
            return;
        }
        for (i, w) in weight.iter_mut().enumerate() {
            // Mixed radix from the last axis: one that is absent or of size 1 in the weights is skipped.
            let (mut rest, mut at, mut stride) = (i, 0, 1);
            for (axis, &size) in units.iter().enumerate().rev() {
                if let Some(&width) = self.shape.get(axis) {
                    at += if width == 1 { 0 } else { rest % size * stride };
                    stride *= width;
                }
                rest /= size;
            }
            *w = self.values[at];
        }
    }
}

impl Reduction {
    /// The loss over `values` of shape `units`. Fills each `scale` with `factor` times the derivative of the loss by its value.
    pub fn reduce<F: Real>(
        self,
        values: &[F],
        units: &[usize],
        weights: Option<Weights<'_, F>>,
        kept: Kept<'_, F>,
        factor: f64,
        scale: &mut [F],
    ) -> Result<f64> {
        if self == Self::None {
            return Err(Error::config(
                "a reduction to one number, which can be minimised",
                "reduction=None",
            )
            .remedy("Use \"sum_over_batch_size\" or \"sum\"."));
        }
        let divisor = self.weigh(units, weights, kept, scale)?;
        // As Keras's divide_no_nan: no weight at all is no loss, not NaN.
        let over = if divisor == 0.0 { 0.0 } else { 1.0 / divisor };
        let mut loss = 0.0;
        for (scale, value) in scale.iter_mut().zip(values) {
            loss += scale.f64() * value.f64();
            *scale = F::of(scale.f64() * over * factor);
        }
        Ok(loss * over)
    }

    /// Fills `weight` with the weight of each unit, mask included, and returns what the weighted sum is divided by.
    pub fn weigh<F: Real>(
        self,
        units: &[usize],
        weights: Option<Weights<'_, F>>,
        kept: Kept<'_, F>,
        weight: &mut [F],
    ) -> Result<f64> {
        let total = weight.len();
        match weights {
            None => weight.fill(F::ONE),
            Some(weights) => {
                Weights::<F>::check(weights.shape, units)?;
                weights.spread(units, weight);
            }
        }
        if !kept.is_all() {
            let count = (0..total).filter(|&i| kept.contains(i)).count();
            let share = match self {
                Self::SumOverBatchSize | Self::Mean if count > 0 => {
                    F::of(total as f64 / count as f64)
                }
                _ => F::ONE,
            };
            for (i, w) in weight.iter_mut().enumerate() {
                *w *= if kept.contains(i) { share } else { F::ZERO };
            }
        }
        Ok(match self {
            Self::SumOverBatchSize | Self::Mean => total as f64,
            Self::Sum | Self::None => 1.0,
            Self::MeanWithSampleWeight => match weights {
                // The weights as they were given: one of size (n, 1) counts n times, not once for each loss.
                Some(weights) if kept.is_all() => weights.values.iter().map(|w| w.f64()).sum(),
                _ => weight.iter().map(|w| w.f64()).sum(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [f64; 4] = [1.0, 2.0, 3.0, 6.0];

    fn reduce(
        reduction: Reduction,
        weights: Option<(&[f64], &[usize])>,
        mask: Option<[bool; 4]>,
    ) -> (f64, Vec<f64>) {
        let weights = weights.map(|(values, shape)| Weights { values, shape });
        let mask = mask.map(|mask| mask.map(|keep| f64::from(u8::from(keep))));
        let kept = Kept::new(4, mask.as_ref().map(<[f64; 4]>::as_slice), &[], None).unwrap();
        let mut scale = vec![0.0; 4];
        let loss = reduction
            .reduce(&VALUES, &[2, 2], weights, kept, 1.0, &mut scale)
            .unwrap();
        (loss, scale)
    }

    #[test]
    fn reductions_divide_as_keras_does() {
        let per_sample: (&[f64], &[usize]) = (&[1.0, 3.0], &[2]);
        let mask = Some([true, true, true, false]);
        let cases = [
            ("mean", Reduction::SumOverBatchSize, None, None, 3.0),
            ("sum", Reduction::Sum, None, None, 12.0),
            (
                "weighted mean keeps the count",
                Reduction::Mean,
                Some(per_sample),
                None,
                30.0 / 4.0,
            ),
            (
                "divided by the weights given",
                Reduction::MeanWithSampleWeight,
                Some(per_sample),
                None,
                30.0 / 4.0,
            ),
            (
                "mask scales up to the kept",
                Reduction::SumOverBatchSize,
                None,
                mask,
                6.0 / 3.0,
            ),
            ("mask alone under sum", Reduction::Sum, None, mask, 6.0),
            (
                "weights and mask",
                Reduction::Mean,
                Some(per_sample),
                mask,
                (3.0 + 9.0) * (4.0 / 3.0) / 4.0,
            ),
            (
                "divided by what is kept",
                Reduction::MeanWithSampleWeight,
                Some(per_sample),
                mask,
                12.0 / 5.0,
            ),
        ];
        for (name, reduction, weights, mask, wanted) in cases {
            let (loss, scale) = reduce(reduction, weights, mask);
            assert!((loss - wanted).abs() < 1e-12, "{name}: {loss}");
            let again: f64 = scale.iter().zip(VALUES).map(|(s, v)| s * v).sum();
            assert!(
                (again - wanted).abs() < 1e-12,
                "{name}: the scales are the derivative"
            );
        }
    }

    #[test]
    fn weights_of_size_one_along_an_axis_are_repeated() {
        let (loss, _) = reduce(Reduction::Sum, Some((&[1.0, 3.0], &[1, 2])), None);
        assert_eq!(loss, 1.0 + 6.0 + 3.0 + 18.0);
        let (loss, _) = reduce(Reduction::Sum, Some((&[1.0, 3.0], &[2, 1])), None);
        assert_eq!(loss, 3.0 + 27.0);
    }

    #[test]
    fn all_masked_is_no_loss() {
        assert_eq!(
            reduce(Reduction::SumOverBatchSize, None, Some([false; 4])),
            (0.0, vec![0.0; 4])
        );
    }

    #[test]
    fn weights_that_do_not_fit_are_refused() {
        let error = Weights::<f32>::check(&[3], &[4]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected sample weights for losses of shape (4,), got weights of shape (3,). Give one weight for each sample, or one for each loss."
        );
        assert!(Weights::<f32>::check(&[4, 1], &[4]).is_ok());
    }
}
