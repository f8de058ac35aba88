//! Sparse categorical cross-entropy: `-log p[label]`, the label a class number instead of a row of zeros and a one.
//!
//! With `p = softmax(x)` it is `lse - x[label]`, `lse = log sum_k e^x[k]`, and its derivative is
//! `softmax(x)[k] - (k == label)`.

use serde::Deserialize;

use super::alignment::{Along, class, label_units};
use super::line::{self, Line};
use super::{Loss, sizes_agree};
use crate::error::{Error, Result};
use crate::kernels::activation::Activation;
use crate::kernels::cross_entropy::Targets;
use crate::real::Real;

/// `values[i] = -log p[label]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SparseCategoricalCrossentropy {
    /// Whether predictions are what goes into the softmax.
    pub from_logits: bool,
    /// A label whose units do not count, often 0 or -1.
    pub ignore_class: Option<i64>,
    /// The axis of the classes.
    pub axis: i64,
}

impl Default for SparseCategoricalCrossentropy {
    fn default() -> Self {
        Self {
            from_logits: false,
            ignore_class: None,
            axis: -1,
        }
    }
}

/// Refuses labels that are no class, unless they are the `ignored` one.
pub(super) fn labels_within<F: Real>(
    target: &[F],
    classes: usize,
    ignored: Option<F>,
) -> Result<()> {
    let wrong = |&label: &F| Some(label) != ignored && class(label, classes).is_none();
    match target.iter().position(wrong) {
        None => Ok(()),
        Some(at) => Err(Error::data(
            format!("labels from 0 to {}", classes.saturating_sub(1)),
            format!("{} at index {at} of the targets", target[at]),
        )),
    }
}

impl SparseCategoricalCrossentropy {
    fn ignored<F: Real>(&self) -> Option<F> {
        self.ignore_class.map(|class| F::of(class as f64))
    }
}

impl<F: Real> Loss<F> for SparseCategoricalCrossentropy {
    fn kind(&self) -> &'static str {
        "SparseCategoricalCrossentropy"
    }

    fn check(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        label_units(target, prediction, self.axis)
            .map_err(|e| e.at("SparseCategoricalCrossentropy"))
    }

    fn validate(&self, target: &[F], shape: &[usize]) -> Result<()> {
        let classes = Along::new(shape, self.axis)?.len;
        labels_within(target, classes, self.ignored())
            .map_err(|e| e.at("SparseCategoricalCrossentropy"))
    }

    fn forward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        values: &mut [F],
    ) -> Result<()> {
        sizes_agree("SparseCategoricalCrossentropy", target.len(), values.len())?;
        let ignored = self.ignored();
        line::map(Along::new(shape, self.axis)?, values, |index, at| {
            let (label, x) = (target[index], Line::new(prediction, at));
            if Some(label) == ignored {
                return F::ZERO;
            }
            match class(label, at.len) {
                // `validate` refuses such labels; whoever skips it sees the mistake.
                None => F::of(f64::NAN),
                Some(class) if self.from_logits => {
                    let (max, log_sum) = x.log_sum_exp();
                    log_sum - (x.get(class) - max)
                }
                Some(class) => -line::clipped(x.get(class) / x.sum()).ln(),
            }
        });
        Ok(())
    }

    fn backward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        scale: &[F],
        grad_prediction: &mut [F],
    ) -> Result<()> {
        sizes_agree("SparseCategoricalCrossentropy", target.len(), scale.len())?;
        let ignored = self.ignored();
        line::for_each_mut(
            Along::new(shape, self.axis)?,
            grad_prediction,
            |index, at, grad| {
                let (label, x, scale) = (target[index], Line::new(prediction, at), scale[index]);
                let class = match class(label, at.len) {
                    _ if Some(label) == ignored => return grad.each(|_, g| *g = F::ZERO),
                    None => return grad.each(|_, g| *g = F::of(f64::NAN)),
                    Some(class) => class,
                };
                if self.from_logits {
                    let sum = x.exp_into(grad);
                    let factor = scale / sum;
                    grad.each(|_, g| *g *= factor);
                    *grad.get_mut(class) += -scale;
                } else {
                    // q = p / sum(p): -log q[label] falls by 1 / p[label] with p[label] and grows by 1 / sum(p) with all.
                    let sum = x.sum();
                    let q = x.get(class) / sum;
                    let common = scale * -line::if_unclipped(q, -q) / sum;
                    grad.each(|_, g| *g = common);
                    *grad.get_mut(class) += scale * line::if_unclipped(q, -F::ONE) / sum;
                }
            },
        );
        Ok(())
    }

    fn forward_backward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        (weights, factor): (&[F], F),
        values: &mut [F],
        grad_prediction: &mut [F],
    ) -> Result<bool> {
        sizes_agree("SparseCategoricalCrossentropy", target.len(), values.len())?;
        let along = Along::new(shape, self.axis)?;
        let Some(labels) = F::as_f32(target) else {
            return Ok(false);
        };
        let targets = Targets::Labels(labels, self.ignored());
        Ok(self.from_logits
            && line::fused(
                along,
                prediction,
                targets,
                (weights, factor),
                values,
                grad_prediction,
            ))
    }

    fn on_logits(&self, activation: &Activation) -> Option<Box<dyn Loss<F>>> {
        let softmax = self.axis == -1 && matches!(activation, Activation::Softmax);
        (!self.from_logits && softmax).then(|| {
            Box::new(Self {
                from_logits: true,
                ..*self
            }) as Box<dyn Loss<F>>
        })
    }

    fn ignored_class(&self) -> Option<F> {
        self.ignored()
    }
}
