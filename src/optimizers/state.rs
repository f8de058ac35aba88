//! The state of training one set of weights, and the order of a step.
//!
//! As Keras's `base_optimizer.py` orders it: unscale, accumulate, clip, decay, rule, average, constraints.

mod saved;

pub use saved::StateTensor;

use serde_json::Value;

use super::loss_scale::LossScale;
use super::settings::{LearningRate, Settings, checked_rate};
use super::{KNOWN, Lbfgs, MULTI, Optimizer, Step, build};
use crate::arena::Arena;
use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::identifier::Identifier;
use crate::kernels::optimizer::{Common, square_sum, zip_apply};
use crate::kernels::reduce::all_finite;
use crate::real::Real;

/// One weight: where it lies in the buffers, and what is done to it besides the rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// The name of the weight; its slots are named after it.
    pub name: String,
    /// The number of its layer, and its own number among the weights of that.
    pub owner: (usize, usize),
    /// The shape of the weight.
    pub shape: Vec<usize>,
    /// Where its values start in the buffer of weights.
    pub value: usize,
    /// Where its gradient starts in the buffer of gradients.
    pub grad: usize,
    /// What it is brought back to after each step.
    pub constraint: Option<Constraint>,
    /// Whether weight decay applies to it.
    pub decay: bool,
}

impl Segment {
    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether the weight has no element.
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }
}

/// An optimizer at work: its rule and settings, and all it remembers from step to step.
#[derive(Debug)]
pub struct OptimizerState<F> {
    optimizer: Box<dyn Optimizer<F>>,
    settings: Settings,
    learning_rate: LearningRate,
    /// Steps made, updates or not.
    steps: u64,
    /// The sizes of the weights it was made for, in their order.
    lens: Vec<usize>,
    /// The slots of all weights, one weight after the other, and where those of each start.
    slots: Arena<F>,
    slot_starts: Vec<usize>,
    /// The factor on gradients, if it adapts.
    loss_scale: Option<LossScale>,
    /// The loss of the step before, if the rule follows it.
    loss: Option<F>,
    /// The moving average of all weights; empty without one.
    average: Arena<F>,
    /// The sum of gradients since the last update; empty without accumulation.
    accumulated: Arena<F>,
    /// Whether the weights lie where the averages belong, and the other way round.
    swapped: bool,
}

impl<F: Real> OptimizerState<F> {
    /// Reads a name or a Keras config, for these weights. What it remembers is at its start.
    pub fn from_config(value: &Value, segments: &[Segment]) -> Result<Self> {
        let mut id = one(value)?;
        let mut loss_scale = None;
        if id.class_name == "LossScaleOptimizer" {
            let (scale, inner) = LossScale::from_config(&mut id)?;
            id = one(&inner)?;
            // Keras sets it aside: there is one factor.
            id.take("loss_scale_factor");
            loss_scale = Some(scale);
        }
        let (settings, learning_rate) = Settings::take(&mut id)?;
        let optimizer = build::<F>(&id)?;
        for segment in segments {
            if let Some(constraint) = &segment.constraint {
                constraint
                    .check(&segment.shape)
                    .map_err(|e| e.at(format!("weight {:?}", segment.name)))?;
            }
        }
        let lens: Vec<usize> = segments.iter().map(Segment::len).collect();
        let total: usize = lens.iter().sum();
        let sized = |wanted: bool| Arena::new(if wanted { total } else { 0 });
        let mut slot_starts = vec![0];
        let mut slots_len = 0;
        for segment in segments {
            slots_len += optimizer.slots(segment).len(segment.len());
            slot_starts.push(slots_len);
        }
        let mut state = Self {
            slots: Arena::new(slots_len)?,
            slot_starts,
            loss_scale,
            loss: optimizer.follows_loss().then_some(F::INFINITY),
            average: sized(settings.use_ema)?,
            accumulated: sized(settings.steps_per_update() > 1)?,
            optimizer,
            settings,
            learning_rate,
            steps: 0,
            lens,
            swapped: false,
        };
        for (index, segment) in segments.iter().enumerate() {
            for (name, _, range) in state.slot_places(index, segment) {
                let start = F::of(state.optimizer.start(name));
                range
                    .into_iter()
                    .for_each(|range| state.slots.values_mut()[range].fill(start));
            }
        }
        Ok(state)
    }

    /// The Keras name of the optimizer's class.
    pub fn kind(&self) -> &'static str {
        self.optimizer.kind()
    }

    /// The settings that all optimizers have.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The learning rate of the next step.
    pub fn learning_rate(&self) -> f64 {
        self.learning_rate.at(self.steps)
    }

    /// Sets the learning rate of all further steps.
    ///
    /// # Errors
    /// Under a schedule, or if it is not finite.
    pub fn set_learning_rate(&mut self, rate: f64) -> Result<()> {
        if let LearningRate::Schedule(schedule) = &self.learning_rate {
            return Err(Error::config(
                "an optimizer whose learning_rate is a number",
                format!("one that follows the schedule {}", schedule.kind()),
            )
            .remedy("Make the optimizer with a number to be able to set it.")
            .at(self.optimizer.kind()));
        }
        if self.steps > 0
            && self.optimizer.learning_rate_is_a_start()
            && rate != self.learning_rate()
        {
            let got = format!("learning_rate={rate} after {} steps", self.steps);
            return Err(Error::config(
                "weights to keep the steps of their own they have found",
                got,
            )
            .remedy("Compile the model with a new optimizer to begin anew.")
            .at(self.optimizer.kind()));
        }
        self.learning_rate =
            LearningRate::Fixed(checked_rate(rate).map_err(|e| e.at(self.optimizer.kind()))?);
        Ok(())
    }

    /// What the loss is to be multiplied by before the gradient is taken.
    pub fn loss_scale(&self) -> f64 {
        match &self.loss_scale {
            Some(adaptive) => adaptive.scale,
            None => self.settings.loss_scale_factor.unwrap_or(1.0),
        }
    }

    /// Sets the factor on the loss that gradients are divided by.
    ///
    /// # Errors
    /// If it is 0 or not finite.
    pub(super) fn set_loss_scale_factor(&mut self, factor: Option<f64>) -> Result<()> {
        self.settings.loss_scale_factor = factor;
        self.settings.check(self.kind()).map_err(|e| e.at(MULTI))
    }

    /// The number of updates made.
    pub fn iterations(&self) -> u64 {
        self.steps / self.settings.steps_per_update()
    }

    /// The number of steps made, those included that only accumulated gradients.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Sets the number of steps made, to go on from a checkpoint.
    pub fn set_steps(&mut self, steps: u64) {
        self.steps = steps;
    }

    /// One step, where the loss was `loss`. `segments` are the weights it was made for, wherever they lie by now; `grads` is
    /// used up.
    pub fn apply(
        &mut self,
        values: &mut [F],
        grads: &mut [F],
        segments: &[Segment],
        loss: Option<f64>,
    ) -> Result<()> {
        self.check(segments)?;
        let loss_rose = self.compare(loss)?;
        let finite = |segment: &Segment| all_finite(&grads[segment.grad..][..segment.len()]);
        if let Some(adaptive) = &mut self.loss_scale
            && !segments.iter().all(finite)
        {
            adaptive.shrink();
            return Ok(());
        }
        let scale = self.loss_scale();
        if scale != 1.0 {
            let scale = F::of(scale);
            for segment in segments {
                grads[segment.grad..][..segment.len()]
                    .iter_mut()
                    .for_each(|g| *g /= scale);
            }
        }
        if self.accumulate(grads, segments) {
            self.update(values, grads, segments, loss_rose);
        }
        if self.settings.use_ema {
            self.average(values, segments);
        }
        for segment in segments {
            if let Some(constraint) = &segment.constraint {
                constraint.apply(
                    &segment.shape,
                    &mut values[segment.value..][..segment.len()],
                )?;
            }
        }
        self.steps += 1;
        if let Some(adaptive) = &mut self.loss_scale {
            adaptive.grow();
        }
        Ok(())
    }

    /// Whether the loss rose since the step before, if the rule asks.
    fn compare(&mut self, loss: Option<f64>) -> Result<bool> {
        let Some(before) = &mut self.loss else {
            return Ok(false);
        };
        let Some(loss) = loss else {
            return Err(
                Error::config("the loss beside the gradients", "gradients alone")
                    .remedy("Compile a model with it, or use weight_backtracking=False.")
                    .at(self.optimizer.kind()),
            );
        };
        // Rounded as it is saved, so that training goes on alike.
        let loss = F::of(loss);
        let rose = loss > *before;
        *before = loss;
        Ok(rose)
    }

    /// Counts a step that was made by a search.
    pub(super) fn count(&mut self) {
        self.steps += 1;
    }

    /// What a step searches with, if it does.
    pub(super) fn search(&self) -> Option<Lbfgs> {
        self.optimizer.search()
    }

    /// Adds gradients to those of the steps before. Whether it is time for an update: then `grads` is their mean.
    fn accumulate(&mut self, grads: &mut [F], segments: &[Segment]) -> bool {
        let steps = self.settings.steps_per_update();
        if steps == 1 {
            return true;
        }
        let is_update = (self.steps + 1).is_multiple_of(steps);
        let mut at = 0;
        for segment in segments {
            let grads = &mut grads[segment.grad..][..segment.len()];
            let sums = &mut self.accumulated.values_mut()[at..at + grads.len()];
            if is_update {
                let steps = F::of(steps as f64);
                zip_apply(grads, sums, |g, sum| (g + sum) / steps);
                sums.fill(F::ZERO);
            } else {
                zip_apply(sums, grads, |sum, g| g + sum);
            }
            at += segment.len();
        }
        is_update
    }

    /// Clips, decays and applies the rule.
    fn update(&mut self, values: &mut [F], grads: &[F], segments: &[Segment], loss_rose: bool) {
        let grad = |segment: &Segment| &grads[segment.grad..][..segment.len()];
        let learning_rate = self.learning_rate();
        // As Keras reads them: 0 and below clip nothing.
        let positive = |limit: Option<f64>| limit.filter(|&limit| limit > 0.0);
        let (clipnorm, global) = (
            positive(self.settings.clipnorm),
            positive(self.settings.global_clipnorm),
        );
        let global_scale = global.map(|limit| {
            let norm = segments
                .iter()
                .map(|segment| square_sum(grad(segment)))
                .sum::<f64>()
                .sqrt();
            // An infinite or broken norm breaks the scale too, so that it is seen.
            let broken = norm * 0.0;
            limit * (1.0 / norm).min(1.0 / limit) + broken
        });
        let iteration = self.iterations();
        for (index, segment) in segments.iter().enumerate() {
            let grads = grad(segment);
            let scale = match (clipnorm, global_scale) {
                (Some(limit), _) => limit / square_sum(grads).sqrt().max(limit),
                (None, Some(scale)) => scale,
                (None, None) => 1.0,
            };
            let step = Step {
                iteration,
                learning_rate,
                loss_rose,
                common: Common {
                    scale: F::of(scale),
                    clip: positive(self.settings.clipvalue).map_or(F::INFINITY, F::of),
                    decay: F::of(
                        self.optimizer
                            .weight_decay(segment, self.settings.weight_decay)
                            .filter(|_| segment.decay)
                            .unwrap_or(0.0),
                    ),
                    learning_rate: F::of(learning_rate),
                },
            };
            let values = &mut values[segment.value..][..segment.len()];
            let slots = self.slot_starts[index]..self.slot_starts[index + 1];
            let slots = &mut self.slots.values_mut()[slots];
            self.optimizer.update(&step, segment, values, grads, slots);
        }
    }

    /// Moves the averages towards the weights, and the weights to the averages if it is time for that.
    fn average(&mut self, values: &mut [F], segments: &[Segment]) {
        let iterations = self.iterations();
        // The first average is the weights themselves.
        let keep = F::of(if iterations == 0 {
            0.0
        } else {
            self.settings.ema_momentum
        });
        let overwrite = self
            .settings
            .ema_overwrite_frequency
            .is_some_and(|n| n > 0 && (iterations + 1).is_multiple_of(n));
        let mut at = 0;
        for segment in segments {
            let values = &mut values[segment.value..][..segment.len()];
            let average = &mut self.average.values_mut()[at..at + values.len()];
            zip_apply(average, values, |average, value| {
                keep * average + (F::ONE - keep) * value
            });
            if overwrite {
                values.copy_from_slice(average);
            }
            at += segment.len();
        }
    }

    /// Exchanges weights and their moving averages, until the next call; whether the weights are the averages then.
    /// Before the first step an average is the weight itself.
    ///
    /// # Errors
    /// If no averages are kept.
    pub fn swap_averages(&mut self, values: &mut [F], segments: &[Segment]) -> Result<bool> {
        self.check(segments)?;
        if !self.settings.use_ema {
            return Err(
                Error::config("an optimizer that averages weights", "use_ema=False")
                    .remedy("Make the optimizer with use_ema=True.")
                    .at(self.optimizer.kind()),
            );
        }
        if self.steps > 0 {
            let mut at = 0;
            for segment in segments {
                values[segment.value..][..segment.len()]
                    .swap_with_slice(&mut self.average.values_mut()[at..at + segment.len()]);
                at += segment.len();
            }
        }
        self.swapped = !self.swapped;
        Ok(self.swapped)
    }

    /// The end of training: weights become their averages, if there are any.
    pub fn finalize(&mut self, values: &mut [F], segments: &[Segment]) -> Result<()> {
        self.check(segments)?;
        if self.swapped {
            self.swap_averages(values, segments)?;
        }
        if self.settings.use_ema {
            let mut at = 0;
            for segment in segments {
                values[segment.value..][..segment.len()]
                    .copy_from_slice(&self.average.values()[at..at + segment.len()]);
                at += segment.len();
            }
        }
        Ok(())
    }

    /// Refuses other weights than those the state was made for.
    fn check(&self, segments: &[Segment]) -> Result<()> {
        if segments
            .iter()
            .map(Segment::len)
            .eq(self.lens.iter().copied())
        {
            return Ok(());
        }
        Err(Error::param(
            format!("the {} weights the optimizer was made for", self.lens.len()),
            format!("{} weights of other sizes", segments.len()),
        )
        .remedy("Compile the model again.")
        .at(self.optimizer.kind()))
    }
}

/// The name or config of one optimizer.
fn one(value: &Value) -> Result<Identifier> {
    let id = Identifier::parse("optimizer", value, KNOWN)?;
    if id.class_name == MULTI {
        return Err(
            Error::config("one optimizer", MULTI).remedy("Use it alone, outside of others.")
        );
    }
    Ok(id)
}
