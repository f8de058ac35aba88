//! Many steps in one call: each minibatch is gathered into the arena, then its step runs without the interpreter.

use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::super::arrays::{Indices, Number, row_numbers};
use super::shared::{Shared, common_rows, optional_sources, sources};
use super::watch::Watch;
use crate::runner::{Purpose, Sizes};

/// The data of a call, as they come from Python.
#[derive(Debug)]
pub struct Data<'a, 'py> {
    /// One for each input of the graph.
    pub inputs: Vec<Bound<'py, PyAny>>,
    /// One for each output that has targets.
    pub targets: Vec<Option<Bound<'py, PyAny>>>,
    /// Sample weights of each output.
    pub weights: Vec<Option<Bound<'py, PyAny>>>,
    /// The order of the rows; None: as they are.
    pub order: Option<&'a Indices<'py>>,
}

/// Which batches of the data a call runs.
#[derive(Debug, Clone, Copy)]
pub struct Batches {
    /// Rows in a batch.
    pub size: usize,
    /// The first batch.
    pub first: usize,
    /// The one behind the last.
    pub last: usize,
    /// When to come back.
    pub seconds: f64,
}

impl<F: Number> Shared<F> {
    /// Trains or tests on some batches; returns how many were done before the time was up.
    pub fn run_batches(
        &self,
        py: Python<'_>,
        purpose: Purpose,
        data: Data<'_, '_>,
        batches: Batches,
    ) -> PyResult<usize> {
        let inputs = sources::<F>(&data.inputs)?;
        let targets = optional_sources::<F>(&data.targets)?;
        let weights = optional_sources::<F>(&data.weights)?;
        let rows = common_rows(
            inputs
                .iter()
                .chain(targets.iter().flatten())
                .chain(weights.iter().flatten()),
        )?;
        let order = data
            .order
            .map(|order| row_numbers(order, rows))
            .transpose()?;
        let rows = order.as_ref().map_or(rows, Vec::len);
        let batch_size = batches.size.max(1);
        let last = batches.last.min(rows.div_ceil(batch_size));
        self.with(py, |core| {
            let watch = Watch::new();
            let start = Instant::now();
            let mut sizes = Sizes {
                inputs: vec![Vec::new(); inputs.len()],
                targets: targets
                    .iter()
                    .map(|t| t.as_ref().map(|_| Vec::new()))
                    .collect(),
                weights: weights
                    .iter()
                    .map(|w| w.as_ref().map(|_| Vec::new()))
                    .collect(),
            };
            for batch in batches.first..last {
                let first = batch * batch_size;
                let rows = batch_size.min(rows - first);
                inputs
                    .iter()
                    .zip(&mut sizes.inputs)
                    .for_each(|(a, sizes)| a.batch_sizes(rows, sizes));
                for (arrays, sizes) in [
                    (&targets, &mut sizes.targets),
                    (&weights, &mut sizes.weights),
                ] {
                    for (array, sizes) in arrays.iter().zip(sizes) {
                        if let (Some(array), Some(sizes)) = (array, sizes) {
                            array.batch_sizes(rows, sizes);
                        }
                    }
                }
                core.prepare(purpose, &sizes)?;
                let order = order.as_ref().map(|order| &order[first..first + rows]);
                Python::attach(|py| -> PyResult<()> {
                    for (i, input) in inputs.iter().enumerate() {
                        input.gather(py, order, first, core.input_mut(i))?;
                    }
                    for (i, target) in targets.iter().enumerate() {
                        target
                            .as_ref()
                            .map_or(Ok(()), |t| t.gather(py, order, first, core.target_mut(i)))?;
                    }
                    for (i, weight) in weights.iter().enumerate() {
                        weight
                            .as_ref()
                            .map_or(Ok(()), |w| w.gather(py, order, first, core.weight_mut(i)))?;
                    }
                    Ok(())
                })?;
                watch.run(core)?;
                if start.elapsed().as_secs_f64() >= batches.seconds {
                    return Ok(batch + 1 - batches.first);
                }
            }
            Ok(last.saturating_sub(batches.first))
        })
    }
}
