//! Gradients for given gradients of the outputs: for tests.

use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::super::arrays::{Number, array};
use super::shared::{Shared, optional_sources, sources};

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
}
