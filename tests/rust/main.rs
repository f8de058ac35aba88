//! Tests of the whole crate in one binary.

mod golden;
mod graphs;

use std::sync::Arc;

use lamina::graph::{Graph, GraphSpec};
use lamina::named_layer::NamedLayer;
use lamina::runner::Runner;
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
