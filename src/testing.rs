//! Checks that every layer's tests share: gradients against finite differences, closeness, seeded arrays.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::error::Result;
use crate::graph::{Graph, GraphSpec, NodeSpec};
use crate::named_layer::NamedLayer;
use crate::param::Role;
use crate::real::Real;
use crate::rng::Stream;
use crate::runner::Runner;

/// Sizes and values.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Array {
    /// The sizes.
    pub shape: Vec<usize>,
    /// The values, row-major.
    pub values: Vec<f64>,
}

impl Array {
    /// An array of these sizes and values.
    pub fn new(shape: &[usize], values: &[f64]) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len());
        Self {
            shape: shape.to_vec(),
            values: values.to_vec(),
        }
    }

    /// Numbers in `[-1, 1)` that depend on `seed` alone.
    pub fn random(shape: &[usize], seed: u64) -> Self {
        let stream = Stream::new(seed, 0, 0);
        let values = (0..shape.iter().product::<usize>())
            .map(|i| 2.0 * stream.uniform::<f64>(i as u64) - 1.0);
        Self {
            shape: shape.to_vec(),
            values: values.collect(),
        }
    }
}

/// One call of a layer to check.
#[derive(Debug, Clone, Default)]
pub struct Case {
    /// The kind of the layer.
    pub kind: &'static str,
    /// Its configuration.
    pub config: Value,
    /// The options of the call, if it has any.
    pub call: Option<Value>,
    /// The inputs.
    pub inputs: Vec<Array>,
    /// Masks of the inputs; shorter than the inputs if the last have none.
    pub masks: Vec<Option<Array>>,
    /// Values of the weights; empty for random ones (trainable in `[-1, 1)`, states in `[0.5, 1.5)`).
    pub weights: Vec<Vec<f64>>,
    /// Behave as in training.
    pub training: bool,
    /// The inputs are ids or labels: they have no gradient.
    pub discrete: bool,
}

impl Case {
    /// The layer with its weights, and the runner of a graph that calls it `calls` times on the same inputs.
    fn runner<F: Real>(&self, calls: usize) -> Result<(Arc<NamedLayer<F>>, Runner<F>)> {
        let name = self.kind.to_lowercase();
        let layer = Arc::new(NamedLayer::<F>::new(
            self.kind,
            &name,
            self.config.clone(),
            None,
        )?);
        let mut layers = vec![Arc::clone(&layer)];
        let mut spec = GraphSpec::default();
        let mut mask_nodes = Vec::new();
        let masks = self
            .masks
            .iter()
            .cloned()
            .chain(std::iter::repeat(None))
            .take(self.inputs.len());
        let arrays = self.inputs.iter().cloned().map(Some).chain(masks);
        for (i, array) in arrays.enumerate() {
            let node = spec.nodes.len();
            if let Some(array) = &array {
                let config = json!({"shape": array.shape});
                layers.push(Arc::new(NamedLayer::new(
                    "InputLayer",
                    &format!("input_{i}"),
                    config,
                    None,
                )?));
                spec.nodes.push(NodeSpec {
                    layer: layers.len() - 1,
                    ..NodeSpec::default()
                });
                spec.inputs.push(node);
            }
            if i >= self.inputs.len() {
                mask_nodes.push(array.map(|_| (node, 0)));
            }
        }
        let call = NodeSpec {
            layer: 0,
            inputs: (0..self.inputs.len()).map(|i| (i, 0)).collect(),
            masks: Some(mask_nodes),
            call: self.call.clone(),
            training: None,
        };
        let first = spec.nodes.len();
        spec.nodes.extend(std::iter::repeat_n(call, calls));
        spec.outputs.push((first, 0));
        let mut graph = Graph::new(layers.clone(), &spec, 7)?;
        let outputs = graph.call(first).outputs.len();
        spec.outputs = (first..first + calls)
            .flat_map(|node| (0..outputs).map(move |o| (node, o)))
            .collect();
        graph = Graph::new(layers, &spec, 7)?;
        if let Some(variables) = layer.variables() {
            for (i, spec) in variables.specs().iter().enumerate() {
                let values = match self.weights.get(i) {
                    Some(values) => values.clone(),
                    None => {
                        let shift = if spec.role == Role::State { 1.0 } else { 0.0 };
                        let scale = if spec.role == Role::State { 0.5 } else { 1.0 };
                        let random = Array::random(&spec.shape, 1000 + i as u64);
                        random.values.iter().map(|v| shift + scale * v).collect()
                    }
                };
                variables.set(
                    i,
                    &spec.shape,
                    &values.iter().map(|&v| F::of(v)).collect::<Vec<_>>(),
                )?;
            }
        }
        Ok((layer, Runner::new(graph, 11)?))
    }

    fn data<F: Real>(&self) -> Vec<(Vec<usize>, Vec<F>)> {
        let masks = self.masks.iter().flatten();
        let arrays = self.inputs.iter().chain(masks);
        arrays
            .map(|a| {
                (
                    a.shape.clone(),
                    a.values.iter().map(|&v| F::of(v)).collect(),
                )
            })
            .collect()
    }

    /// The outputs of the call.
    pub fn outputs<F: Real>(&self) -> Result<Vec<Array>> {
        let (_, mut runner) = self.runner::<F>(1)?;
        let outputs = predict(&mut runner, &self.data(), self.training)?;
        let array = |(shape, values): (Vec<usize>, Vec<F>)| Array {
            shape,
            values: values.iter().map(|v| v.f64()).collect(),
        };
        Ok(outputs.into_iter().map(array).collect())
    }

    /// The message of the error that the call gives.
    ///
    /// # Panics
    /// If it gives none.
    pub fn error(&self) -> String {
        match self.outputs::<f32>() {
            Ok(outputs) => panic!("{} {} gave {outputs:?}", self.kind, self.config),
            Err(error) => error.to_string(),
        }
    }
}

fn predict<F: Real>(
    runner: &mut Runner<F>,
    data: &[(Vec<usize>, Vec<F>)],
    training: bool,
) -> Result<Vec<(Vec<usize>, Vec<F>)>> {
    runner.set_step(3);
    let inputs: Vec<(&[usize], &[F])> = data
        .iter()
        .map(|(s, v)| (s.as_slice(), v.as_slice()))
        .collect();
    runner.predict(&inputs, training)
}

/// The largest relative error a gradient may have in `f64`.
pub const TOLERANCE: f64 = 1e-6;

/// Checks the gradients of a call by every input and every weight against central differences in `f64`, for one call (gradients are
/// overwritten) and for two calls on the same inputs (gradients are added).
///
/// # Panics
/// If a gradient is off by more than [`TOLERANCE`], naming every value that is.
pub fn check_gradients(case: &Case) {
    for calls in [1, 2] {
        let wrong = wrong_gradients(case, calls)
            .unwrap_or_else(|e| panic!("{} {}: {e}", case.kind, case.config));
        assert!(
            wrong.is_empty(),
            "{} {} called {calls} times:\n{wrong}",
            case.kind,
            case.config
        );
    }
}

fn wrong_gradients(case: &Case, calls: usize) -> Result<String> {
    let (layer, mut runner) = case.runner::<f64>(calls)?;
    let mut data = case.data::<f64>();
    let outputs = predict(&mut runner, &data, case.training)?;
    let cotangents: Vec<Option<Vec<f64>>> = outputs
        .iter()
        .enumerate()
        .map(|(i, (s, _))| Some(Array::random(s, 50 + i as u64).values))
        .collect();
    runner.set_step(3);
    let inputs: Vec<(&[usize], &[f64])> = data
        .iter()
        .map(|(s, v)| (s.as_slice(), v.as_slice()))
        .collect();
    let gradients = runner.gradients(&inputs, &cotangents, case.training)?;
    let mut wrong = String::new();
    for (i, (_, values)) in outputs.iter().enumerate() {
        for (j, (&a, &b)) in values.iter().zip(&gradients.outputs[i].1).enumerate() {
            if a != b && !(a.is_nan() && b.is_nan()) {
                let _ = writeln!(wrong, "output {i}[{j}]: {a} in predict, {b} with gradients");
            }
        }
    }
    let mut compare = |what: &str,
                       j: usize,
                       x: f64,
                       given: f64,
                       f: &mut dyn FnMut(f64) -> Result<f64>|
     -> Result<()> {
        let eps = 1e-5 * x.abs().max(1.0);
        let numeric = (f(x + eps)? - f(x - eps)?) / (2.0 * eps);
        let error = (given - numeric).abs() / given.abs().max(numeric.abs()).max(1.0);
        if error.is_nan() || error > TOLERANCE {
            let _ = writeln!(
                wrong,
                "{what}[{j}]: {given} given, {numeric} by differences, relative error {error:.1e}"
            );
        }
        Ok(())
    };
    let value = |runner: &mut Runner<f64>, data: &[(Vec<usize>, Vec<f64>)]| -> Result<f64> {
        let outputs = predict(runner, data, case.training)?;
        let terms = outputs
            .iter()
            .zip(&cotangents)
            .flat_map(|((_, y), c)| y.iter().zip(c.iter().flatten()));
        Ok(terms.map(|(y, c)| y * c).sum())
    };
    if !case.discrete {
        for i in 0..case.inputs.len() {
            let given = gradients.inputs[i].clone().unwrap_or_default();
            for j in 0..data[i].1.len() {
                let x = data[i].1[j];
                let mut f = |v: f64| {
                    data[i].1[j] = v;
                    let f = value(&mut runner, &data);
                    data[i].1[j] = x;
                    f
                };
                compare(
                    &format!("input {i}"),
                    j,
                    x,
                    given.get(j).copied().unwrap_or(f64::NAN),
                    &mut f,
                )?;
            }
        }
    }
    if let Some(variables) = layer.variables() {
        for (i, spec) in variables
            .specs()
            .iter()
            .enumerate()
            .filter(|(_, s)| s.role == Role::Trainable)
        {
            let given = gradients.weights[0][i].clone().unwrap_or_default();
            for j in 0..spec.len() {
                let mut values = variables.get(i)?;
                let x = values[j];
                let mut f = |v: f64| {
                    values[j] = v;
                    variables.set(i, &spec.shape, &values)?;
                    let f = value(&mut runner, &data);
                    values[j] = x;
                    variables.set(i, &spec.shape, &values)?;
                    f
                };
                compare(
                    &spec.name,
                    j,
                    x,
                    given.get(j).copied().unwrap_or(f64::NAN),
                    &mut f,
                )?;
            }
        }
    }
    Ok(wrong)
}

/// Checks that two slices agree to `tolerance`, relative to the larger of 1 and the expected value.
///
/// # Panics
/// If they do not, naming the first place.
pub fn assert_close<F: Real>(got: &[F], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len(), "lengths differ");
    for (i, (g, &e)) in got.iter().zip(expected).enumerate() {
        let same = g.f64() == e || (g.is_nan() && e.is_nan());
        let error = (g.f64() - e).abs() / e.abs().max(1.0);
        assert!(
            same || error <= tolerance,
            "[{i}]: got {g}, expected {e}, relative error {error:.1e}"
        );
    }
}
