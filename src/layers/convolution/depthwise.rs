//! DepthwiseConv1D and DepthwiseConv2D: each channel convolved by itself, with a few filters for each.

use serde::Deserialize;

use super::ending::Ending;
use super::setting::{channels, check_positive, one, ones, shape, sliding, sums, yes};
use crate::config::Integers;
use crate::constraint::Constraint;
use crate::error::Result;
use crate::init::Initializer;
use crate::kernels::activation::Activation;
use crate::layer::{Backward, Forward, Layer, Mode, Scratch};
use crate::layers::data_format::DataFormat;
use crate::layers::sliding::{Padding, Sliding};
use crate::layers::{Configured, only_input};
use crate::param::ParamSpec;
use crate::real::Real;
use crate::regularizer::Regularizer;
use crate::shape::{Shape, checked_elements};

/// A convolution over `RANK` axes of each channel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepthwiseConvolution<const RANK: usize> {
    kernel_size: Integers,
    #[serde(default = "ones")]
    strides: Integers,
    #[serde(default)]
    padding: Padding,
    #[serde(default = "one")]
    depth_multiplier: usize,
    #[serde(default)]
    data_format: DataFormat,
    #[serde(default = "ones")]
    dilation_rate: Integers,
    #[serde(default)]
    activation: Activation,
    #[serde(default = "yes")]
    use_bias: bool,
    #[serde(default = "Initializer::glorot_uniform")]
    depthwise_initializer: Initializer,
    #[serde(default = "Initializer::zeros")]
    bias_initializer: Initializer,
    #[serde(default)]
    depthwise_regularizer: Option<Regularizer>,
    #[serde(default)]
    bias_regularizer: Option<Regularizer>,
    #[serde(default)]
    depthwise_constraint: Option<Constraint>,
    #[serde(default)]
    bias_constraint: Option<Constraint>,
}

impl<const RANK: usize> DepthwiseConvolution<RANK> {
    fn sliding(&self) -> Result<Sliding<RANK>> {
        sliding(
            &self.kernel_size,
            &self.strides,
            &self.dilation_rate,
            self.padding,
        )
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

impl<const RANK: usize> Configured for DepthwiseConvolution<RANK> {
    fn validate(&self) -> Result<()> {
        self.sliding()?;
        check_positive("depth_multiplier", self.depth_multiplier)?;
        self.ending().check(self.data_format)
    }
}

impl<const RANK: usize, F: Real> Layer<F> for DepthwiseConvolution<RANK> {
    fn kind(&self) -> &'static str {
        ["DepthwiseConv1D", "DepthwiseConv2D"][RANK - 1]
    }

    fn channel_axis(&self, rank: usize) -> Option<usize> {
        self.data_format.channel_axis(rank)
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        let axes = self.sliding()?.output(input)?;
        let filters = checked_elements(&[channels(input, 1)?, self.depth_multiplier])?;
        Ok(vec![shape(input[0], axes, filters)])
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<ParamSpec>> {
        let channels = channels(only_input(inputs)?, 1)?;
        let mut shape = self.sliding()?.size.to_vec();
        shape.extend([channels, self.depth_multiplier]);
        checked_elements(&shape)?;
        let mut params = vec![
            ParamSpec::trainable("kernel", &shape, &self.depthwise_initializer)
                .regularized(&self.depthwise_regularizer)
                .constrained(&self.depthwise_constraint),
        ];
        if self.use_bias {
            let filters = channels * self.depth_multiplier;
            params.push(
                ParamSpec::trainable("bias", &[filters], &self.bias_initializer)
                    .regularized(&self.bias_regularizer)
                    .constrained(&self.bias_constraint),
            );
        }
        Ok(params)
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        let output = &Layer::<F>::output_shapes(self, inputs)?[0];
        Ok(Scratch {
            saved: Vec::from_iter(self.ending().sums(output, mode)?),
            reads_inputs: true,
            reads_outputs: true,
            ..Scratch::default()
        })
    }

    fn output_activation(&self) -> Option<&Activation> {
        Some(&self.activation)
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let groups = cx.input_shape(0)[RANK + 1];
        let conv = sums(
            &self.sliding()?,
            cx.input_shape(0),
            cx.output_shape(0),
            groups,
        );
        let (x, kernel) = (cx.input(0), cx.param(0));
        self.ending().forward(&mut cx, |epilogue, y| {
            conv.forward(x, kernel, epilogue, F::ZERO, y, &mut []);
        });
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let Some(dz) = self.ending().backward(&mut cx) else {
            return Ok(());
        };
        let groups = cx.input_shape(0)[RANK + 1];
        let conv = sums(
            &self.sliding()?,
            cx.input_shape(0),
            cx.output_shape(0),
            groups,
        );
        if let Some(kernel) = cx.grad_param(0) {
            let (values, accumulate) = (kernel.values, kernel.accumulate);
            conv.backward_weights(cx.input(0), dz, accumulate, values, &mut []);
        }
        if let Some(input) = cx.grad_input(0) {
            conv.backward_data(dz, cx.param(0), input.beta(), input.values, &mut []);
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
    fn every_channel_has_filters_of_its_own() {
        let case = Case {
            inputs: vec![Array::new(&[1, 3, 2], &[1., 10., 2., 20., 3., 30.])],
            // [step][channel][filter]
            weights: vec![
                vec![1., 0., 0., 1., 0., 1., 1., 1.],
                vec![0.0, 0.0, 0.0, 0.5],
            ],
            ..case(
                "DepthwiseConv1D",
                json!({"kernel_size": 2, "depth_multiplier": 2}),
                &[1],
            )
        };
        let expected = [1.0, 2.0, 20.0, 30.5, 2.0, 3.0, 30.0, 50.5];
        assert_close::<f64>(&case.outputs::<f64>().unwrap()[0].values, &expected, 0.0);
        assert_close::<f64>(&case.outputs::<f32>().unwrap()[0].values, &expected, 0.0);
    }

    #[test]
    fn gradients_agree_with_differences() {
        for config in [
            json!({"kernel_size": 3, "padding": "same"}),
            json!({"kernel_size": [2, 3], "strides": [2, 1], "depth_multiplier": 2, "activation": "tanh"}),
            json!({"kernel_size": 2, "dilation_rate": [2, 3], "use_bias": false, "activation": "gelu"}),
        ] {
            check_gradients(&case("DepthwiseConv2D", config, &[2, 5, 6, 3]));
        }
        let config = json!({"kernel_size": 4, "strides": 3, "padding": "same"});
        check_gradients(&case("DepthwiseConv1D", config, &[2, 8, 3]));
    }

    #[test]
    fn wrong_settings_are_named() {
        let config = json!({"kernel_size": 2, "depth_multiplier": 0});
        assert_eq!(
            case("DepthwiseConv2D", config, &[1, 4, 4, 3]).error(),
            "DepthwiseConv2D \"depthwiseconv2d\": expected `depth_multiplier` to be at least 1, got 0"
        );
        let config = json!({"kernel_size": 2, "padding": "causal"});
        assert_eq!(
            case("DepthwiseConv1D", config, &[1, 4, 3]).error(),
            "DepthwiseConv1D \"depthwiseconv1d\": expected `padding` to be \"valid\" or \"same\", got \"causal\""
        );
    }
}
