//! Losses on numpy arrays.

use pyo3::prelude::*;
use pyo3::types::PyAny;
use pyo3::{BoundObject, IntoPyObjectExt};

use super::arrays::{Number, Source, array};
use super::enter::enter;
use super::layer::json;
use crate::error::Result;
use crate::losses::{LossFn, Reduction, Weights, resolve};
use crate::parallel::install;

/// A loss as one number, or with `reduction=None` one number per unit.
enum Reduced<F> {
    Number(f64),
    Units(Vec<usize>, Vec<F>),
}

/// The loss that `config` (JSON) names, of arrays of `dtype`: a float, or an array if it has no reduction.
#[pyfunction]
#[pyo3(signature = (config, y_true, y_pred, sample_weight=None, *, dtype))]
pub fn loss<'py>(
    py: Python<'py>,
    config: &str,
    y_true: &Bound<'py, PyAny>,
    y_pred: &Bound<'py, PyAny>,
    sample_weight: Option<&Bound<'py, PyAny>>,
    dtype: &str,
) -> PyResult<Bound<'py, PyAny>> {
    match dtype {
        "float64" => typed::<f64>(py, config, y_true, y_pred, sample_weight),
        _ => typed::<f32>(py, config, y_true, y_pred, sample_weight),
    }
}

fn typed<'py, F: Number>(
    py: Python<'py>,
    config: &str,
    y_true: &Bound<'py, PyAny>,
    y_pred: &Bound<'py, PyAny>,
    sample_weight: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let target = owned::<F>(y_true)?;
    let prediction = owned::<F>(y_pred)?;
    let weights = sample_weight.map(owned::<F>).transpose()?;
    let config = resolve(&json(config)?, &target.0, &prediction.0);
    let reduced = enter(py, || {
        let loss = LossFn::<F>::from_config(&config)?;
        Ok(install(|| {
            reduce(&loss, &target, &prediction, weights.as_ref())
        })?)
    })?;
    match reduced {
        Reduced::Number(loss) => loss.into_bound_py_any(py),
        Reduced::Units(shape, values) => Ok(array(py, &shape, values)?.into_any().into_bound()),
    }
}

/// The shape and a copy of the values of an array.
pub fn owned<F: Number>(value: &Bound<'_, PyAny>) -> PyResult<(Vec<usize>, Vec<F>)> {
    let source = Source::<F>::new(value)?;
    Ok((source.shape().to_vec(), source.to_vec(value.py())?))
}

fn reduce<F: Number>(
    loss: &LossFn<F>,
    (target_shape, target): &(Vec<usize>, Vec<F>),
    (shape, prediction): &(Vec<usize>, Vec<F>),
    weights: Option<&(Vec<usize>, Vec<F>)>,
) -> Result<Reduced<F>> {
    let units = loss.loss.check(target_shape, shape)?;
    loss.loss.validate(target, shape)?;
    let mut values = vec![F::ZERO; units.iter().product()];
    let mut scale = values.clone();
    loss.loss.forward(target, prediction, shape, &mut values)?;
    let weights = weights.map(|(shape, values)| Weights { values, shape });
    if loss.reduction == Reduction::None {
        loss.weigh(target, &mut values, &units, weights, None, &mut scale)?;
        return Ok(Reduced::Units(units, values));
    }
    loss.reduce(target, &values, &units, weights, None, 1.0, &mut scale)
        .map(Reduced::Number)
}
