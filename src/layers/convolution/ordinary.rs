//! Conv1D, Conv2D, Conv3D: a weighted sum of each window for each filter, and an activation.

use serde::Deserialize;

use super::ending::Ending;
use super::setting::{
    channels, check_positive, check_steps, one, ones, padding, shape, sliding, sums, yes,
};
use crate::config::Integers;
use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::init::Initializer;
use crate::kernels::activation::Activation;
use crate::kernels::conv::Conv3d;
use crate::layer::{Backward, Forward, Layer, Mode, Scratch};
use crate::layers::data_format::DataFormat;
use crate::layers::sliding::{Padding, Sliding};
use crate::layers::{Configured, only_input};
use crate::param::ParamSpec;
use crate::real::Real;
use crate::regularizer::Regularizer;
use crate::shape::{Shape, checked_elements};

/// A convolution over `RANK` axes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convolution<const RANK: usize> {
    filters: usize,
    kernel_size: Integers,
    #[serde(default = "ones")]
    strides: Integers,
    #[serde(default, deserialize_with = "padding::<RANK, _>")]
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

impl<const RANK: usize> Convolution<RANK> {
    fn sliding(&self) -> Result<Sliding<RANK>> {
        sliding(
            &self.kernel_size,
            &self.strides,
            &self.dilation_rate,
            self.padding,
        )
    }

    fn sums(&self, input: &[usize], output: &[usize]) -> Result<Conv3d> {
        Ok(sums(&self.sliding()?, input, output, self.groups))
    }

    fn ending(&self) -> Ending<'_> {
        Ending {
            activation: &self.activation,
            bias: self.use_bias.then_some(1),
            saved: 0,
            fused: true,
        }
    }
}

impl<const RANK: usize> Configured for Convolution<RANK> {
    fn validate(&self) -> Result<()> {
        let sliding = self.sliding()?;
        check_positive("filters", self.filters)?;
        if self.groups == 0 || !self.filters.is_multiple_of(self.groups) {
            return Err(Error::config(
                format!("`groups` to divide the {} filters", self.filters),
                self.groups.to_string(),
            ));
        }
        check_steps(&sliding, &self.strides, &self.dilation_rate)?;
        self.ending().check(self.data_format)
    }
}

impl<const RANK: usize, F: Real> Layer<F> for Convolution<RANK> {
    fn kind(&self) -> &'static str {
        ["Conv1D", "Conv2D", "Conv3D"][RANK - 1]
    }

    fn channel_axis(&self, rank: usize) -> Option<usize> {
        self.data_format.channel_axis(rank)
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        let axes = self.sliding()?.output(input)?;
        channels(input, self.groups)?;
        Ok(vec![shape(input[0], axes, self.filters)])
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<ParamSpec>> {
        let channels = channels(only_input(inputs)?, self.groups)?;
        let mut shape = self.sliding()?.size.to_vec();
        shape.extend([channels / self.groups, self.filters]);
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
        let output = &Layer::<F>::output_shapes(self, inputs)?[0];
        let room = self.sums(&inputs[0].sizes()?, &output.sizes()?)?.room();
        checked_elements(&[room])?;
        Ok(Scratch {
            saved: Vec::from_iter(self.ending().sums(output, mode)?),
            forward: vec![room],
            backward: vec![room],
            reads_inputs: true,
            reads_outputs: true,
        })
    }

    fn output_activation(&self) -> Option<&Activation> {
        Some(&self.activation)
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let conv = self.sums(cx.input_shape(0), cx.output_shape(0))?;
        let (x, kernel, room) = (cx.input(0), cx.param(0), cx.temp(0));
        self.ending().forward(&mut cx, |epilogue, y| {
            conv.forward(x, kernel, epilogue, F::ZERO, y, room);
        });
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let Some(dz) = self.ending().backward(&mut cx) else {
            return Ok(());
        };
        let conv = self.sums(cx.input_shape(0), cx.output_shape(0))?;
        let room = cx.temp(0);
        if let Some(kernel) = cx.grad_param(0) {
            let (values, accumulate) = (kernel.values, kernel.accumulate);
            conv.backward_weights(cx.input(0), dz, accumulate, values, room);
        }
        if let Some(input) = cx.grad_input(0) {
            conv.backward_data(dz, cx.param(0), input.beta(), input.values, room);
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

    fn of_rank(kind: &'static str, config: Value, input: Array) -> Case {
        Case {
            kind,
            inputs: vec![input],
            ..case(config, &[1])
        }
    }

    #[test]
    fn causal_windows_see_what_came_before() {
        let input = Array::new(&[1, 4, 1], &[1.0, 2.0, 3.0, 4.0]);
        let config =
            json!({"filters": 1, "kernel_size": 2, "padding": "causal", "dilation_rate": 2});
        let case = Case {
            weights: vec![vec![10.0, 1.0], vec![0.5]],
            ..of_rank("Conv1D", config, input)
        };
        let output = &case.outputs::<f32>().unwrap()[0];
        assert_eq!(output.values, [1.5, 2.5, 13.5, 24.5]);
    }

    #[test]
    fn windows_of_three_axes_see_several_planes() {
        // The plane above, to the right, minus the place itself.
        let volume: Vec<f64> = (0..8).map(f64::from).collect();
        let case = Case {
            weights: vec![vec![0.0, 1.0, -1.0, 0.0], vec![0.0]],
            ..of_rank(
                "Conv3D",
                json!({"filters": 1, "kernel_size": [2, 1, 2]}),
                Array::new(&[1, 2, 2, 2, 1], &volume),
            )
        };
        let output = &case.outputs::<f64>().unwrap()[0];
        assert_eq!(
            (&output.shape[..], &output.values[..]),
            (&[1, 1, 2, 1, 1][..], &[-3.0, -3.0][..])
        );
    }

    #[test]
    fn gradients_over_one_and_three_axes_agree_with_differences() {
        for config in [
            json!({"filters": 3, "kernel_size": 3, "padding": "causal", "strides": 2}),
            json!({"filters": 2, "kernel_size": 2, "dilation_rate": 3, "groups": 2, "activation": "silu"}),
        ] {
            check_gradients(&of_rank("Conv1D", config, Array::random(&[2, 6, 4], 1)));
        }
        for config in [
            json!({"filters": 2, "kernel_size": 2, "padding": "same", "groups": 2}),
            json!({"filters": 2, "kernel_size": [3, 1, 2], "strides": [2, 1, 2], "padding": "same"}),
            json!({"filters": 1, "kernel_size": [1, 2, 2], "dilation_rate": [3, 1, 2], "use_bias": false}),
        ] {
            check_gradients(&of_rank(
                "Conv3D",
                config,
                Array::random(&[2, 4, 3, 3, 2], 1),
            ));
        }
    }

    #[test]
    fn wrong_settings_over_one_and_three_axes_are_named() {
        for (kind, config, shape, expected) in [
            (
                "Conv1D",
                json!({"filters": 2, "kernel_size": 3, "padding": "full"}),
                &[1, 4, 2][..],
                "Conv1D \"conv1d\": expected `padding` to be \"valid\", \"same\" or \"causal\", got \"full\"",
            ),
            (
                "Conv1D",
                json!({"filters": 2, "kernel_size": [3, 3]}),
                &[1, 4, 2],
                "Conv1D \"conv1d\": expected `kernel_size` to be a positive integer, got (3, 3)",
            ),
            (
                "Conv1D",
                json!({"filters": 2, "kernel_size": 5}),
                &[1, 4, 2],
                "Conv1D \"conv1d\": expected sequences of at least 5 steps, as the window reaches, got shape (1, 4, 2). Use a smaller window or padding=\"same\".",
            ),
            (
                "Conv3D",
                json!({"filters": 2, "kernel_size": [3, 3]}),
                &[1, 4, 4, 4, 2],
                "Conv3D \"conv3d\": expected `kernel_size` to be one or three positive integers, got (3, 3)",
            ),
            (
                "Conv3D",
                json!({"filters": 2, "kernel_size": 3, "padding": "causal"}),
                &[1, 4, 4, 4, 2],
                "Conv3D \"conv3d\": expected `padding` to be \"valid\" or \"same\", got \"causal\"",
            ),
            (
                "Conv3D",
                json!({"filters": 2, "kernel_size": 3}),
                &[1, 4, 4, 2],
                "Conv3D \"conv3d\": expected inputs of shape (batch, depth, height, width, channels), got shape (1, 4, 4, 2). Add an axis for the channels: x[..., None].",
            ),
        ] {
            let input = Array::random(shape, 1);
            assert_eq!(of_rank(kind, config, input).error(), expected);
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
