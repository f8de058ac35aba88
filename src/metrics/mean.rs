//! Weighted means and sums over batches.
//!
//! With `T` values per sample, a batch adds `sum(value * weight) / T` to the total and `sum(weight) / T` to the count, so
//! samples count alike however many values they have (`reduce_to_samplewise_values` of Keras's `reduction_metrics.py`).

use std::fmt::Debug;

use super::unit_weights::UnitWeights;
use super::{Batch, Metric, state_of};
use crate::error::Result;
use crate::real::Real;

/// What a metric is the mean of: one value per unit.
pub trait UnitValues<F>: Debug + Send + Sync {
    /// The shape of the values for targets and predictions of these shapes, or an error if they do not fit.
    fn units(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>>;

    /// Writes the values.
    fn fill(&self, batch: &Batch<'_, F>, values: &mut [F]) -> Result<()>;

    /// The label whose units do not count. As in Keras, that holds only where there are weights or a mask.
    fn ignored_class(&self) -> Option<F> {
        None
    }
}

/// The predictions themselves: for `Mean` and `Sum`, which have no targets.
#[derive(Debug, Clone, Copy)]
pub struct Plain;

impl<F: Real> UnitValues<F> for Plain {
    fn units(&self, _: &[usize], values: &[usize]) -> Result<Vec<usize>> {
        Ok(values.to_vec())
    }

    fn fill(&self, batch: &Batch<'_, F>, values: &mut [F]) -> Result<()> {
        values.copy_from_slice(batch.prediction);
        Ok(())
    }
}

/// The values of one batch and their weights, in buffers that are kept from batch to batch.
#[derive(Debug)]
struct Weighed<F> {
    shapes: [Vec<usize>; 2],
    units: Vec<usize>,
    values: Vec<F>,
    weights: UnitWeights<F>,
}

impl<F> Default for Weighed<F> {
    fn default() -> Self {
        Self {
            shapes: Default::default(),
            units: Vec::new(),
            values: Vec::new(),
            weights: UnitWeights::default(),
        }
    }
}

impl<F: Real> Weighed<F> {
    /// `sum(value * weight)` and `sum(weight)` over the units of a batch, and the number of units per sample.
    ///
    /// Units of the ignored class are left out where there are weights or a mask, and if `ignores` says so everywhere.
    fn take(
        &mut self,
        of: &dyn UnitValues<F>,
        batch: &Batch<'_, F>,
        ignores: bool,
    ) -> Result<(f64, f64, f64)> {
        if self.shapes[0] != batch.target_shape || self.shapes[1] != batch.prediction_shape {
            self.units = of.units(batch.target_shape, batch.prediction_shape)?;
            self.shapes = [batch.target_shape.to_vec(), batch.prediction_shape.to_vec()];
        }
        let total: usize = self.units.iter().product();
        self.values.resize(total, F::ZERO);
        of.fill(batch, &mut self.values)?;
        let per_sample = match self.units.first() {
            Some(&samples) if samples > 0 => (total / samples) as f64,
            _ => 1.0,
        };
        let counts = ignores || batch.weights.is_some() || batch.mask.is_some();
        let ignored = of.ignored_class().filter(|_| counts);
        let Some(weights) = self.weights.of(&self.units, batch, ignored)? else {
            let sum = self.values.iter().map(|value| value.f64()).sum();
            return Ok((sum, total as f64, per_sample));
        };
        let sums =
            self.values
                .iter()
                .zip(weights)
                .fold((0.0, 0.0), |(sum, count), (value, weight)| {
                    (sum + value.f64() * weight.f64(), count + weight.f64())
                });
        Ok((sums.0, sums.1, per_sample))
    }
}

/// What becomes of the mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Nothing.
    Mean,
    /// Its square root.
    Root,
    /// Its exponential; every unit counts alike, and units of the ignored class never.
    Exponential,
}

/// The weighted mean of values, or a function of it.
#[derive(Debug)]
pub struct Mean<F> {
    of: Box<dyn UnitValues<F>>,
    outcome: Outcome,
    total: f64,
    count: f64,
    weighed: Weighed<F>,
}

impl<F: Real> Mean<F> {
    /// The mean of these values.
    pub fn of(values: Box<dyn UnitValues<F>>) -> Self {
        Self {
            of: values,
            outcome: Outcome::Mean,
            total: 0.0,
            count: 0.0,
            weighed: Weighed::default(),
        }
    }

    /// The square root of the mean of these values.
    pub fn root_of(values: Box<dyn UnitValues<F>>) -> Self {
        Self {
            outcome: Outcome::Root,
            ..Self::of(values)
        }
    }

    /// The exponential of the mean of these values.
    pub fn exponential_of(values: Box<dyn UnitValues<F>>) -> Self {
        Self {
            outcome: Outcome::Exponential,
            ..Self::of(values)
        }
    }
}

impl<F: Real> Metric<F> for Mean<F> {
    fn update(&mut self, batch: Batch<'_, F>) -> Result<()> {
        let by_unit = self.outcome == Outcome::Exponential;
        let (sum, weight, per_sample) = self.weighed.take(&*self.of, &batch, by_unit)?;
        let per_sample = if by_unit { 1.0 } else { per_sample };
        self.total += sum / per_sample;
        self.count += weight / per_sample;
        Ok(())
    }

    fn result(&self) -> f64 {
        if self.count == 0.0 {
            return 0.0;
        }
        let mean = self.total / self.count;
        match self.outcome {
            Outcome::Mean => mean,
            Outcome::Root => mean.sqrt(),
            Outcome::Exponential => mean.exp(),
        }
    }

    fn reset_state(&mut self) {
        (self.total, self.count) = (0.0, 0.0);
    }

    fn state(&self) -> Vec<f64> {
        vec![self.total, self.count]
    }

    fn set_state(&mut self, state: &[f64]) -> Result<()> {
        [self.total, self.count] = state_of(state)?;
        Ok(())
    }
}

/// The weighted sum of values.
#[derive(Debug)]
pub struct Sum<F> {
    total: f64,
    weighed: Weighed<F>,
}

impl<F> Default for Sum<F> {
    fn default() -> Self {
        Self {
            total: 0.0,
            weighed: Weighed::default(),
        }
    }
}

impl<F: Real> Metric<F> for Sum<F> {
    fn update(&mut self, batch: Batch<'_, F>) -> Result<()> {
        self.total += self.weighed.take(&Plain, &batch, false)?.0;
        Ok(())
    }

    fn result(&self) -> f64 {
        self.total
    }

    fn reset_state(&mut self) {
        self.total = 0.0;
    }

    fn state(&self) -> Vec<f64> {
        vec![self.total]
    }

    fn set_state(&mut self, state: &[f64]) -> Result<()> {
        [self.total] = state_of(state)?;
        Ok(())
    }
}
