//! Layers, as Python holds them.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyTuple};
use serde_json::Value;

use super::arrays::{Number, Source, array};
use super::enter::enter;
use super::error::dtype_error;
use crate::config::parse;
use crate::error::{Error, Result};
use crate::named_layer::NamedLayer;
use crate::param::{ParamSpec, Role};
use crate::shape::Shape;

/// A shape as Python writes it.
pub type PyShape = Vec<Option<usize>>;

/// One layer of the engine; every model that uses it shares it.
#[pyclass(frozen, module = "lamina._core")]
#[derive(Debug)]
pub struct Layer {
    inner: Box<dyn TypedLayer>,
}

/// A layer of either number type.
trait TypedLayer: Debug + Send + Sync {
    fn name(&self) -> &str;
    fn dtype(&self) -> &'static str;
    fn specs(&self) -> Option<Vec<ParamSpec>>;
    fn trainable(&self) -> bool;
    fn set_trainable(&self, trainable: bool);
    fn output_shapes(&self, inputs: &[Shape], call: Option<&Value>) -> Result<Vec<Shape>>;
    fn build(&self, inputs: &[Shape], call: Option<&Value>, seed: u64) -> Result<()>;
    fn get_weight<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyAny>>;
    fn set_weight(&self, py: Python<'_>, index: usize, value: &Bound<'_, PyAny>) -> PyResult<()>;
    fn reset_state(&self) -> Result<()>;
    fn as_any(&self) -> &dyn Any;
}

/// JSON as a value.
pub fn json(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|e| Error::config("a configuration in JSON", e.to_string()))
}

/// A shape as a Python tuple.
pub fn shape_tuple<'py>(py: Python<'py>, shape: &Shape) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(py, shape.axes())
}

fn shapes(given: Vec<PyShape>) -> Vec<Shape> {
    given.into_iter().map(Shape::new).collect()
}

fn named<F: Number>(
    kind: &str,
    name: &str,
    config: Value,
    penalty: Option<Value>,
) -> Result<Box<dyn TypedLayer>> {
    let penalty = penalty.map(|value| parse(&value)).transpose();
    let penalty = penalty.map_err(|e| e.at(format!("{kind} \"{name}\"")))?;
    Ok(Box::new(Arc::new(NamedLayer::<F>::new(
        kind, name, config, penalty,
    )?)))
}

fn not_built<F: Number>(layer: &NamedLayer<F>) -> Error {
    Error::param("a layer with weights", "one that was not built")
        .remedy("Call it or build(input_shape) first.")
        .at(layer.place())
}

impl Layer {
    /// The layer in number type `F`, if it is of that type.
    pub fn typed<F: Number>(&self) -> Option<&Arc<NamedLayer<F>>> {
        self.inner.as_any().downcast_ref()
    }
}

impl<F: Number> TypedLayer for Arc<NamedLayer<F>> {
    fn name(&self) -> &str {
        NamedLayer::name(self)
    }

    fn dtype(&self) -> &'static str {
        F::DTYPE
    }

    fn specs(&self) -> Option<Vec<ParamSpec>> {
        self.variables().map(|variables| variables.specs().to_vec())
    }

    fn trainable(&self) -> bool {
        NamedLayer::trainable(self)
    }

    fn set_trainable(&self, trainable: bool) {
        NamedLayer::set_trainable(self, trainable);
    }

    fn output_shapes(&self, inputs: &[Shape], call: Option<&Value>) -> Result<Vec<Shape>> {
        NamedLayer::output_shapes(self, inputs, call)
    }

    fn build(&self, inputs: &[Shape], call: Option<&Value>, seed: u64) -> Result<()> {
        NamedLayer::build(self, inputs, call, seed).map(|_| ())
    }

    fn get_weight<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyAny>> {
        let variables = self.variables().ok_or_else(|| not_built(self))?;
        let values = enter(py, || {
            Ok(variables.get(index).map_err(|e| e.at(self.place()))?)
        })?;
        Ok(array(py, &variables.specs()[index].shape, values)?.into_any())
    }

    fn set_weight(&self, py: Python<'_>, index: usize, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = Source::<F>::new(value)?;
        let values = value.to_vec(py)?;
        let variables = self.variables().ok_or_else(|| not_built(self))?;
        let shape = value.shape();
        enter(py, || {
            Ok(variables
                .set(index, shape, &values)
                .map_err(|e| e.at(self.place()))?)
        })
    }

    fn reset_state(&self) -> Result<()> {
        NamedLayer::reset_state(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[pymethods]
impl Layer {
    #[new]
    #[pyo3(signature = (kind, name, config, dtype, activity_regularizer=None))]
    fn new(
        kind: &str,
        name: &str,
        config: &str,
        dtype: &str,
        activity_regularizer: Option<&str>,
    ) -> PyResult<Self> {
        let config = json(config)?;
        let penalty = activity_regularizer
            .map(json)
            .transpose()?
            .filter(|value| !value.is_null());
        let inner = match dtype {
            "float32" => named::<f32>(kind, name, config, penalty)?,
            "float64" => named::<f64>(kind, name, config, penalty)?,
            other => {
                let got = format!(
                    "{kind} \"{name}\": expected dtype \"float32\" or \"float64\", got {other:?}"
                );
                return Err(dtype_error(got));
            }
        };
        Ok(Self { inner })
    }

    /// The user's name of the layer.
    #[getter]
    fn name(&self) -> &str {
        self.inner.name()
    }

    /// "float32" or "float64".
    #[getter]
    fn dtype(&self) -> &'static str {
        self.inner.dtype()
    }

    /// Whether the weights exist.
    #[getter]
    fn built(&self) -> bool {
        self.inner.specs().is_some()
    }

    /// Whether the weights are learned.
    #[getter]
    fn trainable(&self) -> bool {
        self.inner.trainable()
    }

    #[setter]
    fn set_trainable(&self, trainable: bool) {
        self.inner.set_trainable(trainable);
    }

    /// The shapes of the outputs for inputs of these shapes.
    #[pyo3(signature = (inputs, call=None))]
    fn output_shapes<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<PyShape>,
        call: Option<&str>,
    ) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let call = call.map(json).transpose()?;
        let outputs = self.inner.output_shapes(&shapes(inputs), call.as_ref())?;
        outputs.iter().map(|shape| shape_tuple(py, shape)).collect()
    }

    /// Makes and initialises the weights; if they exist, checks that they fit.
    #[pyo3(signature = (inputs, seed, call=None))]
    fn build(
        &self,
        py: Python<'_>,
        inputs: Vec<PyShape>,
        seed: u64,
        call: Option<&str>,
    ) -> PyResult<()> {
        let call = call.map(json).transpose()?;
        enter(py, || {
            Ok(self.inner.build(&shapes(inputs), call.as_ref(), seed)?)
        })
    }

    /// Name, shape and whether it is learned (or kept by the layer itself), for each weight.
    fn weights<'py>(&self, py: Python<'py>) -> PyResult<Vec<(String, Bound<'py, PyTuple>, bool)>> {
        let weight = |spec: ParamSpec| {
            let shape = PyTuple::new(py, &spec.shape)?;
            Ok((spec.name, shape, spec.role == Role::Trainable))
        };
        self.inner
            .specs()
            .unwrap_or_default()
            .into_iter()
            .map(weight)
            .collect()
    }

    /// A copy of weight `index`.
    fn get_weight<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyAny>> {
        self.inner.get_weight(py, index)
    }

    /// Sets weight `index`.
    fn set_weight(&self, py: Python<'_>, index: usize, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.inner.set_weight(py, index, value)
    }

    /// Sets the states of a stateful layer to zero.
    fn reset_state(&self, py: Python<'_>) -> PyResult<()> {
        enter(py, || Ok(self.inner.reset_state()?))
    }
}
