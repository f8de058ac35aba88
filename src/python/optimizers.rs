//! Optimizers on lists of numpy arrays, and schedules.

use std::fmt::Debug;
use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::arrays::{Number, array};
use super::enter::{enter, lock};
use super::layer::json;
use super::losses::owned;
use crate::error::{Error, Result};
use crate::optimizers::{Optimizers, Segment, StateTensor, schedules};
use crate::parallel::install;
use crate::shape::{Shape, checked_elements};

/// The learning rate of the schedule that `config` (JSON) names, at `step`.
#[pyfunction]
pub fn schedule(config: &str, step: f64) -> PyResult<f64> {
    Ok(schedules::from_config(&json(config)?)?.learning_rate(step))
}

/// An optimizer over a list of arrays.
#[pyclass(frozen, module = "lamina._core")]
#[derive(Debug)]
pub struct Optimizer {
    inner: Box<dyn TypedOptimizer>,
}

/// An optimizer of either number type.
trait TypedOptimizer: Debug + Send + Sync {
    fn apply<'py>(
        &self,
        grads: &Bound<'py, PyList>,
        values: &Bound<'py, PyList>,
    ) -> PyResult<Bound<'py, PyList>>;
    fn finalize<'py>(&self, values: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyList>>;
    fn learning_rate(&self, part: usize) -> PyResult<f64>;
    fn set_learning_rate(&self, rate: f64, part: usize) -> PyResult<()>;
    fn iterations(&self, part: usize) -> PyResult<u64>;
    fn steps(&self) -> PyResult<u64>;
    fn set_steps(&self, steps: u64) -> PyResult<()>;
    fn state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>>;
    fn set_state(&self, state: &Bound<'_, PyDict>) -> PyResult<()>;
}

#[derive(Debug)]
struct Flat<F> {
    segments: Vec<Segment>,
    state: Mutex<Optimizers<F>>,
}

impl<F: Number> Flat<F> {
    fn new(config: &str, shapes: Vec<Vec<usize>>) -> Result<Self> {
        let mut segments = Vec::with_capacity(shapes.len());
        let mut at = 0usize;
        for (i, shape) in shapes.into_iter().enumerate() {
            let len = checked_elements(&shape)?;
            let name = i.to_string();
            segments.push(Segment {
                name,
                owner: (i, 0),
                shape,
                value: at,
                grad: at,
                constraint: None,
                decay: true,
            });
            at += len;
            checked_elements(&[at])?;
        }
        let state = Mutex::new(Optimizers::from_config(&json(config)?, &segments)?);
        Ok(Self { segments, state })
    }

    /// The arrays one after the other, each of the shape it must have.
    fn joined(&self, what: &str, arrays: &Bound<'_, PyList>) -> PyResult<Vec<F>> {
        if arrays.len() != self.segments.len() {
            return Err(Error::param(
                format!("{} {what}, one for each weight", self.segments.len()),
                arrays.len().to_string(),
            )
            .into());
        }
        let mut joined = Vec::new();
        for (segment, value) in self.segments.iter().zip(arrays) {
            let (shape, values) = owned::<F>(&value)?;
            if shape != segment.shape {
                return Err(Error::shape(
                    format!("{what} of shape {}", Shape::known(&segment.shape)),
                    format!("shape {}", Shape::known(&shape)),
                )
                .into());
            }
            joined.extend(values);
        }
        Ok(joined)
    }

    fn parted<'py>(&self, py: Python<'py>, values: &[F]) -> PyResult<Bound<'py, PyList>> {
        let arrays = self.segments.iter().map(|segment| {
            array(
                py,
                &segment.shape,
                values[segment.value..][..segment.len()].to_vec(),
            )
        });
        PyList::new(py, arrays.collect::<PyResult<Vec<_>>>()?)
    }
}

impl<F: Number> TypedOptimizer for Flat<F> {
    fn apply<'py>(
        &self,
        grads: &Bound<'py, PyList>,
        values: &Bound<'py, PyList>,
    ) -> PyResult<Bound<'py, PyList>> {
        let mut grads_joined = self.joined("gradients", grads)?;
        let mut joined = self.joined("weights", values)?;
        enter(values.py(), || {
            let mut guard = lock(&self.state)?;
            let state = &mut *guard;
            install(|| state.apply(&mut joined, &mut grads_joined, None))?;
            Ok(())
        })?;
        self.parted(values.py(), &joined)
    }

    fn finalize<'py>(&self, values: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyList>> {
        let mut joined = self.joined("weights", values)?;
        enter(
            values.py(),
            || Ok(lock(&self.state)?.finalize(&mut joined)?),
        )?;
        self.parted(values.py(), &joined)
    }

    fn learning_rate(&self, part: usize) -> PyResult<f64> {
        Ok(lock(&self.state)?.part(part)?.learning_rate())
    }

    fn set_learning_rate(&self, rate: f64, part: usize) -> PyResult<()> {
        Ok(lock(&self.state)?.part_mut(part)?.set_learning_rate(rate)?)
    }

    fn iterations(&self, part: usize) -> PyResult<u64> {
        Ok(lock(&self.state)?.part(part)?.iterations())
    }

    fn steps(&self) -> PyResult<u64> {
        Ok(lock(&self.state)?.steps())
    }

    fn set_steps(&self, steps: u64) -> PyResult<()> {
        lock(&self.state)?.set_steps(steps);
        Ok(())
    }

    fn state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let tensors = enter(py, || Ok(lock(&self.state)?.export()?))?;
        let dict = PyDict::new(py);
        for StateTensor {
            name,
            shape,
            values,
        } in tensors
        {
            dict.set_item(name, array(py, &shape, values)?)?;
        }
        Ok(dict)
    }

    fn set_state(&self, state: &Bound<'_, PyDict>) -> PyResult<()> {
        let mut tensors = Vec::with_capacity(state.len());
        for (name, value) in state {
            let (shape, values) = owned::<F>(&value)?;
            tensors.push(StateTensor {
                name: name.extract()?,
                shape,
                values,
            });
        }
        enter(state.py(), || Ok(lock(&self.state)?.import(&tensors)?))
    }
}

#[pymethods]
impl Optimizer {
    /// The optimizer that `config` (JSON) names, for weights of these shapes and `dtype`.
    #[new]
    fn new(config: &str, shapes: Vec<Vec<usize>>, dtype: &str) -> PyResult<Self> {
        Ok(Self {
            inner: match dtype {
                "float64" => Box::new(Flat::<f64>::new(config, shapes)?),
                _ => Box::new(Flat::<f32>::new(config, shapes)?),
            },
        })
    }

    /// One step: the new weights.
    fn apply<'py>(
        &self,
        grads: &Bound<'py, PyList>,
        values: &Bound<'py, PyList>,
    ) -> PyResult<Bound<'py, PyList>> {
        self.inner.apply(grads, values)
    }

    /// The weights at the end of training: their moving averages, if there are any.
    fn finalize<'py>(&self, values: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyList>> {
        self.inner.finalize(values)
    }

    /// The learning rate of the next step of optimizer `part`.
    #[pyo3(signature = (part=0))]
    fn learning_rate(&self, py: Python<'_>, part: usize) -> PyResult<f64> {
        enter(py, || self.inner.learning_rate(part))
    }

    /// Sets the learning rate of optimizer `part`.
    #[pyo3(signature = (rate, part=0))]
    fn set_learning_rate(&self, py: Python<'_>, rate: f64, part: usize) -> PyResult<()> {
        enter(py, || self.inner.set_learning_rate(rate, part))
    }

    /// The number of updates that optimizer `part` made.
    #[pyo3(signature = (part=0))]
    fn iterations(&self, py: Python<'_>, part: usize) -> PyResult<u64> {
        enter(py, || self.inner.iterations(part))
    }

    /// The number of steps made, those included that only accumulated gradients.
    #[getter]
    fn steps(&self, py: Python<'_>) -> PyResult<u64> {
        enter(py, || self.inner.steps())
    }

    #[setter]
    fn set_steps(&self, py: Python<'_>, steps: u64) -> PyResult<()> {
        enter(py, || self.inner.set_steps(steps))
    }

    /// All that is remembered but the number of steps.
    fn state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.inner.state(py)
    }

    /// Takes back what `state` gave.
    fn set_state(&self, state: &Bound<'_, PyDict>) -> PyResult<()> {
        self.inner.set_state(state)
    }
}
