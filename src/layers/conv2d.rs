//! The 2-D convolution: `y = activation(conv(x, kernel) + bias)`.
//!
//! The sums and their gradients are in [`crate::kernels::conv`]. With `z` the sums, `y = f(z)` and the gradient `dy` of the
//! loss by `y`: `dz = dy * f'(z)`, and the bias's gradient is the sum of dz over all pixels.

use serde::Deserialize;

use super::data_format::DataFormat;
use super::sliding::{Padding, Sliding, pair};
use super::{Configured, only_input};
use crate::config::Integers;
use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::init::Initializer;
use crate::kernels::activation::{Activation, Relu};
use crate::kernels::conv::{Conv2d, backward_data, backward_weights, forward};
use crate::kernels::gemm::Epilogue;
use crate::kernels::reduce::column_sums;
use crate::layer::{Backward, Forward, Layer, Mode, Scratch};
use crate::param::ParamSpec;
use crate::real::Real;
use crate::regularizer::Regularizer;
use crate::shape::{Shape, checked_elements};

/// A weighted sum of each window for each filter, and an activation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conv2D {
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
    #[serde(default = "one")]
    groups: usize,
    #[serde(default)]
    activation: Activation,
    #[serde(default = "yes")]
    use_bias: bool,
    #[serde(default = "Initializer::glorot_uniform")]
    kernel_initializer: Initializer,
    #[serde(default = "Initializer::zeros")]
    bias_initializer: Initializer,
    #[serde(default)]
    kernel_regularizer: Option<Regularizer>,
    #[serde(default)]
    bias_regularizer: Option<Regularizer>,
    #[serde(default)]
    kernel_constraint: Option<Constraint>,
    #[serde(default)]
    bias_constraint: Option<Constraint>,
}

fn ones() -> Integers {
    Integers(vec![1])
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

impl Conv2D {
    fn sliding(&self) -> Result<Sliding> {
        Ok(Sliding {
            size: pair("kernel_size", &self.kernel_size)?,
            strides: pair("strides", &self.strides)?,
            dilation: pair("dilation_rate", &self.dilation_rate)?,
            padding: self.padding,
        })
    }

    /// All sizes, for an input and an output that are known.
    fn geometry(&self, input: &[usize], output: &[usize]) -> Result<Conv2d> {
        let sliding = self.sliding()?;
        Ok(Conv2d {
            batch: input[0],
            input: [input[1], input[2]],
            channels: input[3],
            kernel: sliding.size,
            filters: self.filters,
            groups: self.groups,
            strides: sliding.strides,
            dilation: sliding.dilation,
            padding: [0, 1].map(|axis| sliding.before(axis, input[1 + axis])),
            output: [output[1], output[2]],
        })
    }
}

impl Configured for Conv2D {
    fn validate(&self) -> Result<()> {
        let sliding = self.sliding()?;
        if self.filters == 0 {
            return Err(Error::config("`filters` to be at least 1", "0"));
        }
        if self.groups == 0 || !self.filters.is_multiple_of(self.groups) {
            return Err(Error::config(
                format!("`groups` to divide the {} filters", self.filters),
                self.groups.to_string(),
            ));
        }
        if sliding.strides != [1, 1] && sliding.dilation != [1, 1] {
            return Err(Error::config(
                "`strides` or `dilation_rate` to be 1",
                format!(
                    "strides {} and dilation_rate {}",
                    self.strides, self.dilation_rate
                ),
            ));
        }
        if !self.activation.keeps_shape() {
            let got = format!("{:?}", self.activation.name());
            return Err(Error::config("an activation that keeps the shape", got)
                .remedy("Put an Activation layer behind."));
        }
        self.data_format.check_activation(&self.activation)
    }
}

impl<F: Real> Layer<F> for Conv2D {
    fn kind(&self) -> &'static str {
        "Conv2D"
    }

    fn channel_axis(&self, rank: usize) -> Option<usize> {
        self.data_format.channel_axis(rank)
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        let [height, width] = self.sliding()?.output(input)?;
        let channels = input
            .last()
            .ok_or_else(|| Error::shape("a known number of channels", format!("shape {input}")))?;
        if channels == 0 || !channels.is_multiple_of(self.groups) {
            return Err(Error::shape(
                format!("a number of channels that {} groups divide", self.groups),
                format!("shape {input}"),
            ));
        }
        Ok(vec![Shape::from([
            input[0],
            height,
            width,
            Some(self.filters),
        ])])
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<ParamSpec>> {
        let channels = only_input(inputs)?.last().unwrap_or(0);
        let [height, width] = self.sliding()?.size;
        let shape = [height, width, channels / self.groups, self.filters];
        checked_elements(&shape)?;
        let mut params = vec![
            ParamSpec::trainable("kernel", &shape, &self.kernel_initializer)
                .regularized(&self.kernel_regularizer)
                .constrained(&self.kernel_constraint),
        ];
        if self.use_bias {
            params.push(
                ParamSpec::trainable("bias", &[self.filters], &self.bias_initializer)
                    .regularized(&self.bias_regularizer)
                    .constrained(&self.bias_constraint),
            );
        }
        Ok(params)
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        // The sums z are kept where the derivative cannot be had from the output.
        let saved = if mode.backward && self.activation.needs_input() {
            let outputs = Layer::<F>::output_shapes(self, inputs)?;
            vec![checked_elements(&outputs[0].sizes()?)?]
        } else {
            vec![]
        };
        Ok(Scratch {
            saved,
            reads_inputs: true,
            reads_outputs: true,
            ..Scratch::default()
        })
    }

    fn output_activation(&self) -> Option<&Activation> {
        Some(&self.activation)
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let conv = self.geometry(cx.input_shape(0), cx.output_shape(0))?;
        let activation = if cx.defers_activation() {
            &Activation::Linear
        } else {
            &self.activation
        };
        let relu = *activation == Activation::Relu(Relu::PLAIN);
        let epilogue = Epilogue {
            bias: self.use_bias.then(|| cx.param(1)),
            relu,
        };
        let output = cx.output(0);
        let sums = if cx.num_saved() > 0 {
            cx.saved(0)
        } else {
            &mut []
        };
        let keeps_sums = !sums.is_empty() && !cx.defers_activation();
        let to = if keeps_sums { &mut *sums } else { &mut *output };
        forward(&conv, cx.input(0), cx.param(0), epilogue, to);
        if keeps_sums {
            activation.forward(sums, output, self.filters);
        } else if !relu {
            activation.forward_in_place(output, self.filters);
        }
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let Some(dz) = cx.grad_output_mut(0) else {
            return Ok(());
        };
        let conv = self.geometry(cx.input_shape(0), cx.output_shape(0))?;
        if !cx.defers_activation() {
            let sums = self.activation.needs_input().then(|| &*cx.saved(0));
            self.activation
                .backward_in_place(sums, cx.output(0), dz, self.filters);
        }
        let dz = &*dz;
        if let Some(kernel) = cx.grad_param(0) {
            backward_weights(&conv, cx.input(0), dz, kernel.beta(), kernel.values);
        }
        if self.use_bias
            && let Some(bias) = cx.grad_param(1)
        {
            column_sums(dz, self.filters, bias.values, bias.accumulate);
        }
        if let Some(input) = cx.grad_input(0) {
            backward_data(&conv, dz, cx.param(0), input.beta(), input.values);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Array, Case, assert_close, check_gradients};

    fn case(config: Value, shape: &[usize]) -> Case {
        Case {
            kind: "Conv2D",
            config,
            inputs: vec![Array::random(shape, 1)],
            ..Case::default()
        }
    }

    #[test]
    fn each_output_is_the_weighted_sum_of_its_window_plus_the_bias() {
        // x = 1 2 3 / 4 5 6 / 7 8 9; the kernel takes the upper left number minus the lower right one.
        let case = Case {
            inputs: vec![Array::new(
                &[1, 3, 3, 1],
                &[1., 2., 3., 4., 5., 6., 7., 8., 9.],
            )],
            weights: vec![vec![1.0, 0.0, 0.0, -1.0], vec![0.5]],
            ..case(
                json!({"filters": 1, "kernel_size": 2, "padding": "same"}),
                &[1],
            )
        };
        // "same" with a window of 2 adds a row and a column of zeros at the end.
        let expected = [-3.5, -3.5, 3.5, -3.5, -3.5, 6.5, 7.5, 8.5, 9.5];
        assert_close::<f64>(&case.outputs::<f64>().unwrap()[0].values, &expected, 0.0);
        assert_close::<f64>(&case.outputs::<f32>().unwrap()[0].values, &expected, 0.0);
    }

    #[test]
    fn gradients_agree_with_differences() {
        let shape = [2, 5, 6, 4];
        for config in [
            json!({"filters": 3, "kernel_size": 3}),
            json!({"filters": 3, "kernel_size": [3, 2], "strides": 2, "padding": "same", "activation": "tanh"}),
            json!({"filters": 2, "kernel_size": 2, "dilation_rate": [2, 3], "use_bias": false}),
            json!({"filters": 4, "kernel_size": 3, "groups": 2, "padding": "same", "activation": "gelu"}),
            json!({"filters": 4, "kernel_size": 1, "groups": 4, "strides": [1, 3], "activation": "softmax"}),
        ] {
            check_gradients(&case(config, &shape));
        }
    }

    #[test]
    fn wrong_settings_and_inputs_are_named() {
        let image = [1, 4, 4, 3];
        for (config, shape, expected) in [
            (
                json!({"filters": 2, "kernel_size": 3, "padding": "full"}),
                &image[..],
                "expected `padding` to be \"valid\" or \"same\", got \"full\"",
            ),
            (
                json!({"filters": 2, "kernel_size": 3, "strides": 2, "dilation_rate": 2}),
                &image,
                "expected `strides` or `dilation_rate` to be 1, got strides (2,) and dilation_rate (2,)",
            ),
            (
                json!({"filters": 2, "kernel_size": 0}),
                &image,
                "expected `kernel_size` to be one or two positive integers, got (0,)",
            ),
            (
                json!({"filters": 3, "kernel_size": 1, "groups": 2}),
                &image,
                "expected `groups` to divide the 3 filters, got 2",
            ),
            (
                json!({"filters": 2, "kernel_size": 1, "groups": 2}),
                &image,
                "expected a number of channels that 2 groups divide, got shape (1, 4, 4, 3)",
            ),
            (
                json!({"filters": 2, "kernel_size": 5}),
                &image,
                "expected images of at least 5 x 5, as the window reaches, got shape (1, 4, 4, 3). Use a smaller window or padding=\"same\".",
            ),
            (
                json!({"filters": 2, "kernel_size": 3}),
                &image[..3],
                "expected inputs of shape (batch, height, width, channels), got shape (1, 4, 4). Add an axis for the channels: x[..., None].",
            ),
        ] {
            let error = case(config, shape).error();
            assert_eq!(error, format!("Conv2D \"conv2d\": {expected}"));
        }
        let huge = json!({"filters": 2, "kernel_size": 1u64 << 40, "padding": "same"});
        assert!(case(huge, &image).error().contains("expected at most"));
        let wide =
            json!({"filters": 2, "kernel_size": 3, "padding": "same", "dilation_rate": 1u64 << 40});
        assert!(case(wide, &image).error().contains("expected at most"));
    }
}
