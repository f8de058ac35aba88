//! The way from Python into the engine: the interpreter is let go, panics are caught, signals are seen.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard};

use pyo3::exceptions::PyRuntimeError;
use pyo3::marker::Ungil;
use pyo3::prelude::*;

/// Runs `work` detached from the interpreter. A panic, which is a mistake of ours, becomes a `RuntimeError`.
pub fn enter<R: Ungil + Send>(
    py: Python<'_>,
    work: impl FnOnce() -> PyResult<R> + Ungil + Send,
) -> PyResult<R> {
    py.detach(|| {
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
            let what = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("unknown");
            Err(PyRuntimeError::new_err(format!(
                "internal error of lamina, please report it: {what}"
            )))
        })
    })
}

/// The lock of `mutex`. To be called detached only: whoever holds the lock may wait for the interpreter.
pub fn lock<T>(mutex: &Mutex<T>) -> PyResult<MutexGuard<'_, T>> {
    mutex.lock().map_err(|_| {
        PyRuntimeError::new_err(
            "this model was left half-way by an internal error; load it again from its last save",
        )
    })
}
