//! What a runner does, whichever its number type.

use std::fmt::Debug;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict};

use super::super::arrays::{Number, Source, array};
use super::super::layer::json;
use super::batches::{Batches, Begun, Data};
use super::gradients::PyGradients;
use super::shared::Shared;
use crate::metrics::Reading;
use crate::optimizers::StateTensor;
use crate::runner::Purpose;
use crate::shape::Shape;
use crate::training::Training;

/// A runner of either number type.
pub trait TypedRunner: Debug + Send + Sync {
    fn output_shapes(&self, py: Python<'_>) -> PyResult<Vec<(Shape, bool)>>;
    fn compile(&self, py: Python<'_>, config: &str) -> PyResult<()>;
    fn predict<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        batch_size: usize,
        training: bool,
        progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>>;
    fn predict_array<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>>;
    fn peek<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        training: bool,
    ) -> PyResult<Vec<Bound<'py, PyAny>>>;
    fn step_outputs<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>>;
    fn run(
        &self,
        py: Python<'_>,
        purpose: Purpose,
        data: Data<'_, '_>,
        batches: Batches,
    ) -> PyResult<usize>;
    fn begin<'py>(&self, py: Python<'py>, data: Data<'_, 'py>) -> PyResult<Option<Begun<'py>>>;
    fn finish(
        &self,
        py: Python<'_>,
        number: u64,
        targets: Vec<Option<Bound<'_, PyAny>>>,
    ) -> PyResult<bool>;
    fn gradients<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        cotangents: Vec<Option<Bound<'py, PyAny>>>,
        training: bool,
    ) -> PyResult<PyGradients<'py>>;
    fn run_seconds(
        &self,
        py: Python<'_>,
        inputs: Vec<Bound<'_, PyAny>>,
        backward: bool,
    ) -> PyResult<f64>;
    fn results(&self, py: Python<'_>) -> PyResult<Vec<(String, Reading)>>;
    fn reset_metrics(&self, py: Python<'_>) -> PyResult<()>;
    fn learning_rate(&self, py: Python<'_>, part: usize) -> PyResult<f64>;
    fn set_learning_rate(&self, py: Python<'_>, rate: f64, part: usize) -> PyResult<()>;
    fn iterations(&self, py: Python<'_>, part: usize) -> PyResult<u64>;
    fn optimizer_state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>>;
    fn set_optimizer_state(
        &self,
        py: Python<'_>,
        state: &Bound<'_, PyDict>,
        steps: u64,
    ) -> PyResult<()>;
    fn optimizer_steps(&self, py: Python<'_>) -> PyResult<u64>;
    fn finish_training(&self, py: Python<'_>) -> PyResult<()>;
    fn swap_averages(&self, py: Python<'_>) -> PyResult<bool>;
    fn metrics_state(&self, py: Python<'_>) -> PyResult<Vec<Vec<f64>>>;
    fn set_metrics_state(&self, py: Python<'_>, state: Vec<Vec<f64>>) -> PyResult<()>;
    fn reset_states(&self, py: Python<'_>) -> PyResult<()>;
    fn step(&self, py: Python<'_>) -> PyResult<u64>;
    fn set_step(&self, py: Python<'_>, step: u64) -> PyResult<()>;
}

impl<F: Number> TypedRunner for Shared<F> {
    fn output_shapes(&self, py: Python<'_>) -> PyResult<Vec<(Shape, bool)>> {
        self.with(py, |core| {
            let tensors = core.graph().tensors();
            let outputs = core.graph().outputs().iter();
            Ok(outputs
                .map(|&t| (tensors[t].shape.clone(), tensors[t].mask.is_some()))
                .collect())
        })
    }

    fn compile(&self, py: Python<'_>, config: &str) -> PyResult<()> {
        let config = json(config)?;
        self.with(py, |core| {
            let training = Training::new(&config, core.graph())?;
            Ok(core.set_training(training)?)
        })
    }

    fn predict<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        batch_size: usize,
        training: bool,
        progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.predict_rows(py, inputs, batch_size, training, progress)
    }

    fn predict_array<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.predict_one(py, x)
    }

    fn peek<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        training: bool,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.peek_batch(py, inputs, training)
    }

    fn step_outputs<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let outputs = self.with(py, |core| Ok(core.outputs()))?.into_iter();
        outputs
            .map(|(shape, values)| Ok(array(py, &shape, values)?.into_any()))
            .collect()
    }

    fn run(
        &self,
        py: Python<'_>,
        purpose: Purpose,
        data: Data<'_, '_>,
        batches: Batches,
    ) -> PyResult<usize> {
        self.run_batches(py, purpose, data, batches)
    }

    fn begin<'py>(&self, py: Python<'py>, data: Data<'_, 'py>) -> PyResult<Option<Begun<'py>>> {
        self.begin_step(py, data)
    }

    fn finish(
        &self,
        py: Python<'_>,
        number: u64,
        targets: Vec<Option<Bound<'_, PyAny>>>,
    ) -> PyResult<bool> {
        self.finish_step(py, number, targets)
    }

    fn gradients<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        cotangents: Vec<Option<Bound<'py, PyAny>>>,
        training: bool,
    ) -> PyResult<PyGradients<'py>> {
        self.gradients_of(py, inputs, cotangents, training)
    }

    fn run_seconds(
        &self,
        py: Python<'_>,
        inputs: Vec<Bound<'_, PyAny>>,
        backward: bool,
    ) -> PyResult<f64> {
        self.time_of_run(py, inputs, backward)
    }

    fn results(&self, py: Python<'_>) -> PyResult<Vec<(String, Reading)>> {
        self.trained(py, |training| Ok(training.results()))
    }

    fn reset_metrics(&self, py: Python<'_>) -> PyResult<()> {
        self.trained(py, |training| {
            training.reset_metrics();
            Ok(())
        })
    }

    fn learning_rate(&self, py: Python<'_>, part: usize) -> PyResult<f64> {
        self.trained(py, |training| {
            Ok(training.optimizer()?.part(part)?.learning_rate())
        })
    }

    fn set_learning_rate(&self, py: Python<'_>, rate: f64, part: usize) -> PyResult<()> {
        self.trained(py, |training| {
            Ok(training.optimizer_mut(part)?.set_learning_rate(rate)?)
        })
    }

    fn iterations(&self, py: Python<'_>, part: usize) -> PyResult<u64> {
        self.trained(py, |training| {
            Ok(training.optimizer()?.part(part)?.iterations())
        })
    }

    fn optimizer_state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let state = self.with(py, |core| Ok(core.optimizer_state()?))?;
        let dict = PyDict::new(py);
        for StateTensor {
            name,
            shape,
            values,
        } in state
        {
            dict.set_item(name, array(py, &shape, values)?)?;
        }
        Ok(dict)
    }

    fn optimizer_steps(&self, py: Python<'_>) -> PyResult<u64> {
        self.trained(py, |training| Ok(training.optimizer()?.steps()))
    }

    fn set_optimizer_state(
        &self,
        py: Python<'_>,
        state: &Bound<'_, PyDict>,
        steps: u64,
    ) -> PyResult<()> {
        let state = state
            .iter()
            .map(|(name, value)| {
                let source = Source::<F>::new(&value)?;
                Ok(StateTensor {
                    name: name.extract()?,
                    shape: source.shape().to_vec(),
                    values: source.to_vec(py)?,
                })
            })
            .collect::<PyResult<Vec<StateTensor<F>>>>()?;
        self.with(py, |core| Ok(core.set_optimizer_state(&state, steps)?))
    }

    fn finish_training(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |core| Ok(core.finish_training()?))
    }

    fn swap_averages(&self, py: Python<'_>) -> PyResult<bool> {
        self.with(py, |core| Ok(core.swap_averages()?))
    }

    fn metrics_state(&self, py: Python<'_>) -> PyResult<Vec<Vec<f64>>> {
        self.trained(py, |training| Ok(training.metrics_state()))
    }

    fn set_metrics_state(&self, py: Python<'_>, state: Vec<Vec<f64>>) -> PyResult<()> {
        self.trained(py, |training| Ok(training.set_metrics_state(&state)?))
    }

    fn reset_states(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |core| {
            Ok(core
                .graph()
                .layers()
                .iter()
                .try_for_each(|layer| layer.reset_state())?)
        })
    }

    fn step(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(py, |core| Ok(core.step()))
    }

    fn set_step(&self, py: Python<'_>, step: u64) -> PyResult<()> {
        self.with(py, |core| {
            core.set_step(step);
            Ok(())
        })
    }
}
