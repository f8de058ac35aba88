//! The contract of a layer.
//!
//! A layer is hyper-parameters and maths. It holds no array and never changes after construction, so one layer may
//! serve many calls, sizes, number types and threads. Arrays come to it through [`Forward`] and [`Backward`], which
//! hand out pieces of memory that the plan has laid out before the step.
//!
//! # Rules
//! - `forward` overwrites its outputs (their memory holds garbage before).
//! - `backward` may rely on `forward` having run with the same inputs in the same step. It gives gradients through
//!   [`Grad`]: where [`Grad::accumulate`] is set it adds, otherwise it overwrites. A gradient that is `None` is not
//!   wanted. It may use the memory of [`Backward::grad_output_mut`] as its own: nobody reads it afterwards.
//! - Inputs and outputs may be read in `backward` only if [`Scratch::reads_inputs`] or [`Scratch::reads_outputs`] says so.
//! - No allocation, no lock, no clock, no thread count: parallelism lives in the kernels.
//! - Tensors are row-major with the batch first and channels last; ids, labels and masks are numbers too. A layer with
//!   `data_format` says so in [`Layer::channel_axis`]; the graph moves channels where a user has them first.

use std::fmt::Debug;

use ndarray::{ArrayView2, ArrayViewMut2};
use serde_json::Value;

use crate::arena::Views;
use crate::error::Result;
use crate::kernels::activation::Activation;
use crate::param::ParamSpec;
use crate::real::Real;
use crate::rng::Stream;
use crate::shape::Shape;

/// What a call of a layer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mode {
    /// Behave as in training: drop units, take the batch's own statistics.
    pub training: bool,
    /// A backward pass follows, so what it needs must be kept.
    pub backward: bool,
}

/// How a layer's mask comes from its inputs' masks, as Keras propagates them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MaskRule {
    /// The output has no mask.
    None,
    /// The mask of this input (if it has one) is the mask of the output.
    Pass(usize),
    /// `forward` writes a mask of this shape to [`Forward::output_mask`].
    Compute(Shape),
}

/// Memory a call needs beside its inputs and outputs, in elements, and what its backward reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scratch {
    /// Buffers that `forward` writes and `backward` reads (or uses up).
    pub saved: Vec<usize>,
    /// Buffers for `forward` alone.
    pub forward: Vec<usize>,
    /// Buffers for `backward` alone.
    pub backward: Vec<usize>,
    /// `backward` reads the inputs.
    pub reads_inputs: bool,
    /// `backward` reads the outputs.
    pub reads_outputs: bool,
}

/// Hyper-parameters and maths of one kind of layer.
pub trait Layer<F: Real>: Debug + Send + Sync {
    /// Keras's class name, as in Python and in files: `"Dense"`.
    fn kind(&self) -> &'static str;

    /// The shapes of the outputs for these inputs: the one shape rule, at build and at run. Refuses inputs that do not fit.
    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>>;

    /// The weights for these inputs, in the order of Keras's `get_weights()`.
    fn params(&self, _inputs: &[Shape]) -> Result<Vec<ParamSpec>> {
        Ok(Vec::new())
    }

    /// The memory a call needs; all axes of `inputs` are known.
    fn scratch(&self, _inputs: &[Shape], _mode: Mode) -> Result<Scratch> {
        Ok(Scratch::default())
    }

    /// How the output's mask comes about; `masked[i]` tells whether input `i` has a mask. The default is Keras's default
    /// for layers that do not support masking: the mask ends here.
    fn mask_rule(&self, _inputs: &[Shape], _masked: &[bool]) -> MaskRule {
        MaskRule::None
    }

    /// Where the user's tensors of this rank have their channels, if not at the end: `data_format="channels_first"`. The
    /// graph moves them, so everything here sees, and gives, tensors with the channels last.
    fn channel_axis(&self, _rank: usize) -> Option<usize> {
        None
    }

    /// The settings that change if `axis` of every input is moved to the end and the output's goes with it: between layers
    /// with channels first such a layer runs without anything being moved. `None` if it needs the axes as they are.
    fn with_axis_last(&self, _axis: usize, _inputs: &[Shape]) -> Option<Value> {
        None
    }

    /// Output 0 is input 0 with another shape at most: nothing is computed, the plan lets both share memory, and
    /// `forward` and `backward` are never called.
    fn is_view(&self, _mode: Mode) -> bool {
        false
    }

    /// Weights of role `State` are read and written in inference too (stateful recurrent layers).
    fn is_stateful(&self) -> bool {
        false
    }

    /// The activation that `forward` ends with on output 0 and leaves out if [`Forward::defers_activation`]: a softmax or sigmoid can then be
    /// fused with the cross-entropy that follows.
    fn output_activation(&self) -> Option<&Activation> {
        None
    }

    /// Overwrites the outputs. Refuses input values that cannot be (an id out of range).
    fn forward(&self, cx: Forward<'_, F>) -> Result<()>;

    /// Gives the gradients that are wanted.
    fn backward(&self, cx: Backward<'_, F>) -> Result<()>;
}

/// What both directions of a call share.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a, F> {
    /// Sizes of the inputs.
    pub input_shapes: &'a [Vec<usize>],
    /// Sizes of the outputs.
    pub output_shapes: &'a [Vec<usize>],
    /// All weights of the model.
    pub weights: &'a [F],
    /// Where this layer's weights lie: offset and length of each.
    pub params: &'a [(usize, usize)],
    /// Behave as in training.
    pub training: bool,
    /// The layer's weights are learned (`layer.trainable`).
    pub trainable: bool,
    /// The activation of output 0 is left to the loss.
    pub defers_activation: bool,
    /// The model's seed.
    pub seed: u64,
    /// The number of this call in the graph.
    pub node: u32,
    /// The number of the step.
    pub step: u64,
}

impl<F: Real> Call<'_, F> {
    fn stream(&self, seed: Option<u64>, index: u32) -> Stream {
        Stream::new(
            seed.unwrap_or(self.seed),
            u64::from(self.node) << 8 | u64::from(index),
            self.step,
        )
    }
}

/// Where the pieces of a call stand in its layouts: computed by the plan.
#[derive(Debug, Clone, Default)]
pub struct Pieces {
    /// Index of each input (also when the backward may not read it: then its block is empty).
    pub inputs: Vec<usize>,
    /// Index of each input's mask.
    pub masks: Vec<Option<usize>>,
    /// Index of each output.
    pub outputs: Vec<usize>,
    /// Index of the mask the layer computes.
    pub output_mask: Option<usize>,
    /// Index of each saved buffer.
    pub saved: Vec<usize>,
    /// Index of each scratch buffer of this direction.
    pub temp: Vec<usize>,
    /// Index of the gradient of each output; backward only.
    pub grad_outputs: Vec<Option<usize>>,
    /// Index of the gradient of each input, and whether to add to it; backward only.
    pub grad_inputs: Vec<Option<(usize, bool)>>,
    /// Index (among the gradients' pieces) of the gradient of each weight, and whether to add; backward only.
    pub grad_params: Vec<Option<(usize, bool)>>,
    /// Index (among the states' pieces) of each weight of role `State`; forward only.
    pub states: Vec<Option<usize>>,
}

/// What a layer's `forward` works with.
#[derive(Debug)]
pub struct Forward<'a, F> {
    pub(crate) call: Call<'a, F>,
    pub(crate) pieces: &'a Pieces,
    pub(crate) work: Views<'a, F>,
    pub(crate) states: Views<'a, F>,
}

impl<'a, F: Real> Forward<'a, F> {
    /// The number of inputs.
    pub fn num_inputs(&self) -> usize {
        self.pieces.inputs.len()
    }

    /// Input `i`.
    pub fn input(&self, i: usize) -> &'a [F] {
        self.work.read(self.pieces.inputs[i])
    }

    /// Input `i` as rows of its last axis.
    pub fn input_rows(&self, i: usize) -> ArrayView2<'a, F> {
        rows(self.input(i), self.input_shape(i))
    }

    /// Sizes of input `i`.
    pub fn input_shape(&self, i: usize) -> &'a [usize] {
        &self.call.input_shapes[i]
    }

    /// The mask of input `i` (1 keeps, 0 skips), shaped as Keras's: `(batch, time)`.
    pub fn mask(&self, i: usize) -> Option<&'a [F]> {
        self.pieces.masks[i].map(|m| self.work.read(m))
    }

    /// Output `i`, to be overwritten. To be had once.
    pub fn output(&mut self, i: usize) -> &'a mut [F] {
        self.work.write(self.pieces.outputs[i])
    }

    /// Output `i` as rows of its last axis, to be overwritten. To be had once, in this form or the other.
    pub fn output_rows(&mut self, i: usize) -> ArrayViewMut2<'a, F> {
        rows_mut(
            self.work.write(self.pieces.outputs[i]),
            &self.call.output_shapes[i],
        )
    }

    /// Sizes of output `i`.
    pub fn output_shape(&self, i: usize) -> &'a [usize] {
        &self.call.output_shapes[i]
    }

    /// The mask the layer said it computes. To be had once.
    ///
    /// # Panics
    /// If [`Layer::mask_rule`] did not say `Compute`.
    pub fn output_mask(&mut self) -> &'a mut [F] {
        self.work
            .write(self.pieces.output_mask.expect("mask_rule says Compute"))
    }

    /// Whether a mask is to be computed.
    pub fn computes_mask(&self) -> bool {
        self.pieces.output_mask.is_some()
    }

    /// Weight `i`, in the order of [`Layer::params`].
    pub fn param(&self, i: usize) -> &'a [F] {
        let (offset, len) = self.call.params[i];
        &self.call.weights[offset..offset + len]
    }

    /// The number of weights.
    pub fn num_params(&self) -> usize {
        self.call.params.len()
    }

    /// Weight `i` of role `State`, to be read and changed: the change takes effect when the step ends well.
    /// `None` if states are not kept in this run (inference of layers that are not stateful). To be had once.
    pub fn state(&mut self, i: usize) -> Option<&'a mut [F]> {
        self.pieces.states[i].map(|s| self.states.write(s))
    }

    /// Saved buffer `i`, to be overwritten for `backward`. To be had once.
    pub fn saved(&mut self, i: usize) -> &'a mut [F] {
        self.work.write(self.pieces.saved[i])
    }

    /// The number of saved buffers.
    pub fn num_saved(&self) -> usize {
        self.pieces.saved.len()
    }

    /// Scratch buffer `i`, holding garbage. To be had once.
    pub fn temp(&mut self, i: usize) -> &'a mut [F] {
        self.work.write(self.pieces.temp[i])
    }

    /// Behave as in training.
    pub fn training(&self) -> bool {
        self.call.training
    }

    /// The layer's weights are learned.
    pub fn trainable(&self) -> bool {
        self.call.trainable
    }

    /// Leave out the activation of output 0: the loss applies it.
    pub fn defers_activation(&self) -> bool {
        self.call.defers_activation
    }

    /// Random numbers of this call and step; `index` tells several uses in one call apart, `seed` is the layer's own, if it has one.
    pub fn random(&self, seed: Option<u64>, index: u32) -> Stream {
        self.call.stream(seed, index)
    }
}

/// A gradient that is wanted.
#[derive(Debug)]
pub struct Grad<'a, F> {
    /// Its memory: holds a sum to add to, or garbage.
    pub values: &'a mut [F],
    /// Add to the values; otherwise overwrite them.
    pub accumulate: bool,
}

impl<F: Real> Grad<'_, F> {
    /// The factor on what is there: 1 or 0, as matrix products take it.
    pub fn beta(&self) -> F {
        if self.accumulate { F::ONE } else { F::ZERO }
    }

    /// Overwrites with zeros unless it accumulates; for kernels that only add.
    pub fn clear(&mut self) {
        if !self.accumulate {
            self.values.fill(F::ZERO);
        }
    }
}

/// What a layer's `backward` works with.
#[derive(Debug)]
pub struct Backward<'a, F> {
    pub(crate) call: Call<'a, F>,
    pub(crate) pieces: &'a Pieces,
    pub(crate) work: Views<'a, F>,
    pub(crate) grads: Views<'a, F>,
}

impl<'a, F: Real> Backward<'a, F> {
    /// The number of inputs.
    pub fn num_inputs(&self) -> usize {
        self.pieces.inputs.len()
    }

    /// Input `i`; only if [`Scratch::reads_inputs`].
    pub fn input(&self, i: usize) -> &'a [F] {
        self.work.read(self.pieces.inputs[i])
    }

    /// Input `i` as rows of its last axis; only if [`Scratch::reads_inputs`].
    pub fn input_rows(&self, i: usize) -> ArrayView2<'a, F> {
        rows(self.input(i), self.input_shape(i))
    }

    /// Sizes of input `i`.
    pub fn input_shape(&self, i: usize) -> &'a [usize] {
        &self.call.input_shapes[i]
    }

    /// The mask of input `i`.
    pub fn mask(&self, i: usize) -> Option<&'a [F]> {
        self.pieces.masks[i].map(|m| self.work.read(m))
    }

    /// Output `i`; only if [`Scratch::reads_outputs`].
    pub fn output(&self, i: usize) -> &'a [F] {
        self.work.read(self.pieces.outputs[i])
    }

    /// Sizes of output `i`.
    pub fn output_shape(&self, i: usize) -> &'a [usize] {
        &self.call.output_shapes[i]
    }

    /// Weight `i`.
    pub fn param(&self, i: usize) -> &'a [F] {
        let (offset, len) = self.call.params[i];
        &self.call.weights[offset..offset + len]
    }

    /// The number of weights.
    pub fn num_params(&self) -> usize {
        self.call.params.len()
    }

    /// The gradient of the loss by output `i`; `None` if the loss does not depend on it. The layer may overwrite it. To be had once.
    pub fn grad_output_mut(&mut self, i: usize) -> Option<&'a mut [F]> {
        self.pieces.grad_outputs[i].map(|g| self.work.write(g))
    }

    /// The gradient by input `i`, if wanted. To be had once.
    pub fn grad_input(&mut self, i: usize) -> Option<Grad<'a, F>> {
        self.pieces.grad_inputs[i].map(|(g, accumulate)| Grad {
            values: self.work.write(g),
            accumulate,
        })
    }

    /// Whether the gradient by input `i` is wanted.
    pub fn wants_input(&self, i: usize) -> bool {
        self.pieces.grad_inputs[i].is_some()
    }

    /// The gradient by weight `i`, if wanted. To be had once.
    pub fn grad_param(&mut self, i: usize) -> Option<Grad<'a, F>> {
        self.pieces.grad_params[i].map(|(g, accumulate)| Grad {
            values: self.grads.write(g),
            accumulate,
        })
    }

    /// Whether the gradient by weight `i` is wanted.
    pub fn wants_param(&self, i: usize) -> bool {
        self.pieces.grad_params[i].is_some()
    }

    /// Saved buffer `i` as `forward` left it; may be used up. To be had once.
    pub fn saved(&mut self, i: usize) -> &'a mut [F] {
        self.work.write(self.pieces.saved[i])
    }

    /// Scratch buffer `i`, holding garbage. To be had once.
    pub fn temp(&mut self, i: usize) -> &'a mut [F] {
        self.work.write(self.pieces.temp[i])
    }

    /// Behave as in training.
    pub fn training(&self) -> bool {
        self.call.training
    }

    /// The layer's weights are learned.
    pub fn trainable(&self) -> bool {
        self.call.trainable
    }

    /// The gradient of output 0 is by what its activation would have been given.
    pub fn defers_activation(&self) -> bool {
        self.call.defers_activation
    }

    /// The same random numbers as in `forward`.
    pub fn random(&self, seed: Option<u64>, index: u32) -> Stream {
        self.call.stream(seed, index)
    }
}

fn split_last(sizes: &[usize], len: usize) -> (usize, usize) {
    let columns = sizes.last().copied().unwrap_or(1);
    (len.checked_div(columns).unwrap_or(0), columns)
}

fn rows<'a, F>(values: &'a [F], sizes: &[usize]) -> ArrayView2<'a, F> {
    ArrayView2::from_shape(split_last(sizes, values.len()), values)
        .expect("a tensor is as long as its shape says")
}

fn rows_mut<'a, F>(values: &'a mut [F], sizes: &[usize]) -> ArrayViewMut2<'a, F> {
    let shape = split_last(sizes, values.len());
    ArrayViewMut2::from_shape(shape, values).expect("a tensor is as long as its shape says")
}
