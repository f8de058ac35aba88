//! Losses that were worked out elsewhere, with their gradients: the targets hold both.
//!
//! For predictions `(n, ..., k)` with a loss for each of the first axes, the targets are `(n, ..., 1 + the rest)`: the loss
//! of a unit, then its derivative by each of the unit's predictions.

use super::Loss;
use crate::error::{Error, Result};
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;
use crate::shape::Shape;

/// Losses and gradients from the targets.
#[derive(Debug, Clone, Copy)]
pub struct Given;

impl<F: Real> Loss<F> for Given {
    fn kind(&self) -> &'static str {
        "Given"
    }

    fn check(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        if let Some((&width, units)) = target.split_last()
            && let Some(rest) = prediction.strip_prefix(units)
            && width == 1 + rest.iter().product::<usize>()
        {
            return Ok(units.to_vec());
        }
        Err(Error::shape(
            format!(
                "losses and gradients for predictions of shape {}",
                Shape::known(prediction)
            ),
            format!("targets of shape {}", Shape::known(target)),
        )
        .at("Given"))
    }

    /// Whatever was worked out is taken.
    fn validate(&self, _: &[F], _: &[usize]) -> Result<()> {
        Ok(())
    }

    fn forward(&self, target: &[F], _: &[F], _: &[usize], values: &mut [F]) -> Result<()> {
        let width = target.len() / values.len().max(1);
        for (value, target) in values.iter_mut().zip(target.chunks(width.max(1))) {
            *value = target[0];
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
        let width = prediction.len() / scale.len().max(1);
        for_each_chunk_mut(grad_prediction, width.max(1), |unit, grad| {
            let given = &target[unit * (width + 1) + 1..];
            for (grad, &given) in grad.iter_mut().zip(given) {
                // Where a unit does not count, its gradient may be anything.
                *grad = if scale[unit] == F::ZERO {
                    F::ZERO
                } else {
                    scale[unit] * given
                };
            }
        });
        Ok(())
    }
}
