//! What is asked of each output: its loss, its metrics, and whether its activation is left to the loss.

use std::sync::Arc;

use serde_json::Value;

use super::Training;
use super::readings::Mean;
use crate::arena::Arena;
use crate::error::{Error, Result};
use crate::graph::{Graph, TensorId};
use crate::layer::Layer;
use crate::losses::{self, Loss, LossFn, Operands, Reduction, Weights};
use crate::metrics::{self, Batch, NamedMetric};
use crate::plan::{OutputPlan, OutputUse, Plan, Sizes};
use crate::real::Real;

/// A metric of an output, and whether sample weights count for it.
#[derive(Debug)]
pub(super) struct Tracked<F> {
    config: Value,
    weighted: bool,
    /// Made anew when the shapes are known: "accuracy" means different things for different shapes.
    pub(super) metric: NamedMetric<F>,
    pub(super) settled: bool,
    /// What it is to remember once it is settled.
    pub(super) resumed: Option<Vec<f64>>,
}

/// What is asked of one output.
#[derive(Debug)]
pub(super) struct Output<F> {
    pub(super) loss_config: Option<Value>,
    loss: Option<LossFn<F>>,
    /// The loss on logits, where the output's activation is left to it.
    on_logits: Option<Box<dyn Loss<F>>>,
    weight: f64,
    pub(super) mean: Mean,
    pub(super) metrics: Vec<Tracked<F>>,
}

impl<F: Real> Output<F> {
    /// Loss, its weight in the total, and metrics, those first that sample weights do not count for.
    pub(super) fn new(
        loss_config: Option<Value>,
        weight: f64,
        plain: &[Value],
        weighted: &[Value],
    ) -> Result<Self> {
        let plain = plain.iter().map(|config| (config, false));
        let weighted = weighted.iter().map(|config| (config, true));
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
        Ok(Self {
            loss_config,
            loss: None,
            on_logits: None,
            weight,
            mean: Mean::default(),
            metrics,
        })
    }

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

impl<F: Real> Training<F> {
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

    /// Works out losses and metrics of the step, and with `gradients` the gradients by the outputs; the sum of the losses, and
    /// the number of samples.
    pub(super) fn losses(
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

    /// Applies to values of output `i` the activation that its layer leaves to the loss, if it does.
    pub fn activate(&self, graph: &Graph<F>, i: usize, sizes: &[usize], values: &mut [F]) {
        self.outputs[i].activate(graph, graph.outputs()[i], sizes, values);
    }
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
