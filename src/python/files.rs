//! Saving and loading files of tensors.

use std::collections::HashMap;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict};

use super::arrays::{Source, array};
use super::enter::enter;
use super::error::dtype_error;
use crate::checkpoint::{self, StoredTensor, Values};

/// The numbers of a numpy array, of a type that files hold.
fn stored(py: Python<'_>, name: String, value: &Bound<'_, PyAny>) -> PyResult<StoredTensor> {
    let (shape, values) = if let Ok(source) = Source::<f32>::new(value) {
        (source.shape().to_vec(), Values::F32(source.to_vec(py)?))
    } else if let Ok(source) = Source::<f64>::new(value) {
        (source.shape().to_vec(), Values::F64(source.to_vec(py)?))
    } else if let Ok(source) = Source::<i64>::new(value) {
        (source.shape().to_vec(), Values::I64(source.to_vec(py)?))
    } else {
        return Err(dtype_error(format!(
            "expected {name:?} as a C-contiguous array of float32, float64 or int64"
        )));
    };
    Ok(StoredTensor {
        name,
        shape,
        values,
    })
}

/// Writes arrays and texts to one safetensors file; a crash leaves the old file or the new one.
#[pyfunction]
pub fn save_file(
    py: Python<'_>,
    path: PathBuf,
    tensors: &Bound<'_, PyDict>,
    metadata: HashMap<String, String>,
) -> PyResult<()> {
    let tensors = tensors
        .iter()
        .map(|(name, value)| stored(py, name.extract()?, &value))
        .collect::<PyResult<Vec<_>>>()?;
    enter(py, || Ok(checkpoint::save(&path, &tensors, &metadata)?))
}

/// The arrays and texts of a file that `save_file` wrote.
#[pyfunction]
pub fn load_file<'py>(
    py: Python<'py>,
    path: PathBuf,
) -> PyResult<(Bound<'py, PyDict>, HashMap<String, String>)> {
    let (tensors, metadata) = enter(py, || Ok(checkpoint::load(&path)?))?;
    let dict = PyDict::new(py);
    for StoredTensor {
        name,
        shape,
        values,
    } in tensors
    {
        let value = match values {
            Values::F32(values) => array(py, &shape, values)?.into_any(),
            Values::F64(values) => array(py, &shape, values)?.into_any(),
            Values::I64(values) => array(py, &shape, values)?.into_any(),
        };
        dict.set_item(name, value)?;
    }
    Ok((dict, metadata))
}
