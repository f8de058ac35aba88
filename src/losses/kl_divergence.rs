//! Kullback-Leibler divergence: `sum_k t[k] log(t[k] / p[k])` along the last axis (Kullback and Leibler, On Information
//! and Sufficiency, 1951). Both are kept within `[1e-7, 1]` first, as in Keras.

use serde::Deserialize;

use super::alignment::Along;
use super::line::{self, Line};
use super::{EPSILON, Loss, mean_lines, sizes_agree};
use crate::error::Result;
use crate::real::Real;

/// `values[i] = sum_k t[k] log(t[k] / p[k])`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KLDivergence {}

fn kept<F: Real>(p: F) -> F {
    p.maximum(F::of(EPSILON)).minimum(F::ONE)
}

impl<F: Real> Loss<F> for KLDivergence {
    fn kind(&self) -> &'static str {
        "KLDivergence"
    }

    fn check(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        mean_lines("KLDivergence", target, prediction)
    }

    fn forward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        values: &mut [F],
    ) -> Result<()> {
        sizes_agree("KLDivergence", target.len(), prediction.len())?;
        let along = Along::values(prediction.len(), values.len(), shape)?;
        line::map(along, values, |_, at| {
            let (t, p) = (Line::new(target, at), Line::new(prediction, at));
            (0..at.len)
                .map(|k| kept(t.get(k)) * (kept(t.get(k)) / kept(p.get(k))).ln())
                .sum()
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
        sizes_agree("KLDivergence", target.len(), prediction.len())?;
        let along = Along::values(prediction.len(), scale.len(), shape)?;
        line::for_each_mut(along, grad_prediction, |index, at, grad| {
            let (t, p) = (Line::new(target, at), Line::new(prediction, at));
            grad.each(|k, g| {
                *g = if p.get(k) == kept(p.get(k)) {
                    -scale[index] * kept(t.get(k)) / p.get(k)
                } else {
                    F::ZERO
                };
            });
        });
        Ok(())
    }
}
