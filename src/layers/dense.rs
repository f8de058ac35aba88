//! The fully connected layer: `y = activation(x · kernel + bias)`.
//!
//! With rows `x` of the last axis, `z = x·W + b`, `y = f(z)` and the gradient `dy` of the loss by `y`:
//!
//! ```text
//! dz = dy * f'(z)        dW = xᵀ·dz        db = sum of the rows of dz        dx = dz·Wᵀ
//! ```

use serde::Deserialize;

use super::{Configured, only_input};
use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::init::Initializer;
use crate::kernels::activation::{Activation, Relu};
use crate::kernels::gemm::{Epilogue, Gemm, Matrix, MatrixMut, Operand, gemm};
use crate::kernels::reduce::column_sums;
use crate::layer::{Backward, Forward, Layer, MaskRule, Mode, Scratch};
use crate::param::ParamSpec;
use crate::real::Real;
use crate::regularizer::Regularizer;
use crate::shape::Shape;

/// A weighted sum of all inputs for each unit, and an activation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dense {
    units: usize,
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

fn yes() -> bool {
    true
}

impl Configured for Dense {
    fn validate(&self) -> Result<()> {
        if self.units == 0 {
            return Err(Error::config("units to be at least 1", "0"));
        }
        if self.activation.output_len(self.units).is_none() {
            let got = format!("units={} with {:?}", self.units, self.activation.name());
            return Err(Error::config("an even number of units for glu", got));
        }
        Ok(())
    }
}

impl<F: Real> Layer<F> for Dense {
    fn kind(&self) -> &'static str {
        "Dense"
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        if input.rank() < 2 {
            return Err(Error::shape(
                "inputs with a batch axis and a last axis",
                format!("shape {input}"),
            )
            .remedy("Add an axis: x[:, None]."));
        }
        if input.last().is_none() {
            return Err(Error::shape(
                "a known size of the last axis",
                format!("shape {input}"),
            ));
        }
        Ok(vec![
            input.with_last(self.activation.output_len(self.units)),
        ])
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<ParamSpec>> {
        let features = only_input(inputs)?.last().unwrap_or(0);
        let mut params = vec![
            ParamSpec::trainable("kernel", &[features, self.units], &self.kernel_initializer)
                .regularized(&self.kernel_regularizer)
                .constrained(&self.kernel_constraint),
        ];
        if self.use_bias {
            params.push(
                ParamSpec::trainable("bias", &[self.units], &self.bias_initializer)
                    .regularized(&self.bias_regularizer)
                    .constrained(&self.bias_constraint),
            );
        }
        Ok(params)
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        let rows = only_input(inputs)?
            .sizes()?
            .iter()
            .rev()
            .skip(1)
            .product::<usize>();
        // The slopes are kept where they cannot be had from the output, the sums where it has another shape.
        let apart = !self.activation.keeps_shape();
        let keeps = apart || (mode.backward && self.activation.saves_slopes());
        Ok(Scratch {
            saved: if keeps {
                vec![rows * self.units]
            } else {
                vec![]
            },
            backward: if apart {
                vec![rows * self.units]
            } else {
                vec![]
            },
            reads_inputs: true,
            reads_outputs: true,
            ..Scratch::default()
        })
    }

    fn mask_rule(&self, _: &[Shape], _: &[bool]) -> MaskRule {
        MaskRule::Pass(0)
    }

    fn output_activation(&self) -> Option<&Activation> {
        Some(&self.activation)
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let (x, kernel) = (cx.input_rows(0), cx.param(0));
        let (rows, features) = x.dim();
        let activation = if cx.defers_activation() {
            &Activation::Linear
        } else {
            &self.activation
        };
        let bias = self.use_bias.then(|| cx.param(1));
        let relu = *activation == Activation::Relu(Relu::PLAIN);
        let output = cx.output(0);
        let sums = if cx.num_saved() > 0 {
            cx.saved(0)
        } else {
            &mut []
        };
        let keeps_sums = !sums.is_empty() && !cx.defers_activation();
        gemm(
            Gemm::nn(rows, self.units, features),
            Matrix::new(cx.input(0), features),
            Operand::Plain(Matrix::new(kernel, self.units)),
            F::ZERO,
            MatrixMut::new(
                if keeps_sums { &mut *sums } else { &mut *output },
                self.units,
            ),
            Epilogue { bias, relu },
        );
        if keeps_sums && activation.keeps_shape() {
            activation.forward_with_slopes(sums, output);
        } else if keeps_sums {
            activation.forward(sums, output, self.units);
        } else if !relu {
            activation.forward_in_place(output, self.units);
        }
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let Some(mut dz) = cx.grad_output_mut(0) else {
            return Ok(());
        };
        let (rows, features) = cx.input_rows(0).dim();
        if !cx.defers_activation() {
            if self.activation.saves_slopes() {
                Activation::multiply_slopes(cx.saved(0), dz);
            } else if self.activation.keeps_shape() {
                self.activation
                    .backward_in_place(None, cx.output(0), dz, self.units);
            } else {
                let (sums, apart) = (Some(&*cx.saved(0)), cx.temp(0));
                self.activation
                    .backward(sums, cx.output(0), dz, apart, false, self.units);
                dz = apart;
            }
        }
        let dz = &*dz;
        if let Some(kernel) = cx.grad_param(0) {
            gemm(
                Gemm::tn(features, self.units, rows),
                Matrix::new(cx.input(0), features),
                Operand::Plain(Matrix::new(dz, self.units)),
                kernel.beta(),
                MatrixMut::new(kernel.values, self.units),
                Epilogue::default(),
            );
        }
        if self.use_bias
            && let Some(bias) = cx.grad_param(1)
        {
            column_sums(dz, self.units, bias.values, bias.accumulate);
        }
        if let Some(input) = cx.grad_input(0) {
            gemm(
                Gemm::nt(rows, features, self.units),
                Matrix::new(dz, self.units),
                Operand::Plain(Matrix::new(cx.param(0), self.units)),
                input.beta(),
                MatrixMut::new(input.values, features),
                Epilogue::default(),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Array, Case, assert_close, check_gradients};

    fn case(config: serde_json::Value, input: Array) -> Case {
        Case {
            kind: "Dense",
            config,
            inputs: vec![input],
            ..Case::default()
        }
    }

    #[test]
    fn dense_weighs_sums_and_adds_the_bias_to_every_row() {
        let weights = vec![vec![1.0, 0.0, -1.0, 2.0, 1.0, 0.5], vec![0.5, 0.0, -0.5]];
        let input = Array::new(&[2, 2], &[1.0, 2.0, 0.0, -1.0]);
        let case = Case {
            weights,
            ..case(json!({"units": 3, "activation": "relu"}), input)
        };
        let expected = [5.5, 2.0, 0.0, 0.0, 0.0, 0.0];
        assert_close::<f64>(&case.outputs::<f64>().unwrap()[0].values, &expected, 0.0);
        assert_close::<f64>(&case.outputs::<f32>().unwrap()[0].values, &expected, 0.0);
    }

    #[test]
    fn gradients_agree_with_differences_for_every_kind_of_activation() {
        for activation in ["linear", "relu", "tanh", "gelu", "softmax", "silu", "glu"] {
            check_gradients(&case(
                json!({"units": 4, "activation": activation}),
                Array::random(&[2, 4], 1),
            ));
        }
        check_gradients(&case(
            json!({"units": 3, "use_bias": false}),
            Array::random(&[2, 3, 4], 2),
        ));
    }

    #[test]
    fn an_input_without_features_is_refused_with_a_remedy() {
        assert_eq!(
            case(json!({"units": 3}), Array::random(&[4], 1)).error(),
            "Dense \"dense\": expected inputs with a batch axis and a last axis, got shape (4,). Add an axis: x[:, None]."
        );
    }

    #[test]
    fn wrong_hyper_parameters_are_named() {
        let input = Array::random(&[1, 1], 1);
        assert_eq!(
            case(json!({"units": 0}), input.clone()).error(),
            "Dense \"dense\": expected units to be at least 1, got 0"
        );
        assert_eq!(
            case(json!({"units": -3}), input.clone()).error(),
            "Dense \"dense\": expected `units` to be a non-negative integer, got integer `-3`"
        );
        let message = case(json!({"units": 1u64 << 40}), input).error();
        assert!(message.contains("expected at most"), "{message}");
    }
}
