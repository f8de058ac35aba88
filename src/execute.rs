//! Running a plan: the forward steps, and the way back.

use crate::arena::{Arena, Block};
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::kernels::broadcast::{Aligned, sum_to};
use crate::layer::{Backward, Call, Forward};
use crate::placed::Placed;
use crate::plan::{BackwardStep, Plan, Step, WeightPlaces};
use crate::real::Real;

/// Everything one run of a plan works with.
pub struct Execution<'a, F> {
    /// The structure.
    pub graph: &'a Graph<F>,
    /// The plan.
    pub plan: &'a mut Plan,
    /// Activations, their gradients, scratch.
    pub arena: &'a mut Arena<F>,
    /// Weights of role `State` as this run changes them.
    pub states: &'a mut Arena<F>,
    /// Where the weights lie, and which layers learn.
    pub placed: &'a Placed<F>,
    /// The seed and the step that random numbers depend on.
    pub random: (u64, u64),
    /// Whether to stop; asked between layers.
    pub interrupted: &'a dyn Fn() -> bool,
}

impl<F: Real> Execution<'_, F> {
    fn check_interrupt(&self) -> Result<()> {
        if (self.interrupted)() {
            Err(Error::Interrupted)
        } else {
            Ok(())
        }
    }

    /// A copy of the data, over which a run may write when they are no longer needed.
    pub fn data(&self) -> Vec<(Block, Vec<F>)> {
        let outputs = self.plan.outputs.iter();
        let beside = outputs.flat_map(|output| [output.target, output.weight]);
        let blocks = self.plan.inputs.iter().copied().chain(beside.flatten());
        let copy = |block: Block| self.arena.values()[block.offset..][..block.len].to_vec();
        blocks.map(|block| (block, copy(block))).collect()
    }

    /// Makes ready for another run over the same data, from the states that the weights have.
    pub fn restart(&mut self, data: &[(Block, Vec<F>)], weights: &[F]) {
        for (block, values) in data {
            self.arena.values_mut()[block.offset..][..block.len].copy_from_slice(values);
        }
        self.placed.load_states(weights, self.states);
    }

    /// Runs the nodes in order; returns the penalties on their outputs.
    pub fn forward(&mut self, weights: &[F]) -> Result<f64> {
        let mut penalty = 0.0;
        for i in 0..self.plan.steps.len() {
            self.check_interrupt()?;
            let step = &self.plan.steps[i];
            let node = &self.graph.nodes()[step.node];
            if let Some(half) = &step.forward {
                let call = call(
                    step,
                    node.member,
                    weights,
                    &self.placed.places,
                    &self.placed.trainable,
                    self.random,
                );
                let work = self.arena.views(&half.work);
                let states = self.states.views(&half.weights);
                node.layer
                    .forward(Forward {
                        call,
                        pieces: &half.pieces,
                        work,
                        states,
                    })
                    .map_err(|e| e.at(self.graph.place(step.node)))?;
            }
            if let Some(regularizer) = self.graph.layers()[node.member].activity_regularizer() {
                let output = &self.arena.values()[step.output.offset..][..step.output.len];
                penalty += regularizer.penalty(&step.output_shapes[0], output) / batch(step);
            }
        }
        Ok(penalty)
    }

    /// Runs the way back; gradients of the outputs that the loss gives must be in place.
    pub fn backward(&mut self, weights: &[F], grads: &mut Arena<F>) -> Result<()> {
        for i in 0..self.plan.backward.len() {
            self.check_interrupt()?;
            match &self.plan.backward[i] {
                BackwardStep::Layer { node: number, half } => {
                    let step = &self.plan.steps[*number];
                    let node = &self.graph.nodes()[*number];
                    let call = call(
                        step,
                        node.member,
                        weights,
                        &self.placed.places,
                        &self.placed.trainable,
                        self.random,
                    );
                    let work = self.arena.views(&half.work);
                    let grads = grads.views(&half.weights);
                    node.layer
                        .backward(Backward {
                            call,
                            pieces: &half.pieces,
                            work,
                            grads,
                        })
                        .map_err(|e| e.at(self.graph.place(*number)))?;
                }
                BackwardStep::Pass { work, accumulate } => {
                    let views = self.arena.views(work);
                    let (from, to) = (views.read(0), views.write(1));
                    let same = [to.len()];
                    sum_to(to, *accumulate, from, F::ONE, Aligned::new(&same, &same));
                }
                BackwardStep::Penalty {
                    node: number,
                    work,
                    accumulate,
                } => {
                    let step = &self.plan.steps[*number];
                    let node = &self.graph.nodes()[*number];
                    let views = self.arena.views(work);
                    let (output, grad) = (views.read(0), views.write(1));
                    if !accumulate {
                        grad.fill(F::ZERO);
                    }
                    if let Some(regularizer) =
                        self.graph.layers()[node.member].activity_regularizer()
                    {
                        let shape = &step.output_shapes[0];
                        regularizer.add_gradient(shape, output, 1.0 / batch(step), grad);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Keras divides the penalty on an output by the size of the batch.
fn batch(step: &Step) -> f64 {
    step.output_shapes[0].first().copied().unwrap_or(1).max(1) as f64
}

fn call<'a, F: Real>(
    step: &'a Step,
    member: usize,
    weights: &'a [F],
    places: &'a WeightPlaces,
    trainable: &[bool],
    (seed, count): (u64, u64),
) -> Call<'a, F> {
    Call {
        input_shapes: &step.input_shapes,
        output_shapes: &step.output_shapes,
        weights,
        params: &places.values[member],
        training: step.training,
        trainable: trainable[member],
        defers_activation: step.defers_activation,
        seed,
        node: step.node as u32,
        step: count,
    }
}
