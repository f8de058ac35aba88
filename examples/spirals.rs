//! Two spirals, told apart by a small network: lamina from Rust, without Python.
//!
//! ```text
//! cargo run --release --example spirals
//! ```

use std::sync::Arc;
use std::time::Instant;

use lamina::Result;
use lamina::graph::{Graph, GraphSpec, NodeSpec};
use lamina::metrics::Reading;
use lamina::named_layer::NamedLayer;
use lamina::rng::{Stream, permutation};
use lamina::runner::{Purpose, Runner, Sizes};
use lamina::training::Training;
use serde_json::{Value, json};

const POINTS: usize = 1000;
const BATCH: usize = 50;
const EPOCHS: u64 = 200;

/// Points on two arms that turn twice, a little shaken, and the arm each belongs to.
fn spirals(seed: u64) -> (Vec<[f32; 2]>, Vec<f32>) {
    let random = Stream::new(seed, 0, 0);
    (0..POINTS)
        .map(|i| {
            let arm = (i % 2) as f32;
            let along = random.uniform::<f32>(4 * i as u64);
            let angle = 4.0 * std::f32::consts::PI * along + std::f32::consts::PI * arm;
            let shake = |k: u64| 0.02 * random.normal::<f32>(4 * i as u64 + k);
            (
                [
                    along * angle.cos() + shake(1),
                    along * angle.sin() + shake(2),
                ],
                arm,
            )
        })
        .unzip()
}

/// A graph of layers one behind the other.
fn chain(layers: &[(&str, Value)]) -> Result<Graph<f32>> {
    let named = |(i, (kind, config)): (usize, &(&str, Value))| {
        NamedLayer::new(kind, &format!("layer_{i}"), config.clone(), None).map(Arc::new)
    };
    let nodes = |i: usize| NodeSpec {
        layer: i,
        inputs: if i > 0 { vec![(i - 1, 0)] } else { Vec::new() },
        ..NodeSpec::default()
    };
    let spec = GraphSpec {
        nodes: (0..layers.len()).map(nodes).collect(),
        inputs: vec![0],
        outputs: vec![(layers.len() - 1, 0)],
    };
    Graph::new(
        layers
            .iter()
            .enumerate()
            .map(named)
            .collect::<Result<_>>()?,
        &spec,
        1,
    )
}

fn main() -> Result<()> {
    let graph = chain(&[
        ("InputLayer", json!({"shape": [null, 2]})),
        (
            "Dense",
            json!({"units": 64, "activation": "silu", "kernel_initializer": "he_normal"}),
        ),
        (
            "Dense",
            json!({"units": 64, "activation": "silu", "kernel_initializer": "he_normal"}),
        ),
        ("Dense", json!({"units": 2, "activation": "softmax"})),
    ])?;
    let config = json!({
        "optimizer": {"class_name": "Adam", "config": {"learning_rate": 0.005}},
        "losses": ["sparse_categorical_crossentropy"],
        "metrics": [["accuracy"]],
    });
    let training = Training::new(&config, &graph)?;
    let mut runner = Runner::new(graph, 0)?;
    runner.set_training(training)?;

    let mut pass = |purpose: Purpose, seed: u64, epoch: u64| -> Result<Vec<(String, Reading)>> {
        let (points, arms) = spirals(seed);
        let order = permutation(POINTS, 0, epoch)?;
        let sizes = Sizes {
            inputs: vec![vec![BATCH, 2]],
            targets: vec![Some(vec![BATCH])],
            weights: vec![None],
        };
        if let Some(training) = runner.training_mut() {
            training.reset_metrics();
        }
        for rows in order.chunks(BATCH) {
            runner.prepare(purpose, &sizes)?;
            for (place, &row) in runner.input_mut(0).chunks_mut(2).zip(rows) {
                place.copy_from_slice(&points[row]);
            }
            for (place, &row) in runner.target_mut(0).iter_mut().zip(rows) {
                *place = arms[row];
            }
            runner.run(&|| false)?;
        }
        Ok(runner.training().map_or(Vec::new(), Training::results))
    };

    let start = Instant::now();
    for epoch in 1..=EPOCHS {
        let results = pass(Purpose::Train, 1, epoch)?;
        if epoch % 10 == 0 {
            println!(
                "epoch {epoch:2}: loss {:.4}, accuracy {:.3}",
                results[0].1, results[1].1
            );
        }
    }
    let took = start.elapsed().as_secs_f64();
    let results = pass(Purpose::Test, 2, 0)?;
    println!(
        "on new points: accuracy {:.3} after {took:.2} s of training",
        results[1].1
    );
    Ok(())
}
