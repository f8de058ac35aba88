//! Tensors in two orders of their axes: as the user sees them, and with the channels moved to the end.
//!
//! Layers compute with their channels last. Where a layer has `data_format="channels_first"` its inputs are moved, and its
//! outputs stay as they are until somebody needs them with the channels in front. So opposite moves never meet: a chain of
//! such layers moves its channels once, on the way in, and once on the way out. Layers that treat all axes alike, or can
//! be told which axis is meant ([`Layer::with_axis_last`]), go along.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Graph, OutputOf, TensorId, structure};
use crate::error::Result;
use crate::layer::Layer;
use crate::named_layer::NamedLayer;
use crate::real::Real;
use crate::shape::Shape;

/// An output of a call, in one order of its axes or in both.
#[derive(Debug, Clone)]
pub(super) struct Output {
    /// As the user sees it.
    pub shape: Shape,
    /// The tensor that is so.
    pub as_given: Option<TensorId>,
    /// The axis that was moved to the end, and the tensor that is so.
    pub moved: Option<(usize, TensorId)>,
}

impl Output {
    /// The tensor in some order.
    pub fn tensor(&self) -> Option<TensorId> {
        self.as_given.or(self.moved.map(|(_, tensor)| tensor))
    }
}

/// What is kept while a graph is put together.
#[derive(Debug, Default)]
pub(super) struct Orders {
    /// The outputs of each call of the structure.
    outputs: Vec<Vec<Output>>,
    /// The layers that move axes: the order of the axes, and the layer's number.
    movers: Vec<(Vec<usize>, usize)>,
}

/// How a call is to run.
pub(super) struct Order {
    /// The axis of each input that is to be moved to the end.
    pub axes: Vec<Option<usize>>,
    /// What changes in the settings of a layer that goes along; its outputs are moved as its inputs are.
    pub settings: Option<Value>,
}

impl Orders {
    /// Adds the outputs of a call.
    pub fn push(&mut self, outputs: Vec<Output>) {
        self.outputs.push(outputs);
    }

    /// An output of an earlier call.
    pub fn get(&self, (node, output): OutputOf) -> Result<&Output> {
        let found = self.outputs.get(node).and_then(|node| node.get(output));
        found.ok_or_else(|| {
            structure(
                "an output of an earlier node",
                format!("output {output} of node {node}"),
            )
        })
    }

    /// The order a layer takes these inputs in.
    pub fn of_call<F: Real>(
        &self,
        layer: &dyn Layer<F>,
        inputs: &[OutputOf],
        masked: bool,
    ) -> Result<Order> {
        let inputs: Vec<&Output> = inputs
            .iter()
            .map(|&input| self.get(input))
            .collect::<Result<_>>()?;
        let axes: Vec<Option<usize>> = inputs
            .iter()
            .map(|input| layer.channel_axis(input.shape.rank()))
            .collect();
        let only_moved = inputs
            .iter()
            .filter(|input| input.as_given.is_none())
            .find_map(|input| input.moved);
        let one_rank = inputs
            .windows(2)
            .all(|two| two[0].shape.rank() == two[1].shape.rank());
        if let Some((axis, _)) = only_moved
            && one_rank
            && !masked
            && axes.iter().all(Option::is_none)
        {
            let shapes: Vec<Shape> = inputs.iter().map(|input| input.shape.clone()).collect();
            if let Some(settings) = layer.with_axis_last(axis, &shapes) {
                return Ok(Order {
                    axes: vec![Some(axis); shapes.len()],
                    settings: Some(settings),
                });
            }
        }
        Ok(Order {
            axes,
            settings: None,
        })
    }
}

impl<F: Real> Graph<F> {
    /// The tensor of an output with `axis` moved to the end, or as the user sees it; made if it is not there yet.
    pub(super) fn in_order(
        &mut self,
        orders: &mut Orders,
        output: OutputOf,
        axis: Option<usize>,
    ) -> Result<TensorId> {
        let (node, number) = output;
        let found = orders.get(output)?.clone();
        let rank = found.shape.rank();
        if let Some((_, tensor)) = found.moved.filter(|&(moved, _)| Some(moved) == axis) {
            return Ok(tensor);
        }
        let given = match (found.as_given, found.moved) {
            (None, Some((moved, tensor))) => {
                let given = self.permuted(orders, tensor, &from_end(moved, rank))?;
                orders.outputs[node][number].as_given = Some(given);
                given
            }
            (given, _) => given.expect("an output is there in some order"),
        };
        let Some(axis) = axis else { return Ok(given) };
        let tensor = self.permuted(orders, given, &to_end(axis, rank))?;
        orders.outputs[node][number].moved = Some((axis, tensor));
        Ok(tensor)
    }

    /// A call that puts the axes of a tensor, counted from 1, in another order. Its mask has no channels and stays.
    fn permuted(
        &mut self,
        orders: &mut Orders,
        tensor: TensorId,
        order: &[usize],
    ) -> Result<TensorId> {
        let known = orders.movers.iter().find(|(other, _)| other == order);
        let member = if let Some(&(_, member)) = known {
            member
        } else {
            let config = json!({"dims": order});
            let layer = NamedLayer::new("Permute", "data_format", config, None)?;
            self.layers.push(Arc::new(layer));
            orders.movers.push((order.to_vec(), self.layers.len() - 1));
            self.layers.len() - 1
        };
        let layer = self.layers[member].layer_for(None)?;
        let input = self.tensors[tensor].clone();
        let shapes = [input.shape];
        self.layers[member].build(&shapes, None, 0)?;
        let shape = layer.output_shapes(&shapes)?.swap_remove(0);
        let output = self.new_tensor(shape, input.mask, self.nodes.len());
        self.nodes.push(super::Node {
            member,
            layer,
            inputs: vec![tensor],
            masks: vec![None],
            outputs: vec![output],
            output_mask: None,
            training: None,
        });
        Ok(output)
    }
}

/// The order that moves `axis` to the end, without the batch.
fn to_end(axis: usize, rank: usize) -> Vec<usize> {
    (1..rank).filter(|&a| a != axis).chain([axis]).collect()
}

/// The order that moves the last axis to `axis`, without the batch.
fn from_end(axis: usize, rank: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (1..rank - 1).collect();
    order.insert(axis - 1, rank - 1);
    order
}
