//! Metrics on numpy arrays.

use std::fmt::Debug;
use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::PyAny;
use pyo3::{BoundObject, IntoPyObjectExt};

use super::arrays::{Number, array};
use super::enter::{enter, lock};
use super::layer::json;
use super::losses::owned;
use crate::error::Result;
use crate::losses::Weights;
use crate::metrics::{Batch, NamedMetric, Reading, Several};
use crate::parallel::install;

/// One metric and what it has seen.
#[pyclass(frozen, module = "lamina._core")]
#[derive(Debug)]
pub struct Metric {
    inner: Typed,
}

/// A reading as a float, or as an array if it is several numbers.
pub fn shown(py: Python<'_>, reading: Reading) -> PyResult<Bound<'_, PyAny>> {
    match reading {
        Reading::One(number) => number.into_bound_py_any(py),
        Reading::Several(Several { shape, values }) => {
            Ok(array(py, &shape, values)?.into_any().into_bound())
        }
    }
}

/// A metric of either number type.
#[derive(Debug)]
enum Typed {
    F32(Mutex<NamedMetric<f32>>),
    F64(Mutex<NamedMetric<f64>>),
}

fn made<F: Number>(config: &str) -> Result<Mutex<NamedMetric<F>>> {
    NamedMetric::from_config(&json(config)?).map(Mutex::new)
}

fn update<F: Number>(
    metric: &Mutex<NamedMetric<F>>,
    y_true: Option<&Bound<'_, PyAny>>,
    y_pred: &Bound<'_, PyAny>,
    sample_weight: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let (target_shape, target) = y_true.map(owned::<F>).transpose()?.unwrap_or_default();
    let (prediction_shape, prediction) = owned::<F>(y_pred)?;
    let weights = sample_weight.map(owned::<F>).transpose()?;
    enter(y_pred.py(), || {
        let mut guard = lock(metric)?;
        let metric = &mut guard.metric;
        let weights = weights
            .as_ref()
            .map(|(shape, values)| Weights { values, shape });
        let batch = Batch {
            target: &target,
            target_shape: &target_shape,
            prediction: &prediction,
            prediction_shape: &prediction_shape,
            weights,
            mask: None,
        };
        Ok(install(|| metric.update(batch))?)
    })
}

#[pymethods]
impl Metric {
    /// The metric that `config` (JSON) names, of arrays of `dtype`.
    #[new]
    fn new(config: &str, dtype: &str) -> PyResult<Self> {
        Ok(Self {
            inner: match dtype {
                "float64" => Typed::F64(made(config)?),
                _ => Typed::F32(made(config)?),
            },
        })
    }

    /// Takes a batch in; metrics of plain values have no `y_true`.
    #[pyo3(signature = (y_true, y_pred, sample_weight=None))]
    fn update(
        &self,
        y_true: Option<&Bound<'_, PyAny>>,
        y_pred: &Bound<'_, PyAny>,
        sample_weight: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        match &self.inner {
            Typed::F32(metric) => update(metric, y_true, y_pred, sample_weight),
            Typed::F64(metric) => update(metric, y_true, y_pred, sample_weight),
        }
    }

    /// The number so far, or an array of several.
    fn result<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let reading = enter(py, || {
            Ok(match &self.inner {
                Typed::F32(metric) => lock(metric)?.reading(),
                Typed::F64(metric) => lock(metric)?.reading(),
            })
        })?;
        shown(py, reading)
    }

    /// Forgets all batches.
    fn reset_state(&self, py: Python<'_>) -> PyResult<()> {
        enter(py, || {
            match &self.inner {
                Typed::F32(metric) => lock(metric)?.metric.reset_state(),
                Typed::F64(metric) => lock(metric)?.metric.reset_state(),
            }
            Ok(())
        })
    }

    /// All that is remembered.
    fn state(&self, py: Python<'_>) -> PyResult<Vec<f64>> {
        enter(py, || {
            Ok(match &self.inner {
                Typed::F32(metric) => lock(metric)?.metric.state(),
                Typed::F64(metric) => lock(metric)?.metric.state(),
            })
        })
    }

    /// Takes back what `state` gave.
    fn set_state(&self, py: Python<'_>, state: Vec<f64>) -> PyResult<()> {
        enter(py, || {
            match &self.inner {
                Typed::F32(metric) => lock(metric)?.metric.set_state(&state)?,
                Typed::F64(metric) => lock(metric)?.metric.set_state(&state)?,
            }
            Ok(())
        })
    }
}
