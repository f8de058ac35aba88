//! ConvLSTM1D, ConvLSTM2D, ConvLSTM3D: an LSTM whose states are lines, images or volumes, and whose products with the
//! weights are convolutions (Shi et al., Convolutional LSTM Network, 2015; Keras leaves its peepholes out).
//!
//! With `x` the image of a step, `h` and `c` the states, `s` the recurrent activation, `a` the activation and `@` a
//! convolution:
//!
//! ```text
//! i, f, o = s(x @ W + h @ U + b)      g = a(x @ W + h @ U + b)
//! c = f * c + i * g                   h = o * a(c)
//! ```
//!
//! Strides, padding and dilation are those of `x @ W`; `h @ U` keeps the size of the state: "same", without gaps.
//! `unroll` is taken for Keras's sake and changes nothing.

mod run;

#[cfg(test)]
mod tests;

use serde::Deserialize;

use super::setting::{channels, check_positive, check_steps, ones, shape, sliding, sums, yes};
use crate::config::Integers;
use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::init::Initializer;
use crate::kernels::activation::Activation;
use crate::kernels::recurrent::convolved::Sizes;
use crate::kernels::recurrent::{Cell, Kind};
use crate::layer::{Backward, Forward, Layer, MaskRule, Mode, Scratch};
use crate::layers::Configured;
use crate::layers::data_format::DataFormat;
use crate::layers::recurrent::{
    bias_start, check_activations, check_rates, check_sequences, check_states, kept_states,
    sequences,
};
use crate::layers::sliding::{Padding, Sliding};
use crate::param::ParamSpec;
use crate::real::Real;
use crate::regularizer::Regularizer;
use crate::shape::{Shape, checked_elements};

/// An LSTM over sequences of tensors of `RANK` axes and channels; its fields are Keras's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvolvedLstm<const RANK: usize> {
    filters: usize,
    kernel_size: Integers,
    #[serde(default = "ones")]
    strides: Integers,
    #[serde(default)]
    padding: Padding,
    #[serde(default)]
    data_format: DataFormat,
    #[serde(default = "ones")]
    dilation_rate: Integers,
    #[serde(default = "tanh")]
    activation: Activation,
    #[serde(default = "sigmoid")]
    recurrent_activation: Activation,
    #[serde(default = "yes")]
    use_bias: bool,
    #[serde(default = "Initializer::glorot_uniform")]
    kernel_initializer: Initializer,
    #[serde(default = "Initializer::orthogonal")]
    recurrent_initializer: Initializer,
    #[serde(default = "Initializer::zeros")]
    bias_initializer: Initializer,
    #[serde(default = "yes")]
    unit_forget_bias: bool,
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
    zero_output_for_mask: bool,
    /// An option of the call: so many inputs after the first are the states to start from.
    #[serde(default)]
    num_states: usize,
    /// An option of the call: no step is skipped, though a mask comes with the sequence and goes on with the output.
    #[serde(default)]
    ignores_mask: bool,
}

fn tanh() -> Activation {
    Activation::Tanh
}

fn sigmoid() -> Activation {
    Activation::Sigmoid
}

const GATES: usize = Kind::Lstm.gates();

impl<const RANK: usize> ConvolvedLstm<RANK> {
    const NAME: &'static str = ["ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"][RANK - 1];
    const AXES: &'static str = ["steps", "height, width", "depth, height, width"][RANK - 1];
}

impl<const RANK: usize> Configured for ConvolvedLstm<RANK> {
    fn validate(&self) -> Result<()> {
        let sliding = self.sliding()?;
        check_positive("filters", self.filters)?;
        check_steps(&sliding, &self.strides, &self.dilation_rate)?;
        check_rates(self.dropout, self.recurrent_dropout)?;
        check_activations([&self.activation, &self.recurrent_activation].into_iter())?;
        let state = format!("(batch, {}, filters)", Self::AXES);
        check_states(Self::NAME, Kind::Lstm, self.num_states, &state)
    }
}

impl<const RANK: usize> ConvolvedLstm<RANK> {
    /// The window on the inputs.
    fn sliding(&self) -> Result<Sliding<RANK>> {
        sliding(
            &self.kernel_size,
            &self.strides,
            &self.dilation_rate,
            self.padding,
        )
    }

    /// The window on the states.
    fn state_sliding(&self) -> Result<Sliding<RANK>> {
        sliding(&self.kernel_size, &ones(), &ones(), Padding::Same)
    }

    fn cell(&self) -> Cell<'_> {
        Cell {
            kind: Kind::Lstm,
            activation: &self.activation,
            recurrent_activation: &self.recurrent_activation,
        }
    }

    /// The steps, the shape of a batch of the images of one step, and that of a state; checked as far as they are known.
    fn steps(&self, inputs: &[Shape]) -> Result<(Option<usize>, Shape, Shape)> {
        let x = sequences(inputs, self.num_states)?;
        if x.rank() != RANK + 3 {
            return Err(Error::shape(
                format!("sequences of shape (batch, time, {}, channels)", Self::AXES),
                format!("input shape {x}"),
            )
            .remedy(if x.rank() == RANK + 2 {
                "Add an axis for the time, x[:, None], or for the channels, x[..., None]."
            } else {
                ""
            }));
        }
        check_sequences(x, self.stateful)?;
        let (image, state) = self.images(x).map_err(|e| e.got_also(" of a step"))?;
        if self.stateful && state.axes().contains(&None) {
            return Err(Error::shape(
                "known sizes of all axes but time, as `stateful` keeps a state for each sequence",
                format!("input shape {x}"),
            ));
        }
        for given in &inputs[1..] {
            let fits = given.rank() == state.rank()
                && given
                    .axes()
                    .iter()
                    .zip(state.axes())
                    .all(|(&a, &b)| a == b || a.is_none() || b.is_none());
            if !fits {
                return Err(Error::shape(
                    format!("an initial state of shape {state}"),
                    format!("shape {given}"),
                ));
            }
        }
        Ok((x[1], image, state))
    }

    /// The shapes of a batch of images of one step, and of a state.
    fn images(&self, x: &Shape) -> Result<(Shape, Shape)> {
        let mut axes = x.axes().to_vec();
        axes.remove(1);
        let image = Shape::new(axes);
        channels(&image, 1)?;
        let places = self.sliding()?.output(&image)?;
        let state = shape(x[0], places, self.filters);
        Ok((image, state))
    }

    /// The sizes of a run; `drops` says whether dropout is at work.
    fn sizes(&self, x: &[usize], drops: bool) -> Result<Sizes> {
        let groups = |rate: f64| if drops && rate > 0.0 { GATES } else { 1 };
        let (image, state) = self.images(&Shape::known(x))?;
        let (mut image, mut gates) = (image.sizes()?, state.sizes()?);
        let mut state = gates.clone();
        gates[RANK + 1] = GATES * self.filters;
        let of_state = groups(self.recurrent_dropout);
        state[RANK + 1] *= of_state;
        let recurrent = sums(&self.state_sliding()?, &state, &gates, of_state);
        let of_input = groups(self.dropout);
        image[RANK + 1] *= of_input;
        image[0] *= x[1];
        gates[0] *= x[1];
        Ok(Sizes {
            batch: x[0],
            time: x[1],
            input: sums(&self.sliding()?, &image, &gates, of_input),
            recurrent,
            go_backwards: self.go_backwards,
            return_sequences: self.return_sequences,
            zero_skipped: self.zero_output_for_mask,
        })
    }
}

impl<const RANK: usize, F: Real> Layer<F> for ConvolvedLstm<RANK> {
    fn kind(&self) -> &'static str {
        Self::NAME
    }

    fn channel_axis(&self, rank: usize) -> Option<usize> {
        // Sequences have the time in front of it, states have not.
        let in_image = self.data_format.channel_axis(rank)?;
        Some(in_image + usize::from(rank == RANK + 3))
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let (time, _, state) = self.steps(inputs)?;
        let mut axes = state.axes().to_vec();
        if self.return_sequences {
            axes.insert(1, time);
        }
        let states = if self.return_state {
            Kind::Lstm.states()
        } else {
            0
        };
        Ok(std::iter::once(Shape::new(axes))
            .chain(std::iter::repeat_n(state, states))
            .collect())
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<ParamSpec>> {
        let (_, image, state) = self.steps(inputs)?;
        let shape = |channels: usize| -> Result<Vec<usize>> {
            let mut shape = self.sliding()?.size.to_vec();
            shape.extend([channels, self.filters.saturating_mul(GATES)]);
            checked_elements(&shape)?;
            Ok(shape)
        };
        let kernel = shape(channels(&image, 1)?)?;
        let recurrent = shape(self.filters)?;
        let mut params = vec![
            ParamSpec::trainable("kernel", &kernel, &self.kernel_initializer)
                .regularized(&self.kernel_regularizer)
                .constrained(&self.kernel_constraint),
            ParamSpec::trainable("recurrent_kernel", &recurrent, &self.recurrent_initializer)
                .regularized(&self.recurrent_regularizer)
                .constrained(&self.recurrent_constraint),
        ];
        if self.use_bias {
            let start = bias_start(&self.bias_initializer, self.unit_forget_bias);
            params.push(
                ParamSpec::trainable("bias", &[GATES * self.filters], &start)
                    .regularized(&self.bias_regularizer)
                    .constrained(&self.bias_constraint),
            );
        }
        if self.stateful {
            params.extend(kept_states(Kind::Lstm, &state.sizes()?));
        }
        Ok(params)
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        self.memory(inputs, mode)
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
        self.run_backward(cx)
    }
}
