//! The activation functions on numpy arrays.

use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::arrays::{Number, Source, array};
use super::enter::enter;
use super::layer::json;
use crate::config::parse;
use crate::error::Error;
use crate::kernels::activation::Activation;
use crate::shape::Shape;

/// The activation that `config` (JSON) names, applied to `x`; those over an axis take the last.
#[pyfunction]
pub fn activation<'py>(
    py: Python<'py>,
    config: &str,
    x: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let activation = parse(&json(config)?)?;
    match Source::<f64>::new(x) {
        Ok(source) => apply(py, &activation, &source),
        Err(_) => apply(py, &activation, &Source::<f32>::new(x)?),
    }
}

fn apply<'py, F: Number>(
    py: Python<'py>,
    activation: &Activation,
    source: &Source<F>,
) -> PyResult<Bound<'py, PyAny>> {
    let mut shape = source.shape().to_vec();
    let last = shape.last().copied().unwrap_or(1);
    let out = activation.output_len(last).ok_or_else(|| {
        let got = format!("input shape {}", Shape::known(source.shape()));
        Error::shape("an even number in the last axis, for glu", got)
    })?;
    if let Some(size) = shape.last_mut() {
        *size = out;
    }
    let x = source.to_vec(py)?;
    let values = enter(py, || {
        let mut y = vec![F::ZERO; shape.iter().product()];
        if !y.is_empty() {
            activation.forward(&x, &mut y, last);
        }
        Ok(y)
    })?;
    Ok(array(py, &shape, values)?.into_any())
}
