//! Gradients for given gradients of the outputs, and the time they take: for tests and benches.

use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::super::arrays::{Number, array};
use super::shared::{Shared, optional_sources, sources};
use crate::runner::{Purpose, Sizes};

/// Outputs, gradients of inputs, and gradients of the weights of each layer.
pub type PyGradients<'py> = (
    Vec<Bound<'py, PyAny>>,
    Vec<Option<Bound<'py, PyAny>>>,
    Vec<Vec<Option<Bound<'py, PyAny>>>>,
);

impl<F: Number> Shared<F> {
    /// Outputs and the gradients of `sum(output * cotangent)` by inputs and weights.
    pub fn gradients_of<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        cotangents: Vec<Option<Bound<'py, PyAny>>>,
        training: bool,
    ) -> PyResult<PyGradients<'py>> {
        let inputs = sources::<F>(&inputs)?;
        let cotangents = optional_sources::<F>(&cotangents)?;
        let values = inputs
            .iter()
            .map(|input| input.to_vec(py))
            .collect::<PyResult<Vec<_>>>()?;
        let cotangents = cotangents
            .iter()
            .map(|c| c.as_ref().map(|c| c.to_vec(py)).transpose())
            .collect::<PyResult<Vec<_>>>()?;
        let (gradients, shapes) = self.with(py, |core| {
            let data: Vec<(&[usize], &[F])> = inputs
                .iter()
                .zip(&values)
                .map(|(input, values)| (input.shape(), values.as_slice()))
                .collect();
            let gradients = core.gradients(&data, &cotangents, training)?;
            let layers = core.graph().layers().iter();
            let shapes: Vec<Vec<Vec<usize>>> = layers
                .map(|l| {
                    l.variables().map_or(Vec::new(), |v| {
                        v.specs().iter().map(|s| s.shape.clone()).collect()
                    })
                })
                .collect();
            Ok((gradients, shapes))
        })?;
        let any = |sizes: &[usize], values: Vec<F>| -> PyResult<_> {
            Ok(array(py, sizes, values)?.into_any())
        };
        let outputs = gradients
            .outputs
            .into_iter()
            .map(|(sizes, values)| any(&sizes, values))
            .collect::<PyResult<_>>()?;
        let grad_inputs = gradients
            .inputs
            .into_iter()
            .zip(&inputs)
            .map(|(grad, input)| grad.map(|values| any(input.shape(), values)).transpose())
            .collect::<PyResult<_>>()?;
        let grad_weights = gradients
            .weights
            .into_iter()
            .zip(&shapes)
            .map(|(layer, shapes)| {
                layer
                    .into_iter()
                    .zip(shapes)
                    .map(|(g, sizes)| g.map(|values| any(sizes, values)).transpose())
                    .collect()
            })
            .collect::<PyResult<_>>()?;
        Ok((outputs, grad_inputs, grad_weights))
    }

    /// Seconds of a prediction, or of forward and backward as in training, by inputs and weights. What the arena happens
    /// to hold is the gradient that enters: time does not depend on it.
    pub fn time_of_run(
        &self,
        py: Python<'_>,
        inputs: Vec<Bound<'_, PyAny>>,
        backward: bool,
    ) -> PyResult<f64> {
        let inputs = sources::<F>(&inputs)?;
        let sizes = Sizes {
            inputs: inputs.iter().map(|input| input.shape().to_vec()).collect(),
            ..Sizes::default()
        };
        let values = inputs
            .iter()
            .map(|input| input.to_vec(py))
            .collect::<PyResult<Vec<_>>>()?;
        self.with(py, |core| {
            let purpose = match backward {
                true => Purpose::Gradients(true),
                false => Purpose::Predict(false),
            };
            core.prepare(purpose, &sizes)?;
            for (i, values) in values.iter().enumerate() {
                core.input_mut(i).copy_from_slice(values);
            }
            let start = Instant::now();
            core.run(&|| false)?;
            Ok(start.elapsed().as_secs_f64())
        })
    }
}
