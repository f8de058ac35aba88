//! Running a graph: plans for the sizes that come, the arena, and whole steps of prediction, evaluation and training.
//!
//! A step is taken in three moves, so that the caller can fill in data from wherever they are:
//! [`Runner::prepare`] finds or makes the plan, [`Runner::input_mut`] (and `target_mut`, `weight_mut`) give the places
//! for the data, and [`Runner::run`] does the work. Nothing is allocated once the sizes have been seen.

use std::sync::Arc;

use crate::arena::{Arena, Block};
use crate::error::{Error, Result};
use crate::execute::Execution;
use crate::graph::Graph;
use crate::kernels::copies;
use crate::optimizers::StateTensor;
use crate::parallel;
use crate::placed::Placed;
pub use crate::plan::Sizes;
use crate::plan::{OutputUse, Plan, Request};
use crate::real::Real;
use crate::training::Training;

/// From so many multiply-adds in one layer on a step is shared with the pool; below, no loop is long enough to share.
const POOL_COST: usize = 1 << 18;

/// Plans kept for sizes that come again: full batches and the last one of training and of validation, for every length
/// of ragged sequences.
const MAX_PLANS: usize = 64;

/// What a step is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Outputs alone; the flag makes layers behave as in training.
    Predict(bool),
    /// Outputs alone, as the next step will see them, training or testing; nothing is kept.
    Peek(bool),
    /// Outputs, losses and metrics.
    Test,
    /// Outputs, losses, metrics, gradients, and an update of the weights.
    Train,
    /// Outputs and the gradients by inputs and weights, for given gradients of the outputs; for checks.
    Gradients(bool),
}

/// A graph that runs.
#[derive(Debug)]
pub struct Runner<F: Real> {
    graph: Arc<Graph<F>>,
    seed: u64,
    step: u64,
    placed: Option<Placed<F>>,
    plans: Vec<(Purpose, Sizes, Plan)>,
    current: Option<usize>,
    arena: Arena<F>,
    grads: Arena<F>,
    states: Arena<F>,
    training: Option<Training<F>>,
    /// A training step that has gone forward and waits for the rest: its number and the penalties on outputs.
    begun: Option<(u64, f64)>,
    /// How many steps have begun so.
    begins: u64,
}

/// How much of a prepared step is run.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    Whole,
    /// The way forward of a training step.
    Forward,
    /// What comes behind it; with the penalties it found.
    Rest(f64),
}

impl<F: Real> Runner<F> {
    /// A runner of `graph`; random numbers of its steps follow from `seed`.
    pub fn new(graph: impl Into<Arc<Graph<F>>>, seed: u64) -> Result<Self> {
        Ok(Self {
            graph: graph.into(),
            seed,
            step: 0,
            placed: None,
            plans: Vec::new(),
            current: None,
            arena: Arena::new(0)?,
            grads: Arena::new(0)?,
            states: Arena::new(0)?,
            training: None,
            begun: None,
            begins: 0,
        })
    }

    /// The structure.
    pub fn graph(&self) -> &Graph<F> {
        &self.graph
    }

    /// The number of steps so far: random numbers depend on it.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Sets the number of steps, to resume exactly.
    pub fn set_step(&mut self, step: u64) {
        self.step = step;
    }

    /// Sets what training needs beside the graph: losses, metrics, optimizer.
    pub fn set_training(&mut self, training: Training<F>) -> Result<()> {
        self.training = Some(training);
        // The optimizer is made when the weights to learn are found.
        self.placed = None;
        self.place_weights()
    }

    /// What training needs, if set.
    pub fn training(&self) -> Option<&Training<F>> {
        self.training.as_ref()
    }

    /// What training needs, to change: metrics to reset, a learning rate to set.
    pub fn training_mut(&mut self) -> Option<&mut Training<F>> {
        self.training.as_mut()
    }

    /// Makes ready for data of these sizes: finds the plan or makes it.
    pub fn prepare(&mut self, purpose: Purpose, sizes: &Sizes) -> Result<()> {
        self.place_weights()?;
        self.begun = None;
        if self.has_current(purpose, sizes) {
            return Ok(());
        }
        let found = self
            .plans
            .iter()
            .position(|(p, s, _)| *p == purpose && s == sizes);
        let index = match found {
            Some(index) => index,
            None => self.plan(purpose, sizes)?,
        };
        self.current = Some(index);
        // Weights that this plan does not reach have no gradient, whatever another plan left behind.
        self.grads.values_mut().fill(F::ZERO);
        Ok(())
    }

    /// Whether [`Runner::prepare`] would find everything ready, and so take no time.
    pub fn is_prepared(&self, purpose: Purpose, sizes: &Sizes) -> bool {
        self.has_placed() && self.has_current(purpose, sizes)
    }

    fn has_current(&self, purpose: Purpose, sizes: &Sizes) -> bool {
        self.current.is_some_and(|i| {
            let (planned_purpose, planned_sizes, _) = &self.plans[i];
            *planned_purpose == purpose && planned_sizes == sizes
        })
    }

    fn has_placed(&self) -> bool {
        self.placed
            .as_ref()
            .is_some_and(|placed| placed.is_current(&self.graph))
    }

    fn place_weights(&mut self) -> Result<()> {
        if self.has_placed() {
            return Ok(());
        }
        self.plans.clear();
        self.current = None;
        self.begun = None;
        let placed = Placed::new(&self.graph)?;
        if self.grads.len() != placed.grads_len {
            self.grads = Arena::new(placed.grads_len)?;
        }
        if self.states.len() != placed.states_len {
            self.states = Arena::new(placed.states_len)?;
        }
        if let Some(training) = &mut self.training {
            training.place(&self.graph, &placed)?;
        }
        self.placed = Some(placed);
        Ok(())
    }

    fn plan(&mut self, purpose: Purpose, sizes: &Sizes) -> Result<usize> {
        let placed = self.placed.as_ref().ok_or(Error::Interrupted)?;
        let mut request = Request {
            inputs: sizes.inputs.clone(),
            ..Request::default()
        };
        match purpose {
            Purpose::Predict(training) | Purpose::Peek(training) => request.training = training,
            Purpose::Gradients(training) => {
                (request.training, request.backward, request.input_gradients) =
                    (training, true, true);
                let entering = OutputUse {
                    gradient: true,
                    ..OutputUse::default()
                };
                request.uses = vec![entering; self.graph.outputs().len()];
            }
            Purpose::Test | Purpose::Train => {
                request.training = purpose == Purpose::Train;
                request.backward = request.training;
                let all = self.graph.sizes(&sizes.inputs)?;
                let outputs: Vec<&[usize]> = self
                    .graph
                    .outputs()
                    .iter()
                    .map(|&t| all[t].as_slice())
                    .collect();
                let training = self.training.as_mut().ok_or_else(not_compiled)?;
                request.uses = training.uses(&self.graph, &outputs, sizes)?;
            }
        }
        let plan = Plan::new(&self.graph, request, &placed.places)?;
        if self.arena.len() < plan.arena {
            // The old memory goes first: both together may not fit.
            self.arena = Arena::new(0)?;
            self.arena = Arena::new(plan.arena)?;
        }
        if self.plans.len() == MAX_PLANS {
            self.plans.remove(0);
        }
        self.plans.push((purpose, sizes.clone(), plan));
        Ok(self.plans.len() - 1)
    }

    fn current(&self) -> Option<&Plan> {
        self.current.map(|i| &self.plans[i].2)
    }

    fn block_mut(&mut self, block: Option<Block>) -> &mut [F] {
        let block = block.unwrap_or_default();
        &mut self.arena.values_mut()[block.offset..][..block.len]
    }

    /// The place for the data of input `i`; empty if nothing is prepared.
    pub fn input_mut(&mut self, i: usize) -> &mut [F] {
        let block = self.current().and_then(|plan| plan.inputs.get(i).copied());
        self.block_mut(block)
    }

    /// The place for the targets of output `i`; empty if there are none.
    pub fn target_mut(&mut self, i: usize) -> &mut [F] {
        let block = self.current().and_then(|plan| plan.outputs.get(i)?.target);
        self.block_mut(block)
    }

    /// The place for the sample weights of output `i`; empty if there are none.
    pub fn weight_mut(&mut self, i: usize) -> &mut [F] {
        let block = self.current().and_then(|plan| plan.outputs.get(i)?.weight);
        self.block_mut(block)
    }

    /// Output `i` of the last step: sizes and values.
    pub fn output(&self, i: usize) -> (&[usize], &[F]) {
        match self.current().and_then(|plan| plan.outputs.get(i)) {
            Some(o) => (
                &o.sizes,
                &self.arena.values()[o.prediction.offset..][..o.prediction.len],
            ),
            None => (&[], &[]),
        }
    }

    /// Runs the step that was prepared, or ends with [`Error::Interrupted`] and the weights of before if it is `interrupted`: a
    /// light step asks before it begins, a heavy one before each layer.
    pub fn run(&mut self, interrupted: &dyn Fn() -> bool) -> Result<()> {
        self.run_part(Part::Whole, interrupted)
    }

    /// Runs the training step that was prepared as far as its outputs; [`finish`](Self::finish) ends it, with targets that may
    /// be filled in meanwhile. Preparing another step gives it up. The number is what tells it from others; None, and nothing
    /// done, if the optimizer runs steps several times.
    pub fn begin(&mut self, interrupted: &dyn Fn() -> bool) -> Result<Option<u64>> {
        let training = self.training.as_ref().ok_or_else(not_compiled)?;
        if training.optimizer()?.searches() {
            return Ok(None);
        }
        self.run_part(Part::Forward, interrupted)?;
        Ok(self.begun())
    }

    /// The step that waits for [`finish`](Self::finish).
    pub fn begun(&self) -> Option<u64> {
        self.begun.map(|(number, _)| number)
    }

    /// Ends the step that [`begin`](Self::begin) began.
    ///
    /// # Errors
    /// If there is none.
    pub fn finish(&mut self, interrupted: &dyn Fn() -> bool) -> Result<()> {
        let Some((_, penalty)) = self.begun.take() else {
            return Err(Error::config("a step that has begun", "none"));
        };
        self.run_part(Part::Rest(penalty), interrupted)
    }

    fn run_part(&mut self, part: Part, interrupted: &dyn Fn() -> bool) -> Result<()> {
        if self.current().is_some_and(|plan| plan.cost >= POOL_COST) {
            return parallel::install(|| self.run_here(part, interrupted, None));
        }
        let interrupted = interrupted();
        parallel::serial(|| self.run_here(part, &|| interrupted, None))
    }

    fn run_here(
        &mut self,
        part: Part,
        interrupted: &dyn Fn() -> bool,
        cotangents: Option<&[Option<Vec<F>>]>,
    ) -> Result<()> {
        while !self.attempt(part, interrupted, cotangents)? {
            self.follow_weights()?;
        }
        Ok(())
    }

    /// Another thread has built a model over these weights since the step was prepared: they lie in another store.
    fn follow_weights(&mut self) -> Result<()> {
        let Some(placed) = &mut self.placed else {
            return Ok(());
        };
        placed.follow(&self.graph)?;
        match &mut self.training {
            Some(training) => training.place(&self.graph, placed),
            None => Ok(()),
        }
    }

    /// The prepared step; false, and nothing done, if the weights were gone by the time their store was locked.
    fn attempt(
        &mut self,
        part: Part,
        interrupted: &dyn Fn() -> bool,
        cotangents: Option<&[Option<Vec<F>>]>,
    ) -> Result<bool> {
        let (Some(index), Some(placed)) = (self.current, &self.placed) else {
            return Err(Error::config("a prepared step", "run() before prepare()"));
        };
        let (purpose, _, plan) = &mut self.plans[index];
        let purpose = *purpose;
        let store = Arc::clone(&placed.store);
        let peeks = matches!(purpose, Purpose::Peek(_));
        let begins = part == Part::Forward;
        let changes = !peeks
            && !begins
            && (matches!(purpose, Purpose::Train | Purpose::Predict(true))
                || self.graph.is_stateful());
        let (mut write, mut read) = (None, None);
        let weights: &[F] = if changes {
            write.insert(store.write()).values()
        } else {
            read.insert(store.read()).values()
        };
        if !placed.is_there(&self.graph) {
            return Ok(false);
        }
        let uses_states = changes || peeks || begins || matches!(purpose, Purpose::Gradients(_));
        if uses_states && !matches!(part, Part::Rest(_)) {
            placed.load_states(weights, &mut self.states);
        }
        let mut execution = Execution {
            graph: &self.graph,
            plan,
            arena: &mut self.arena,
            states: &mut self.states,
            placed,
            random: (self.seed, self.step),
            interrupted,
        };
        match purpose {
            Purpose::Predict(_) | Purpose::Peek(_) => {
                execution.forward(weights)?;
            }
            Purpose::Gradients(_) => {
                execution.forward(weights)?;
                for (output, cotangent) in execution
                    .plan
                    .outputs
                    .iter()
                    .zip(cotangents.unwrap_or_default())
                {
                    let block = output.grad.unwrap_or_default();
                    let grad = &mut execution.arena.values_mut()[block.offset..][..block.len];
                    match cotangent {
                        Some(cotangent) => grad.copy_from_slice(cotangent),
                        None => grad.fill(F::ZERO),
                    }
                }
                execution.backward(weights, &mut self.grads)?;
            }
            Purpose::Test => {
                let training = self.training.as_mut().ok_or_else(not_compiled)?;
                let penalty = execution.forward(weights)?;
                training.evaluate(&mut execution, penalty, weights, None, true)?;
            }
            Purpose::Train if begins => {
                let penalty = execution.forward(weights)?;
                self.begins += 1;
                self.begun = Some((self.begins, penalty));
            }
            Purpose::Train => {
                let training = self.training.as_mut().ok_or_else(not_compiled)?;
                if let Some(weights) = &mut write {
                    let weights = weights.values_mut();
                    match part {
                        Part::Rest(penalty) => {
                            training.descend(&mut execution, penalty, weights, &mut self.grads)?;
                        }
                        _ => training.step(&mut execution, weights, &mut self.grads)?,
                    }
                }
            }
        }
        if let Some(mut weights) = write {
            placed.store_states(weights.values_mut(), &self.states);
        }
        drop(read);
        if !peeks && !begins && purpose != Purpose::Test && purpose != Purpose::Predict(false) {
            self.step += 1;
        }
        Ok(true)
    }
}

fn not_compiled() -> Error {
    Error::config("a compiled model", "one without loss and optimizer")
        .remedy("Call compile() first.")
}

impl<F: Real> Runner<F> {
    fn placed_training(&mut self) -> Result<&mut Training<F>> {
        self.place_weights()?;
        self.training.as_mut().ok_or_else(not_compiled)
    }

    /// Changes the weights where they lie.
    fn change_weights<R>(
        &mut self,
        change: impl FnOnce(&mut Training<F>, &mut [F]) -> Result<R>,
    ) -> Result<R> {
        self.placed_training()?;
        loop {
            if let (Some(training), Some(placed)) = (&mut self.training, &self.placed) {
                let mut weights = placed.store.write();
                if placed.is_there(&self.graph) {
                    return change(training, weights.values_mut());
                }
            }
            self.follow_weights()?;
        }
    }

    /// What the optimizer remembers, for files.
    pub fn optimizer_state(&mut self) -> Result<Vec<StateTensor<F>>> {
        let training = self.placed_training()?;
        training.optimizer()?.export()
    }

    /// Gives back what [`Runner::optimizer_state`] gave, bit for bit, after so many steps.
    pub fn set_optimizer_state(&mut self, state: &[StateTensor<F>], steps: u64) -> Result<()> {
        let training = self.placed_training()?;
        training.restore(state, steps)
    }

    /// Exchanges weights and their moving averages, for tests or files; whether the weights are the averages then.
    pub fn swap_averages(&mut self) -> Result<bool> {
        self.change_weights(Training::swap_averages)
    }

    /// Ends a training: averaged weights take the place of the last ones, if the optimizer averages.
    pub fn finish_training(&mut self) -> Result<()> {
        self.change_weights(Training::finish)
    }
}

/// Outputs and gradients of a graph.
#[derive(Debug, Clone, Default)]
pub struct Gradients<F> {
    /// The outputs: sizes and values.
    pub outputs: Vec<(Vec<usize>, Vec<F>)>,
    /// The gradient by each input, where there is one.
    pub inputs: Vec<Option<Vec<F>>>,
    /// The gradient by each weight of each layer, where there is one.
    pub weights: Vec<Vec<Option<Vec<F>>>>,
}

impl<F: Real> Runner<F> {
    /// The outputs for these inputs (sizes and values), in one batch.
    pub fn predict(
        &mut self,
        inputs: &[(&[usize], &[F])],
        training: bool,
    ) -> Result<Vec<(Vec<usize>, Vec<F>)>> {
        self.fill(Purpose::Predict(training), inputs)?;
        self.run(&|| false)?;
        Ok(self.outputs())
    }

    /// The outputs, and the gradients of `sum(output * cotangent)` over all outputs, by inputs and weights. For checks:
    /// it allocates.
    pub fn gradients(
        &mut self,
        inputs: &[(&[usize], &[F])],
        cotangents: &[Option<Vec<F>>],
        training: bool,
    ) -> Result<Gradients<F>> {
        self.fill(Purpose::Gradients(training), inputs)?;
        if cotangents.len() != self.graph.outputs().len() {
            return Err(Error::shape(
                format!(
                    "{} cotangents, one for each output",
                    self.graph.outputs().len()
                ),
                cotangents.len().to_string(),
            ));
        }
        for (i, cotangent) in cotangents.iter().enumerate() {
            if let Some(cotangent) = cotangent
                && cotangent.len() != self.output(i).1.len()
            {
                let expected = format!(
                    "a cotangent of {} values for output {i}",
                    self.output(i).1.len()
                );
                return Err(Error::shape(expected, cotangent.len().to_string()));
            }
        }
        parallel::install(|| self.run_here(Part::Whole, &|| false, Some(cotangents)))?;
        let (Some(plan), Some(placed)) = (self.current(), &self.placed) else {
            return Ok(Gradients::default());
        };
        let values =
            |arena: &Arena<F>, block: Block| arena.values()[block.offset..][..block.len].to_vec();
        let reached = |block: &Block| plan.reaches(block);
        Ok(Gradients {
            outputs: self.outputs(),
            inputs: plan
                .input_grads
                .iter()
                .map(|g| g.map(|block| values(&self.arena, block)))
                .collect(),
            weights: placed
                .places
                .grads
                .iter()
                .map(|layer| {
                    layer
                        .iter()
                        .map(|g| g.filter(reached).map(|block| values(&self.grads, block)))
                        .collect()
                })
                .collect(),
        })
    }

    fn fill(&mut self, purpose: Purpose, inputs: &[(&[usize], &[F])]) -> Result<()> {
        let sizes = Sizes {
            inputs: inputs.iter().map(|(sizes, _)| sizes.to_vec()).collect(),
            ..Sizes::default()
        };
        self.prepare(purpose, &sizes)?;
        for (i, (sizes, values)) in inputs.iter().enumerate() {
            let place = self.input_mut(i);
            if place.len() != values.len() {
                return Err(Error::shape(
                    format!("{} values for shape {sizes:?}", place.len()),
                    values.len().to_string(),
                ));
            }
            copies::copy(values, place);
        }
        Ok(())
    }

    /// The outputs of a step that has begun, as the model's user knows them: an activation that is left to the loss is applied.
    pub fn begun_outputs(&self) -> Vec<(Vec<usize>, Vec<F>)> {
        let mut outputs = self.outputs();
        if let Some(training) = &self.training {
            for (i, (sizes, values)) in outputs.iter_mut().enumerate() {
                training.activate(&self.graph, i, sizes, values);
            }
        }
        outputs
    }

    /// All outputs of the last step: sizes and values.
    pub fn outputs(&self) -> Vec<(Vec<usize>, Vec<F>)> {
        (0..self.graph.outputs().len())
            .map(|i| {
                let (sizes, values) = self.output(i);
                (sizes.to_vec(), values.to_vec())
            })
            .collect()
    }
}
