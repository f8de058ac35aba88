//! The way back: which nodes take part, who writes each gradient first, and where the pieces lie.

use super::memory::{Memory, PieceId};
use super::{Half, HalfDraft, Planner};
use crate::arena::{Block, Layout};
use crate::error::Result;
use crate::graph::TensorId;
use crate::param::Role;
use crate::real::Real;
use crate::shape::checked_elements;

/// One step of the way back.
#[derive(Debug)]
pub enum BackwardStep {
    /// The penalty on the output of a node gives a gradient.
    Penalty {
        /// The number of the node.
        node: usize,
        /// The output (read) and its gradient (written).
        work: Layout,
        /// Add to the gradient.
        accumulate: bool,
    },
    /// A layer's backward.
    Layer {
        /// The number of the node.
        node: usize,
        /// Its pieces.
        half: Box<Half>,
    },
    /// The gradient of a view's output (read) goes to its input (written).
    Pass {
        /// From, to.
        work: Layout,
        /// Add to the gradient.
        accumulate: bool,
    },
}

pub(super) enum BackwardDraft {
    Penalty {
        node: usize,
        output: PieceId,
        grad: PieceId,
        accumulate: bool,
    },
    Layer {
        node: usize,
        half: Box<HalfDraft>,
    },
    Pass {
        from: PieceId,
        to: PieceId,
        accumulate: bool,
    },
}

impl BackwardDraft {
    pub(super) fn place(self, memory: &Memory) -> BackwardStep {
        let pair = |read: PieceId, written: PieceId| {
            Layout::new(vec![
                (memory.block(read), false),
                (memory.block(written), true),
            ])
        };
        match self {
            Self::Penalty {
                node,
                output,
                grad,
                accumulate,
            } => BackwardStep::Penalty {
                node,
                work: pair(output, grad),
                accumulate,
            },
            Self::Layer { node, half } => BackwardStep::Layer {
                node,
                half: Box::new(half.place(memory)),
            },
            Self::Pass {
                from,
                to,
                accumulate,
            } => BackwardStep::Pass {
                work: pair(from, to),
                accumulate,
            },
        }
    }
}

impl<F: Real> Planner<'_, F> {
    pub(super) fn backward(&mut self) -> Result<Vec<BackwardDraft>> {
        let graph = self.graph;
        let wanted = self.wanted();
        let consumers = self.consumers();
        let mut grad_written = vec![false; graph.tensors().len()];
        let mut weight_written: Vec<Vec<bool>> = self
            .places
            .grads
            .iter()
            .map(|g| vec![false; g.len()])
            .collect();
        for &output in graph.outputs() {
            // The loss is the first to write.
            grad_written[output] = self.grads[output].is_some();
        }
        let mut drafts = Vec::new();
        for (from, to) in std::mem::take(&mut self.doubled) {
            let first = self.loss_time() + 1;
            self.memory.used(from, first);
            self.memory.used(to, first);
            drafts.push(BackwardDraft::Pass {
                from,
                to,
                accumulate: true,
            });
        }
        for (i, node) in graph.nodes().iter().enumerate().rev() {
            let time = self.backward_time(i);
            if !node.outputs.iter().any(|&t| wanted[t]) || node.layer.kind() == "InputLayer" {
                continue;
            }
            if graph.layers()[node.member].activity_regularizer().is_some() {
                let tensor = node.outputs[0];
                let grad = self.grad_piece(tensor, time)?;
                self.memory.used(self.values[tensor], time);
                let accumulate = std::mem::replace(&mut grad_written[tensor], true);
                drafts.push(BackwardDraft::Penalty {
                    node: i,
                    output: self.values[tensor],
                    grad,
                    accumulate,
                });
            }
            if !node.outputs.iter().any(|&t| grad_written[t]) {
                continue;
            }
            if self.is_view(node) {
                let (input, output) = (node.inputs[0], node.outputs[0]);
                let grad = self.grad_piece(output, time)?;
                if !wanted[input] {
                    continue;
                }
                if !grad_written[input] && consumers[input] == 1 {
                    self.grads[input] = Some(grad);
                } else {
                    let to = self.grad_piece(input, time)?;
                    drafts.push(BackwardDraft::Pass {
                        from: grad,
                        to,
                        accumulate: grad_written[input],
                    });
                }
                grad_written[input] = true;
                continue;
            }
            self.layer_backward(
                i,
                &wanted,
                &mut grad_written,
                &mut weight_written,
                &mut drafts,
            )?;
        }
        Ok(drafts)
    }

    /// The piece of a tensor's gradient, made at `time` if nobody needed it before, and needed at `time`.
    fn grad_piece(&mut self, tensor: TensorId, time: usize) -> Result<PieceId> {
        let piece = match self.grads[tensor] {
            Some(piece) => piece,
            None => self
                .memory
                .piece(checked_elements(&self.sizes[tensor])?, time),
        };
        self.grads[tensor] = Some(piece);
        self.memory.used(piece, time);
        Ok(piece)
    }

    /// Whether a gradient by each tensor is of use: a learned weight (or an input whose gradient is asked for) lies before it.
    fn wanted(&self) -> Vec<bool> {
        let mut wanted = vec![false; self.graph.tensors().len()];
        for node in self.graph.nodes() {
            let is_input = node.layer.kind() == "InputLayer";
            let learns = self.places.grads[node.member].iter().any(Option::is_some);
            let any = (is_input && self.request.input_gradients)
                || learns
                || node.inputs.iter().any(|&t| wanted[t]);
            node.outputs.iter().for_each(|&t| wanted[t] = any);
        }
        wanted
    }

    /// How many calls and outputs read each tensor.
    fn consumers(&self) -> Vec<usize> {
        let mut consumers = vec![0; self.graph.tensors().len()];
        self.graph
            .nodes()
            .iter()
            .flat_map(|node| &node.inputs)
            .for_each(|&t| consumers[t] += 1);
        self.graph.outputs().iter().for_each(|&t| consumers[t] += 1);
        // A penalty on the producer's output writes to the same gradient.
        for node in self.graph.nodes() {
            if self.graph.layers()[node.member]
                .activity_regularizer()
                .is_some()
            {
                consumers[node.outputs[0]] += 1;
            }
        }
        consumers
    }

    fn layer_backward(
        &mut self,
        i: usize,
        wanted: &[bool],
        grad_written: &mut [bool],
        weight_written: &mut [Vec<bool>],
        drafts: &mut Vec<BackwardDraft>,
    ) -> Result<()> {
        let graph = self.graph;
        let node = &graph.nodes()[i];
        let time = self.backward_time(i);
        let scratch = self.scratch[i].clone();
        let mut half = HalfDraft::new();
        for &input in &node.inputs {
            let piece = self.values[input];
            if scratch.reads_inputs {
                self.memory.used(piece, time);
            }
            let index = half.add(scratch.reads_inputs.then_some(piece), false);
            half.pieces.inputs.push(index);
        }
        for &mask in &node.masks {
            let index = mask.map(|mask| {
                self.memory.used(self.values[mask], time);
                half.add(Some(self.values[mask]), false)
            });
            half.pieces.masks.push(index);
        }
        for &output in &node.outputs {
            let piece = self.values[output];
            if scratch.reads_outputs {
                self.memory.used(piece, time);
            }
            let index = half.add(scratch.reads_outputs.then_some(piece), false);
            half.pieces.outputs.push(index);
        }
        for &piece in &self.saved[i] {
            self.memory.used(piece, time);
            let index = half.add(Some(piece), true);
            half.pieces.saved.push(index);
        }
        for &len in &scratch.backward {
            let piece = self.memory.piece(checked_elements(&[len])?, time);
            let index = half.add(Some(piece), true);
            half.pieces.temp.push(index);
        }
        for &output in &node.outputs {
            let index = if grad_written[output] {
                let piece = self.grad_piece(output, time)?;
                Some(half.add(Some(piece), true))
            } else {
                None
            };
            half.pieces.grad_outputs.push(index);
        }
        // A tensor that comes in twice (x + x) gets the second gradient by way of a buffer.
        let mut extra = Vec::new();
        for (k, &input) in node.inputs.iter().enumerate() {
            let grad = if !wanted[input] {
                None
            } else if node.inputs[..k].contains(&input) {
                let piece = self
                    .memory
                    .piece(checked_elements(&self.sizes[input])?, time);
                extra.push(BackwardDraft::Pass {
                    from: piece,
                    to: self.grad_piece(input, time)?,
                    accumulate: true,
                });
                Some((half.add(Some(piece), true), false))
            } else {
                let piece = self.grad_piece(input, time)?;
                let accumulate = std::mem::replace(&mut grad_written[input], true);
                Some((half.add(Some(piece), true), accumulate))
            };
            half.pieces.grad_inputs.push(grad);
        }
        let mut weights: Vec<(Block, bool)> = Vec::new();
        for (p, &grad) in self.places.grads[node.member].iter().enumerate() {
            half.pieces.grad_params.push(grad.map(|block| {
                weights.push((block, true));
                (
                    weights.len() - 1,
                    std::mem::replace(&mut weight_written[node.member][p], true),
                )
            }));
        }
        debug_assert!(
            graph.layers()[node.member].variables().is_none_or(|v| {
                v.specs()
                    .iter()
                    .zip(&half.pieces.grad_params)
                    .all(|(s, g)| s.role == Role::Trainable || g.is_none())
            }),
            "a state has no gradient"
        );
        half.weights = Layout::new(weights);
        drafts.push(BackwardDraft::Layer {
            node: i,
            half: Box::new(half),
        });
        drafts.extend(extra);
        Ok(())
    }
}
