//! Signals while the engine works: only Python's main thread sees them, and only when it asks.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::super::arrays::Number;
use super::super::enter::{Moment, handle_signals};
use crate::runner::Runner as Core;

/// How often signals are looked for between steps.
const BETWEEN: Duration = Duration::from_millis(50);
/// How often they are looked for within a step. Longer: handlers may do more between steps.
const WITHIN: Duration = Duration::from_millis(200);

/// Looks for signals now and then; what Python raises ends the work.
#[derive(Debug)]
pub struct Watch {
    last: Cell<Instant>,
    raised: RefCell<Option<PyErr>>,
}

impl Watch {
    /// Starts looking.
    pub fn new() -> Self {
        Self {
            last: Cell::new(Instant::now()),
            raised: RefCell::new(None),
        }
    }

    /// Whether Python has raised something.
    fn look(&self, moment: Moment, every: Duration) -> bool {
        if self.last.get().elapsed() >= every {
            if let Err(raised) = Python::attach(|py| handle_signals(py, moment)) {
                self.raised.replace(Some(raised));
            }
            self.last.set(Instant::now());
        }
        self.raised.borrow().is_some()
    }

    /// Runs the prepared step of `core`.
    pub fn run<F: Number>(&self, core: &mut Core<F>) -> PyResult<()> {
        self.over(|interrupted| core.run(interrupted))
    }

    /// Calls `work`, which runs a step or a part of one, with the question whether to stop.
    pub fn over<R>(
        &self,
        work: impl FnOnce(&dyn Fn() -> bool) -> crate::error::Result<R>,
    ) -> PyResult<R> {
        let result = work(&|| self.look(Moment::WithinStep, WITHIN));
        self.look(Moment::BetweenSteps, BETWEEN);
        match self.raised.take() {
            Some(raised) => Err(raised),
            None => Ok(result?),
        }
    }
}
