//! Signals while the engine works: only Python's main thread sees them, and only when it asks.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::super::arrays::Number;
use crate::runner::Runner as Core;

/// How often signals are looked for while a step runs.
const WATCH: Duration = Duration::from_millis(50);

/// Looks for signals, at most every [`WATCH`]; what Python raises ends the work.
#[derive(Debug)]
pub struct Watch {
    cancel: AtomicBool,
    last: Mutex<Instant>,
    raised: Mutex<Option<PyErr>>,
}

impl Watch {
    /// Starts looking.
    pub fn new() -> Self {
        Self {
            cancel: AtomicBool::new(false),
            last: Mutex::new(Instant::now()),
            raised: Mutex::new(None),
        }
    }

    fn look(&self) {
        if let Ok(mut last) = self.last.lock() {
            if last.elapsed() < WATCH {
                return;
            }
            *last = Instant::now();
        }
        if let Err(raised) = Python::attach(|py| py.check_signals()) {
            self.cancel.store(true, Ordering::Relaxed);
            if let Ok(mut slot) = self.raised.lock() {
                *slot = Some(raised);
            }
        }
    }

    /// Runs the prepared step of `core`.
    pub fn run<F: Number>(&self, core: &mut Core<F>) -> PyResult<()> {
        self.over(|cancel, interval, look| core.run(cancel, interval, look))
    }

    /// Calls `work`, which runs a step or a part of one, with what it needs to be watched.
    pub fn over<R>(
        &self,
        work: impl FnOnce(&AtomicBool, Duration, &dyn Fn()) -> crate::error::Result<R>,
    ) -> PyResult<R> {
        let result = work(&self.cancel, WATCH, &|| self.look());
        // Light steps run without a watch: look between them.
        self.look();
        match (
            self.raised.lock().ok().and_then(|mut slot| slot.take()),
            result,
        ) {
            (Some(raised), _) => Err(raised),
            (None, result) => Ok(result?),
        }
    }
}
