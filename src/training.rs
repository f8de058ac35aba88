//! What training needs beside the graph: losses, metrics and the optimizer of a compiled model.

mod outputs;
mod readings;

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use crate::arena::{Arena, Block};
use crate::config::parse;
use crate::error::{Error, Result};
use crate::execute::Execution;
use crate::graph::Graph;
use crate::optimizers::{OptimizerState, Optimizers, Segment, StateTensor};
use crate::param::Role;
use crate::placed::Placed;
use crate::real::Real;
use crate::regularizer::Regularizer;
use outputs::Output;
use readings::Mean;

/// What `compile` was called with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Compiled {
    #[serde(default)]
    optimizer: Value,
    #[serde(default)]
    losses: Vec<Value>,
    #[serde(default)]
    loss_weights: Vec<f64>,
    #[serde(default)]
    metrics: Vec<Vec<Value>>,
    #[serde(default)]
    weighted_metrics: Vec<Vec<Value>>,
}

/// A penalty on a weight, and where the weight and its gradient lie.
#[derive(Debug)]
struct Penalty {
    regularizer: Regularizer,
    shape: Vec<usize>,
    value: Block,
    grad: Block,
}

/// Losses, metrics and optimizer of a model.
#[derive(Debug)]
pub struct Training<F: Real> {
    outputs: Vec<Output<F>>,
    mean: Mean,
    optimizer_config: Value,
    optimizer: Option<Optimizers<F>>,
    segments: Vec<Segment>,
    penalties: Vec<Penalty>,
}

impl<F: Real> Training<F> {
    /// Losses, metrics and optimizer for `graph`, from what `compile` was called with, in JSON:
    /// `{"optimizer": …, "losses": [… per output], "loss_weights": […], "metrics": [[…] per output], "weighted_metrics": [[…]]}`.
    pub fn new(config: &Value, graph: &Graph<F>) -> Result<Self> {
        let compiled: Compiled = parse(config)?;
        let count = graph.outputs().len();
        for (what, len) in [
            ("losses", compiled.losses.len()),
            ("loss_weights", compiled.loss_weights.len()),
            ("metrics", compiled.metrics.len()),
            ("weighted_metrics", compiled.weighted_metrics.len()),
        ] {
            if len != 0 && len != count {
                return Err(
                    Error::config(format!("{what} for {count} outputs"), len.to_string())
                        .at("compile"),
                );
            }
        }
        let of = |all: &[Vec<Value>], i: usize| all.get(i).cloned().unwrap_or_default();
        let mut outputs = Vec::with_capacity(count);
        for i in 0..count {
            outputs.push(Output::new(
                compiled.losses.get(i).filter(|l| !l.is_null()).cloned(),
                compiled.loss_weights.get(i).copied().unwrap_or(1.0),
                &of(&compiled.metrics, i),
                &of(&compiled.weighted_metrics, i),
            )?);
        }
        if !compiled.optimizer.is_null() {
            // Refused now rather than at the first step.
            Optimizers::<F>::from_config(&compiled.optimizer, &[])?;
        }
        Ok(Self {
            outputs,
            mean: Mean::default(),
            optimizer_config: compiled.optimizer,
            optimizer: None,
            segments: Vec::new(),
            penalties: Vec::new(),
        })
    }

    /// Finds the weights to learn in their new places; the optimizer's memory stays if they are the same weights.
    pub fn place(&mut self, graph: &Graph<F>, placed: &Placed<F>) -> Result<()> {
        let mut segments = Vec::new();
        let mut seen = HashMap::new();
        self.penalties.clear();
        for (l, layer) in graph.layers().iter().enumerate() {
            let Some(variables) = layer.variables() else {
                continue;
            };
            for (p, spec) in variables.specs().iter().enumerate() {
                let Some(grad) = placed.places.grads[l][p].filter(|_| spec.role == Role::Trainable)
                else {
                    continue;
                };
                let (value, len) = placed.places.values[l][p];
                if let Some(regularizer) = &spec.regularizer {
                    self.penalties.push(Penalty {
                        regularizer: regularizer.clone(),
                        shape: spec.shape.clone(),
                        value: Block { offset: value, len },
                        grad,
                    });
                }
                // Layers inside different blocks may have the same name.
                let name = format!("{}/{}", layer.name(), spec.name);
                let twins = seen.entry(name.clone()).or_insert(0usize);
                *twins += 1;
                segments.push(Segment {
                    name: if *twins == 1 {
                        name
                    } else {
                        format!("{name}_{}", *twins - 1)
                    },
                    owner: (l, p),
                    shape: spec.shape.clone(),
                    value,
                    grad: grad.offset,
                    constraint: spec.constraint.clone(),
                    decay: true,
                });
            }
        }
        let same = segments.len() == self.segments.len()
            && segments
                .iter()
                .zip(&self.segments)
                .all(|(a, b)| a.name == b.name && a.shape == b.shape);
        self.segments = segments;
        match &mut self.optimizer {
            Some(optimizer) if same => optimizer.place(&self.segments),
            _ if self.optimizer_config.is_null() => {}
            old => {
                let mut optimizer =
                    Optimizers::from_config(&self.optimizer_config, &self.segments)?;
                if let Some(old) = old {
                    optimizer.set_steps(old.steps());
                    for part in 0..optimizer.len() {
                        let rate = old.part(part)?.learning_rate();
                        let part = optimizer.part_mut(part)?;
                        if rate != part.learning_rate() {
                            part.set_learning_rate(rate)?;
                        }
                    }
                }
                self.optimizer = Some(optimizer);
            }
        }
        Ok(())
    }

    /// The penalties on weights, to be added to the loss.
    fn penalty(&self, weights: &[F]) -> f64 {
        self.penalties
            .iter()
            .map(|p| {
                let values = &weights[p.value.offset..][..p.value.len];
                p.regularizer.penalty(&p.shape, values)
            })
            .sum()
    }

    /// The loss of a batch that has gone forward, penalties included, and its gradients if `grads` are wanted. It counts in the
    /// means and metrics if `counts`. `penalty` is what [`Execution::forward`] gave.
    pub fn evaluate(
        &mut self,
        execution: &mut Execution<'_, F>,
        penalty: f64,
        weights: &[F],
        grads: Option<&mut Arena<F>>,
        counts: bool,
    ) -> Result<f64> {
        let penalty = penalty + self.penalty(weights);
        let Execution {
            graph, plan, arena, ..
        } = execution;
        let (loss, samples) = self.losses(graph, plan, arena, grads.is_some(), counts)?;
        if let Some(grads) = grads {
            execution.backward(weights, grads)?;
            self.add_weight_penalties(weights, grads);
        }
        if counts {
            self.mean.add(loss + penalty, samples);
        }
        Ok(loss + penalty)
    }

    /// Adds the gradients of the penalties on weights.
    fn add_weight_penalties(&self, weights: &[F], grads: &mut Arena<F>) {
        for p in &self.penalties {
            let values = &weights[p.value.offset..][..p.value.len];
            let grad = &mut grads.values_mut()[p.grad.offset..][..p.grad.len];
            p.regularizer.add_gradient(&p.shape, values, 1.0, grad);
        }
    }

    /// Trains on the prepared batch: its loss and gradients, and what the optimizer makes of them.
    pub fn step(
        &mut self,
        execution: &mut Execution<'_, F>,
        weights: &mut [F],
        grads: &mut Arena<F>,
    ) -> Result<()> {
        if self.optimizer()?.searches() {
            return self.search(execution, weights, grads);
        }
        let penalty = execution.forward(weights)?;
        self.descend(execution, penalty, weights, grads)
    }

    /// The same for a batch that has gone forward; `penalty` is what [`Execution::forward`] gave.
    pub fn descend(
        &mut self,
        execution: &mut Execution<'_, F>,
        penalty: f64,
        weights: &mut [F],
        grads: &mut Arena<F>,
    ) -> Result<()> {
        let loss = self.evaluate(execution, penalty, weights, Some(grads), true)?;
        let optimizer = self.optimizer.as_mut().ok_or_else(no_optimizer)?;
        let scale = F::of(optimizer.loss_scale());
        if scale != F::ONE {
            // The optimizer takes back a factor that Keras puts on the loss.
            grads.values_mut().iter_mut().for_each(|g| *g *= scale);
        }
        optimizer.apply(weights, grads.values_mut(), Some(loss))
    }

    fn search(
        &mut self,
        execution: &mut Execution<'_, F>,
        weights: &mut [F],
        grads: &mut Arena<F>,
    ) -> Result<()> {
        let data = execution.data();
        let penalty = execution.forward(weights)?;
        let loss = self.evaluate(execution, penalty, weights, Some(grads), true)?;
        let mut found = grads.values().to_vec();
        let mut optimizer = self.optimizer.take().ok_or_else(no_optimizer)?;
        let result = optimizer.search(weights, &mut found, loss, &mut |weights, found| {
            execution.restart(&data, weights);
            let penalty = execution.forward(weights)?;
            let loss = self.evaluate(execution, penalty, weights, Some(grads), false)?;
            found.copy_from_slice(grads.values());
            Ok(loss)
        });
        self.optimizer = Some(optimizer);
        result
    }

    /// The optimizers.
    pub fn optimizer(&self) -> Result<&Optimizers<F>> {
        self.optimizer.as_ref().ok_or_else(no_optimizer)
    }

    /// Optimizer `part`, to change.
    pub fn optimizer_mut(&mut self, part: usize) -> Result<&mut OptimizerState<F>> {
        let optimizer = self.optimizer.as_mut().ok_or_else(no_optimizer)?;
        optimizer.part_mut(part)
    }

    /// Gives the optimizer back what it remembered after so many steps.
    pub fn restore(&mut self, state: &[StateTensor<F>], steps: u64) -> Result<()> {
        let Some(optimizer) = &mut self.optimizer else {
            return Err(no_optimizer());
        };
        optimizer.import(state)?;
        optimizer.set_steps(steps);
        Ok(())
    }

    /// Ends a training: averaged weights take the place of the last ones, if the optimizer averages.
    pub fn finish(&mut self, weights: &mut [F]) -> Result<()> {
        match &mut self.optimizer {
            Some(optimizer) => optimizer.finalize(weights),
            None => Ok(()),
        }
    }

    /// Exchanges weights and their moving averages; see [`Optimizers::swap_averages`].
    pub fn swap_averages(&mut self, weights: &mut [F]) -> Result<bool> {
        let Some(optimizer) = &mut self.optimizer else {
            return Err(no_optimizer());
        };
        optimizer.swap_averages(weights)
    }
}

fn no_optimizer() -> Error {
    Error::config("a model compiled with an optimizer", "none")
        .remedy("Call compile(optimizer=...) first.")
}
