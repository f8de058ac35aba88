//! What training needs beside the graph: losses, metrics and the optimizer of a compiled model.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::arena::{Arena, Block};
use crate::config::parse;
use crate::error::{Error, Result};
use crate::execute::Execution;
use crate::graph::{Graph, TensorId};
use crate::layer::Layer;
use crate::losses::{self, Loss, LossFn, Operands, Reduction, Weights};
use crate::metrics::{self, Batch, NamedMetric, Reading};
use crate::optimizers::{OptimizerState, Optimizers, Segment, StateTensor};
use crate::param::Role;
use crate::placed::Placed;
use crate::plan::{OutputPlan, OutputUse, Plan, Sizes};
use crate::real::Real;
use crate::regularizer::Regularizer;

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

/// A mean over samples, as Keras reports losses.
#[derive(Debug, Default, Clone, Copy)]
struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    fn add(&mut self, value: f64, count: usize) {
        self.sum += value * count as f64;
        self.count += count as f64;
    }

    fn value(self) -> f64 {
        if self.count > 0.0 {
            self.sum / self.count
        } else {
            0.0
        }
    }
}

/// A metric of an output, and whether sample weights count for it.
#[derive(Debug)]
struct Tracked<F> {
    config: Value,
    weighted: bool,
    /// Made anew when the shapes are known: "accuracy" means different things for different shapes.
    metric: NamedMetric<F>,
    settled: bool,
    /// What it is to remember once it is settled.
    resumed: Option<Vec<f64>>,
}

/// What is asked of one output.
#[derive(Debug)]
struct Output<F> {
    loss_config: Option<Value>,
    loss: Option<LossFn<F>>,
    /// The loss on logits, where the output's activation is left to it.
    on_logits: Option<Box<dyn Loss<F>>>,
    weight: f64,
    mean: Mean,
    metrics: Vec<Tracked<F>>,
}

impl<F: Real> Output<F> {
    /// Applies the activation that the layer behind `output` leaves to the loss, if it does.
    fn activate(&self, graph: &Graph<F>, output: TensorId, sizes: &[usize], values: &mut [F]) {
        if self.on_logits.is_some()
            && let Some(activation) =
                deferrable(graph, output).and_then(|layer| layer.output_activation())
        {
            activation.forward_in_place(values, sizes.last().copied().unwrap_or(1));
        }
    }
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
        let mut outputs = Vec::with_capacity(count);
        for i in 0..count {
            let loss_config = compiled
                .losses
                .get(i)
                .filter(|loss| !loss.is_null())
                .cloned();
            let plain = compiled
                .metrics
                .get(i)
                .into_iter()
                .flatten()
                .map(|config| (config, false));
            let weighted = compiled
                .weighted_metrics
                .get(i)
                .into_iter()
                .flatten()
                .map(|config| (config, true));
            let metrics = plain
                .chain(weighted)
                .map(|(config, weighted)| {
                    let metric = NamedMetric::from_config(&metrics::resolve(config, &[], &[]))?;
                    Ok(Tracked {
                        config: config.clone(),
                        weighted,
                        metric,
                        settled: false,
                        resumed: None,
                    })
                })
                .collect::<Result<Vec<_>>>()?;
            if let Some(loss) = &loss_config {
                LossFn::<F>::from_config(&losses::resolve(loss, &[], &[]))?;
            }
            outputs.push(Output {
                loss_config,
                loss: None,
                on_logits: None,
                weight: compiled.loss_weights.get(i).copied().unwrap_or(1.0),
                mean: Mean::default(),
                metrics,
            });
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

    /// What is to be done with the outputs for data of these sizes; settles which losses work on logits.
    pub fn uses(
        &mut self,
        graph: &Graph<F>,
        outputs: &[&[usize]],
        sizes: &Sizes,
    ) -> Result<Vec<OutputUse>> {
        let mut uses = Vec::with_capacity(outputs.len());
        for (i, (asked, &prediction)) in self.outputs.iter_mut().zip(outputs).enumerate() {
            let place = |e: Error| e.at(format!("output {i}"));
            let target = sizes.targets.get(i).cloned().flatten();
            let mut used = OutputUse::default();
            if asked.loss_config.is_some() || !asked.metrics.is_empty() {
                let target = target.as_deref().ok_or_else(|| {
                    Error::data("targets for every output with a loss or a metric", "none")
                        .at(format!("output {i}"))
                })?;
                if let Some(config) = &asked.loss_config {
                    let config = losses::resolve(config, target, prediction);
                    let loss = LossFn::<F>::from_config(&config)?;
                    if matches!(loss.reduction, Reduction::None) {
                        return Err(Error::config("a loss with a reduction", "reduction=None")
                            .remedy("Training needs one number: take \"sum_over_batch_size\".")
                            .at(config["class_name"].as_str().unwrap_or("loss").to_owned()));
                    }
                    used.values = Some(loss.loss.check(target, prediction).map_err(place)?);
                    let output = graph.outputs()[i];
                    let activation =
                        deferrable(graph, output).and_then(|layer| layer.output_activation());
                    asked.on_logits =
                        activation.and_then(|activation| loss.loss.on_logits(activation));
                    asked.loss = Some(loss);
                    used.defers_activation = asked.on_logits.is_some();
                    used.gradient = true;
                }
                for tracked in &mut asked.metrics {
                    if !tracked.settled {
                        tracked.metric = NamedMetric::from_config(&metrics::resolve(
                            &tracked.config,
                            target,
                            prediction,
                        ))?;
                        tracked.settled = true;
                        if let Some(state) = tracked.resumed.take() {
                            tracked.metric.metric.set_state(&state)?;
                        }
                    }
                }
                used.target = Some(target.to_vec());
                used.weight = sizes.weights.get(i).cloned().flatten();
                let units = used
                    .values
                    .clone()
                    .unwrap_or_else(|| prediction[..prediction.len().max(1) - 1].to_vec());
                if let Some(weight) = &used.weight {
                    Weights::<F>::check(weight, &units).map_err(place)?;
                }
            }
            uses.push(used);
        }
        Ok(uses)
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

    /// Works out losses and metrics of the step, and with `gradients` the gradients by the outputs; the sum of the losses, and
    /// the number of samples.
    fn losses(
        &mut self,
        graph: &Graph<F>,
        plan: &Plan,
        arena: &mut Arena<F>,
        gradients: bool,
        counts: bool,
    ) -> Result<(f64, usize)> {
        let mut total = 0.0;
        let samples = plan
            .request
            .inputs
            .first()
            .and_then(|sizes| sizes.first())
            .copied()
            .unwrap_or(0);
        for (i, (asked, output)) in self.outputs.iter_mut().zip(&plan.outputs).enumerate() {
            let used = &plan.request.uses[i];
            let Some(target_sizes) = &used.target else {
                continue;
            };
            let views = arena.views(&output.layout);
            let prediction = views.write(OutputPlan::PREDICTION);
            let target = views.read(OutputPlan::TARGET);
            let weights = used.weight.as_ref().map(|shape| Weights {
                values: views.read(OutputPlan::WEIGHT),
                shape,
            });
            let mask = output.masked.then(|| views.read(OutputPlan::MASK));
            if let (Some(loss), Some(units)) = (&asked.loss, &used.values) {
                let maths = asked.on_logits.as_deref().unwrap_or(&*loss.loss);
                let on = Operands {
                    target,
                    prediction,
                    shape: &output.sizes,
                    units,
                    weights,
                    mask,
                };
                let room = (
                    views.write(OutputPlan::VALUES),
                    views.write(OutputPlan::SCALE),
                );
                let grad =
                    (gradients && output.grad.is_some()).then(|| views.write(OutputPlan::GRAD));
                let value = loss
                    .step(maths, on, asked.weight, room, grad)
                    .map_err(|e| e.at(format!("output {i}")))?;
                total += value * asked.weight;
                if counts {
                    asked.mean.add(value, samples);
                }
            }
            if !counts {
                continue;
            }
            asked.activate(graph, graph.outputs()[i], &output.sizes, prediction);
            for tracked in &mut asked.metrics {
                let batch = Batch {
                    target,
                    target_shape: target_sizes,
                    prediction,
                    prediction_shape: &output.sizes,
                    weights: weights.filter(|_| tracked.weighted),
                    mask,
                };
                tracked
                    .metric
                    .metric
                    .update(batch)
                    .map_err(|e| e.at(tracked.metric.name.clone()))?;
            }
        }
        Ok((total, samples))
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

    /// Applies to values of output `i` the activation that its layer leaves to the loss, if it does.
    pub fn activate(&self, graph: &Graph<F>, i: usize, sizes: &[usize], values: &mut [F]) {
        self.outputs[i].activate(graph, graph.outputs()[i], sizes, values);
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

    /// Loss and metrics since the last reset: the total, each output's loss (named by the output's number) if there are several
    /// outputs, then the metrics, each named `output/metric`.
    pub fn results(&self) -> Vec<(String, Reading)> {
        let mut results = vec![("loss".to_owned(), Reading::One(self.mean.value()))];
        if self.outputs.len() > 1 {
            let with_loss = self
                .outputs
                .iter()
                .enumerate()
                .filter(|(_, output)| output.loss_config.is_some());
            results.extend(
                with_loss.map(|(i, output)| (i.to_string(), Reading::One(output.mean.value()))),
            );
        }
        for (i, output) in self.outputs.iter().enumerate() {
            for tracked in &output.metrics {
                results.push((
                    format!("{i}/{}", tracked.metric.name),
                    tracked.metric.reading(),
                ));
            }
        }
        results
    }

    /// Starts loss and metrics anew.
    pub fn reset_metrics(&mut self) {
        self.mean = Mean::default();
        for output in &mut self.outputs {
            output.mean = Mean::default();
            for tracked in &mut output.metrics {
                tracked.metric.metric.reset_state();
                tracked.resumed = None;
            }
        }
    }

    /// All that loss and metrics remember since the last reset: the total, each output's loss, the metrics output by output.
    pub fn metrics_state(&self) -> Vec<Vec<f64>> {
        let means = self.outputs.iter().map(|output| output.mean);
        let mut states: Vec<Vec<f64>> = [self.mean]
            .into_iter()
            .chain(means)
            .map(|mean| vec![mean.sum, mean.count])
            .collect();
        let tracked = self.outputs.iter().flat_map(|output| &output.metrics);
        states.extend(tracked.map(|tracked| match &tracked.resumed {
            Some(state) => state.clone(),
            None => tracked.metric.metric.state(),
        }));
        states
    }

    /// Takes back what [`metrics_state`](Self::metrics_state) gave, bit for bit.
    ///
    /// # Errors
    /// If it comes from other outputs or metrics.
    pub fn set_metrics_state(&mut self, states: &[Vec<f64>]) -> Result<()> {
        let tracked: usize = self.outputs.iter().map(|output| output.metrics.len()).sum();
        let means = 1 + self.outputs.len();
        if states.len() != means + tracked || states[..means].iter().any(|mean| mean.len() != 2) {
            return Err(Error::param(
                format!("what {means} losses and {tracked} metrics remember"),
                format!("{} states", states.len()),
            )
            .remedy("Compile the model as it was compiled before."));
        }
        let (means, metrics) = states.split_at(means);
        let mean = |state: &Vec<f64>| Mean {
            sum: state[0],
            count: state[1],
        };
        self.mean = mean(&means[0]);
        for (output, state) in self.outputs.iter_mut().zip(&means[1..]) {
            output.mean = mean(state);
        }
        let tracked = self
            .outputs
            .iter_mut()
            .flat_map(|output| &mut output.metrics);
        for (tracked, state) in tracked.zip(metrics) {
            if tracked.settled {
                tracked.metric.metric.set_state(state)?;
            } else {
                tracked.resumed = Some(state.clone());
            }
        }
        Ok(())
    }
}

fn no_optimizer() -> Error {
    Error::config("a model compiled with an optimizer", "none")
        .remedy("Call compile(optimizer=...) first.")
}

/// The layer that writes `output`, if it may leave its activation to the loss: nobody else reads the tensor.
fn deferrable<F: Real>(graph: &Graph<F>, output: TensorId) -> Option<&Arc<dyn Layer<F>>> {
    let node = &graph.nodes()[graph.tensors()[output].node];
    let read = graph
        .nodes()
        .iter()
        .any(|node| node.inputs.contains(&output));
    let once = graph
        .outputs()
        .iter()
        .filter(|&&other| other == output)
        .count()
        == 1;
    let penalized = graph.layers()[node.member].activity_regularizer().is_some();
    (node.outputs.first() == Some(&output) && once && !read && !penalized).then_some(&node.layer)
}
