//! What all optimizers share: learning rate, decay, clipping, averages, accumulation.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::schedules::{self, Schedule};
use crate::config;
use crate::error::{Error, Result};
use crate::identifier::Identifier;

/// A learning rate: one number, or one for each step.
#[derive(Debug)]
pub enum LearningRate {
    /// The same at every step, until it is set.
    Fixed(f64),
    /// A function of the step.
    Schedule(Box<dyn Schedule>),
}

impl LearningRate {
    /// Reads a number or the config of a schedule; `None` is the default of the class.
    fn from_config(value: Option<&Value>, class_name: &'static str) -> Result<Self> {
        match value {
            None => Ok(Self::Fixed(match class_name {
                "LBFGS" => 1.0,
                "IRprop" | "SGD" => 0.01,
                "ScheduleFreeAdamW" => 0.0025,
                _ => 0.001,
            })),
            Some(Value::Number(number)) => checked_rate(number.as_f64().unwrap_or(f64::NAN))
                .map(Self::Fixed)
                .map_err(|e| e.at(class_name)),
            Some(Value::Object(_)) => {
                schedules::from_config(value.unwrap_or(&Value::Null)).map(Self::Schedule)
            }
            Some(other) => Err(Error::config(
                "a number or a schedule for learning_rate",
                format!("learning_rate={other}"),
            )
            .at(class_name)),
        }
    }

    /// The learning rate at `step`, counted from 0.
    pub fn at(&self, step: u64) -> f64 {
        match self {
            Self::Fixed(rate) => *rate,
            Self::Schedule(schedule) => schedule.learning_rate(step as f64),
        }
    }
}

/// The rate, or an error if it is no number.
pub(super) fn checked_rate(rate: f64) -> Result<f64> {
    if rate.is_finite() {
        return Ok(rate);
    }
    Err(Error::config(
        "a finite learning_rate",
        format!("learning_rate={rate}"),
    ))
}

/// The settings that every optimizer has, as Keras names them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The share of each weight that is taken off in a step, times the learning rate.
    pub weight_decay: Option<f64>,
    /// The largest norm of the gradient of one weight.
    pub clipnorm: Option<f64>,
    /// The largest absolute value of a gradient.
    pub clipvalue: Option<f64>,
    /// The largest norm of all gradients together.
    pub global_clipnorm: Option<f64>,
    /// Whether to keep a moving average of the weights.
    pub use_ema: bool,
    /// The share of the average that is kept.
    pub ema_momentum: f64,
    /// The steps after which weights become their averages; only at the end of training if none.
    pub ema_overwrite_frequency: Option<u64>,
    /// What the loss was multiplied by, so that gradients are divided by it.
    pub loss_scale_factor: Option<f64>,
    /// The steps whose gradients make one update.
    pub gradient_accumulation_steps: Option<u64>,
    /// The name of the optimizer.
    pub name: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            weight_decay: None,
            clipnorm: None,
            clipvalue: None,
            global_clipnorm: None,
            use_ema: false,
            ema_momentum: 0.99,
            ema_overwrite_frequency: None,
            loss_scale_factor: None,
            gradient_accumulation_steps: None,
            name: None,
        }
    }
}

/// The names of the fields of [`Settings`].
const FIELDS: [&str; 10] = [
    "weight_decay",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
    "name",
];

impl Settings {
    /// Takes the shared settings out of a config and leaves what is the optimizer's own.
    pub(super) fn take(id: &mut Identifier) -> Result<(Self, LearningRate)> {
        let class_name = id.class_name;
        let rate = id.take("learning_rate");
        let taken: Map<String, Value> = FIELDS
            .iter()
            .filter_map(|&field| Some((field.to_owned(), id.take(field)?)))
            .collect();
        let decay_given = taken.contains_key("weight_decay");
        let mut settings: Self =
            config::parse(&Value::Object(taken)).map_err(|e| e.at(class_name))?;
        if matches!(class_name, "AdamW" | "Muon") && !decay_given {
            settings.weight_decay = Some(0.004);
        }
        settings.check(class_name).map_err(|e| e.at(class_name))?;
        Ok((
            settings,
            LearningRate::from_config(rate.as_ref(), class_name)?,
        ))
    }

    pub(super) fn check(&self, class_name: &str) -> Result<()> {
        if class_name == "AdamW" && self.weight_decay.is_none() {
            return Err(
                Error::config("a number for weight_decay", "weight_decay=None")
                    .remedy("Use Adam without it."),
            );
        }
        let clips = [self.clipnorm, self.clipvalue, self.global_clipnorm];
        if clips.iter().flatten().count() > 1 {
            return Err(Error::config(
                "at most one of clipnorm, clipvalue and global_clipnorm",
                format!(
                    "clipnorm={:?}, clipvalue={:?}, global_clipnorm={:?}",
                    self.clipnorm, self.clipvalue, self.global_clipnorm
                )
                .replace("Some(", "")
                .replace(')', ""),
            ));
        }
        for (name, value) in [
            ("weight_decay", self.weight_decay),
            ("clipnorm", self.clipnorm),
            ("clipvalue", self.clipvalue),
            ("global_clipnorm", self.global_clipnorm),
            ("loss_scale_factor", self.loss_scale_factor),
        ] {
            if let Some(value) = value.filter(|value| !value.is_finite()) {
                return Err(Error::config(
                    format!("a finite {name}"),
                    format!("{name}={value}"),
                ));
            }
        }
        if self.loss_scale_factor == Some(0.0) {
            return Err(Error::config(
                "a loss_scale_factor other than 0",
                "loss_scale_factor=0",
            ));
        }
        if self.gradient_accumulation_steps == Some(1) {
            return Err(Error::config(
                "gradient_accumulation_steps >= 2",
                "gradient_accumulation_steps=1",
            )
            .remedy("Leave it out to update at every step."));
        }
        if self.use_ema && !(0.0..=1.0).contains(&self.ema_momentum) {
            return Err(Error::config(
                "ema_momentum from 0 to 1",
                format!("ema_momentum={}", self.ema_momentum),
            ));
        }
        Ok(())
    }

    /// The steps of one update: 1 without accumulation. Keras takes 0 for none.
    pub(super) fn steps_per_update(&self) -> u64 {
        self.gradient_accumulation_steps.unwrap_or(1).max(1)
    }
}
