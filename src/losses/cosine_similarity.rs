//! Cosine similarity, negated: `-sum_k t[k] p[k] / (|t| |p|)` along an axis, from -1 (the same direction) to 1.
//!
//! As in Keras, `1 / |x|` is at most 1e7, so a vector of zeros has similarity 0.

use serde::Deserialize;

use super::alignment::{Along, align, canonical, without};
use super::line::{self, At, Line};
use super::{EPSILON, Loss, sizes_agree};
use crate::error::{Error, Result};
use crate::real::Real;

/// `values[i] = -cos(t, p)` of the lines along `axis`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CosineSimilarity {
    /// The axis of the vectors.
    pub axis: i64,
}

impl Default for CosineSimilarity {
    fn default() -> Self {
        Self { axis: -1 }
    }
}

/// `1 / |x|`, and whether it is below its limit.
fn inverse_norm<F: Real>(x: Line<'_, F>, at: At) -> (F, bool) {
    let squares: F = (0..at.len).map(|k| x.get(k) * x.get(k)).sum();
    let (inverse, limit) = (F::ONE / squares.sqrt(), F::of(1.0 / EPSILON));
    (inverse.minimum(limit), inverse < limit)
}

fn dot<F: Real>(x: Line<'_, F>, y: Line<'_, F>, at: At) -> F {
    (0..at.len).map(|k| x.get(k) * y.get(k)).sum()
}

impl<F: Real> Loss<F> for CosineSimilarity {
    fn kind(&self) -> &'static str {
        "CosineSimilarity"
    }

    fn check(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        let inner = || {
            let shape = align(target, prediction)?;
            Ok(without(&shape, canonical(self.axis, shape.len())?))
        };
        inner().map_err(|e: Error| e.at("CosineSimilarity"))
    }

    fn forward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        values: &mut [F],
    ) -> Result<()> {
        sizes_agree("CosineSimilarity", target.len(), prediction.len())?;
        line::map(Along::new(shape, self.axis)?, values, |_, at| {
            let (t, p) = (Line::new(target, at), Line::new(prediction, at));
            -dot(t, p, at) * inverse_norm(t, at).0 * inverse_norm(p, at).0
        });
        Ok(())
    }

    // d/dp of -(t.p)/(|t||p|) is -(t - p (t.p)/|p|^2) / (|t||p|); the second term is gone where |p| is limited.
    fn backward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        scale: &[F],
        grad_prediction: &mut [F],
    ) -> Result<()> {
        sizes_agree("CosineSimilarity", target.len(), prediction.len())?;
        let along = Along::new(shape, self.axis)?;
        line::for_each_mut(along, grad_prediction, |index, at, grad| {
            let (t, p) = (Line::new(target, at), Line::new(prediction, at));
            let (over_p, free) = inverse_norm(p, at);
            let factor = -scale[index] * inverse_norm(t, at).0 * over_p;
            let along_p = if free {
                dot(t, p, at) * over_p * over_p
            } else {
                F::ZERO
            };
            grad.each(|k, g| *g = factor * (t.get(k) - along_p * p.get(k)));
        });
        Ok(())
    }
}
