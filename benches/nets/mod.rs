//! Small graphs for the benches: a builder, and a layer alone whose two directions are timed apart.

use std::sync::Arc;
use std::time::Duration;

use lamina::graph::{Graph, GraphSpec, NodeSpec};
use lamina::named_layer::NamedLayer;
use lamina::runner::{Purpose, Runner, Sizes};
use serde_json::{Value, json};

/// A graph that is being written down; a call gives the number of its node.
#[derive(Default)]
pub struct Net {
    layers: Vec<Arc<NamedLayer<f32>>>,
    spec: GraphSpec,
}

impl Net {
    /// An input of these sizes, without the batch.
    pub fn input(&mut self, sizes: &[usize]) -> usize {
        let shape: Vec<Value> = std::iter::once(Value::Null)
            .chain(sizes.iter().map(|&n| json!(n)))
            .collect();
        let node = self.call("InputLayer", json!({"shape": shape}), &[]);
        self.spec.inputs.push(node);
        node
    }

    /// A new layer called with output 0 of these nodes.
    ///
    /// # Panics
    /// If there is no such layer.
    pub fn call(&mut self, kind: &str, config: Value, inputs: &[usize]) -> usize {
        let name = format!("layer_{}", self.layers.len());
        let layer = NamedLayer::new(kind, &name, config, None);
        self.layers
            .push(Arc::new(layer.unwrap_or_else(|e| panic!("{e}"))));
        self.spec.nodes.push(NodeSpec {
            layer: self.layers.len() - 1,
            inputs: inputs.iter().map(|&node| (node, 0)).collect(),
            ..NodeSpec::default()
        });
        self.spec.nodes.len() - 1
    }

    /// The graph with this node as its output. `trainable` says whether weights are learned.
    ///
    /// # Panics
    /// If the layers do not fit.
    pub fn graph(mut self, output: usize, trainable: bool) -> Graph<f32> {
        for layer in &self.layers {
            layer.set_trainable(trainable);
        }
        self.spec.outputs.push((output, 0));
        Graph::new(self.layers, &self.spec, 1).unwrap_or_else(|e| panic!("{e}"))
    }
}

/// A layer alone, over random data or over ids below a bound.
pub struct Alone {
    runner: Runner<f32>,
    sizes: Sizes,
    data: Vec<f32>,
}

impl Alone {
    /// The layer of this kind for an input of these sizes, batch first.
    ///
    /// # Panics
    /// If there is no such layer.
    pub fn new(
        (kind, config): (&str, &Value),
        input: &[usize],
        ids: Option<usize>,
        trainable: bool,
    ) -> Self {
        let mut net = Net::default();
        let data = net.input(&input[1..]);
        let count = match kind {
            "GroupedAttention" => 3,
            _ if OF_TWO.contains(&kind) => 2,
            _ => 1,
        };
        let inputs = vec![data; count];
        let output = net.call(kind, config.clone(), &inputs);
        let graph = net.graph(output, trainable);
        let runner = Runner::new(graph, 0).unwrap_or_else(|e| panic!("{e}"));
        Self {
            runner,
            sizes: Sizes {
                inputs: vec![input.to_vec()],
                ..Sizes::default()
            },
            data: data_of(input.iter().product(), ids),
        }
    }

    /// Forward as in training, without backward. `clock` is asked before and after.
    pub fn forward(&mut self, clock: &dyn Fn() -> Duration) -> Duration {
        self.run(Purpose::Predict(true), clock)
    }

    /// Forward and backward: by the input, and by the weights if they are trainable.
    ///
    /// The gradient that enters is what the arena happens to hold, finite numbers: time does not depend on them.
    pub fn both(&mut self, clock: &dyn Fn() -> Duration) -> Duration {
        self.run(Purpose::Gradients(true), clock)
    }

    fn run(&mut self, purpose: Purpose, clock: &dyn Fn() -> Duration) -> Duration {
        self.runner
            .prepare(purpose, &self.sizes)
            .unwrap_or_else(|e| panic!("{e}"));
        self.runner.input_mut(0).copy_from_slice(&self.data);
        let start = clock();
        self.runner.run(&|| false).unwrap_or_else(|e| panic!("{e}"));
        clock() - start
    }
}

/// The layers of two inputs, which get the same one twice.
const OF_TWO: [&str; 11] = [
    "Add",
    "AdditiveAttention",
    "Attention",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Minimum",
    "MultiHeadAttention",
    "Multiply",
    "Subtract",
];

/// Numbers between -1 and 1, or ids below a bound: the same in every run.
pub fn data_of(len: usize, ids: Option<usize>) -> Vec<f32> {
    (0..len)
        .map(|i| match ids {
            Some(bound) => (i * 7919 % bound) as f32,
            None => (i as f32 * 0.7).sin(),
        })
        .collect()
}
