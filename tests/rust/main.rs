//! Tests of the whole crate in one binary.

mod golden;
mod graphs;
mod masks;
mod rooms;
mod training;

use std::sync::Arc;

use lamina::graph::{Graph, GraphSpec};
use lamina::named_layer::NamedLayer;
use lamina::runner::{Purpose, Runner, Sizes};
use lamina::training::Training;
use lamina::{Real, Result};
use serde_json::Value;

/// A runner of layers (kind and configuration) and a structure, both in JSON.
fn runner<F: Real>(layers: &Value, structure: &Value) -> Result<Runner<F>> {
    let layers = layers.as_array().expect("a list of layers");
    let layers = layers
        .iter()
        .enumerate()
        .map(|(i, layer)| {
            let kind = layer[0].as_str().expect("a kind");
            let penalty = layer
                .get(2)
                .map(|value| serde_json::from_value(value.clone()).expect("a regularizer"));
            NamedLayer::new(
                kind,
                &format!("{}_{i}", kind.to_lowercase()),
                layer[1].clone(),
                penalty,
            )
            .map(Arc::new)
        })
        .collect::<Result<Vec<_>>>()?;
    let spec: GraphSpec = serde_json::from_value(structure.clone()).expect("a structure");
    Runner::new(Graph::new(layers, &spec, 1)?, 2)
}

/// A runner of layers one behind the other, the first one an input.
fn chain<F: Real>(layers: &Value) -> Result<Runner<F>> {
    let count = layers.as_array().expect("a list of layers").len();
    let nodes: Vec<Value> = (0..count)
        .map(|i| serde_json::json!({"layer": i, "inputs": if i > 0 { vec![(i - 1, 0)] } else { vec![] }}))
        .collect();
    runner(
        layers,
        &serde_json::json!({"nodes": nodes, "inputs": [0], "outputs": [[count - 1, 0]]}),
    )
}

/// One step with these data.
fn step<F: Real>(
    runner: &mut Runner<F>,
    purpose: Purpose,
    input: (&[usize], &[F]),
    target: (&[usize], &[F]),
) -> Result<()> {
    let sizes = Sizes {
        inputs: vec![input.0.to_vec()],
        targets: vec![Some(target.0.to_vec())],
        weights: vec![None],
    };
    runner.prepare(purpose, &sizes)?;
    runner.input_mut(0).copy_from_slice(input.1);
    runner.target_mut(0).copy_from_slice(target.1);
    runner.run(&|| false)
}

/// Compiles `runner` with this configuration.
fn compile<F: Real>(runner: &mut Runner<F>, config: &Value) -> Result<()> {
    let training = Training::new(config, runner.graph())?;
    runner.set_training(training)
}
