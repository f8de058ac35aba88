//! The way from Python into the engine: the interpreter is let go, panics are caught, signals are seen.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, TryLockError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::marker::Ungil;
use pyo3::prelude::*;

/// When Python's signal handlers run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The thread holds nothing.
    Free,
    /// The thread holds the model that it trains.
    BetweenSteps,
    /// The thread holds the weights, too.
    WithinStep,
}

thread_local! {
    /// What the thread holds on whose behalf a signal handler runs.
    static MOMENT: Cell<Moment> = const { Cell::new(Moment::Free) };
}

/// Lets Python handle the signals that have come. A handler that asks for what this thread holds gets an error: it would
/// wait for itself.
pub fn handle_signals(py: Python<'_>, moment: Moment) -> PyResult<()> {
    let before = MOMENT.replace(moment);
    let handled = py.check_signals();
    MOMENT.set(before);
    handled
}

fn in_handler() -> PyErr {
    PyRuntimeError::new_err(
        "a signal handler asks for a model that is in the middle of a step; let it set a flag, and act on the flag in a callback",
    )
}

/// Runs `work` detached from the interpreter. A panic, which is a mistake of ours, becomes a `RuntimeError`.
pub fn enter<R: Ungil + Send>(
    py: Python<'_>,
    work: impl FnOnce() -> PyResult<R> + Ungil + Send,
) -> PyResult<R> {
    if MOMENT.get() == Moment::WithinStep {
        return Err(in_handler());
    }
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
    let broken = || {
        PyRuntimeError::new_err(
            "this model was left half-way by an internal error; load it again from its last save",
        )
    };
    match mutex.try_lock() {
        Ok(guard) => Ok(guard),
        Err(TryLockError::WouldBlock) if MOMENT.get() != Moment::Free => Err(in_handler()),
        Err(TryLockError::WouldBlock) => mutex.lock().map_err(|_| broken()),
        Err(TryLockError::Poisoned(_)) => Err(broken()),
    }
}
