//! Many steps in one call: each minibatch is gathered into the arena, then its step runs without the interpreter.

use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::super::arrays::{Indices, Number, Rows, array, row_numbers};
use super::shared::{Shared, common_rows, optional_sources, sources};
use super::watch::Watch;
use crate::runner::{Purpose, Runner as Core, Sizes};

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

/// The same, as the engine reads them.
struct Columns<F: Number> {
    inputs: Vec<Rows<F>>,
    targets: Vec<Option<Rows<F>>>,
    weights: Vec<Option<Rows<F>>>,
}

impl<F: Number> Columns<F> {
    fn new(data: &Data<'_, '_>) -> PyResult<Self> {
        Ok(Self {
            inputs: sources(&data.inputs)?,
            targets: optional_sources(&data.targets)?,
            weights: optional_sources(&data.weights)?,
        })
    }

    /// How many rows all of them have.
    fn rows(&self) -> PyResult<usize> {
        let beside = self.targets.iter().chain(&self.weights).flatten();
        common_rows(self.inputs.iter().chain(beside))
    }

    /// Sizes to be filled in for each batch.
    fn sizes(&self) -> Sizes {
        let room = |columns: &[Option<Rows<F>>]| {
            let rooms = columns.iter().map(|c| c.as_ref().map(|_| Vec::new()));
            rooms.collect()
        };
        Sizes {
            inputs: vec![Vec::new(); self.inputs.len()],
            targets: room(&self.targets),
            weights: room(&self.weights),
        }
    }

    /// Makes `core` ready for so many rows and copies them there: those of `order`, or those from `first` on.
    fn fill(
        &self,
        core: &mut Core<F>,
        purpose: Purpose,
        sizes: &mut Sizes,
        order: Option<&[usize]>,
        (first, rows): (usize, usize),
    ) -> PyResult<()> {
        self.inputs
            .iter()
            .zip(&mut sizes.inputs)
            .for_each(|(a, sizes)| a.batch_sizes(rows, sizes));
        for (columns, sizes) in [
            (&self.targets, &mut sizes.targets),
            (&self.weights, &mut sizes.weights),
        ] {
            for (column, sizes) in columns.iter().zip(sizes) {
                if let (Some(column), Some(sizes)) = (column, sizes) {
                    column.batch_sizes(rows, sizes);
                }
            }
        }
        core.prepare(purpose, sizes)?;
        Python::attach(|py| {
            for (i, input) in self.inputs.iter().enumerate() {
                input.gather(py, order, first, core.input_mut(i))?;
            }
            for (i, target) in self.targets.iter().enumerate() {
                if let Some(target) = target {
                    target.gather(py, order, first, core.target_mut(i))?;
                }
            }
            for (i, weight) in self.weights.iter().enumerate() {
                if let Some(weight) = weight {
                    weight.gather(py, order, first, core.weight_mut(i))?;
                }
            }
            Ok(())
        })
    }
}

/// The number of a step that waits, and its outputs.
pub type Begun<'py> = (u64, Vec<Bound<'py, PyAny>>);

impl<F: Number> Shared<F> {
    /// Trains or tests on some batches; returns how many were done before the time was up.
    pub fn run_batches(
        &self,
        py: Python<'_>,
        purpose: Purpose,
        data: Data<'_, '_>,
        batches: Batches,
    ) -> PyResult<usize> {
        let columns = Columns::<F>::new(&data)?;
        let rows = columns.rows()?;
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
            let mut sizes = columns.sizes();
            for batch in batches.first..last {
                let first = batch * batch_size;
                let rows = batch_size.min(rows - first);
                let order = order.as_ref().map(|order| &order[first..first + rows]);
                columns.fill(core, purpose, &mut sizes, order, (first, rows))?;
                watch.run(core)?;
                if start.elapsed().as_secs_f64() >= batches.seconds {
                    return Ok(batch + 1 - batches.first);
                }
            }
            Ok(last.saturating_sub(batches.first))
        })
    }

    /// Runs a training step on all rows as far as its outputs, and returns its number and them; None, and nothing done, if the
    /// optimizer runs steps several times.
    pub fn begin_step<'py>(
        &self,
        py: Python<'py>,
        data: Data<'_, 'py>,
    ) -> PyResult<Option<Begun<'py>>> {
        let columns = Columns::<F>::new(&data)?;
        let rows = columns.rows()?;
        let outputs = self.with(py, |core| {
            let mut sizes = columns.sizes();
            columns.fill(core, Purpose::Train, &mut sizes, None, (0, rows))?;
            let begun = Watch::new().over(|interrupted| core.begin(interrupted))?;
            Ok(begun.map(|number| (number, core.begun_outputs())))
        })?;
        let Some((number, outputs)) = outputs else {
            return Ok(None);
        };
        let arrays = outputs
            .into_iter()
            .map(|(shape, values)| Ok(array(py, &shape, values)?.into_any()));
        Ok(Some((number, arrays.collect::<PyResult<_>>()?)))
    }

    /// Ends the step of that number, with these targets. False, and nothing done, if it does not wait any more, as another step
    /// has been run meanwhile, or if it was begun for targets of other sizes.
    pub fn finish_step(
        &self,
        py: Python<'_>,
        number: u64,
        targets: Vec<Option<Bound<'_, PyAny>>>,
    ) -> PyResult<bool> {
        let targets = optional_sources::<F>(&targets)?;
        self.with(py, |core| {
            let fit = targets.iter().enumerate().all(|(i, target)| {
                let len = target.as_ref().map_or(0, |t| t.shape().iter().product());
                core.target_mut(i).len() == len
            });
            if core.begun() != Some(number) || !fit {
                return Ok(false);
            }
            Python::attach(|py| {
                let mut given = targets.iter().enumerate();
                given.try_for_each(|(i, target)| match target {
                    Some(target) => target.gather(py, None, 0, core.target_mut(i)),
                    None => Ok(()),
                })
            })?;
            Watch::new().over(|interrupted| core.finish(interrupted))?;
            Ok(true)
        })
    }
}
