//! What is done to single weights, how they start, what they cost, what they keep to; and early checks of configs.

use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::arrays::{Number, array};
use super::enter::enter;
use super::layer::json;
use super::losses::owned;
use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::init::Initializer;
use crate::losses::LossFn;
use crate::metrics::NamedMetric;
use crate::optimizers::{Optimizers, schedules};
use crate::parallel::install;
use crate::regularizer::Regularizer;
use crate::shape::{Shape, checked_elements};

/// Refuses a config (JSON) of an "initializer", "regularizer", "constraint", "loss", "metric", "optimizer" or "schedule"
/// that could not be used.
#[pyfunction]
pub fn check(family: &str, config: &str) -> PyResult<()> {
    let config = json(config)?;
    match family {
        "initializer" => Initializer::try_from(config).map(drop)?,
        "regularizer" => Regularizer::try_from(config).map(drop)?,
        "constraint" => Constraint::try_from(config).map(drop)?,
        "loss" => LossFn::<f64>::from_config(&config).map(drop)?,
        "metric" => NamedMetric::<f64>::from_config(&config).map(drop)?,
        "optimizer" => Optimizers::<f64>::from_config(&config, &[]).map(drop)?,
        "schedule" => schedules::from_config(&config).map(drop)?,
        other => return Err(Error::config("a family of configs", format!("{other:?}")).into()),
    }
    Ok(())
}

/// An array of `shape` and `dtype` from the initializer that `config` (JSON) names.
#[pyfunction]
pub fn initialize<'py>(
    py: Python<'py>,
    config: &str,
    shape: Vec<usize>,
    dtype: &str,
    seed: u64,
) -> PyResult<Bound<'py, PyAny>> {
    match dtype {
        "float64" => Ok(array(py, &shape, started::<f64>(py, config, &shape, seed)?)?.into_any()),
        _ => Ok(array(py, &shape, started::<f32>(py, config, &shape, seed)?)?.into_any()),
    }
}

fn started<F: Number>(
    py: Python<'_>,
    config: &str,
    shape: &[usize],
    seed: u64,
) -> PyResult<Vec<F>> {
    let initializer = Initializer::try_from(json(config)?)?;
    enter(py, || {
        let mut values = zeros(shape)?;
        install(|| initializer.fill(shape, &mut values, seed))?;
        Ok(values)
    })
}

/// Zeros of this shape, or an error if there is no memory for them.
fn zeros<F: Number>(shape: &[usize]) -> Result<Vec<F>> {
    let len = checked_elements(shape)?;
    let mut values = Vec::new();
    values.try_reserve_exact(len).map_err(|_| {
        Error::shape(
            "an array that fits into memory",
            format!("shape {}", Shape::known(shape)),
        )
    })?;
    values.resize(len, F::ZERO);
    Ok(values)
}

/// What an array costs by the regularizer that `config` (JSON) names.
#[pyfunction]
pub fn penalty(py: Python<'_>, config: &str, x: &Bound<'_, PyAny>, dtype: &str) -> PyResult<f64> {
    let regularizer = Regularizer::try_from(json(config)?)?;
    match dtype {
        "float64" => penalty_of::<f64>(py, &regularizer, x),
        _ => penalty_of::<f32>(py, &regularizer, x),
    }
}

fn penalty_of<F: Number>(
    py: Python<'_>,
    regularizer: &Regularizer,
    x: &Bound<'_, PyAny>,
) -> PyResult<f64> {
    let (shape, values) = owned::<F>(x)?;
    regularizer.check(shape.len())?;
    enter(py, || Ok(regularizer.penalty(&shape, &values)))
}

/// A copy of an array, brought back to the constraint that `config` (JSON) names.
#[pyfunction]
pub fn constrain<'py>(
    py: Python<'py>,
    config: &str,
    w: &Bound<'py, PyAny>,
    dtype: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let constraint = Constraint::try_from(json(config)?)?;
    match dtype {
        "float64" => constrained::<f64>(py, &constraint, w),
        _ => constrained::<f32>(py, &constraint, w),
    }
}

fn constrained<'py, F: Number>(
    py: Python<'py>,
    constraint: &Constraint,
    w: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let (shape, mut values) = owned::<F>(w)?;
    enter(py, || Ok(constraint.apply(&shape, &mut values)?))?;
    Ok(array(py, &shape, values)?.into_any())
}
