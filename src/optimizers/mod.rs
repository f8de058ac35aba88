//! How weights follow their gradients: one file per optimizer, the state they share, and the registry.
//!
//! An [`Optimizer`] is the rule for one weight; [`OptimizerState`] owns slots, averages and the count of steps, and does
//! what every Keras optimizer does around the rule: clipping, decay, accumulation, averages, constraints.

mod adam;
mod rmsprop;
pub mod schedules;
mod settings;
mod sgd;
mod state;

use std::fmt::Debug;

use crate::error::Result;
use crate::identifier::{Identifier, Known};
use crate::kernels::optimizer::Common;
use crate::real::Real;

pub use adam::Adam;
pub use rmsprop::RmsProp;
pub use settings::{LearningRate, Settings};
pub use sgd::Sgd;
pub use state::{OptimizerState, Segment, StateTensor};

/// The rule of one optimizer. Holds no array.
pub trait Optimizer<F: Real>: Debug + Send + Sync {
    /// The Keras name of the class.
    fn kind(&self) -> &'static str;

    /// Keras's names of the numbers kept for each weight element.
    fn slot_names(&self) -> &'static [&'static str];

    /// One step of one weight. `slots` holds a number per name and element, chunk by chunk as
    /// [`slot_range`](crate::kernels::optimizer::slot_range) tells.
    fn update(&self, step: &Step<F>, weights: &mut [F], grads: &[F], slots: &mut [F]);
}

/// What a rule needs to know of the step.
#[derive(Debug, Clone, Copy)]
pub struct Step<F> {
    /// The number of updates before this one.
    pub iteration: u64,
    /// The learning rate, not yet rounded to `F`.
    pub learning_rate: f64,
    /// What is done before the rule; the learning rate as `F`.
    pub common: Common<F>,
}

/// The optimizers by name.
pub const KNOWN: &[Known] = &[
    Known::new("Adam"),
    Known::new("AdamW"),
    Known::new("RMSprop"),
    Known::new("SGD"),
];

/// Builds the rule of an optimizer from the fields that are its own.
fn build<F: Real>(id: &Identifier) -> Result<Box<dyn Optimizer<F>>> {
    Ok(match id.class_name {
        "Adam" => Box::new(id.fields::<Adam>()?),
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
