//! SeparableConv1D and SeparableConv2D: each channel convolved by itself, then all mixed at each place.
//!
//! With `u = depthwise(x)` and the pointwise kernel P: `z = u P`, `dP = u' dz`, `du = dz P'`, and du goes on through the
//! depthwise convolution.

use serde::Deserialize;

use super::ending::Ending;
use super::setting::{channels, check_positive, check_steps, one, ones, shape, sliding, sums, yes};
use crate::config::Integers;
use crate::constraint::Constraint;
use crate::error::Result;
use crate::init::Initializer;
use crate::kernels::activation::Activation;
use crate::kernels::conv::Conv3d;
use crate::kernels::gemm::Epilogue;
use crate::layer::{Backward, Forward, Layer, Mode, Scratch};
use crate::layers::data_format::DataFormat;
use crate::layers::sliding::{Padding, Sliding};
use crate::layers::{Configured, only_input};
use crate::param::ParamSpec;
use crate::real::Real;
use crate::regularizer::Regularizer;
use crate::shape::{Shape, checked_elements};

/// A depthwise convolution over `RANK` axes, and a matrix product over channels.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeparableConvolution<const RANK: usize> {
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
    depth_multiplier: usize,
    #[serde(default)]
    activation: Activation,
    #[serde(default = "yes")]
    use_bias: bool,
    #[serde(default = "Initializer::glorot_uniform")]
    depthwise_initializer: Initializer,
    #[serde(default = "Initializer::glorot_uniform")]
    pointwise_initializer: Initializer,
    #[serde(default = "Initializer::zeros")]
    bias_initializer: Initializer,
    #[serde(default)]
    depthwise_regularizer: Option<Regularizer>,
    #[serde(default)]
    pointwise_regularizer: Option<Regularizer>,
    #[serde(default)]
    bias_regularizer: Option<Regularizer>,
    #[serde(default)]
    depthwise_constraint: Option<Constraint>,
    #[serde(default)]
    pointwise_constraint: Option<Constraint>,
    #[serde(default)]
    bias_constraint: Option<Constraint>,
}

impl<const RANK: usize> SeparableConvolution<RANK> {
    fn sliding(&self) -> Result<Sliding<RANK>> {
        sliding(
            &self.kernel_size,
            &self.strides,
            &self.dilation_rate,
            self.padding,
        )
    }

    /// Both steps.
    fn steps(&self, input: &[usize], output: &[usize]) -> Result<(Conv3d, Conv3d)> {
        let channels = input[RANK + 1];
        let depthwise = Conv3d {
            filters: channels * self.depth_multiplier,
            ..sums(&self.sliding()?, input, output, channels)
        };
        let pointwise = Conv3d {
            batch: depthwise.batch,
            input: depthwise.output,
            channels: depthwise.filters,
            kernel: [1; 3],
            filters: self.filters,
            groups: 1,
            strides: [1; 3],
            dilation: [1; 3],
            padding: [0; 3],
            output: depthwise.output,
        };
        Ok((depthwise, pointwise))
    }

    fn ending(&self) -> Ending<'_> {
        Ending {
            activation: &self.activation,
            bias: self.use_bias.then_some(2),
            saved: 1,
            fused: true,
        }
    }
}

impl<const RANK: usize> Configured for SeparableConvolution<RANK> {
    fn validate(&self) -> Result<()> {
        let sliding = self.sliding()?;
        check_positive("filters", self.filters)?;
        check_positive("depth_multiplier", self.depth_multiplier)?;
        check_steps(&sliding, &self.strides, &self.dilation_rate)?;
        self.ending().check(self.data_format)
    }
}

impl<const RANK: usize, F: Real> Layer<F> for SeparableConvolution<RANK> {
    fn kind(&self) -> &'static str {
        ["SeparableConv1D", "SeparableConv2D"][RANK - 1]
    }

    fn channel_axis(&self, rank: usize) -> Option<usize> {
        self.data_format.channel_axis(rank)
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        let axes = self.sliding()?.output(input)?;
        checked_elements(&[channels(input, 1)?, self.depth_multiplier])?;
        Ok(vec![shape(input[0], axes, self.filters)])
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<ParamSpec>> {
        let channels = channels(only_input(inputs)?, 1)?;
        let mut depthwise = self.sliding()?.size.to_vec();
        depthwise.extend([channels, self.depth_multiplier]);
        checked_elements(&depthwise)?;
        let mut pointwise = vec![1; RANK];
        pointwise.extend([channels * self.depth_multiplier, self.filters]);
        checked_elements(&pointwise)?;
        let mut params = vec![
            ParamSpec::trainable("depthwise_kernel", &depthwise, &self.depthwise_initializer)
                .regularized(&self.depthwise_regularizer)
                .constrained(&self.depthwise_constraint),
            ParamSpec::trainable("pointwise_kernel", &pointwise, &self.pointwise_initializer)
                .regularized(&self.pointwise_regularizer)
                .constrained(&self.pointwise_constraint),
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
        let channels = channels(only_input(inputs)?, 1)?;
        let between = output.with_last(Some(channels * self.depth_multiplier));
        let between = checked_elements(&between.sizes()?)?;
        let (mut saved, forward) = if mode.backward {
            (vec![between], vec![])
        } else {
            (vec![], vec![between])
        };
        saved.extend(self.ending().sums(output, mode)?);
        Ok(Scratch {
            saved,
            forward,
            backward: vec![between],
            reads_inputs: true,
            reads_outputs: true,
        })
    }

    fn output_activation(&self) -> Option<&Activation> {
        Some(&self.activation)
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let (depthwise, pointwise) = self.steps(cx.input_shape(0), cx.output_shape(0))?;
        let between = if cx.num_saved() > 0 {
            cx.saved(0)
        } else {
            cx.temp(0)
        };
        let (x, kernel) = (cx.input(0), cx.param(0));
        depthwise.forward(x, kernel, Epilogue::default(), F::ZERO, between, &mut []);
        let kernel = cx.param(1);
        self.ending().forward(&mut cx, |epilogue, y| {
            pointwise.forward(between, kernel, epilogue, F::ZERO, y, &mut []);
        });
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let Some(dz) = self.ending().backward(&mut cx) else {
            return Ok(());
        };
        let (depthwise, pointwise) = self.steps(cx.input_shape(0), cx.output_shape(0))?;
        if let Some(kernel) = cx.grad_param(1) {
            let (values, accumulate) = (kernel.values, kernel.accumulate);
            pointwise.backward_weights(cx.saved(0), dz, accumulate, values, &mut []);
        }
        if !cx.wants_param(0) && !cx.wants_input(0) {
            return Ok(());
        }
        let between = cx.temp(0);
        pointwise.backward_data(dz, cx.param(1), F::ZERO, between, &mut []);
        if let Some(kernel) = cx.grad_param(0) {
            let (values, accumulate) = (kernel.values, kernel.accumulate);
            depthwise.backward_weights(cx.input(0), between, accumulate, values, &mut []);
        }
        if let Some(input) = cx.grad_input(0) {
            depthwise.backward_data(between, cx.param(0), input.beta(), input.values, &mut []);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Array, Case, assert_close, check_gradients};

    fn case(kind: &'static str, config: Value, shape: &[usize]) -> Case {
        Case {
            kind,
            config,
            inputs: vec![Array::random(shape, 1)],
            ..Case::default()
        }
    }

    #[test]
    fn channels_are_convolved_and_then_mixed() {
        let case = Case {
            inputs: vec![Array::new(&[1, 2, 2], &[1., 10., 2., 20.])],
            weights: vec![vec![1., 1., 1., -1.], vec![100., 1.], vec![0.5]],
            ..case(
                "SeparableConv1D",
                json!({"filters": 1, "kernel_size": 2}),
                &[1],
            )
        };
        // (1 + 2) * 100 + (10 - 20) + 0.5
        assert_close::<f64>(&case.outputs::<f32>().unwrap()[0].values, &[290.5], 0.0);
    }

    #[test]
    fn gradients_agree_with_differences() {
        for config in [
            json!({"filters": 2, "kernel_size": 3, "padding": "same", "depth_multiplier": 2}),
            json!({"filters": 4, "kernel_size": 2, "strides": 2, "activation": "gelu"}),
            json!({"filters": 2, "kernel_size": 2, "dilation_rate": 2, "use_bias": false, "activation": "tanh"}),
        ] {
            check_gradients(&case("SeparableConv2D", config, &[2, 5, 5, 3]));
        }
        let config = json!({"filters": 2, "kernel_size": 3, "strides": 2});
        check_gradients(&case("SeparableConv1D", config, &[2, 8, 3]));
    }

    #[test]
    fn wrong_settings_are_named() {
        let config = json!({"filters": 2, "kernel_size": 2, "strides": 2, "dilation_rate": [1, 2]});
        assert_eq!(
            case("SeparableConv2D", config, &[1, 4, 4, 3]).error(),
            "SeparableConv2D \"separableconv2d\": expected `strides` or `dilation_rate` to be 1, got strides (2,) and dilation_rate (1, 2)"
        );
        let config = json!({"filters": 2, "kernel_size": 2, "depth_multiplier": 0});
        assert_eq!(
            case("SeparableConv1D", config, &[1, 4, 3]).error(),
            "SeparableConv1D \"separableconv1d\": expected `depth_multiplier` to be at least 1, got 0"
        );
    }
}
