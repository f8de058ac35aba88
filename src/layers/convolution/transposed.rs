//! Conv1DTranspose, Conv2DTranspose, Conv3DTranspose: what a convolution does to the gradient by its input, as a layer.
//!
//! Forward is the gradient by the data of the convolution that leads from the output's size to the input's, the gradient by
//! the input is that convolution itself. Sizes and padding for a window that reaches over k places with stride s, and an
//! output padding o (Keras's rules; `floor` of the halves):
//!
//! ```text
//! valid: (n - 1) s + k + o, with o = max(s - k, 0) if not given             nothing cut off before
//! same:  n s if o is not given, else (n - 1) s + k mod 2 + o                max(k - 1 - ceil(cut / 2), 0) places cut off before
//!        with cut = s + k - 2, or k + k mod 2 - 2 + o
//! ```

use serde::Deserialize;

use super::ending::Ending;
use super::setting::{channels, check_positive, check_steps, ones, shape, sliding, yes};
use crate::config::Integers;
use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::init::Initializer;
use crate::kernels::activation::Activation;
use crate::kernels::conv::Conv3d;
use crate::kernels::gemm::Epilogue;
use crate::layer::{Backward, Forward, Layer, Mode, Scratch};
use crate::layers::data_format::DataFormat;
use crate::layers::sliding::{Padding, Sliding, at_least, three, wrong_rank};
use crate::layers::{Configured, only_input};
use crate::parallel::for_each_chunk_mut;
use crate::param::ParamSpec;
use crate::real::Real;
use crate::regularizer::Regularizer;
use crate::shape::{Shape, checked_elements};

/// Elements of one piece of filling.
const CHUNK: usize = 1 << 14;

/// A transposed convolution over `RANK` axes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransposedConvolution<const RANK: usize> {
    filters: usize,
    kernel_size: Integers,
    #[serde(default = "ones")]
    strides: Integers,
    #[serde(default)]
    padding: Padding,
    #[serde(default)]
    output_padding: Option<Integers>,
    #[serde(default)]
    data_format: DataFormat,
    #[serde(default = "ones")]
    dilation_rate: Integers,
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

impl<const RANK: usize> TransposedConvolution<RANK> {
    fn sliding(&self) -> Result<Sliding<RANK>> {
        sliding(
            &self.kernel_size,
            &self.strides,
            &self.dilation_rate,
            self.padding,
        )
    }

    fn output_padding(&self) -> Result<Option<[usize; RANK]>> {
        let given = self.output_padding.as_ref();
        given
            .map(|given| at_least(0, "output_padding", given))
            .transpose()
    }

    /// The size of the output along an axis where the input has `size` places.
    fn size(&self, sliding: &Sliding<RANK>, axis: usize, size: usize) -> Result<usize> {
        let (stride, reach) = (sliding.strides[axis], sliding.reach(axis));
        let given = self.output_padding()?.map(|given| given[axis]);
        let before = size.saturating_sub(1).saturating_mul(stride);
        Ok(match (sliding.padding, given) {
            (Padding::Same, None) => size.saturating_mul(stride),
            (Padding::Same, Some(given)) => before.saturating_add(reach % 2 + given),
            (_, None) => before.saturating_add(reach.max(stride)),
            (_, Some(given)) => before.saturating_add(reach).saturating_add(given),
        })
    }

    /// Places cut off before the output.
    fn cut(&self, sliding: &Sliding<RANK>, axis: usize) -> Result<usize> {
        let (stride, reach) = (sliding.strides[axis], sliding.reach(axis));
        if sliding.padding != Padding::Same {
            return Ok(0);
        }
        let cut = match self.output_padding()? {
            None => stride + reach - 2,
            Some(given) => reach + reach % 2 + given[axis] - 2,
        };
        Ok((reach - 1).saturating_sub(cut.div_ceil(2)))
    }

    /// The convolution from the output to the input.
    fn transposed(&self, input: &[usize], output: &[usize]) -> Result<Conv3d> {
        let sliding = self.sliding()?;
        let axes = |shape: &[usize]| -> [usize; RANK] { std::array::from_fn(|i| shape[1 + i]) };
        let mut padding = [0; RANK];
        for (axis, padding) in padding.iter_mut().enumerate() {
            *padding = self.cut(&sliding, axis)?;
        }
        Ok(Conv3d {
            batch: input[0],
            input: three(&axes(output), 1),
            channels: self.filters,
            kernel: three(&sliding.size, 1),
            filters: input[RANK + 1],
            groups: 1,
            strides: three(&sliding.strides, 1),
            dilation: three(&sliding.dilation, 1),
            padding: three(&padding, 0),
            output: three(&axes(input), 1),
        })
    }

    fn ending(&self) -> Ending<'_> {
        Ending {
            activation: &self.activation,
            bias: self.use_bias.then_some(1),
            saved: 0,
            fused: false,
        }
    }
}

impl<const RANK: usize> Configured for TransposedConvolution<RANK> {
    fn validate(&self) -> Result<()> {
        let sliding = self.sliding()?;
        check_positive("filters", self.filters)?;
        check_steps(&sliding, &self.strides, &self.dilation_rate)?;
        if let (Some(given), Some(numbers)) = (&self.output_padding, self.output_padding()?)
            && (0..RANK).any(|axis| numbers[axis] >= sliding.strides[axis])
        {
            return Err(Error::config(
                format!("`output_padding` below the strides {}", self.strides),
                given.to_string(),
            ));
        }
        self.ending().check(self.data_format)
    }
}

impl<const RANK: usize, F: Real> Layer<F> for TransposedConvolution<RANK> {
    fn kind(&self) -> &'static str {
        ["Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"][RANK - 1]
    }

    fn channel_axis(&self, rank: usize) -> Option<usize> {
        self.data_format.channel_axis(rank)
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        if input.rank() != RANK + 2 {
            return Err(wrong_rank(RANK, input));
        }
        channels(input, 1)?;
        let sliding = self.sliding()?;
        let mut axes = [None; RANK];
        for (axis, to) in axes.iter_mut().enumerate() {
            *to = input[1 + axis]
                .map(|size| self.size(&sliding, axis, size))
                .transpose()?;
        }
        if axes.contains(&Some(0)) {
            return Err(Error::shape(
                "an input that gives at least one place",
                format!("shape {input}"),
            )
            .remedy("Leave output_padding None."));
        }
        let output = shape(input[0], axes, self.filters);
        let known: Vec<usize> = output.axes().iter().flatten().copied().collect();
        checked_elements(&known)?;
        Ok(vec![output])
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<ParamSpec>> {
        let channels = channels(only_input(inputs)?, 1)?;
        let mut shape = self.sliding()?.size.to_vec();
        shape.extend([self.filters, channels]);
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
        let conv = self.transposed(&inputs[0].sizes()?, &output.sizes()?)?;
        let room = checked_elements(&[conv.room()])?;
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
        let conv = self.transposed(cx.input_shape(0), cx.output_shape(0))?;
        let (x, kernel, room) = (cx.input(0), cx.param(0), cx.temp(0));
        self.ending().forward(&mut cx, |epilogue, y| {
            let beta = match epilogue.bias {
                None => F::ZERO,
                Some(bias) => {
                    let chunk = CHUNK.div_ceil(bias.len()) * bias.len();
                    for_each_chunk_mut(y, chunk, |_, y| {
                        for y in y.chunks_exact_mut(bias.len()) {
                            y.copy_from_slice(bias);
                        }
                    });
                    F::ONE
                }
            };
            conv.backward_data(x, kernel, beta, y, room);
        });
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let Some(dz) = self.ending().backward(&mut cx) else {
            return Ok(());
        };
        let conv = self.transposed(cx.input_shape(0), cx.output_shape(0))?;
        let room = cx.temp(0);
        if let Some(kernel) = cx.grad_param(0) {
            let (values, accumulate) = (kernel.values, kernel.accumulate);
            conv.backward_weights(dz, cx.input(0), accumulate, values, room);
        }
        if let Some(input) = cx.grad_input(0) {
            let (beta, kernel) = (input.beta(), cx.param(0));
            conv.forward(dz, kernel, Epilogue::default(), beta, input.values, room);
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
    fn each_place_adds_the_kernel_times_its_number() {
        let case = Case {
            inputs: vec![Array::new(&[1, 2, 1], &[1.0, 10.0])],
            weights: vec![vec![1.0, 2.0, 3.0], vec![0.5]],
            ..case(
                "Conv1DTranspose",
                json!({"filters": 1, "kernel_size": 3, "strides": 2}),
                &[1],
            )
        };
        let expected = [1.5, 2.5, 13.5, 20.5, 30.5];
        assert_close::<f64>(&case.outputs::<f64>().unwrap()[0].values, &expected, 0.0);
        assert_close::<f64>(&case.outputs::<f32>().unwrap()[0].values, &expected, 0.0);
    }

    #[test]
    fn gradients_agree_with_differences() {
        for config in [
            json!({"filters": 2, "kernel_size": 3}),
            json!({"filters": 2, "kernel_size": [3, 2], "strides": 2, "padding": "same", "activation": "tanh"}),
            json!({"filters": 2, "kernel_size": 2, "strides": 3, "output_padding": [2, 0]}),
            json!({"filters": 1, "kernel_size": 2, "dilation_rate": [2, 3], "use_bias": false, "activation": "gelu"}),
        ] {
            check_gradients(&case("Conv2DTranspose", config, &[2, 3, 4, 3]));
        }
        let config = json!({"filters": 2, "kernel_size": [2, 3, 1], "strides": [2, 1, 2]});
        check_gradients(&case("Conv3DTranspose", config, &[1, 2, 3, 2, 2]));
    }

    #[test]
    fn wrong_settings_and_inputs_are_named() {
        for (config, shape, expected) in [
            (
                json!({"filters": 2, "kernel_size": 3, "strides": 2, "output_padding": 2}),
                &[1, 4, 4, 3][..],
                "expected `output_padding` below the strides (2,), got (2,)",
            ),
            (
                json!({"filters": 2, "kernel_size": 3, "output_padding": -1}),
                &[1, 4, 4, 3],
                "expected `output_padding` to be one or two non-negative integers, got (-1,)",
            ),
            (
                json!({"filters": 2, "kernel_size": 2, "strides": 2, "output_padding": 0, "padding": "same"}),
                &[1, 1, 4, 3],
                "expected an input that gives at least one place, got shape (1, 1, 4, 3). Leave output_padding None.",
            ),
            (
                json!({"filters": 0, "kernel_size": 2}),
                &[1, 4, 4, 3],
                "expected `filters` to be at least 1, got 0",
            ),
            (
                json!({"filters": 2, "kernel_size": 2}),
                &[1, 4, 4],
                "expected inputs of shape (batch, height, width, channels), got shape (1, 4, 4). Add an axis for the channels: x[..., None].",
            ),
        ] {
            let error = case("Conv2DTranspose", config, shape).error();
            assert_eq!(
                error,
                format!("Conv2DTranspose \"conv2dtranspose\": {expected}")
            );
        }
        let huge = json!({"filters": 2, "kernel_size": 1, "strides": 1u64 << 40});
        let error = case("Conv2DTranspose", huge, &[1, 4, 4, 3]).error();
        assert!(error.contains("expected at most"), "{error}");
    }
}
