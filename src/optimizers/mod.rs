//! How weights follow their gradients: one file per optimizer, the state they share, and the registry.
//!
//! An [`Optimizer`] is the rule for one weight; [`OptimizerState`] owns slots, averages and the count of steps, and does
//! what every Keras optimizer does around the rule: clipping, decay, accumulation, averages, constraints. [`Optimizers`] are
//! those of a model, each over its share of the weights.

mod adadelta;
mod adafactor;
mod adagrad;
mod adam;
mod adamax;
mod ftrl;
mod group;
mod irprop;
mod lamb;
mod lbfgs;
mod lion;
mod loss_scale;
mod muon;
mod nadam;
mod rmsprop;
mod schedule_free_adamw;
pub mod schedules;
mod settings;
mod sgd;
mod state;

use std::fmt::Debug;

use crate::error::Result;
use crate::identifier::{Identifier, Known};
use crate::kernels::optimizer::Common;
use crate::real::Real;

pub use adadelta::Adadelta;
pub use adafactor::Adafactor;
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adamax::Adamax;
pub use ftrl::Ftrl;
pub use group::Optimizers;
pub use irprop::IRprop;
pub use lamb::Lamb;
pub use lbfgs::{Evaluate, Lbfgs};
pub use lion::Lion;
pub use muon::Muon;
pub use nadam::Nadam;
pub use rmsprop::RmsProp;
pub use schedule_free_adamw::ScheduleFreeAdamW;
pub use settings::{LearningRate, Settings};
pub use sgd::Sgd;
pub use state::{OptimizerState, Segment, StateTensor};

/// The rule of one optimizer. Holds no array.
pub trait Optimizer<F: Real>: Debug + Send + Sync {
    /// The Keras name of the class.
    fn kind(&self) -> &'static str;

    /// What is kept for this weight.
    fn slots(&self, weight: &Segment) -> Slots;

    /// What the numbers of a slot start at.
    fn start(&self, slot: &str) -> f64 {
        let _ = slot;
        0.0
    }

    /// The weight decay of this weight, where that of the settings is `shared`.
    fn weight_decay(&self, weight: &Segment, shared: Option<f64>) -> Option<f64> {
        let _ = weight;
        shared
    }

    /// Whether the rule asks if the loss rose since the step before.
    fn follows_loss(&self) -> bool {
        false
    }

    /// Whether the learning rate is how steps start and says nothing later.
    fn learning_rate_is_a_start(&self) -> bool {
        false
    }

    /// What a step searches with, if it evaluates the loss several times; `update` is not called then.
    fn search(&self) -> Option<Lbfgs> {
        None
    }

    /// One step of one weight. `slots` holds what [`slots`](Optimizer::slots) tells.
    fn update(
        &self,
        step: &Step<F>,
        weight: &Segment,
        weights: &mut [F],
        grads: &[F],
        slots: &mut [F],
    );
}

/// What is kept for one weight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slots {
    /// By these names of Keras, a number for each element, chunk by chunk as
    /// [`slot_range`](crate::kernels::optimizer::slot_range) tells.
    Elementwise(&'static [&'static str]),
    /// Arrays of shapes of their own, one after the other.
    Apart(Vec<(&'static str, Vec<usize>)>),
}

impl Slots {
    /// How many numbers they are, for a weight of `len` elements.
    pub fn len(&self, len: usize) -> usize {
        match self {
            Self::Elementwise(names) => names.len() * len,
            Self::Apart(arrays) => arrays
                .iter()
                .map(|(_, shape)| shape.iter().product::<usize>())
                .sum(),
        }
    }
}

/// What a rule needs to know of the step.
#[derive(Debug, Clone, Copy)]
pub struct Step<F> {
    /// The number of updates before this one.
    pub iteration: u64,
    /// The learning rate, not yet rounded to `F`.
    pub learning_rate: f64,
    /// Whether the loss rose, for rules that ask.
    pub loss_rose: bool,
    /// What is done before the rule; the learning rate as `F`.
    pub common: Common<F>,
}

/// The name of what holds several optimizers.
const MULTI: &str = "MultiOptimizer";

/// The optimizers by name.
pub const KNOWN: &[Known] = &[
    Known::new("Adadelta"),
    Known::new("Adafactor"),
    Known::new("Adagrad"),
    Known::new("Adam"),
    Known::new("AdamW"),
    Known::new("Adamax"),
    Known::new("Ftrl"),
    Known::new("IRprop"),
    Known::new("LBFGS"),
    Known::new("Lamb"),
    Known::new("Lion"),
    Known::new("LossScaleOptimizer"),
    Known::new(MULTI),
    Known::new("Muon"),
    Known::new("Nadam"),
    Known::new("RMSprop"),
    Known::new("SGD"),
    Known::new("ScheduleFreeAdamW"),
];

/// Builds the rule of an optimizer from the fields that are its own.
fn build<F: Real>(id: &Identifier) -> Result<Box<dyn Optimizer<F>>> {
    Ok(match id.class_name {
        "Adadelta" => Box::new(id.fields::<Adadelta>()?),
        "Adafactor" => Box::new(id.fields::<Adafactor>()?),
        "Adagrad" => Box::new(id.fields::<Adagrad>()?),
        "Adam" => Box::new(id.fields::<Adam>()?),
        "Adamax" => Box::new(id.fields::<Adamax>()?),
        "Ftrl" => Box::new(id.fields::<Ftrl>()?.checked()?),
        "IRprop" => Box::new(id.fields::<IRprop>()?.checked()?),
        "LBFGS" => Box::new(id.fields::<Lbfgs>()?.checked()?),
        "Lamb" => Box::new(id.fields::<Lamb>()?),
        "Lion" => Box::new(id.fields::<Lion>()?.checked()?),
        "Muon" => Box::new(id.fields::<Muon>()?.checked()?),
        "Nadam" => Box::new(id.fields::<Nadam>()?),
        "ScheduleFreeAdamW" => Box::new(id.fields::<ScheduleFreeAdamW>()?.checked()?),
        "AdamW" => Box::new(Adam {
            decoupled: true,
            ..id.fields::<Adam>()?
        }),
        "RMSprop" => Box::new(id.fields::<RmsProp>()?.checked()?),
        _ => Box::new(id.fields::<Sgd>()?.checked()?),
    })
}

#[cfg(test)]
mod tests;
