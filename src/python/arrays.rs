//! numpy arrays in and out. The only file that names numpy.

use ndarray::ArrayView;
use numpy::{
    Element, IntoPyArray, PyArray1, PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods, ToPyArray,
};
use pyo3::prelude::*;

use super::error::dtype_error;
use crate::error::Error;
use crate::kernels::copies::{self, PIECE, SHARED};
use crate::parallel::{for_each_chunk_mut, install};
use crate::real::Real;
use crate::shape::Shape;

/// A number type that numpy has, too.
pub trait Number: Real + Element {}
impl Number for f32 {}
impl Number for f64 {}

/// An array of one number type, kept while the interpreter is let go.
///
/// Its memory belongs to Python: it is read only while attached, and its shape is looked at again each time.
#[derive(Debug)]
pub struct Source<T: Element> {
    array: Py<PyArrayDyn<T>>,
    shape: Vec<usize>,
}

fn changed() -> PyErr {
    Error::data(
        "arrays that stay as they are during the call",
        "one that changed its shape",
    )
    .into()
}

/// An array of row numbers, copied.
pub type Indices<'py> = Bound<'py, PyArray1<i64>>;

impl<T: Element + Copy> Source<T> {
    /// `array` as a source of rows: it must be of this number type and C-contiguous.
    pub fn new(array: &Bound<'_, PyAny>) -> PyResult<Self> {
        let array = array.cast::<PyArrayDyn<T>>().map_err(|_| {
            let got = array
                .getattr("dtype")
                .map_or_else(|_| array.get_type().to_string(), |d| d.to_string());
            dtype_error(format!(
                "expected a numpy array of {}, got {got}",
                numpy::dtype::<T>(array.py())
            ))
        })?;
        if !array.is_c_contiguous() {
            return Err(dtype_error(
                "expected a C-contiguous array, got one with other strides",
            ));
        }
        Ok(Self {
            shape: array.shape().to_vec(),
            array: array.clone().unbind(),
        })
    }

    /// Its sizes when it came in.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Hands rows `order` (or `first..` if there is no order) to `copy`, with their places.
    fn gather_with<P>(
        &self,
        py: Python<'_>,
        order: Option<&[usize]>,
        first: usize,
        place: &mut [P],
        copy: impl Fn(&mut [P], &[T]) + Sync,
    ) -> PyResult<()>
    where
        P: Send,
    {
        let array = self.array.bind(py);
        if array.shape() != self.shape || !array.is_c_contiguous() {
            return Err(changed());
        }
        let guard = array
            .try_readonly()
            .map_err(|e| dtype_error(e.to_string()))?;
        let values = guard.as_slice().map_err(|e| dtype_error(e.to_string()))?;
        if place.is_empty() {
            return Ok(());
        }
        let row = self.shape.iter().skip(1).product::<usize>();
        let rows = (PIECE / row).max(1);
        // Other threads may read the array while this one holds the interpreter.
        let gather = |place: &mut [P]| {
            for_each_chunk_mut(place, rows * row, |index, place| match order {
                None => copy(
                    place,
                    &values[(first + index * rows) * row..][..place.len()],
                ),
                Some(order) => {
                    let places = place.chunks_exact_mut(row);
                    for (place, &i) in places.zip(&order[index * rows..]) {
                        copy(place, &values[i * row..][..row]);
                    }
                }
            });
        };
        if place.len() >= SHARED {
            install(|| gather(place));
        } else {
            gather(place);
        }
        Ok(())
    }

    /// A copy of all values.
    pub fn to_vec(&self, py: Python<'_>) -> PyResult<Vec<T>> {
        Ok(self.array.bind(py).to_vec()?)
    }
}

/// The rows that a runner reads: of its number type, or bytes (pictures above all) that become numbers batch by batch.
#[derive(Debug)]
pub enum Rows<F: Number> {
    /// Numbers.
    Numbers(Source<F>),
    /// Bytes.
    Bytes(Source<u8>),
}

impl<F: Number> Rows<F> {
    /// `array` as rows: it must be of the number type or of bytes, and C-contiguous.
    pub fn new(array: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(if array.cast::<PyArrayDyn<u8>>().is_ok() {
            Self::Bytes(Source::new(array)?)
        } else {
            Self::Numbers(Source::new(array)?)
        })
    }

    /// Its sizes when it came in.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Numbers(source) => source.shape(),
            Self::Bytes(source) => source.shape(),
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.shape().first().copied().unwrap_or(0)
    }

    /// Sizes of `rows` of its rows, written to `sizes`.
    pub fn batch_sizes(&self, rows: usize, sizes: &mut Vec<usize>) {
        sizes.clear();
        sizes.extend_from_slice(self.shape());
        if let Some(first) = sizes.first_mut() {
            *first = rows;
        }
    }

    /// Copies rows `order` (or `first..` if there is no order) to `place`.
    pub fn gather(
        &self,
        py: Python<'_>,
        order: Option<&[usize]>,
        first: usize,
        place: &mut [F],
    ) -> PyResult<()> {
        match self {
            Self::Numbers(source) => {
                source.gather_with(py, order, first, place, <[F]>::copy_from_slice)
            }
            Self::Bytes(source) => source.gather_with(py, order, first, place, |place, bytes| {
                for (number, &byte) in place.iter_mut().zip(bytes) {
                    *number = F::of(f64::from(byte));
                }
            }),
        }
    }

    /// A copy of all values.
    pub fn to_vec(&self, py: Python<'_>) -> PyResult<Vec<F>> {
        let mut values = vec![F::ZERO; self.shape().iter().product()];
        self.gather(py, None, 0, &mut values)?;
        Ok(values)
    }
}

/// An array of one number type that can be read as it is: aligned, C-contiguous, and of that type exactly.
#[derive(Debug)]
pub struct Plain<'a, 'py, T: Element> {
    array: &'a Bound<'py, PyArrayDyn<T>>,
}

impl<'a, 'py, T: Element + Copy> Plain<'a, 'py, T> {
    /// `array` if it is such an array.
    pub fn new(array: &'a Bound<'py, PyAny>) -> Option<Self> {
        let array = array.cast_exact::<PyArrayDyn<T>>().ok()?;
        let is_aligned = array.data().is_aligned();
        (is_aligned && array.is_c_contiguous()).then_some(Self { array })
    }

    /// Its sizes.
    pub fn sizes(&self) -> &[usize] {
        self.array.shape()
    }

    /// Whether there is no number in it.
    pub fn is_empty(&self) -> bool {
        self.array.is_empty()
    }

    /// Makes `place` a copy of the numbers.
    pub fn copy_to(&self, place: &mut [T]) -> PyResult<()> {
        let guard = self
            .array
            .try_readonly()
            .map_err(|e| dtype_error(e.to_string()))?;
        let values = guard.as_slice().map_err(|e| dtype_error(e.to_string()))?;
        if values.len() != place.len() {
            return Err(changed());
        }
        copies::copy(values, place);
        Ok(())
    }
}

/// The numbers of rows, each checked to be one of `rows`.
pub fn row_numbers(order: &Indices<'_>, rows: usize) -> PyResult<Vec<usize>> {
    let order = order.to_vec()?;
    order
        .iter()
        .map(|&i| usize::try_from(i).ok().filter(|&i| i < rows))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| Error::data(format!("row numbers below {rows}"), "others in `order`").into())
}

/// A numpy array of `values` with these sizes; the memory changes hands, nothing is copied.
pub fn array<'py, T: Element>(
    py: Python<'py>,
    sizes: &[usize],
    values: Vec<T>,
) -> PyResult<Bound<'py, PyArrayDyn<T>>> {
    let len = values.len();
    values.into_pyarray(py).reshape(sizes).map_err(|_| {
        Error::shape(
            format!("{len} values"),
            format!("shape {}", Shape::known(sizes)),
        )
        .into()
    })
}

/// A numpy array of these sizes with a copy of `values`.
pub fn copy_of<'py, T: Element + Copy>(
    py: Python<'py>,
    sizes: &[usize],
    values: &[T],
) -> PyResult<Bound<'py, PyArrayDyn<T>>> {
    if values.len() >= SHARED {
        let mut copy = Vec::new();
        copy.try_reserve_exact(values.len()).map_err(|_| {
            let got = format!("an output of {}", Shape::known(sizes));
            Error::shape("outputs that fit into memory", got)
        })?;
        copies::extend(&mut copy, values);
        return array(py, sizes, copy);
    }
    let view = ArrayView::from_shape(sizes, values)
        .map_err(|e| Error::shape(format!("values of shape {sizes:?}"), e.to_string()))?;
    Ok(view.to_pyarray(py))
}

/// A numpy array of row numbers.
pub fn indices(py: Python<'_>, order: Vec<usize>) -> Bound<'_, PyArray1<i64>> {
    order
        .into_iter()
        .map(|i| i as i64)
        .collect::<Vec<_>>()
        .into_pyarray(py)
}
