//! Models, as Python holds them: one graph with its plans, gradients, optimizer and metrics.

mod batches;
mod gradients;
mod predict;
mod shared;
mod typed;
mod watch;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyTuple};

use super::arrays::Indices;
use super::error::dtype_error;
use super::layer::{Layer, json, shape_tuple};
use super::metrics::shown;
use crate::config::parse;
use crate::graph::GraphSpec;
use crate::runner::Purpose;
use batches::{Batches, Begun, Data};
use gradients::PyGradients;
use shared::Shared;
use typed::TypedRunner;

/// One graph that runs.
#[pyclass(frozen, module = "lamina._core")]
#[derive(Debug)]
pub struct Runner {
    inner: Box<dyn TypedRunner>,
}

#[pymethods]
impl Runner {
    #[new]
    fn new(layers: Vec<PyRef<'_, Layer>>, structure: &str, seed: u64) -> PyResult<Self> {
        let spec: GraphSpec = parse(&json(structure)?)?;
        let inner = match Shared::<f32>::create(&layers, &spec, seed)? {
            Some(inner) => Some(inner),
            None => Shared::<f64>::create(&layers, &spec, seed)?,
        };
        match inner {
            Some(inner) => Ok(Self { inner }),
            None => Err(dtype_error(
                "expected layers of one dtype in a model, got float32 and float64",
            )),
        }
    }

    /// Shape of each output, and whether it has a mask.
    fn outputs<'py>(&self, py: Python<'py>) -> PyResult<Vec<(Bound<'py, PyTuple>, bool)>> {
        let outputs = self.inner.output_shapes(py)?;
        outputs
            .iter()
            .map(|(shape, masked)| Ok((shape_tuple(py, shape)?, *masked)))
            .collect()
    }

    /// Sets losses, metrics and optimizer.
    fn compile(&self, py: Python<'_>, config: &str) -> PyResult<()> {
        self.inner.compile(py, config)
    }

    /// The outputs for all rows of the inputs.
    #[pyo3(signature = (inputs, batch_size, training=false, progress=None))]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        batch_size: usize,
        training: bool,
        progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.inner
            .predict(py, inputs, batch_size, training, progress)
    }

    /// The output for one array, of a graph of one input and one output without training; None where `predict` must do it:
    /// an array of another number type, order or number of axes, or states that change.
    fn predict_array<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.inner.predict_array(py, x)
    }

    /// The outputs for one batch as the next step will see them, training or testing; nothing is kept.
    fn peek<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        training: bool,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.inner.peek(py, inputs, training)
    }

    /// The outputs of the last step.
    fn step_outputs<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.inner.step_outputs(py)
    }

    /// Trains on batches `first..last`, or tests; returns how many were done before `seconds` had passed.
    #[pyo3(signature = (training, inputs, targets, weights, order, batch_size, first, last, seconds))]
    #[allow(clippy::too_many_arguments)] // the data of a step and the range of steps
    fn run<'py>(
        &self,
        py: Python<'py>,
        training: bool,
        inputs: Vec<Bound<'py, PyAny>>,
        targets: Vec<Option<Bound<'py, PyAny>>>,
        weights: Vec<Option<Bound<'py, PyAny>>>,
        order: Option<Indices<'py>>,
        batch_size: usize,
        first: usize,
        last: usize,
        seconds: f64,
    ) -> PyResult<usize> {
        let purpose = if training {
            Purpose::Train
        } else {
            Purpose::Test
        };
        let data = Data {
            inputs,
            targets,
            weights,
            order: order.as_ref(),
        };
        let batches = Batches {
            size: batch_size,
            first,
            last,
            seconds,
        };
        self.inner.run(py, purpose, data, batches)
    }

    /// Runs a training step on all rows as far as its outputs, which come with its number; `finish` ends it. None, and nothing done, where steps are run
    /// several times.
    fn begin<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        targets: Vec<Option<Bound<'py, PyAny>>>,
        weights: Vec<Option<Bound<'py, PyAny>>>,
    ) -> PyResult<Option<Begun<'py>>> {
        let data = Data {
            inputs,
            targets,
            weights,
            order: None,
        };
        self.inner.begin(py, data)
    }

    /// Ends the step of that number, with these targets; False, and nothing done, if it is gone or was begun for other sizes.
    fn finish(
        &self,
        py: Python<'_>,
        number: u64,
        targets: Vec<Option<Bound<'_, PyAny>>>,
    ) -> PyResult<bool> {
        self.inner.finish(py, number, targets)
    }

    /// Outputs and the gradients of `sum(output * cotangent)` by inputs and weights; for tests.
    #[pyo3(signature = (inputs, cotangents, training=false))]
    fn gradients<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        cotangents: Vec<Option<Bound<'py, PyAny>>>,
        training: bool,
    ) -> PyResult<PyGradients<'py>> {
        self.inner.gradients(py, inputs, cotangents, training)
    }

    /// Seconds of a prediction, or of forward and backward as in training, without copies in and out; for benches.
    fn run_seconds(
        &self,
        py: Python<'_>,
        inputs: Vec<Bound<'_, PyAny>>,
        backward: bool,
    ) -> PyResult<f64> {
        self.inner.run_seconds(py, inputs, backward)
    }

    /// Loss and metrics since the last reset.
    fn results<'py>(&self, py: Python<'py>) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
        let results = self.inner.results(py)?.into_iter();
        results
            .map(|(name, reading)| Ok((name, shown(py, reading)?)))
            .collect()
    }

    /// Starts losses and metrics anew.
    fn reset_metrics(&self, py: Python<'_>) -> PyResult<()> {
        self.inner.reset_metrics(py)
    }

    /// The learning rate of the next step of optimizer `part`.
    #[pyo3(signature = (part=0))]
    fn learning_rate(&self, py: Python<'_>, part: usize) -> PyResult<f64> {
        self.inner.learning_rate(py, part)
    }

    /// Sets the learning rate of optimizer `part`.
    #[pyo3(signature = (rate, part=0))]
    fn set_learning_rate(&self, py: Python<'_>, rate: f64, part: usize) -> PyResult<()> {
        self.inner.set_learning_rate(py, rate, part)
    }

    /// How many updates optimizer `part` has made.
    #[pyo3(signature = (part=0))]
    fn iterations(&self, py: Python<'_>, part: usize) -> PyResult<u64> {
        self.inner.iterations(py, part)
    }

    /// The optimizer's slots and counters.
    fn optimizer_state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.inner.optimizer_state(py)
    }

    /// Steps the optimizer has made, those included that only added up gradients.
    #[getter]
    fn optimizer_steps(&self, py: Python<'_>) -> PyResult<u64> {
        self.inner.optimizer_steps(py)
    }

    /// Sets the optimizer's slots, as they were after so many steps.
    fn set_optimizer_state(
        &self,
        py: Python<'_>,
        state: &Bound<'_, PyDict>,
        steps: u64,
    ) -> PyResult<()> {
        self.inner.set_optimizer_state(py, state, steps)
    }

    /// Ends a training: averaged weights take the place of the last ones, if the optimizer says so.
    fn finish_training(&self, py: Python<'_>) -> PyResult<()> {
        self.inner.finish_training(py)
    }

    /// Exchanges weights and their moving averages; whether the weights are the averages then.
    fn swap_averages(&self, py: Python<'_>) -> PyResult<bool> {
        self.inner.swap_averages(py)
    }

    /// All that loss and metrics remember since the last reset.
    fn metrics_state(&self, py: Python<'_>) -> PyResult<Vec<Vec<f64>>> {
        self.inner.metrics_state(py)
    }

    /// Takes back what `metrics_state` gave.
    fn set_metrics_state(&self, py: Python<'_>, state: Vec<Vec<f64>>) -> PyResult<()> {
        self.inner.set_metrics_state(py, state)
    }

    /// Sets the states of stateful layers to zero.
    fn reset_states(&self, py: Python<'_>) -> PyResult<()> {
        self.inner.reset_states(py)
    }

    /// The number of steps so far, which random numbers depend on.
    #[getter]
    fn step(&self, py: Python<'_>) -> PyResult<u64> {
        self.inner.step(py)
    }

    #[setter]
    fn set_step(&self, py: Python<'_>, step: u64) -> PyResult<()> {
        self.inner.set_step(py, step)
    }
}
