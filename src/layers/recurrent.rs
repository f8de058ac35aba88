//! What the recurrent layers share: options, shapes, weights, states and the way through the kernels.
//!
//! [`simple_rnn`](super::simple_rnn), [`lstm`](super::lstm) and [`gru`](super::gru) hold the formulas and what is
//! different. `unroll` and `use_cudnn` are taken for Keras's sake and change nothing: there is one implementation.

mod run;

pub(super) use run::{draw, start};

use std::fmt::Debug;
use std::marker::PhantomData;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Configured;
use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::init::Initializer;
use crate::kernels::activation::Activation;
use crate::kernels::recurrent::{Cell, Kind, Sizes};
use crate::layer::{Backward, Forward, Layer, MaskRule, Mode, Scratch};
use crate::param::ParamSpec;
use crate::real::Real;
use crate::regularizer::Regularizer;
use crate::shape::{MAX_ELEMENTS, Shape};

/// One of the recurrences.
pub trait Recurrence: Debug + Send + Sync + 'static {
    /// Keras's class name.
    const NAME: &'static str;
    /// Those of Keras's options that not every recurrence has.
    const OPTIONS: &'static [&'static str];
    /// What happens in a step, given the option `reset_after`.
    fn kind(reset_after: bool) -> Kind;
}

/// A recurrent layer over whole sequences; its fields are Keras's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Recurrent<R> {
    units: usize,
    #[serde(default = "tanh")]
    activation: Activation,
    #[serde(default, deserialize_with = "given")]
    recurrent_activation: Option<Activation>,
    #[serde(default = "yes")]
    use_bias: bool,
    #[serde(default = "Initializer::glorot_uniform")]
    kernel_initializer: Initializer,
    #[serde(default = "Initializer::orthogonal")]
    recurrent_initializer: Initializer,
    #[serde(default = "Initializer::zeros")]
    bias_initializer: Initializer,
    #[serde(default)]
    unit_forget_bias: Option<bool>,
    #[serde(default)]
    kernel_regularizer: Option<Regularizer>,
    #[serde(default)]
    recurrent_regularizer: Option<Regularizer>,
    #[serde(default)]
    bias_regularizer: Option<Regularizer>,
    #[serde(default)]
    kernel_constraint: Option<Constraint>,
    #[serde(default)]
    recurrent_constraint: Option<Constraint>,
    #[serde(default)]
    bias_constraint: Option<Constraint>,
    #[serde(default)]
    dropout: f64,
    #[serde(default)]
    recurrent_dropout: f64,
    #[serde(default)]
    seed: Option<u64>,
    #[serde(default)]
    return_sequences: bool,
    #[serde(default)]
    return_state: bool,
    #[serde(default)]
    go_backwards: bool,
    #[serde(default)]
    stateful: bool,
    #[serde(default, rename = "unroll")]
    _unroll: bool,
    #[serde(default)]
    reset_after: Option<bool>,
    #[serde(default)]
    use_cudnn: Option<Value>,
    #[serde(default)]
    zero_output_for_mask: bool,
    /// An option of the call: so many inputs after the first are the states to start from.
    #[serde(default)]
    num_states: usize,
    /// An option of the call: no step is skipped, though a mask comes with the sequence and goes on with the output.
    #[serde(default)]
    ignores_mask: bool,
    #[serde(skip)]
    recurrence: PhantomData<fn() -> R>,
}

fn tanh() -> Activation {
    Activation::Tanh
}

fn yes() -> bool {
    true
}

/// An activation that was named: `null` is Keras's word for none.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Activation>, D::Error> {
    Option::deserialize(deserializer)
        .map(|activation| Some(activation.unwrap_or(Activation::Linear)))
}

impl<R: Recurrence> Configured for Recurrent<R> {
    fn validate(&self) -> Result<()> {
        if !(1..=MAX_ELEMENTS).contains(&self.units) {
            return Err(Error::config(
                format!("`units` from 1 to {MAX_ELEMENTS}"),
                self.units.to_string(),
            ));
        }
        check_rates(self.dropout, self.recurrent_dropout)?;
        check_activations(std::iter::once(&self.activation).chain(&self.recurrent_activation))?;
        let given = [
            ("recurrent_activation", self.recurrent_activation.is_some()),
            ("unit_forget_bias", self.unit_forget_bias.is_some()),
            ("reset_after", self.reset_after.is_some()),
            ("use_cudnn", self.use_cudnn.is_some()),
        ];
        for (name, given) in given {
            if given && !R::OPTIONS.contains(&name) {
                return Err(Error::config(
                    format!("options of {}", R::NAME),
                    format!("`{name}`"),
                ));
            }
        }
        match &self.use_cudnn {
            None | Some(Value::Bool(_)) => {}
            Some(Value::String(name)) if name == "auto" => {}
            Some(other) => {
                return Err(Error::config(
                    "`use_cudnn` to be \"auto\", true or false",
                    other.to_string(),
                ));
            }
        }
        check_states(R::NAME, self.kind(), self.num_states, "(batch, units)")
    }
}

/// Refuses shares that cannot be dropped.
pub(super) fn check_rates(dropout: f64, recurrent_dropout: f64) -> Result<()> {
    for (name, rate) in [
        ("dropout", dropout),
        ("recurrent_dropout", recurrent_dropout),
    ] {
        if !(0.0..1.0).contains(&rate) {
            return Err(Error::config(
                format!("`{name}` of at least 0 and below 1"),
                rate.to_string(),
            )
            .remedy("It is the share of the numbers that is dropped."));
        }
    }
    Ok(())
}

/// Refuses activations that look at several numbers at once.
pub(super) fn check_activations<'a>(
    mut activations: impl Iterator<Item = &'a Activation>,
) -> Result<()> {
    match activations.find(|activation| activation.is_rowwise()) {
        Some(activation) => Err(Error::config(
            "activations that take each number alone",
            format!("{activation:?}"),
        )),
        None => Ok(()),
    }
}

/// Refuses initial states that are neither none nor one for each state.
pub(super) fn check_states(layer: &str, kind: Kind, given: usize, shape: &str) -> Result<()> {
    let states = kind.states();
    if given == 0 || given == states {
        return Ok(());
    }
    let expected = format!(
        "{states} initial state{}",
        if states == 1 { "" } else { "s" }
    );
    Err(Error::config(expected, given.to_string()).remedy(format!(
        "Give `initial_state` one tensor of shape {shape} for each state of {layer}."
    )))
}

/// Refuses sequences without steps, and batches of unknown size if a state is kept for each sequence.
pub(super) fn check_sequences(x: &Shape, stateful: bool) -> Result<()> {
    if x[1] == Some(0) {
        return Err(Error::shape(
            "sequences of at least one step",
            format!("input shape {x}"),
        ));
    }
    if stateful && x[0].is_none() {
        return Err(Error::shape(
            "a known batch size, as `stateful` keeps a state for each sequence",
            format!("input shape {x}"),
        )
        .remedy("Give the model's input its `batch_size` or `batch_shape`."));
    }
    Ok(())
}

/// The sequences among the inputs, which so many states follow.
pub(super) fn sequences(inputs: &[Shape], states: usize) -> Result<&Shape> {
    match inputs.first() {
        Some(x) if inputs.len() == 1 + states => Ok(x),
        _ => Err(Error::shape(
            format!("{} inputs: sequences and {states} states", 1 + states),
            inputs.len().to_string(),
        )),
    }
}

/// How the bias of a cell starts.
pub(super) fn bias_start(initializer: &Initializer, forget: bool) -> Initializer {
    if forget {
        Initializer::ForgetBias(Box::new(initializer.clone()))
    } else {
        initializer.clone()
    }
}

/// The states that are kept from batch to batch.
pub(super) fn kept_states(kind: Kind, shape: &[usize]) -> impl Iterator<Item = ParamSpec> {
    ["state_h", "state_c"][..kind.states()]
        .iter()
        .map(|&name| ParamSpec::state(name, shape, &Initializer::zeros()))
}

impl<R: Recurrence> Recurrent<R> {
    fn kind(&self) -> Kind {
        R::kind(self.reset_after.unwrap_or(true))
    }

    fn cell(&self) -> Cell<'_> {
        Cell {
            kind: self.kind(),
            activation: &self.activation,
            recurrent_activation: self
                .recurrent_activation
                .as_ref()
                .unwrap_or(&Activation::Sigmoid),
        }
    }

    /// Batch, time and features of the input, checked as far as they are known.
    fn axes(&self, inputs: &[Shape]) -> Result<(Option<usize>, Option<usize>, usize)> {
        let x = sequences(inputs, self.num_states)?;
        if x.rank() != 3 {
            return Err(Error::shape(
                "sequences of shape (batch, time, features)",
                format!("input shape {x}"),
            )
            .remedy("Reshape the input to three axes."));
        }
        let features = x[2].filter(|&features| features > 0).ok_or_else(|| {
            Error::shape(
                "a known, positive number of features in the last axis",
                format!("input shape {x}"),
            )
        })?;
        check_sequences(x, self.stateful)?;
        for state in &inputs[1..] {
            let fits = state.rank() == 2
                && state[1] == Some(self.units)
                && (state[0] == x[0] || state[0].is_none() || x[0].is_none());
            if !fits {
                let expected = Shape::from([x[0], Some(self.units)]);
                return Err(Error::shape(
                    format!("an initial state of shape {expected}"),
                    format!("shape {state}"),
                ));
            }
        }
        Ok((x[0], x[1], features))
    }

    /// The sizes of a run; `masks` says whether dropout is at work.
    fn sizes(&self, x: &[usize], masks: bool, backward: bool) -> Sizes {
        let kind = self.kind();
        let recurrent = masks && self.recurrent_dropout > 0.0;
        // Keras draws a mask for each gate under recurrent dropout, one for all otherwise.
        let count = if recurrent { kind.gates() } else { 1 };
        Sizes {
            batch: x[0],
            time: x[1],
            input: x[2],
            units: self.units,
            kind,
            input_masks: if masks && self.dropout > 0.0 {
                count
            } else {
                0
            },
            state_masks: if recurrent { count } else { 0 },
            go_backwards: self.go_backwards,
            return_sequences: self.return_sequences,
            zero_skipped: self.zero_output_for_mask,
            backward,
        }
    }
}

impl<F: Real, R: Recurrence> Layer<F> for Recurrent<R> {
    fn kind(&self) -> &'static str {
        R::NAME
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let (batch, time, _) = self.axes(inputs)?;
        let state = Shape::from([batch, Some(self.units)]);
        let y = if self.return_sequences {
            Shape::from([batch, time, Some(self.units)])
        } else {
            state.clone()
        };
        let states = if self.return_state {
            Recurrent::kind(self).states()
        } else {
            0
        };
        Ok(std::iter::once(y)
            .chain(std::iter::repeat_n(state, states))
            .collect())
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<ParamSpec>> {
        let (batch, _, features) = self.axes(inputs)?;
        let kind = Recurrent::kind(self);
        let width = kind.gates() * self.units;
        let mut params = vec![
            ParamSpec::trainable("kernel", &[features, width], &self.kernel_initializer)
                .regularized(&self.kernel_regularizer)
                .constrained(&self.kernel_constraint),
            ParamSpec::trainable(
                "recurrent_kernel",
                &[self.units, width],
                &self.recurrent_initializer,
            )
            .regularized(&self.recurrent_regularizer)
            .constrained(&self.recurrent_constraint),
        ];
        if self.use_bias {
            let one = [width];
            let two = [2, width];
            let shape = if kind == (Kind::Gru { reset_after: true }) {
                &two[..]
            } else {
                &one[..]
            };
            let forget = kind == Kind::Lstm && self.unit_forget_bias.unwrap_or(true);
            params.push(
                ParamSpec::trainable("bias", shape, &bias_start(&self.bias_initializer, forget))
                    .regularized(&self.bias_regularizer)
                    .constrained(&self.bias_constraint),
            );
        }
        if let Some(batch) = batch.filter(|_| self.stateful) {
            params.extend(kept_states(kind, &[batch, self.units]));
        }
        Ok(params)
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        self.memory::<F>(inputs, mode)
    }

    fn mask_rule(&self, _: &[Shape], masked: &[bool]) -> MaskRule {
        if self.return_sequences && masked.first() == Some(&true) {
            MaskRule::Pass(0)
        } else {
            MaskRule::None
        }
    }

    fn is_stateful(&self) -> bool {
        self.stateful
    }

    fn forward(&self, cx: Forward<'_, F>) -> Result<()> {
        self.run_forward(cx)
    }

    fn backward(&self, cx: Backward<'_, F>) -> Result<()> {
        self.run_backward(cx);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
