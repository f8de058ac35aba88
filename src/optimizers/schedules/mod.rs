//! Learning rates that depend on the step: one file per schedule, and the registry that reads them from Keras configs.

mod chained;
mod cosine_decay;
mod cosine_decay_restarts;
mod cyclic;
mod exponential_decay;
mod inverse_time_decay;
mod noam;
mod one_cycle;
mod piecewise_constant_decay;
mod polynomial_decay;

use std::fmt::Debug;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::identifier::{Identifier, Known};

pub use chained::{Chained, LinearWarmup};
pub use cosine_decay::CosineDecay;
pub use cosine_decay_restarts::CosineDecayRestarts;
pub use cyclic::Cyclic;
pub use exponential_decay::ExponentialDecay;
pub use inverse_time_decay::InverseTimeDecay;
pub use noam::Noam;
pub use one_cycle::OneCycle;
pub use piecewise_constant_decay::PiecewiseConstantDecay;
pub use polynomial_decay::PolynomialDecay;

/// A learning rate for each step.
pub trait Schedule: Debug + Send + Sync {
    /// The Keras name of the class.
    fn kind(&self) -> &'static str;
    /// The learning rate at `step`, counted from 0.
    fn learning_rate(&self, step: f64) -> f64;
}

/// The schedules by name.
pub const KNOWN: &[Known] = &[
    Known::new("Chained"),
    Known::new("CosineDecay"),
    Known::new("CosineDecayRestarts"),
    Known::new("Cyclic"),
    Known::new("ExponentialDecay"),
    Known::new("InverseTimeDecay"),
    Known::new("LinearWarmup"),
    Known::new("Noam"),
    Known::new("OneCycle"),
    Known::new("PiecewiseConstantDecay"),
    Known::new("PolynomialDecay"),
];

/// Reads a Keras config.
pub fn from_config(value: &Value) -> Result<Box<dyn Schedule>> {
    let mut id = Identifier::parse("learning rate schedule", value, KNOWN)?;
    id.take_string("name")?;
    Ok(match id.class_name {
        "Chained" => Box::new(Chained::new(id.fields()?)?),
        "CosineDecay" => Box::new(id.fields::<CosineDecay>()?.checked()?),
        "ExponentialDecay" => Box::new(id.fields::<ExponentialDecay>()?.checked()?),
        "CosineDecayRestarts" => Box::new(id.fields::<CosineDecayRestarts>()?.checked()?),
        "Cyclic" => Box::new(id.fields::<Cyclic>()?.checked()?),
        "InverseTimeDecay" => Box::new(id.fields::<InverseTimeDecay>()?.checked()?),
        "LinearWarmup" => Box::new(LinearWarmup::new(id.fields()?)?),
        "Noam" => Box::new(id.fields::<Noam>()?.checked()?),
        "OneCycle" => Box::new(id.fields::<OneCycle>()?.checked()?),
        "PolynomialDecay" => Box::new(id.fields::<PolynomialDecay>()?.checked()?),
        _ => Box::new(id.fields::<PiecewiseConstantDecay>()?.checked()?),
    })
}

/// Refuses a number of steps that cannot be divided by.
fn positive_steps(kind: &str, decay_steps: f64) -> Result<()> {
    if decay_steps.is_finite() && decay_steps > 0.0 {
        return Ok(());
    }
    Err(Error::config("decay_steps > 0", format!("decay_steps={decay_steps}")).at(kind.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rates(class_name: &str, config: Value, steps: &[f64]) -> Vec<f64> {
        let schedule = from_config(&json!({"class_name": class_name, "config": config})).unwrap();
        steps
            .iter()
            .map(|&step| schedule.learning_rate(step))
            .collect()
    }

    fn assert_near(got: &[f64], wanted: &[f64]) {
        assert!(
            got.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-12),
            "{got:?} for {wanted:?}"
        );
    }

    #[test]
    fn exponential_decay_is_smooth_or_in_stairs() {
        let config = json!({"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.25});
        assert_near(
            &rates("ExponentialDecay", config, &[0.0, 5.0, 20.0]),
            &[0.1, 0.05, 0.00625],
        );
        let config = json!({"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5, "staircase": true});
        assert_near(
            &rates("ExponentialDecay", config, &[9.0, 10.0, 19.0]),
            &[0.1, 0.05, 0.05],
        );
    }

    #[test]
    fn cosine_decay_falls_to_alpha_and_stays_there() {
        let config = json!({"initial_learning_rate": 1.0, "decay_steps": 100, "alpha": 0.1});
        assert_near(
            &rates("CosineDecay", config, &[0.0, 50.0, 100.0, 900.0]),
            &[1.0, 0.55, 0.1, 0.1],
        );
    }

    #[test]
    fn cosine_decay_warms_up_in_a_straight_line() {
        let config = json!({
            "initial_learning_rate": 0.0, "decay_steps": 100, "warmup_target": 1.0, "warmup_steps": 10, "name": "CosineDecay"
        });
        assert_near(
            &rates("CosineDecay", config, &[0.0, 5.0, 10.0, 60.0, 110.0]),
            &[0.0, 0.5, 1.0, 0.5, 0.0],
        );
    }

    #[test]
    fn piecewise_constant_decay_changes_after_its_boundaries() {
        let config = json!({"boundaries": [10, 20], "values": [1.0, 0.5, 0.1]});
        assert_near(
            &rates(
                "PiecewiseConstantDecay",
                config,
                &[0.0, 10.0, 11.0, 20.0, 21.0],
            ),
            &[1.0, 1.0, 0.5, 0.5, 0.1],
        );
    }

    #[test]
    fn schedules_that_cannot_be_are_refused() {
        for (class_name, config, text) in [
            (
                "CosineDecay",
                json!({"initial_learning_rate": 1.0, "decay_steps": 0}),
                "CosineDecay: expected decay_steps > 0, got decay_steps=0",
            ),
            (
                "PiecewiseConstantDecay",
                json!({"boundaries": [1], "values": [1.0]}),
                "PiecewiseConstantDecay: expected one more value than boundaries, got 1 values and 1 boundaries",
            ),
        ] {
            let error =
                from_config(&json!({"class_name": class_name, "config": config})).unwrap_err();
            assert_eq!(error.to_string(), text);
        }
    }
}
