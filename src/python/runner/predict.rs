//! Outputs for inputs: many batches in one call, or one array at once as fast as may be.

use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::super::arrays::{Number, Plain, Rows, array, copy_of};
use super::super::enter::enter;
use super::shared::{Shared, common_rows, sources};
use super::watch::Watch;
use crate::error::Error;
use crate::kernels::copies;
use crate::runner::{Purpose, Runner as Core, Sizes};
use crate::shape::Shape;

/// How often `predict` reports its progress.
const PROGRESS: Duration = Duration::from_millis(100);
/// What `predict_one` does.
const ALONE: Purpose = Purpose::Predict(false);

/// The rows of a call and how they are cut.
struct Call<'a, F: Number> {
    inputs: &'a [Rows<F>],
    count: usize,
    batch_size: usize,
    purpose: Purpose,
    progress: Option<Py<PyAny>>,
}

impl<F: Number> Shared<F> {
    /// The outputs for all rows, batch by batch.
    pub fn predict_rows<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        batch_size: usize,
        training: bool,
        progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let inputs = sources::<F>(&inputs)?;
        let call = Call {
            count: common_rows(inputs.iter())?,
            inputs: &inputs,
            batch_size: batch_size.max(1),
            purpose: Purpose::Predict(training),
            progress: progress.map(Bound::unbind),
        };
        // What changes weights or counts steps is the trainer's business.
        let outputs = if training || self.graph().is_stateful() {
            self.with(py, |core| call.run(core))
        } else {
            self.with_session(py, |session| call.run(&mut session.core))
        };
        outputs?
            .into_iter()
            .map(|(shape, values)| Ok(array(py, &shape, values)?.into_any()))
            .collect()
    }

    /// The outputs for one batch as the next step will see them, training or testing; nothing is kept.
    pub fn peek_batch<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        training: bool,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let inputs = sources::<F>(&inputs)?;
        let count = common_rows(inputs.iter())?;
        let call = Call {
            count,
            inputs: &inputs,
            batch_size: count.max(1),
            purpose: Purpose::Peek(training),
            progress: None,
        };
        let outputs = self.with(py, |core| call.run(core))?.into_iter();
        outputs
            .map(|(shape, values)| Ok(array(py, &shape, values)?.into_any()))
            .collect()
    }

    /// The output for one array; None where `predict_rows` must do it, which takes more and says what is wrong.
    pub fn predict_one<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let graph = self.graph();
        let ([input], [_]) = (graph.inputs(), graph.outputs()) else {
            return Ok(None);
        };
        let rank = graph.tensors()[*input].shape.rank();
        let Some(x) = Plain::<F>::new(x).filter(|x| x.sizes().len() == rank && !x.is_empty())
        else {
            return Ok(None);
        };
        if graph.is_stateful() {
            return Ok(None);
        }
        let mut session = self.take()?;
        session.sizes.inputs[0].clear();
        session.sizes.inputs[0].extend_from_slice(x.sizes());
        // Moved in, so that a panic takes the session with it.
        if !session.core.is_prepared(ALONE, &session.sizes) {
            session = enter(py, move || {
                session.core.prepare(ALONE, &session.sizes)?;
                Ok(session)
            })?;
        }
        x.copy_to(session.core.input_mut(0))?;
        let session = enter(py, move || {
            Watch::new().run(&mut session.core)?;
            Ok(session)
        })?;
        let (sizes, values) = session.core.output(0);
        let output = copy_of(py, sizes, values)?;
        self.put_back(session);
        Ok(Some(output.into_any()))
    }
}

impl<F: Number> Call<'_, F> {
    fn run(&self, core: &mut Core<F>) -> PyResult<Vec<(Vec<usize>, Vec<F>)>> {
        let watch = Watch::new();
        let mut sizes = Sizes {
            inputs: vec![Vec::new(); self.inputs.len()],
            ..Sizes::default()
        };
        let mut outputs: Vec<(Vec<usize>, Vec<F>)> =
            vec![(Vec::new(), Vec::new()); core.graph().outputs().len()];
        let mut reported = Instant::now();
        for (done, first) in (0..self.count).step_by(self.batch_size).enumerate() {
            let batch = self.batch_size.min(self.count - first);
            self.inputs
                .iter()
                .zip(&mut sizes.inputs)
                .for_each(|(input, sizes)| input.batch_sizes(batch, sizes));
            core.prepare(self.purpose, &sizes)?;
            Python::attach(|py| {
                self.inputs
                    .iter()
                    .enumerate()
                    .try_for_each(|(i, input)| input.gather(py, None, first, core.input_mut(i)))
            })?;
            watch.run(core)?;
            for (i, (shape, values)) in outputs.iter_mut().enumerate() {
                let (sizes, batch_values) = core.output(i);
                if shape.is_empty() {
                    *shape = sizes.to_vec();
                    let all = batch_values
                        .len()
                        .saturating_mul(self.count.div_ceil(batch));
                    values.try_reserve(all).map_err(|_| {
                        Error::shape(
                            "outputs that fit into memory",
                            format!("{} rows of {}", self.count, Shape::known(sizes)),
                        )
                    })?;
                    shape[0] = 0;
                }
                shape[0] += sizes[0];
                copies::extend(values, batch_values);
            }
            if let Some(progress) = &self.progress
                && (reported.elapsed() >= PROGRESS || first + batch == self.count)
            {
                reported = Instant::now();
                Python::attach(|py| progress.call1(py, (done + 1,)).map(|_| ()))?;
            }
        }
        Ok(outputs)
    }
}
