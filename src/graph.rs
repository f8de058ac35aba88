//! The structure of a model: layers, calls of layers, and the tensors between them.
//!
//! One node is one call of a layer, so a shared layer is a layer with several nodes. A node names only tensors of earlier
//! nodes: the order of the nodes is a topological order. Masks are tensors like any other, wired here once, as Keras
//! propagates them.

mod orders;

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use self::orders::{Orders, Output};
use crate::error::{Error, Result};
use crate::layer::{Layer, MaskRule};
use crate::named_layer::{NamedLayer, refusal};
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
    calls: Vec<usize>,
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
            calls: Vec::with_capacity(spec.nodes.len()),
            tensors: Vec::new(),
            inputs: vec![],
            outputs: vec![],
        };
        let mut orders = Orders::default();
        for node in &spec.nodes {
            graph.add(node, seed, &mut orders)?;
        }
        for &input in &spec.inputs {
            let tensor = orders.get((input, 0)).ok().and_then(|o| o.as_given);
            let tensor = tensor.filter(|&tensor| graph.writer(tensor).kind() == "InputLayer");
            graph.inputs.push(tensor.ok_or_else(|| {
                structure("an InputLayer as graph input", format!("node {input}"))
            })?);
        }
        for &output in &spec.outputs {
            let tensor = graph.in_order(&mut orders, output, None)?;
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

    fn add(&mut self, spec: &NodeSpec, seed: u64, orders: &mut Orders) -> Result<()> {
        let member = self.layers.get(spec.layer).ok_or_else(|| {
            structure(
                format!("one of {} layers", self.layers.len()),
                format!("layer {}", spec.layer),
            )
        })?;
        let member = Arc::clone(member);
        let call = spec.call.as_ref();
        let mut layer = member.layer_for(call)?;
        let given = spec
            .inputs
            .iter()
            .map(|&input| Ok(orders.get(input)?.shape.clone()))
            .collect::<Result<Vec<_>>>()?;
        let seen = member.output_shapes(&given, call)?;
        member.build(&given, call, seed.wrapping_add(spec.layer as u64))?;

        let masks = self.masks(spec, orders)?;
        let masked: Vec<bool> = masks.iter().map(Option::is_some).collect();
        let order = orders.of_call(&*layer, &spec.inputs, masked.contains(&true))?;
        let goes_along = order.settings.is_some();
        if let Some(settings) = order.settings {
            let call = merged(spec.call.clone(), settings);
            layer = member.layer_for(Some(&call))?;
        }
        let inputs = spec
            .inputs
            .iter()
            .zip(&order.axes)
            .map(|(&input, &axis)| self.in_order(orders, input, axis))
            .collect::<Result<Vec<_>>>()?;
        let shapes: Vec<Shape> = inputs
            .iter()
            .map(|&input| self.tensors[input].shape.clone())
            .collect();
        let output_shapes = layer
            .output_shapes(&shapes)
            .map_err(|e| e.at(member.place()))?;

        let number = self.nodes.len();
        let mut output_mask = None;
        let mask = match layer.mask_rule(&shapes, &masked) {
            MaskRule::None => None,
            MaskRule::Pass(input) => masks.get(input).copied().flatten(),
            MaskRule::Compute(shape) => {
                output_mask = Some(self.new_tensor(shape, None, number));
                output_mask
            }
        };
        let outputs: Vec<TensorId> = output_shapes
            .into_iter()
            .enumerate()
            .map(|(i, shape)| self.new_tensor(shape, mask.filter(|_| i == 0), number))
            .collect();
        let orders_of = |(shape, &tensor): (Shape, &TensorId)| {
            let axis = if goes_along {
                order.axes[0]
            } else {
                layer.channel_axis(shape.rank())
            };
            Output {
                shape,
                as_given: axis.is_none().then_some(tensor),
                moved: axis.map(|axis| (axis, tensor)),
            }
        };
        self.calls.push(number);
        orders.push(seen.into_iter().zip(&outputs).map(orders_of).collect());
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

    /// The mask of each input: its own, or the one given by hand.
    fn masks(&mut self, spec: &NodeSpec, orders: &mut Orders) -> Result<Vec<Option<TensorId>>> {
        if let Some(given) = &spec.masks
            && given.len() != spec.inputs.len()
        {
            return Err(structure(
                format!("{} masks, one for each input", spec.inputs.len()),
                given.len().to_string(),
            ));
        }
        let mut masks = Vec::with_capacity(spec.inputs.len());
        for (i, &input) in spec.inputs.iter().enumerate() {
            let given = spec.masks.as_ref().and_then(|masks| masks[i]);
            masks.push(match given {
                Some(mask) => Some(self.in_order(orders, mask, None)?),
                None => orders
                    .get(input)?
                    .tensor()
                    .and_then(|t| self.tensors[t].mask),
            });
        }
        Ok(masks)
    }

    /// The layer that writes a tensor.
    fn writer(&self, tensor: TensorId) -> &dyn Layer<F> {
        &*self.nodes[self.tensors[tensor].node].layer
    }

    fn new_tensor(&mut self, shape: Shape, mask: Option<TensorId>, node: usize) -> TensorId {
        self.tensors.push(Tensor { shape, mask, node });
        self.tensors.len() - 1
    }

    /// The layers.
    pub fn layers(&self) -> &[Arc<NamedLayer<F>>] {
        &self.layers
    }

    /// The call that node `number` of the structure has become.
    ///
    /// # Panics
    /// If the structure has no such node.
    pub fn call(&self, number: usize) -> &Node<F> {
        &self.nodes[self.calls[number]]
    }

    /// The calls in topological order, those that move channels among them.
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
            let outputs = node.layer.output_shapes(&shapes);
            let outputs = outputs.map_err(|e| place(refusal(&*node.layer, &shapes, e)))?;
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

/// The options of a call with others on top.
fn merged(call: Option<Value>, settings: Value) -> Value {
    match (call, settings) {
        (Some(Value::Object(mut call)), Value::Object(settings)) => {
            call.extend(settings);
            Value::Object(call)
        }
        (_, settings) => settings,
    }
}

fn structure(expected: impl Into<String>, got: impl Into<String>) -> Error {
    Error::config(expected, got).at("Graph")
}
