//! Gaussian negative log likelihood: a network that predicts a mean and how sure it is of it (Nix and Weigend,
//! Estimating the mean and variance of the target probability distribution, 1994).
//!
//! The last axis of predictions holds the means and then the logarithms of the variances, `(…, 2 d)` for targets
//! `(…, d)`: `mean((s + (t - m)^2 e^-s) / 2)` over `d`, and `log(2 pi) / 2` more with `full`.

use serde::Deserialize;

use super::{Loss, sizes_agree};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::shape::Shape;

const KIND: &str = "GaussianNegativeLogLikelihood";

/// `values[i] = mean((s + (t - m)^2 e^-s) / 2)`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GaussianNegativeLogLikelihood {
    /// Adds the constant `log(2 pi) / 2`.
    pub full: bool,
}

/// Calls `work` with the targets, the means and the log variances of each unit.
fn units<'a, F: Real>(
    target: &'a [F],
    prediction: &'a [F],
    units: usize,
) -> Result<impl Iterator<Item = (&'a [F], &'a [F], &'a [F])>> {
    sizes_agree(KIND, 2 * target.len(), prediction.len())?;
    let width = target.len().checked_div(units).unwrap_or(0).max(1);
    let pairs = target.chunks(width).zip(prediction.chunks(2 * width));
    Ok(pairs.map(move |(t, p)| (t, &p[..width], &p[width..])))
}

impl<F: Real> Loss<F> for GaussianNegativeLogLikelihood {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn check(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        if let ([first @ .., last], [rest @ .., width]) = (target, prediction)
            && first == rest
            && 2 * last == *width
            && *width > 0
        {
            return Ok(first.to_vec());
        }
        Err(Error::shape(
            "predictions twice as wide as the targets: means, then log variances",
            format!(
                "targets of shape {} and predictions of shape {}",
                Shape::known(target),
                Shape::known(prediction)
            ),
        )
        .at(KIND))
    }

    fn forward(&self, target: &[F], prediction: &[F], _: &[usize], values: &mut [F]) -> Result<()> {
        let constant = if self.full {
            F::of((2.0 * std::f64::consts::PI).ln() / 2.0)
        } else {
            F::ZERO
        };
        let units = units(target, prediction, values.len())?;
        for (value, (t, means, logs)) in values.iter_mut().zip(units) {
            let terms = t.iter().zip(means).zip(logs).map(|((&t, &m), &s)| {
                let error = t - m;
                s + error * error * (-s).exp()
            });
            *value = terms.sum::<F>() / F::of_usize(2 * t.len()) + constant;
        }
        Ok(())
    }

    fn backward(
        &self,
        target: &[F],
        prediction: &[F],
        _: &[usize],
        scale: &[F],
        grad_prediction: &mut [F],
    ) -> Result<()> {
        let units = units(target, prediction, scale.len())?;
        let width = 2 * target.len().checked_div(scale.len()).unwrap_or(0).max(1);
        let grads = grad_prediction.chunks_mut(width).zip(scale);
        for ((grad, &scale), (t, means, logs)) in grads.zip(units) {
            let (by_means, by_logs) = grad.split_at_mut(t.len());
            let factor = scale / F::of_usize(t.len());
            for (k, (by_mean, by_log)) in by_means.iter_mut().zip(by_logs).enumerate() {
                let (error, precision) = (t[k] - means[k], (-logs[k]).exp());
                *by_mean = -factor * error * precision;
                *by_log = factor * F::of(0.5) * (F::ONE - error * error * precision);
            }
        }
        Ok(())
    }
}
