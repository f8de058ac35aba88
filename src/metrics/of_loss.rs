//! Losses as metrics: the mean of their values over all batches.

use super::{Batch, UnitValues};
use crate::error::Result;
use crate::losses::Loss;
use crate::losses::alignment::align;
use crate::real::Real;

/// The values of a loss.
#[derive(Debug)]
pub struct OfLoss<F>(pub Box<dyn Loss<F>>);

impl<F: Real> UnitValues<F> for OfLoss<F> {
    fn units(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        self.0.check(target, prediction)
    }

    fn fill(&self, batch: &Batch<'_, F>, values: &mut [F]) -> Result<()> {
        self.0.forward(
            batch.target,
            batch.prediction,
            batch.prediction_shape,
            values,
        )
    }

    fn ignored_class(&self) -> Option<F> {
        self.0.ignored_class()
    }
}

/// The values of a loss with the other sign: a similarity is the smaller loss, and the larger metric.
#[derive(Debug)]
pub struct Negated<F>(pub OfLoss<F>);

impl<F: Real> UnitValues<F> for Negated<F> {
    fn units(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        self.0.units(target, prediction)
    }

    fn fill(&self, batch: &Batch<'_, F>, values: &mut [F]) -> Result<()> {
        self.0.fill(batch, values)?;
        values.iter_mut().for_each(|value| *value = -*value);
        Ok(())
    }
}

/// The square of every error: what `RootMeanSquaredError` takes the mean of.
#[derive(Debug, Clone, Copy)]
pub struct SquaredError;

impl<F: Real> UnitValues<F> for SquaredError {
    fn units(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        align(target, prediction).map_err(|e| e.at("RootMeanSquaredError"))
    }

    fn fill(&self, batch: &Batch<'_, F>, values: &mut [F]) -> Result<()> {
        let pairs = batch.target.iter().zip(batch.prediction);
        values
            .iter_mut()
            .zip(pairs)
            .for_each(|(value, (&t, &p))| *value = (p - t) * (p - t));
        Ok(())
    }
}
