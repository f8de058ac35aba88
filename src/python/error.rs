//! The one map from the engine's errors to Python's.

use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::error::Error;

/// An exception of `lamina.errors` with this message.
fn exception(class: &str, message: String) -> PyErr {
    Python::attach(|py| {
        let class = py
            .import("lamina.errors")
            .and_then(|errors| errors.getattr(class));
        match class.and_then(|class| Ok(class.cast_into::<PyType>()?)) {
            Ok(class) => PyErr::from_type(class, message),
            Err(_) => PyRuntimeError::new_err(message),
        }
    })
}

/// An array of a type that cannot be used.
pub fn dtype_error(message: impl Into<String>) -> PyErr {
    exception("DtypeError", message.into())
}

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        let class = match &error {
            Error::Shape(_) => "ShapeError",
            Error::Config(_) => "ConfigError",
            Error::Param(_) => "ParamError",
            Error::Data(_) => "DataError",
            Error::Io(_) => "FileError",
            Error::Interrupted => return PyKeyboardInterrupt::new_err(()),
        };
        exception(class, error.to_string())
    }
}
