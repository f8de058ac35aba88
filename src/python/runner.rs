//! Models, as Python holds them: one graph with its plans, gradients, optimizer and metrics.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyTuple};

use super::arrays::{Indices, Number, Source, array, row_numbers};
use super::enter::{enter, lock};
use super::error::dtype_error;
use super::layer::{Layer, json, shape_tuple};
use crate::config::parse;
use crate::error::Error;
use crate::graph::{Graph, GraphSpec};
use crate::named_layer::NamedLayer;
use crate::optimizers::StateTensor;
use crate::runner::{Purpose, Runner as Core, Sizes};
use crate::shape::Shape;
use crate::training::Training;

/// How often signals are looked for while a step runs.
const WATCH: Duration = Duration::from_millis(50);

/// How often `predict` reports its progress.
const PROGRESS: Duration = Duration::from_millis(100);

/// Outputs, gradients of inputs, and gradients of the weights of each layer.
type PyGradients<'py> = (
    Vec<Bound<'py, PyAny>>,
    Vec<Option<Bound<'py, PyAny>>>,
    Vec<Vec<Option<Bound<'py, PyAny>>>>,
);

/// One graph that runs.
#[pyclass(frozen, module = "lamina._core")]
#[derive(Debug)]
pub struct Runner {
    inner: Box<dyn TypedRunner>,
}

/// The data of a call, as they come from Python.
struct Data<'a, 'py> {
    inputs: Vec<Bound<'py, PyAny>>,
    targets: Vec<Option<Bound<'py, PyAny>>>,
    weights: Vec<Option<Bound<'py, PyAny>>>,
    order: Option<&'a Indices<'py>>,
}

/// Which batches of the data a call runs.
#[derive(Clone, Copy)]
struct Batches {
    size: usize,
    first: usize,
    last: usize,
    seconds: f64,
}

/// A runner of either number type.
trait TypedRunner: Debug + Send + Sync {
    fn output_shapes(&self, py: Python<'_>) -> PyResult<Vec<(Shape, bool)>>;
    fn compile(&self, py: Python<'_>, config: &str) -> PyResult<()>;
    fn predict<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        batch_size: usize,
        training: bool,
        progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>>;
    fn run(
        &self,
        py: Python<'_>,
        purpose: Purpose,
        data: Data<'_, '_>,
        batches: Batches,
    ) -> PyResult<usize>;
    fn gradients<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        cotangents: Vec<Option<Bound<'py, PyAny>>>,
        training: bool,
    ) -> PyResult<PyGradients<'py>>;
    fn results(&self, py: Python<'_>) -> PyResult<Vec<(String, f64)>>;
    fn reset_metrics(&self, py: Python<'_>) -> PyResult<()>;
    fn learning_rate(&self, py: Python<'_>) -> PyResult<f64>;
    fn set_learning_rate(&self, py: Python<'_>, rate: f64) -> PyResult<()>;
    fn iterations(&self, py: Python<'_>) -> PyResult<u64>;
    fn optimizer_state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>>;
    fn set_optimizer_state(
        &self,
        py: Python<'_>,
        state: &Bound<'_, PyDict>,
        steps: u64,
    ) -> PyResult<()>;
    fn optimizer_steps(&self, py: Python<'_>) -> PyResult<u64>;
    fn finish_training(&self, py: Python<'_>) -> PyResult<()>;
    fn reset_states(&self, py: Python<'_>) -> PyResult<()>;
    fn step(&self, py: Python<'_>) -> PyResult<u64>;
    fn set_step(&self, py: Python<'_>, step: u64) -> PyResult<()>;
}

/// A runner that Python threads may share: one works at a time.
#[derive(Debug)]
struct Shared<F: Number>(Mutex<Core<F>>);

impl<F: Number> Shared<F> {
    fn create(
        layers: &[PyRef<'_, Layer>],
        spec: &GraphSpec,
        seed: u64,
    ) -> PyResult<Option<Box<dyn TypedRunner>>> {
        let layers: Option<Vec<Arc<NamedLayer<F>>>> =
            layers.iter().map(|layer| layer.typed().cloned()).collect();
        let Some(layers) = layers else {
            return Ok(None);
        };
        Ok(Some(Box::new(Self(Mutex::new(Core::new(
            Graph::new(layers, spec, seed)?,
            seed,
        )?)))))
    }

    /// Runs `work` on the runner, detached.
    fn with<R: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Core<F>) -> PyResult<R> + Send,
    ) -> PyResult<R> {
        enter(py, || work(&mut *lock(&self.0)?))
    }

    /// The same for what needs a compiled model.
    fn trained<R: Send>(
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
}

fn sources<F: Number>(arrays: &[Bound<'_, PyAny>]) -> PyResult<Vec<Source<F>>> {
    arrays.iter().map(Source::new).collect()
}

fn optional_sources<F: Number>(
    arrays: &[Option<Bound<'_, PyAny>>],
) -> PyResult<Vec<Option<Source<F>>>> {
    arrays
        .iter()
        .map(|array| array.as_ref().map(Source::new).transpose())
        .collect()
}

/// The number of rows that all arrays have.
fn common_rows<'a, F: Number>(arrays: impl Iterator<Item = &'a Source<F>>) -> PyResult<usize> {
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

/// Looks for signals, at most every [`WATCH`]; what Python raises ends the work.
struct Watch {
    cancel: AtomicBool,
    last: Mutex<Instant>,
    raised: Mutex<Option<PyErr>>,
}

impl Watch {
    fn new() -> Self {
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
    fn run<F: Number>(&self, core: &mut Core<F>) -> PyResult<()> {
        let result = core.run(&self.cancel, WATCH, &|| self.look());
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

impl<F: Number> TypedRunner for Shared<F> {
    fn output_shapes(&self, py: Python<'_>) -> PyResult<Vec<(Shape, bool)>> {
        self.with(py, |core| {
            let tensors = core.graph().tensors();
            let outputs = core.graph().outputs().iter();
            Ok(outputs
                .map(|&t| (tensors[t].shape.clone(), tensors[t].mask.is_some()))
                .collect())
        })
    }

    fn compile(&self, py: Python<'_>, config: &str) -> PyResult<()> {
        let config = json(config)?;
        self.with(py, |core| {
            let training = Training::new(&config, core.graph())?;
            Ok(core.set_training(training)?)
        })
    }

    fn predict<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        batch_size: usize,
        training: bool,
        progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let inputs = sources::<F>(&inputs)?;
        let rows = common_rows(inputs.iter())?;
        let progress = progress.map(Bound::unbind);
        let outputs = self.with(py, |core| {
            let watch = Watch::new();
            let mut sizes = Sizes {
                inputs: vec![Vec::new(); inputs.len()],
                ..Sizes::default()
            };
            let mut outputs: Vec<(Vec<usize>, Vec<F>)> =
                vec![(Vec::new(), Vec::new()); core.graph().outputs().len()];
            let mut reported = Instant::now();
            for (done, first) in (0..rows).step_by(batch_size.max(1)).enumerate() {
                let batch = batch_size.max(1).min(rows - first);
                inputs
                    .iter()
                    .zip(&mut sizes.inputs)
                    .for_each(|(input, sizes)| input.batch_sizes(batch, sizes));
                core.prepare(Purpose::Predict(training), &sizes)?;
                Python::attach(|py| {
                    inputs
                        .iter()
                        .enumerate()
                        .try_for_each(|(i, input)| input.gather(py, None, first, core.input_mut(i)))
                })?;
                watch.run(core)?;
                for (i, (shape, values)) in outputs.iter_mut().enumerate() {
                    let (sizes, batch_values) = core.output(i);
                    if shape.is_empty() {
                        *shape = sizes.to_vec();
                        let all = batch_values.len().saturating_mul(rows.div_ceil(batch));
                        values.try_reserve(all).map_err(|_| {
                            Error::shape(
                                "outputs that fit into memory",
                                format!("{rows} rows of {}", Shape::known(sizes)),
                            )
                        })?;
                        shape[0] = 0;
                    }
                    shape[0] += sizes[0];
                    values.extend_from_slice(batch_values);
                }
                if let Some(progress) = &progress
                    && (reported.elapsed() >= PROGRESS || first + batch == rows)
                {
                    reported = Instant::now();
                    Python::attach(|py| progress.call1(py, (done + 1,)).map(|_| ()))?;
                }
            }
            Ok(outputs)
        })?;
        outputs
            .into_iter()
            .map(|(shape, values)| Ok(array(py, &shape, values)?.into_any()))
            .collect()
    }

    fn run(
        &self,
        py: Python<'_>,
        purpose: Purpose,
        data: Data<'_, '_>,
        batches: Batches,
    ) -> PyResult<usize> {
        let inputs = sources::<F>(&data.inputs)?;
        let targets = optional_sources::<F>(&data.targets)?;
        let weights = optional_sources::<F>(&data.weights)?;
        let rows = common_rows(
            inputs
                .iter()
                .chain(targets.iter().flatten())
                .chain(weights.iter().flatten()),
        )?;
        let order = data
            .order
            .map(|order| row_numbers(order, rows))
            .transpose()?;
        let rows = order.as_ref().map_or(rows, Vec::len);
        let batch_size = batches.size.max(1);
        let last = batches.last.min(rows.div_ceil(batch_size));
        self.with(py, |core| {
            let watch = Watch::new();
            let start = Instant::now();
            let mut sizes = Sizes {
                inputs: vec![Vec::new(); inputs.len()],
                targets: targets
                    .iter()
                    .map(|t| t.as_ref().map(|_| Vec::new()))
                    .collect(),
                weights: weights
                    .iter()
                    .map(|w| w.as_ref().map(|_| Vec::new()))
                    .collect(),
            };
            for batch in batches.first..last {
                let first = batch * batch_size;
                let rows = batch_size.min(rows - first);
                inputs
                    .iter()
                    .zip(&mut sizes.inputs)
                    .for_each(|(a, sizes)| a.batch_sizes(rows, sizes));
                for (arrays, sizes) in [
                    (&targets, &mut sizes.targets),
                    (&weights, &mut sizes.weights),
                ] {
                    for (array, sizes) in arrays.iter().zip(sizes) {
                        if let (Some(array), Some(sizes)) = (array, sizes) {
                            array.batch_sizes(rows, sizes);
                        }
                    }
                }
                core.prepare(purpose, &sizes)?;
                let order = order.as_ref().map(|order| &order[first..first + rows]);
                Python::attach(|py| -> PyResult<()> {
                    for (i, input) in inputs.iter().enumerate() {
                        input.gather(py, order, first, core.input_mut(i))?;
                    }
                    for (i, target) in targets.iter().enumerate() {
                        target
                            .as_ref()
                            .map_or(Ok(()), |t| t.gather(py, order, first, core.target_mut(i)))?;
                    }
                    for (i, weight) in weights.iter().enumerate() {
                        weight
                            .as_ref()
                            .map_or(Ok(()), |w| w.gather(py, order, first, core.weight_mut(i)))?;
                    }
                    Ok(())
                })?;
                watch.run(core)?;
                if start.elapsed().as_secs_f64() >= batches.seconds {
                    return Ok(batch + 1 - batches.first);
                }
            }
            Ok(last.saturating_sub(batches.first))
        })
    }

    fn gradients<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        cotangents: Vec<Option<Bound<'py, PyAny>>>,
        training: bool,
    ) -> PyResult<PyGradients<'py>> {
        let inputs = sources::<F>(&inputs)?;
        let cotangents = optional_sources::<F>(&cotangents)?;
        let values = inputs
            .iter()
            .map(|input| input.to_vec(py))
            .collect::<PyResult<Vec<_>>>()?;
        let cotangents = cotangents
            .iter()
            .map(|c| c.as_ref().map(|c| c.to_vec(py)).transpose())
            .collect::<PyResult<Vec<_>>>()?;
        let (gradients, shapes) = self.with(py, |core| {
            let data: Vec<(&[usize], &[F])> = inputs
                .iter()
                .zip(&values)
                .map(|(input, values)| (input.shape(), values.as_slice()))
                .collect();
            let gradients = core.gradients(&data, &cotangents, training)?;
            let layers = core.graph().layers().iter();
            let shapes: Vec<Vec<Vec<usize>>> = layers
                .map(|l| {
                    l.variables().map_or(Vec::new(), |v| {
                        v.specs().iter().map(|s| s.shape.clone()).collect()
                    })
                })
                .collect();
            Ok((gradients, shapes))
        })?;
        let any = |sizes: &[usize], values: Vec<F>| -> PyResult<_> {
            Ok(array(py, sizes, values)?.into_any())
        };
        let outputs = gradients
            .outputs
            .into_iter()
            .map(|(sizes, values)| any(&sizes, values))
            .collect::<PyResult<_>>()?;
        let grad_inputs = gradients
            .inputs
            .into_iter()
            .zip(&inputs)
            .map(|(grad, input)| grad.map(|values| any(input.shape(), values)).transpose())
            .collect::<PyResult<_>>()?;
        let grad_weights = gradients
            .weights
            .into_iter()
            .zip(&shapes)
            .map(|(layer, shapes)| {
                layer
                    .into_iter()
                    .zip(shapes)
                    .map(|(g, sizes)| g.map(|values| any(sizes, values)).transpose())
                    .collect()
            })
            .collect::<PyResult<_>>()?;
        Ok((outputs, grad_inputs, grad_weights))
    }

    fn results(&self, py: Python<'_>) -> PyResult<Vec<(String, f64)>> {
        self.trained(py, |training| Ok(training.results()))
    }

    fn reset_metrics(&self, py: Python<'_>) -> PyResult<()> {
        self.trained(py, |training| {
            training.reset_metrics();
            Ok(())
        })
    }

    fn learning_rate(&self, py: Python<'_>) -> PyResult<f64> {
        self.trained(py, |training| Ok(training.optimizer()?.learning_rate()))
    }

    fn set_learning_rate(&self, py: Python<'_>, rate: f64) -> PyResult<()> {
        self.trained(py, |training| {
            Ok(training.optimizer_mut()?.set_learning_rate(rate)?)
        })
    }

    fn iterations(&self, py: Python<'_>) -> PyResult<u64> {
        self.trained(py, |training| Ok(training.optimizer()?.iterations()))
    }

    fn optimizer_state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let state = self.with(py, |core| Ok(core.optimizer_state()?))?;
        let dict = PyDict::new(py);
        for StateTensor {
            name,
            shape,
            values,
        } in state
        {
            dict.set_item(name, array(py, &shape, values)?)?;
        }
        Ok(dict)
    }

    fn optimizer_steps(&self, py: Python<'_>) -> PyResult<u64> {
        self.trained(py, |training| Ok(training.optimizer()?.steps()))
    }

    fn set_optimizer_state(
        &self,
        py: Python<'_>,
        state: &Bound<'_, PyDict>,
        steps: u64,
    ) -> PyResult<()> {
        let state = state
            .iter()
            .map(|(name, value)| {
                let source = Source::<F>::new(&value)?;
                Ok(StateTensor {
                    name: name.extract()?,
                    shape: source.shape().to_vec(),
                    values: source.to_vec(py)?,
                })
            })
            .collect::<PyResult<Vec<StateTensor<F>>>>()?;
        self.with(py, |core| Ok(core.set_optimizer_state(&state, steps)?))
    }

    fn finish_training(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |core| Ok(core.finish_training()?))
    }

    fn reset_states(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |core| {
            Ok(core
                .graph()
                .layers()
                .iter()
                .try_for_each(|layer| layer.reset_state())?)
        })
    }

    fn step(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(py, |core| Ok(core.step()))
    }

    fn set_step(&self, py: Python<'_>, step: u64) -> PyResult<()> {
        self.with(py, |core| {
            core.set_step(step);
            Ok(())
        })
    }
}

#[pymethods]
impl Runner {
    #[new]
    fn new(layers: Vec<PyRef<'_, Layer>>, structure: &str, seed: u64) -> PyResult<Self> {
        let spec: GraphSpec = parse(&json(structure)?)?;
        let inner = match Shared::<f32>::create(&layers, &spec, seed)? {
            Some(inner) => Some(inner),
            None => Shared::<f64>::create(&layers, &spec, seed)?,
        };
        match inner {
            Some(inner) => Ok(Self { inner }),
            None => Err(dtype_error(
                "expected layers of one dtype in a model, got float32 and float64",
            )),
        }
    }

    /// Shape of each output, and whether it has a mask.
    fn outputs<'py>(&self, py: Python<'py>) -> PyResult<Vec<(Bound<'py, PyTuple>, bool)>> {
        let outputs = self.inner.output_shapes(py)?;
        outputs
            .iter()
            .map(|(shape, masked)| Ok((shape_tuple(py, shape)?, *masked)))
            .collect()
    }

    /// Sets losses, metrics and optimizer.
    fn compile(&self, py: Python<'_>, config: &str) -> PyResult<()> {
        self.inner.compile(py, config)
    }

    /// The outputs for all rows of the inputs.
    #[pyo3(signature = (inputs, batch_size, training=false, progress=None))]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        batch_size: usize,
        training: bool,
        progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.inner
            .predict(py, inputs, batch_size, training, progress)
    }

    /// Trains on batches `first..last`; returns how many were done before `seconds` had passed.
    #[pyo3(signature = (inputs, targets, weights, order, batch_size, first, last, seconds))]
    #[allow(clippy::too_many_arguments)] // the data of a step and the range of steps
    fn train<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        targets: Vec<Option<Bound<'py, PyAny>>>,
        weights: Vec<Option<Bound<'py, PyAny>>>,
        order: Option<Indices<'py>>,
        batch_size: usize,
        first: usize,
        last: usize,
        seconds: f64,
    ) -> PyResult<usize> {
        let data = Data {
            inputs,
            targets,
            weights,
            order: order.as_ref(),
        };
        self.inner.run(
            py,
            Purpose::Train,
            data,
            Batches {
                size: batch_size,
                first,
                last,
                seconds,
            },
        )
    }

    /// Evaluates batches `first..last`; returns how many were done before `seconds` had passed.
    #[pyo3(signature = (inputs, targets, weights, order, batch_size, first, last, seconds))]
    #[allow(clippy::too_many_arguments)] // the data of a step and the range of steps
    fn test<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        targets: Vec<Option<Bound<'py, PyAny>>>,
        weights: Vec<Option<Bound<'py, PyAny>>>,
        order: Option<Indices<'py>>,
        batch_size: usize,
        first: usize,
        last: usize,
        seconds: f64,
    ) -> PyResult<usize> {
        let data = Data {
            inputs,
            targets,
            weights,
            order: order.as_ref(),
        };
        self.inner.run(
            py,
            Purpose::Test,
            data,
            Batches {
                size: batch_size,
                first,
                last,
                seconds,
            },
        )
    }

    /// Outputs and the gradients of `sum(output * cotangent)` by inputs and weights; for tests.
    #[pyo3(signature = (inputs, cotangents, training=false))]
    fn gradients<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Bound<'py, PyAny>>,
        cotangents: Vec<Option<Bound<'py, PyAny>>>,
        training: bool,
    ) -> PyResult<PyGradients<'py>> {
        self.inner.gradients(py, inputs, cotangents, training)
    }

    /// Loss and metrics since the last reset.
    fn results(&self, py: Python<'_>) -> PyResult<Vec<(String, f64)>> {
        self.inner.results(py)
    }

    /// Starts losses and metrics anew.
    fn reset_metrics(&self, py: Python<'_>) -> PyResult<()> {
        self.inner.reset_metrics(py)
    }

    /// The learning rate of the next step.
    #[getter]
    fn learning_rate(&self, py: Python<'_>) -> PyResult<f64> {
        self.inner.learning_rate(py)
    }

    #[setter]
    fn set_learning_rate(&self, py: Python<'_>, rate: f64) -> PyResult<()> {
        self.inner.set_learning_rate(py, rate)
    }

    /// How many updates the optimizer has made.
    #[getter]
    fn iterations(&self, py: Python<'_>) -> PyResult<u64> {
        self.inner.iterations(py)
    }

    /// The optimizer's slots and counters.
    fn optimizer_state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.inner.optimizer_state(py)
    }

    /// Steps the optimizer has made, those included that only added up gradients.
    #[getter]
    fn optimizer_steps(&self, py: Python<'_>) -> PyResult<u64> {
        self.inner.optimizer_steps(py)
    }

    /// Sets the optimizer's slots, as they were after so many steps.
    fn set_optimizer_state(
        &self,
        py: Python<'_>,
        state: &Bound<'_, PyDict>,
        steps: u64,
    ) -> PyResult<()> {
        self.inner.set_optimizer_state(py, state, steps)
    }

    /// Ends a training: averaged weights take the place of the last ones, if the optimizer says so.
    fn finish_training(&self, py: Python<'_>) -> PyResult<()> {
        self.inner.finish_training(py)
    }

    /// Sets the states of stateful layers to zero.
    fn reset_states(&self, py: Python<'_>) -> PyResult<()> {
        self.inner.reset_states(py)
    }

    /// The number of steps so far, which random numbers depend on.
    #[getter]
    fn step(&self, py: Python<'_>) -> PyResult<u64> {
        self.inner.step(py)
    }

    #[setter]
    fn set_step(&self, py: Python<'_>, step: u64) -> PyResult<()> {
        self.inner.set_step(py, step)
    }
}
