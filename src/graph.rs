//! The structure of a model: layers, calls of layers, and the tensors between them.
//!
//! One node is one call of a layer, so a shared layer is a layer with several nodes. A node names only tensors of earlier
//! nodes: the order of the nodes is a topological order. Masks are tensors like any other, wired here once, as Keras
//! propagates them.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::layer::{Layer, MaskRule};
use crate::named_layer::NamedLayer;
use crate::real::Real;
use crate::shape::Shape;

/// The number of a tensor in its graph.
pub type TensorId = usize;

/// An output of a node: the node's number and the output's.
pub type OutputOf = (usize, usize);

/// A graph as it is written down: in a program, across the border to Python, in a file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphSpec {
    /// The calls, each after those it depends on.
    pub nodes: Vec<NodeSpec>,
    /// The nodes of kind `InputLayer`, in the order of the data.
    pub inputs: Vec<usize>,
    /// The results, in their order.
    pub outputs: Vec<OutputOf>,
}

/// A call as it is written down.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// The number of the layer.
    pub layer: usize,
    /// The tensors it is called with.
    #[serde(default)]
    pub inputs: Vec<OutputOf>,
    /// Masks given by hand, one for each input; `null` takes the input's own.
    #[serde(default)]
    pub masks: Option<Vec<Option<OutputOf>>>,
    /// Behave as in training (or not) whatever the run is for.
    #[serde(default)]
    pub training: Option<bool>,
    /// Options of this call: fields of the layer's configuration that belong to a call.
    #[serde(default)]
    pub call: Option<Value>,
}

/// One call of a layer.
#[derive(Debug)]
pub struct Node<F> {
    /// The number of the layer in [`Graph::layers`].
    pub member: usize,
    /// Its maths, with the options of this call.
    pub layer: Arc<dyn Layer<F>>,
    /// The tensors it reads.
    pub inputs: Vec<TensorId>,
    /// The masks of these tensors.
    pub masks: Vec<Option<TensorId>>,
    /// The tensors it writes.
    pub outputs: Vec<TensorId>,
    /// The mask it computes.
    pub output_mask: Option<TensorId>,
    /// Behave as in training (or not) whatever the run is for.
    pub training: Option<bool>,
}

/// A tensor of the graph.
#[derive(Debug, Clone)]
pub struct Tensor {
    /// Its sizes, as far as known.
    pub shape: Shape,
    /// Its mask.
    pub mask: Option<TensorId>,
    /// The node that writes it.
    pub node: usize,
}

/// Layers and calls; shapes and masks are worked out, weights built.
#[derive(Debug)]
pub struct Graph<F> {
    layers: Vec<Arc<NamedLayer<F>>>,
    nodes: Vec<Node<F>>,
    tensors: Vec<Tensor>,
    inputs: Vec<TensorId>,
    outputs: Vec<TensorId>,
}

impl<F: Real> Graph<F> {
    /// The graph of these layers with this structure. Layers not built yet are built, their weights drawn from `seed`.
    pub fn new(layers: Vec<Arc<NamedLayer<F>>>, spec: &GraphSpec, seed: u64) -> Result<Self> {
        let mut graph = Self {
            layers,
            nodes: Vec::with_capacity(spec.nodes.len()),
            tensors: Vec::new(),
            inputs: vec![],
            outputs: vec![],
        };
        for node in &spec.nodes {
            graph.add(node, seed)?;
        }
        for &input in &spec.inputs {
            let node = graph
                .nodes
                .get(input)
                .filter(|node| node.layer.kind() == "InputLayer");
            let node = node.ok_or_else(|| {
                structure("an InputLayer as graph input", format!("node {input}"))
            })?;
            graph.inputs.push(node.outputs[0]);
        }
        for &output in &spec.outputs {
            let tensor = graph.tensor_of(output)?;
            graph.outputs.push(tensor);
        }
        if graph.outputs.is_empty() {
            return Err(structure("a graph with at least one output", "none"));
        }
        if let Some(node) = graph.nodes.iter().find(|node| {
            node.layer.kind() == "InputLayer" && !graph.inputs.contains(&node.outputs[0])
        }) {
            let place = graph.layers[node.member].place();
            return Err(structure(
                "every InputLayer among the model's inputs",
                format!("{place} outside of them"),
            )
            .remedy("Pass it to Model(inputs=...)."));
        }
        Ok(graph)
    }

    fn add(&mut self, spec: &NodeSpec, seed: u64) -> Result<()> {
        let member = self.layers.get(spec.layer).ok_or_else(|| {
            structure(
                format!("one of {} layers", self.layers.len()),
                format!("layer {}", spec.layer),
            )
        })?;
        let member = Arc::clone(member);
        let layer = member.layer_for(spec.call.as_ref())?;
        let inputs = spec
            .inputs
            .iter()
            .map(|&i| self.tensor_of(i))
            .collect::<Result<Vec<_>>>()?;
        let masks = match &spec.masks {
            Some(given) if given.len() != inputs.len() => {
                return Err(structure(
                    format!("{} masks, one for each input", inputs.len()),
                    given.len().to_string(),
                ));
            }
            Some(given) => given
                .iter()
                .zip(&inputs)
                .map(|(mask, &input)| {
                    mask.map_or(Ok(self.tensors[input].mask), |mask| {
                        self.tensor_of(mask).map(Some)
                    })
                })
                .collect::<Result<Vec<_>>>()?,
            None => inputs
                .iter()
                .map(|&input| self.tensors[input].mask)
                .collect(),
        };
        let shapes: Vec<Shape> = inputs
            .iter()
            .map(|&input| self.tensors[input].shape.clone())
            .collect();
        let output_shapes = layer
            .output_shapes(&shapes)
            .map_err(|e| e.at(member.place()))?;
        member.build(
            &shapes,
            spec.call.as_ref(),
            seed.wrapping_add(spec.layer as u64),
        )?;

        let number = self.nodes.len();
        let masked: Vec<bool> = masks.iter().map(Option::is_some).collect();
        let mut output_mask = None;
        let mask = match layer.mask_rule(&shapes, &masked) {
            MaskRule::None => None,
            MaskRule::Pass(input) => masks.get(input).copied().flatten(),
            MaskRule::Compute(shape) => {
                output_mask = Some(self.new_tensor(shape, None, number));
                output_mask
            }
        };
        let outputs = output_shapes
            .into_iter()
            .enumerate()
            .map(|(i, shape)| self.new_tensor(shape, mask.filter(|_| i == 0), number))
            .collect();
        self.nodes.push(Node {
            member: spec.layer,
            layer,
            inputs,
            masks,
            outputs,
            output_mask,
            training: spec.training,
        });
        Ok(())
    }

    fn new_tensor(&mut self, shape: Shape, mask: Option<TensorId>, node: usize) -> TensorId {
        self.tensors.push(Tensor { shape, mask, node });
        self.tensors.len() - 1
    }

    fn tensor_of(&self, (node, output): OutputOf) -> Result<TensorId> {
        let found = self
            .nodes
            .get(node)
            .and_then(|node| node.outputs.get(output).copied());
        found.ok_or_else(|| {
            structure(
                "an output of an earlier node",
                format!("output {output} of node {node}"),
            )
        })
    }

    /// The layers.
    pub fn layers(&self) -> &[Arc<NamedLayer<F>>] {
        &self.layers
    }

    /// The calls in topological order.
    pub fn nodes(&self) -> &[Node<F>] {
        &self.nodes
    }

    /// The tensors.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// Where data enter.
    pub fn inputs(&self) -> &[TensorId] {
        &self.inputs
    }

    /// The results.
    pub fn outputs(&self) -> &[TensorId] {
        &self.outputs
    }

    /// The layer of a node, as errors name it.
    pub fn place(&self, node: usize) -> String {
        self.layers[self.nodes[node].member].place()
    }

    /// Whether a layer keeps a state between runs, in inference too.
    pub fn is_stateful(&self) -> bool {
        self.nodes.iter().any(|node| node.layer.is_stateful())
    }

    /// The sizes of every tensor for inputs of these sizes.
    pub fn sizes(&self, inputs: &[Vec<usize>]) -> Result<Vec<Vec<usize>>> {
        if inputs.len() != self.inputs.len() {
            return Err(Error::shape(
                format!("{} input arrays", self.inputs.len()),
                inputs.len().to_string(),
            )
            .at("Model"));
        }
        let mut sizes: Vec<Vec<usize>> = vec![Vec::new(); self.tensors.len()];
        for (&tensor, given) in self.inputs.iter().zip(inputs) {
            let expected = &self.tensors[tensor].shape;
            if !expected.accepts(given) {
                let error = Error::shape(
                    format!("data of shape {expected}"),
                    Shape::known(given).to_string(),
                );
                return Err(error.at(self.place(self.tensors[tensor].node)));
            }
            sizes[tensor].clone_from(given);
        }
        for (i, node) in self.nodes.iter().enumerate() {
            let place = |e: Error| e.at(self.place(i));
            if node.layer.kind() == "InputLayer" {
                continue;
            }
            let shapes: Vec<Shape> = node
                .inputs
                .iter()
                .map(|&t| Shape::known(&sizes[t]))
                .collect();
            let outputs = node.layer.output_shapes(&shapes).map_err(place)?;
            for (&tensor, shape) in node.outputs.iter().zip(&outputs) {
                sizes[tensor] = shape.sizes().map_err(place)?;
            }
            if let Some(mask) = node.output_mask {
                let masked: Vec<bool> = node.masks.iter().map(Option::is_some).collect();
                if let MaskRule::Compute(shape) = node.layer.mask_rule(&shapes, &masked) {
                    sizes[mask] = shape.sizes().map_err(place)?;
                }
            }
        }
        Ok(sizes)
    }
}

fn structure(expected: impl Into<String>, got: impl Into<String>) -> Error {
    Error::config(expected, got).at("Graph")
}
