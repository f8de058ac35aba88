//! Schedules one after the other, and a straight line up before one.

use serde::Deserialize;
use serde_json::Value;

use super::{Schedule, from_config};
use crate::error::{Error, Result};

/// The same at every step.
#[derive(Debug)]
struct Constant(f64);

impl Schedule for Constant {
    fn kind(&self) -> &'static str {
        "Constant"
    }

    fn learning_rate(&self, _: f64) -> f64 {
        self.0
    }
}

/// A number, or a schedule.
fn number_or_schedule(value: &Value) -> Result<Box<dyn Schedule>> {
    match value.as_f64() {
        Some(rate) => Ok(Box::new(Constant(rate))),
        None => from_config(value),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChainedFields {
    schedules: Vec<Value>,
    boundaries: Vec<f64>,
}

/// Schedules one after the other.
#[derive(Debug)]
pub struct Chained {
    schedules: Vec<Box<dyn Schedule>>,
    boundaries: Vec<f64>,
}

impl Chained {
    pub(super) fn new(fields: ChainedFields) -> Result<Self> {
        let (schedules, boundaries) = (fields.schedules.len(), fields.boundaries.len());
        if schedules != boundaries + 1 {
            let got = format!("{schedules} schedules and {boundaries} boundaries");
            let expected = "one more schedule than boundaries";
            return Err(Error::config(expected, got).at("Chained"));
        }
        let rising = fields.boundaries.is_sorted();
        if !rising || fields.boundaries.iter().any(|&boundary| boundary < 0.0) {
            let got = format!("boundaries={:?}", fields.boundaries);
            return Err(Error::config("rising boundaries from 0", got).at("Chained"));
        }
        let schedules = fields.schedules.iter().map(number_or_schedule);
        Ok(Self {
            schedules: schedules.collect::<Result<_>>()?,
            boundaries: fields.boundaries,
        })
    }
}

impl Schedule for Chained {
    fn kind(&self) -> &'static str {
        "Chained"
    }

    fn learning_rate(&self, step: f64) -> f64 {
        let at = self
            .boundaries
            .partition_point(|&boundary| boundary <= step);
        let start = if at == 0 {
            0.0
        } else {
            self.boundaries[at - 1]
        };
        self.schedules[at].learning_rate(step - start)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WarmupFields {
    learning_rate: Value,
    warmup_steps: f64,
    #[serde(default)]
    initial_learning_rate: f64,
}

/// A straight line up to the start of a schedule, which then counts from 0.
#[derive(Debug)]
pub struct LinearWarmup {
    initial: f64,
    steps: f64,
    then: Box<dyn Schedule>,
}

impl LinearWarmup {
    pub(super) fn new(fields: WarmupFields) -> Result<Self> {
        if !(fields.warmup_steps.is_finite() && fields.warmup_steps >= 0.0) {
            let got = format!("warmup_steps={}", fields.warmup_steps);
            return Err(Error::config("warmup_steps >= 0", got).at("LinearWarmup"));
        }
        Ok(Self {
            initial: fields.initial_learning_rate,
            steps: fields.warmup_steps,
            then: number_or_schedule(&fields.learning_rate)?,
        })
    }
}

impl Schedule for LinearWarmup {
    fn kind(&self) -> &'static str {
        "LinearWarmup"
    }

    fn learning_rate(&self, step: f64) -> f64 {
        if step >= self.steps {
            return self.then.learning_rate(step - self.steps);
        }
        let target = self.then.learning_rate(0.0);
        self.initial + (target - self.initial) * (step / self.steps)
    }
}
