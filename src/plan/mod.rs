//! What one (graph, sizes, purpose) needs before it runs: where every piece of memory lies and who reads and writes it.
//!
//! Time is counted in operations: node `i` of `n` runs forward at time `i`, the losses at `n`, node `i` backward at `2n - i`.
//! A piece lives from its first write to its last read; pieces whose lives do not meet may share memory (`memory.rs`).
//! Views (`Reshape`) share the piece of their input.

mod backward;
mod memory;

use crate::arena::{Block, Layout};
use crate::error::Result;
use crate::graph::{Graph, Node, TensorId};
use crate::layer::{Mode, Pieces, Scratch};
use crate::param::Role;
use crate::real::Real;
use crate::shape::{Shape, checked_elements};
use memory::{Memory, PieceId};

pub use backward::BackwardStep;

/// Sizes of the data of a step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sizes {
    /// Of each input.
    pub inputs: Vec<Vec<usize>>,
    /// Of the targets of each output, where there are any.
    pub targets: Vec<Option<Vec<usize>>>,
    /// Of the sample weights of each output, where there are any.
    pub weights: Vec<Option<Vec<usize>>>,
}

/// What a plan is for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// Sizes of the data.
    pub inputs: Vec<Vec<usize>>,
    /// Behave as in training.
    pub training: bool,
    /// Work out gradients of weights.
    pub backward: bool,
    /// Work out gradients of the graph's inputs, too, and keep outputs to the end; for checks.
    pub input_gradients: bool,
    /// What is done with each output.
    pub uses: Vec<OutputUse>,
}

/// What is done with an output of the graph.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutputUse {
    /// Sizes of the targets, if there are any.
    pub target: Option<Vec<usize>>,
    /// Sizes of the sample weights, if there are any.
    pub weight: Option<Vec<usize>>,
    /// Sizes of the loss's values, if there is a loss.
    pub values: Option<Vec<usize>>,
    /// The output's activation is left to the loss.
    pub defers_activation: bool,
    /// A gradient enters here.
    pub gradient: bool,
}

/// Where the weights of the layers lie: offset and length of each weight, layer by layer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WeightPlaces {
    /// Of each weight in the store.
    pub values: Vec<Vec<(usize, usize)>>,
    /// Of each weight's gradient; `None` for states and frozen weights.
    pub grads: Vec<Vec<Option<Block>>>,
    /// Of each weight of role `State` among the states.
    pub states: Vec<Vec<Option<Block>>>,
}

/// One direction of a node.
#[derive(Debug)]
pub struct Half {
    /// Which piece is what.
    pub pieces: Pieces,
    /// The pieces of the arena.
    pub work: Layout,
    /// The pieces of the gradients (backward) or of the states (forward).
    pub weights: Layout,
}

/// A node of the graph, ready to run.
#[derive(Debug)]
pub struct Step {
    /// The number of the node.
    pub node: usize,
    /// Sizes of its inputs.
    pub input_shapes: Vec<Vec<usize>>,
    /// Sizes of its outputs.
    pub output_shapes: Vec<Vec<usize>>,
    /// Behave as in training.
    pub training: bool,
    /// The activation is left to the loss.
    pub defers_activation: bool,
    /// The forward direction; `None` for inputs and views.
    pub forward: Option<Half>,
    /// Output 0, for a penalty on it.
    pub output: Block,
}

/// Where an output of the graph and what belongs to it lie.
#[derive(Debug, Default)]
pub struct OutputPlan {
    /// Sizes of the output.
    pub sizes: Vec<usize>,
    /// The output.
    pub prediction: Block,
    /// The targets, if there are any.
    pub target: Option<Block>,
    /// The sample weights, if there are any.
    pub weight: Option<Block>,
    /// The gradient that the loss writes, if it does.
    pub grad: Option<Block>,
    /// Whether the output has a mask.
    pub masked: bool,
    /// All of them together, in the order of the constants below; absent ones are empty.
    pub layout: Layout,
}

impl OutputPlan {
    /// The output (written: the loss may apply its activation).
    pub const PREDICTION: usize = 0;
    /// The targets (read).
    pub const TARGET: usize = 1;
    /// The sample weights (read).
    pub const WEIGHT: usize = 2;
    /// The mask (read).
    pub const MASK: usize = 3;
    /// The values of the loss, one for each unit (written).
    pub const VALUES: usize = 4;
    /// The factor on each value's gradient (written).
    pub const SCALE: usize = 5;
    /// The gradient by the output (written).
    pub const GRAD: usize = 6;
}

/// A plan.
#[derive(Debug)]
pub struct Plan {
    /// What it is for.
    pub request: Request,
    /// The nodes in order.
    pub steps: Vec<Step>,
    /// The way back, in order.
    pub backward: Vec<BackwardStep>,
    /// Where the data go.
    pub inputs: Vec<Block>,
    /// The outputs.
    pub outputs: Vec<OutputPlan>,
    /// Gradients of the graph's inputs, where asked for.
    pub input_grads: Vec<Option<Block>>,
    /// Length of the arena.
    pub arena: usize,
    /// Multiply-adds of the largest layer, roughly: tells whether helpers are worth calling.
    pub cost: usize,
}

/// Multiply-adds that an element which passes by stands for: from 2^16 elements on its loops are shared out.
const ELEMENT_COST: usize = 4;

/// What is known while a plan is made.
struct Planner<'a, F> {
    graph: &'a Graph<F>,
    request: &'a Request,
    places: &'a WeightPlaces,
    sizes: Vec<Vec<usize>>,
    memory: Memory,
    /// The piece of each tensor.
    values: Vec<PieceId>,
    /// The piece of each tensor's gradient.
    grads: Vec<Option<PieceId>>,
    scratch: Vec<Scratch>,
    saved: Vec<Vec<PieceId>>,
    /// Gradients of outputs that are to be added to others: from, to.
    doubled: Vec<(PieceId, PieceId)>,
}

impl Plan {
    /// The plan for `request`.
    pub fn new<F: Real>(graph: &Graph<F>, request: Request, places: &WeightPlaces) -> Result<Self> {
        let sizes = graph.sizes(&request.inputs)?;
        let mut planner = Planner {
            graph,
            request: &request,
            places,
            values: Vec::with_capacity(sizes.len()),
            grads: vec![None; sizes.len()],
            sizes,
            memory: Memory::default(),
            scratch: Vec::new(),
            saved: Vec::new(),
            doubled: Vec::new(),
        };
        planner.place_tensors()?;
        let forward = planner.forward()?;
        let outputs = planner.outputs()?;
        let back = if request.backward {
            planner.backward()?
        } else {
            Vec::new()
        };
        let input_grads: Vec<_> = graph.inputs().iter().map(|&t| planner.grads[t]).collect();
        if request.input_gradients {
            let end = 2 * graph.nodes().len() + 1;
            let kept: Vec<_> = graph
                .outputs()
                .iter()
                .map(|&t| planner.values[t])
                .chain(input_grads.iter().copied().flatten())
                .collect();
            kept.into_iter()
                .for_each(|piece| planner.memory.used(piece, end));
        }

        let cost = planner.cost();
        let Planner {
            memory,
            values,
            sizes,
            ..
        } = planner;
        let memory = memory.assign()?;
        let steps = forward
            .into_iter()
            .map(|step| step.place(&memory))
            .collect();
        let backward = back.into_iter().map(|step| step.place(&memory)).collect();
        let outputs = graph
            .outputs()
            .iter()
            .zip(outputs)
            .map(|(&t, pieces)| pieces.place(sizes[t].clone(), values[t], &memory))
            .collect();
        let inputs = graph
            .inputs()
            .iter()
            .map(|&t| memory.block(values[t]))
            .collect();
        let input_grads = input_grads
            .into_iter()
            .map(|g| g.map(|p| memory.block(p)))
            .collect();
        Ok(Self {
            steps,
            backward,
            inputs,
            outputs,
            input_grads,
            arena: memory.len(),
            cost,
            request,
        })
    }
}

/// Pieces that belong to an output of the graph.
#[derive(Default)]
struct OutputPieces {
    mask: Option<PieceId>,
    target: Option<PieceId>,
    weight: Option<PieceId>,
    values: Option<PieceId>,
    scale: Option<PieceId>,
    grad: Option<PieceId>,
}

impl OutputPieces {
    fn place(&self, sizes: Vec<usize>, prediction: PieceId, memory: &Memory) -> OutputPlan {
        let block = |piece: Option<PieceId>| piece.map(|p| memory.block(p));
        let layout = [
            (Some(prediction), true),
            (self.target, false),
            (self.weight, false),
            (self.mask, false),
            (self.values, true),
            (self.scale, true),
            (self.grad, true),
        ];
        OutputPlan {
            sizes,
            prediction: memory.block(prediction),
            target: block(self.target),
            weight: block(self.weight),
            grad: block(self.grad),
            masked: self.mask.is_some(),
            layout: Layout::new(
                layout
                    .map(|(p, written)| (block(p).unwrap_or_default(), written))
                    .to_vec(),
            ),
        }
    }
}

/// A direction of a node before memory is assigned.
struct HalfDraft {
    pieces: Pieces,
    work: Vec<(Option<PieceId>, bool)>,
    weights: Layout,
}

impl HalfDraft {
    fn new() -> Self {
        Self {
            pieces: Pieces::default(),
            work: Vec::new(),
            weights: Layout::default(),
        }
    }

    /// The index of a piece among the work pieces of this direction; `None` stands for one that may not be touched.
    fn add(&mut self, piece: Option<PieceId>, written: bool) -> usize {
        self.work.push((piece, written));
        self.work.len() - 1
    }

    fn place(self, memory: &Memory) -> Half {
        let blocks = self.work.iter().map(|&(piece, written)| {
            (
                piece.map_or_else(Block::default, |p| memory.block(p)),
                written,
            )
        });
        Half {
            work: Layout::new(blocks.collect()),
            weights: self.weights,
            pieces: self.pieces,
        }
    }
}

struct StepDraft {
    step: Step,
    half: Option<HalfDraft>,
    output: PieceId,
}

impl StepDraft {
    fn place(self, memory: &Memory) -> Step {
        let output = memory.block(self.output);
        Step {
            forward: self.half.map(|half| half.place(memory)),
            output,
            ..self.step
        }
    }
}

impl<F: Real> Planner<'_, F> {
    /// The time of the losses.
    fn loss_time(&self) -> usize {
        self.graph.nodes().len()
    }

    /// The time of a node's backward.
    fn backward_time(&self, node: usize) -> usize {
        2 * self.graph.nodes().len() - node
    }

    fn mode(&self, node: &Node<F>) -> Mode {
        Mode {
            training: node.training.unwrap_or(self.request.training),
            backward: self.request.backward,
        }
    }

    fn is_view(&self, node: &Node<F>) -> bool {
        node.layer.is_view(self.mode(node))
    }

    fn shapes(&self, tensors: &[TensorId]) -> Vec<Shape> {
        tensors
            .iter()
            .map(|&t| Shape::known(&self.sizes[t]))
            .collect()
    }

    fn sizes_of(&self, tensors: &[TensorId]) -> Vec<Vec<usize>> {
        tensors.iter().map(|&t| self.sizes[t].clone()).collect()
    }

    /// One piece for each tensor; views share their input's.
    fn place_tensors(&mut self) -> Result<()> {
        self.values = vec![PieceId::default(); self.sizes.len()];
        for (time, node) in self.graph.nodes().iter().enumerate() {
            let is_view = self.is_view(node);
            // Data are written before the first node runs.
            let start = if node.layer.kind() == "InputLayer" {
                0
            } else {
                time
            };
            for (i, &tensor) in node.outputs.iter().enumerate() {
                self.values[tensor] = if is_view && i == 0 {
                    self.values[node.inputs[0]]
                } else {
                    self.memory
                        .piece(checked_elements(&self.sizes[tensor])?, start)
                };
            }
            if let Some(mask) = node.output_mask {
                self.values[mask] = self
                    .memory
                    .piece(checked_elements(&self.sizes[mask])?, start);
            }
        }
        Ok(())
    }

    fn forward(&mut self) -> Result<Vec<StepDraft>> {
        let graph = self.graph;
        let mut drafts = Vec::with_capacity(graph.nodes().len());
        for (time, node) in graph.nodes().iter().enumerate() {
            let defers_activation =
                graph
                    .outputs()
                    .iter()
                    .zip(&self.request.uses)
                    .any(|(&output, used)| {
                        used.defers_activation && node.outputs.first() == Some(&output)
                    });
            let step = Step {
                node: time,
                input_shapes: self.sizes_of(&node.inputs),
                output_shapes: self.sizes_of(&node.outputs),
                training: self.mode(node).training,
                defers_activation,
                forward: None,
                output: Block::default(),
            };
            let output = self.values[node.outputs[0]];
            let runs = node.layer.kind() != "InputLayer" && !self.is_view(node);
            let scratch = if runs {
                let scratch = node
                    .layer
                    .scratch(&self.shapes(&node.inputs), self.mode(node));
                scratch.map_err(|e| e.at(graph.place(time)))?
            } else {
                Scratch::default()
            };
            let half = if runs {
                Some(self.forward_half(time, node, &scratch)?)
            } else {
                None
            };
            if !runs {
                self.saved.push(Vec::new());
            }
            self.scratch.push(scratch);
            drafts.push(StepDraft { step, half, output });
        }
        Ok(drafts)
    }

    fn forward_half(
        &mut self,
        time: usize,
        node: &Node<F>,
        scratch: &Scratch,
    ) -> Result<HalfDraft> {
        let mut half = HalfDraft::new();
        for &input in &node.inputs {
            self.memory.used(self.values[input], time);
            let index = half.add(Some(self.values[input]), false);
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
            let index = half.add(Some(self.values[output]), true);
            half.pieces.outputs.push(index);
        }
        half.pieces.output_mask = node
            .output_mask
            .map(|mask| half.add(Some(self.values[mask]), true));
        let mut saved = Vec::with_capacity(scratch.saved.len());
        for &len in &scratch.saved {
            let piece = self.memory.piece(checked_elements(&[len])?, time);
            saved.push(piece);
            let index = half.add(Some(piece), true);
            half.pieces.saved.push(index);
        }
        self.saved.push(saved);
        for &len in &scratch.forward {
            let piece = self.memory.piece(checked_elements(&[len])?, time);
            let index = half.add(Some(piece), true);
            half.pieces.temp.push(index);
        }
        let keeps_states = self.request.training || node.layer.is_stateful();
        let mut states = Vec::new();
        for &state in &self.places.states[node.member] {
            half.pieces
                .states
                .push(state.filter(|_| keeps_states).map(|block| {
                    states.push((block, true));
                    states.len() - 1
                }));
        }
        half.weights = Layout::new(states);
        Ok(half)
    }

    fn outputs(&mut self) -> Result<Vec<OutputPieces>> {
        let now = self.loss_time();
        let graph = self.graph;
        let request = self.request;
        let mut outputs = Vec::with_capacity(graph.outputs().len());
        let no_use = OutputUse::default();
        for (i, &tensor) in graph.outputs().iter().enumerate() {
            let used = request.uses.get(i).unwrap_or(&no_use);
            self.memory.used(self.values[tensor], now);
            let mut pieces = OutputPieces::default();
            let mut piece = |sizes: &Option<Vec<usize>>, start: usize| -> Result<Option<PieceId>> {
                let Some(sizes) = sizes else { return Ok(None) };
                let piece = self.memory.piece(checked_elements(sizes)?, start);
                self.memory.used(piece, now);
                Ok(Some(piece))
            };
            pieces.target = piece(&used.target, 0)?;
            pieces.weight = piece(&used.weight, 0)?;
            pieces.values = piece(&used.values, now)?;
            pieces.scale = piece(&used.values, now)?;
            if let Some(mask) = graph.tensors()[tensor].mask {
                self.memory.used(self.values[mask], now);
                pieces.mask = Some(self.values[mask]);
            }
            if used.gradient && request.backward {
                let piece = self
                    .memory
                    .piece(checked_elements(&self.sizes[tensor])?, now);
                match self.grads[tensor] {
                    // The same tensor is an output twice: the second gradient is added on the way back.
                    Some(first) => self.doubled.push((piece, first)),
                    None => self.grads[tensor] = Some(piece),
                }
                pieces.grad = Some(piece);
            }
            outputs.push(pieces);
        }
        Ok(outputs)
    }

    /// Multiply-adds of one forward of the largest layer, estimated: every weight meets every row, and an element that is only touched, or goes
    /// through a function, counts as [`ELEMENT_COST`] of them.
    fn cost(&self) -> usize {
        let rows = |tensors: &[TensorId]| {
            tensors
                .iter()
                .map(|&t| self.sizes[t].iter().rev().skip(1).product::<usize>())
                .max()
                .unwrap_or(0)
        };
        self.graph
            .nodes()
            .iter()
            .map(|node| {
                let specs = self.graph.layers()[node.member]
                    .variables()
                    .map_or(&[][..], |v| v.specs());
                // Vectors (biases, scales) are added, only matrices are multiplied.
                let weights: usize = specs
                    .iter()
                    .filter(|spec| {
                        spec.role == Role::Trainable
                            && spec.shape.len() > 1
                            && node.layer.kind() != "Embedding"
                    })
                    .map(|spec| spec.len())
                    .sum();
                let elements = |tensors: &[TensorId]| -> usize {
                    tensors
                        .iter()
                        .map(|&t| self.sizes[t].iter().product::<usize>())
                        .sum()
                };
                let elements = elements(&node.inputs).max(elements(&node.outputs));
                weights * rows(&node.inputs).max(rows(&node.outputs)) + ELEMENT_COST * elements
            })
            .max()
            .unwrap_or(0)
    }
}

impl Plan {
    /// Whether some layer writes the gradient of a weight that lies at `block`.
    pub fn reaches(&self, block: &Block) -> bool {
        self.backward.iter().any(|step| match step {
            BackwardStep::Layer { half, .. } => half.weights.contains(block),
            BackwardStep::Penalty { .. } | BackwardStep::Pass { .. } => false,
        })
    }
}
