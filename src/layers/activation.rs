//! An activation function as a layer of its own, under its own name too (`ReLU`): `y = f(x)`.

use std::fmt::Debug;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Configured, only_input};
use crate::error::{Error, Result};
use crate::kernels::activation::Activation as Function;
use crate::layer::{Backward, Forward, Layer, MaskRule, Mode, Scratch};
use crate::real::Real;
use crate::shape::Shape;

/// Applies an activation function to every element, or to every row of the last axis.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Activation {
    activation: Function,
}

impl Configured for Activation {}

impl Applies for Activation {
    const KIND: &'static str = "Activation";

    fn function(&self) -> Function {
        self.activation
    }

    fn kept(&self) -> Option<&Function> {
        Some(&self.activation)
    }
}

/// Settings that name an activation function: all there is to such a layer.
pub trait Applies: Debug + Send + Sync {
    /// The kind of the layer.
    const KIND: &'static str;

    /// The function.
    fn function(&self) -> Function;

    /// The function if it is a field, for a loss that applies it itself.
    fn kept(&self) -> Option<&Function> {
        None
    }
}

impl<F: Real, A: Applies> Layer<F> for A {
    fn kind(&self) -> &'static str {
        A::KIND
    }

    fn with_axis_last(&self, _: usize, _: &[Shape]) -> Option<Value> {
        (!self.function().is_rowwise()).then(|| json!({}))
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        if self.function().is_rowwise() && input.rank() < 2 {
            return Err(Error::shape(
                format!(
                    "rows to take {} of, (batch, ..., features)",
                    self.function().name()
                ),
                format!("input shape {input}"),
            ));
        }
        let Some(last) = input.last() else {
            return Ok(vec![input.clone()]);
        };
        match self.function().output_len(last) {
            Some(len) if len == last => Ok(vec![input.clone()]),
            Some(len) => Ok(vec![input.with_last(Some(len))]),
            None => Err(Error::shape(
                "a last axis of even size, which glu halves",
                format!("input shape {input}"),
            )),
        }
    }

    fn scratch(&self, _: &[Shape], mode: Mode) -> Result<Scratch> {
        let reads_inputs = self.function().needs_input();
        Ok(Scratch {
            reads_inputs: mode.backward && reads_inputs,
            reads_outputs: mode.backward && !reads_inputs,
            ..Scratch::default()
        })
    }

    fn mask_rule(&self, _: &[Shape], _: &[bool]) -> MaskRule {
        MaskRule::Pass(0)
    }

    fn output_activation(&self) -> Option<&Function> {
        self.kept()
    }

    fn is_view(&self, _: Mode) -> bool {
        self.function() == Function::Linear
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let last = cx.input_shape(0).last().copied().unwrap_or(1);
        let output = cx.output(0);
        if cx.defers_activation() {
            output.copy_from_slice(cx.input(0));
        } else {
            self.function().forward(cx.input(0), output, last);
        }
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let (Some(grad_output), Some(grad)) = (cx.grad_output_mut(0), cx.grad_input(0)) else {
            return Ok(());
        };
        let last = cx.input_shape(0).last().copied().unwrap_or(1);
        let function = if cx.defers_activation() {
            Function::Linear
        } else {
            self.function()
        };
        let (x, y) = match function {
            Function::Linear => (None, &[][..]),
            f if f.needs_input() => (Some(cx.input(0)), &[][..]),
            _ => (None, cx.output(0)),
        };
        function.backward(x, y, grad_output, grad.values, grad.accumulate, last);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Array, Case, check_gradients};

    fn case(activation: Value, input: Array) -> Case {
        Case {
            kind: "Activation",
            config: json!({"activation": activation}),
            inputs: vec![input],
            ..Case::default()
        }
    }

    #[test]
    fn the_function_is_applied_to_every_element() {
        let input = Array::new(&[2, 2], &[-1.0, 2.0, 0.0, -3.0]);
        let output = |activation| {
            let case = case(activation, input.clone());
            case.outputs::<f32>().unwrap().swap_remove(0).values
        };
        assert_eq!(output(json!("relu")), [0.0, 2.0, 0.0, 0.0]);
        assert_eq!(output(json!(null)), input.values);
        let leaky = json!({"name": "leaky_relu", "negative_slope": 0.5});
        assert_eq!(output(leaky), [-0.5, 2.0, 0.0, -1.5]);
    }

    #[test]
    fn glu_halves_the_last_axis() {
        let output = &case(json!("glu"), Array::new(&[1, 4], &[3.0, 5.0, 0.0, 0.0]))
            .outputs::<f64>()
            .unwrap()[0];
        assert_eq!(
            (&output.shape[..], &output.values[..]),
            (&[1, 2][..], &[1.5, 2.5][..])
        );
        assert_eq!(
            case(json!("glu"), Array::random(&[2, 3], 1)).error(),
            "Activation \"activation\": expected a last axis of even size, which glu halves, got input shape (2, 3)"
        );
    }

    #[test]
    fn gradients_agree_with_differences() {
        for activation in [
            "linear",
            "relu",
            "gelu",
            "tanh",
            "softmax",
            "log_softmax",
            "glu",
        ] {
            check_gradients(&case(json!(activation), Array::random(&[2, 3, 4], 1)));
        }
    }

    #[test]
    fn unknown_functions_are_told_the_nearest() {
        assert_eq!(
            case(json!("sigmod"), Array::random(&[1, 1], 1)).error(),
            "Activation \"activation\": expected `activation` to be the name of an activation, got \"sigmod\". Did you mean \"sigmoid\"?"
        );
    }
}
