//! A runner that Python threads may share: one trains or tests at a time, any number predict.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::super::arrays::{Number, Rows};
use super::super::enter::{enter, lock};
use super::super::layer::Layer;
use super::typed::TypedRunner;
use crate::error::Error;
use crate::graph::{Graph, GraphSpec};
use crate::named_layer::NamedLayer;
use crate::parallel::num_threads;
use crate::runner::{Runner as Core, Sizes};
use crate::shape::Shape;
use crate::training::Training;

/// A graph with the runner that trains it, and idle runners that only predict, each with its own memory.
#[derive(Debug)]
pub struct Shared<F: Number> {
    graph: Arc<Graph<F>>,
    seed: u64,
    core: Mutex<Core<F>>,
    idle: Mutex<Vec<Session<F>>>,
}

/// What one prediction works with.
#[derive(Debug)]
pub struct Session<F: Number> {
    /// Plans and arena.
    pub core: Core<F>,
    /// Sizes of the data, kept for their memory.
    pub sizes: Sizes,
}

impl<F: Number> Shared<F> {
    /// A runner of these layers; None if they are of the other number type.
    pub fn create(
        layers: &[PyRef<'_, Layer>],
        spec: &GraphSpec,
        seed: u64,
    ) -> PyResult<Option<Box<dyn TypedRunner>>> {
        let layers: Option<Vec<Arc<NamedLayer<F>>>> =
            layers.iter().map(|layer| layer.typed().cloned()).collect();
        let Some(layers) = layers else {
            return Ok(None);
        };
        let graph = Arc::new(Graph::new(layers, spec, seed)?);
        Ok(Some(Box::new(Self {
            core: Mutex::new(Core::new(Arc::clone(&graph), seed)?),
            graph,
            seed,
            idle: Mutex::new(Vec::new()),
        })))
    }

    /// The structure.
    pub fn graph(&self) -> &Graph<F> {
        &self.graph
    }

    /// Runs `work` on the runner that trains, detached.
    pub fn with<R: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Core<F>) -> PyResult<R> + Send,
    ) -> PyResult<R> {
        enter(py, || work(&mut *lock(&self.core)?))
    }

    /// The same for what needs a compiled model.
    pub fn trained<R: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Training<F>) -> PyResult<R> + Send,
    ) -> PyResult<R> {
        self.with(py, |core| match core.training_mut() {
            Some(training) => work(training),
            None => Err(Error::config("a compiled model", "one that is not")
                .remedy("Call compile() first.")
                .into()),
        })
    }

    /// Runs `work` on a runner of its own, for predictions that change nothing.
    pub fn with_session<R: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Session<F>) -> PyResult<R> + Send,
    ) -> PyResult<R> {
        let session = self.take()?;
        let (session, result) = enter(py, || {
            // Moved in, so that a panic takes the session with it.
            let mut session = session;
            let result = work(&mut session);
            Ok((session, result))
        })?;
        self.put_back(session);
        result
    }

    /// An idle session, or a new one.
    pub fn take(&self) -> PyResult<Session<F>> {
        // The lock is held for an instant, never while anybody waits for the interpreter.
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        Ok(match idle {
            Some(session) => session,
            None => Session {
                core: Core::new(Arc::clone(&self.graph), self.seed)?,
                sizes: Sizes {
                    inputs: vec![Vec::new(); self.graph.inputs().len()],
                    ..Sizes::default()
                },
            },
        })
    }

    /// Keeps a session for the next prediction, but no more than so many as can work at a time.
    pub fn put_back(&self, session: Session<F>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < num_threads() {
            idle.push(session);
        }
    }
}

/// Arrays of the runner's number type, or of bytes.
pub fn sources<F: Number>(arrays: &[Bound<'_, PyAny>]) -> PyResult<Vec<Rows<F>>> {
    arrays.iter().map(Rows::new).collect()
}

/// The same for arrays that may be missing.
pub fn optional_sources<F: Number>(
    arrays: &[Option<Bound<'_, PyAny>>],
) -> PyResult<Vec<Option<Rows<F>>>> {
    arrays
        .iter()
        .map(|array| array.as_ref().map(Rows::new).transpose())
        .collect()
}

/// The number of rows that all arrays have.
pub fn common_rows<'a, F: Number>(arrays: impl Iterator<Item = &'a Rows<F>>) -> PyResult<usize> {
    let mut rows = None;
    for array in arrays {
        let expected = *rows.get_or_insert(array.rows());
        if array.shape().is_empty() || array.rows() != expected {
            let got = format!("one of shape {}", Shape::known(array.shape()));
            return Err(Error::shape(format!("arrays of {expected} rows"), got).into());
        }
    }
    match rows {
        Some(rows) if rows > 0 => Ok(rows),
        _ => Err(Error::data("at least one row of data", "none").into()),
    }
}
