//! Each sample brought to mean 0 and variance 1 along some axes, then scaled and shifted: see [`crate::kernels::norm`].

use serde::Deserialize;
use serde_json::{Value, json};

use super::turn::{Turn, is_among, sizes_of};
use super::{Configured, only_input};
use crate::config::Integers;
use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::init::Initializer;
use crate::kernels::norm::{
    Affine, RowStatistics, Wanted, normalize_rows, normalize_rows_backward,
};
use crate::layer::{Backward, Forward, Layer, MaskRule, Mode, Scratch};
use crate::param::ParamSpec;
use crate::real::Real;
use crate::regularizer::Regularizer;
use crate::shape::{Shape, axis_after_move};

/// `y = gamma * (x - mean) / sqrt(variance + epsilon) + beta`, mean and variance of each sample along some axes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerNormalization {
    #[serde(default = "last_axis")]
    axis: Integers,
    #[serde(default = "default_epsilon")]
    epsilon: f64,
    #[serde(default = "yes")]
    center: bool,
    #[serde(default = "yes")]
    scale: bool,
    #[serde(default = "Initializer::zeros")]
    beta_initializer: Initializer,
    #[serde(default = "Initializer::ones")]
    gamma_initializer: Initializer,
    #[serde(default)]
    beta_regularizer: Option<Regularizer>,
    #[serde(default)]
    gamma_regularizer: Option<Regularizer>,
    #[serde(default)]
    beta_constraint: Option<Constraint>,
    #[serde(default)]
    gamma_constraint: Option<Constraint>,
}

fn last_axis() -> Integers {
    Integers(vec![-1])
}

fn default_epsilon() -> f64 {
    1e-3
}

fn yes() -> bool {
    true
}

impl LayerNormalization {
    /// The turn after which the normalised axes are the last ones, and the number of elements that are normalised together.
    fn rows(&self, sizes: &[usize]) -> (Option<Turn>, usize) {
        let goes_last = |axis| is_among(&self.axis, axis, sizes.len());
        let along = (0..sizes.len()).filter(|&axis| goes_last(axis));
        let width = along.map(|axis| sizes[axis]).product();
        (Turn::new(sizes, goes_last), width)
    }

    /// The indices of gamma and beta among the weights.
    fn indices(&self) -> (Option<usize>, Option<usize>) {
        let gamma = self.scale.then_some(0);
        (gamma, self.center.then_some(usize::from(self.scale)))
    }
}

impl Configured for LayerNormalization {
    fn validate(&self) -> Result<()> {
        if self.epsilon >= 0.0 {
            Ok(())
        } else {
            Err(Error::config(
                "`epsilon` of at least 0",
                self.epsilon.to_string(),
            ))
        }
    }
}

impl<F: Real> Layer<F> for LayerNormalization {
    fn kind(&self) -> &'static str {
        "LayerNormalization"
    }

    fn with_axis_last(&self, moved: usize, inputs: &[Shape]) -> Option<Value> {
        let &[axis] = &self.axis.0[..] else {
            return None; // gamma's axes would change places
        };
        let axis = axis_after_move(axis, moved, inputs[0].rank())?;
        Some(json!({"axis": axis}))
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        sizes_of(&self.axis, input)?;
        Ok(vec![input.clone()])
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<ParamSpec>> {
        let sizes = sizes_of(&self.axis, only_input(inputs)?)?;
        let mut params = Vec::with_capacity(2);
        if self.scale {
            params.push(
                ParamSpec::trainable("gamma", &sizes, &self.gamma_initializer)
                    .regularized(&self.gamma_regularizer)
                    .constrained(&self.gamma_constraint),
            );
        }
        if self.center {
            params.push(
                ParamSpec::trainable("beta", &sizes, &self.beta_initializer)
                    .regularized(&self.beta_regularizer)
                    .constrained(&self.beta_constraint),
            );
        }
        Ok(params)
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        let input = only_input(inputs)?;
        let sizes = input.sizes()?;
        let elements = sizes.iter().product::<usize>();
        // The mean and the inverse deviation of each row; where axes are turned, the input and the output turned.
        let (turn, width) = self.rows(&sizes);
        let rows = elements.checked_div(width).unwrap_or(0);
        let turned = usize::from(turn.is_some());
        let mut forward = vec![elements; 2 * turned];
        let saved = vec![rows; if mode.backward { 2 } else { 0 }];
        forward.extend(vec![rows; 2 - saved.len()]);
        Ok(Scratch {
            saved,
            forward,
            backward: vec![elements; 3 * turned],
            reads_inputs: mode.backward,
            ..Scratch::default()
        })
    }

    fn mask_rule(&self, _: &[Shape], _: &[bool]) -> MaskRule {
        MaskRule::Pass(0)
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let sizes = cx.input_shape(0);
        let (turn, width) = self.rows(sizes);
        let (gamma, beta) = self.indices();
        let affine = Affine {
            gamma: gamma.map(|i| cx.param(i)),
            beta: beta.map(|i| cx.param(i)),
        };
        let first = if turn.is_some() { 2 } else { 0 };
        let (mean, inverse_std) = if cx.num_saved() > 0 {
            (cx.saved(0), cx.saved(1))
        } else {
            (cx.temp(first), cx.temp(first + 1))
        };
        let (input, output) = (cx.input(0), cx.output(0));
        let mut normalize = |x: &[F], y: &mut [F]| {
            let epsilon = F::of(self.epsilon);
            normalize_rows(x, y, width, affine, epsilon, mean, inverse_std);
        };
        match turn {
            None => normalize(input, output),
            Some(turn) => {
                let (x, y) = (cx.temp(0), cx.temp(1));
                turn.there(input, sizes, x);
                normalize(x, y);
                turn.back(y, output, false);
            }
        }
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let Some(grad_output) = cx.grad_output_mut(0) else {
            return Ok(());
        };
        let sizes = cx.input_shape(0);
        let (turn, width) = self.rows(sizes);
        let statistics = RowStatistics {
            mean: cx.saved(0),
            inverse_std: cx.saved(1),
        };
        let (mut x, mut dy) = (cx.input(0), grad_output);
        if let Some(turn) = &turn {
            let (turned_x, turned_dy) = (cx.temp(0), cx.temp(1));
            turn.there(x, sizes, turned_x);
            turn.there(dy, sizes, turned_dy);
            (x, dy) = (turned_x, turned_dy);
        }
        let (gamma, beta) = self.indices();
        let mut wanted = |i: Option<usize>| {
            let grad = i.and_then(|i| cx.grad_param(i));
            grad.map(|grad| (grad.values, grad.accumulate))
        };
        let (grad_gamma, grad_beta) = (wanted(gamma), wanted(beta));
        let gamma = gamma.map(|i| cx.param(i));
        let grad = cx.grad_input(0);
        let grad = grad.map(|grad| (grad.values, grad.accumulate));
        let backward = |dx: Wanted<'_, F>| {
            normalize_rows_backward(x, dy, width, gamma, statistics, dx, grad_gamma, grad_beta);
        };
        match (turn, grad) {
            (Some(turn), Some((dx, accumulate))) => {
                let turned = cx.temp(2);
                backward(Some((turned, false)));
                turn.back(turned, dx, accumulate);
            }
            (_, grad) => backward(grad),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Array, Case, assert_close, check_gradients};

    fn case(config: Value, input: Array) -> Case {
        Case {
            kind: "LayerNormalization",
            config,
            inputs: vec![input],
            ..Case::default()
        }
    }

    #[test]
    fn rows_are_normalised_scaled_and_shifted() {
        let input = Array::new(&[2, 2], &[1.0, 3.0, -10.0, 10.0]);
        let case = Case {
            weights: vec![vec![2.0, 4.0], vec![0.5, -0.5]],
            ..case(json!({"epsilon": 0.0}), input)
        };
        let output = &case.outputs::<f32>().unwrap()[0];
        assert_eq!(output.values, [-1.5, 3.5, -1.5, 3.5]);
    }

    #[test]
    fn epsilon_is_added_to_the_variance() {
        let input = Array::new(&[1, 2], &[-1.0, 1.0]);
        let config = json!({"epsilon": 3.0, "center": false, "scale": false});
        let output = &case(config, input).outputs::<f64>().unwrap()[0];
        assert_close(&output.values, &[-0.5, 0.5], 1e-15);
    }

    #[test]
    fn axes_before_the_last_are_normalised_too() {
        let input = Array::new(&[1, 2, 2], &[1.0, 10.0, 3.0, 30.0]);
        let case = Case {
            weights: vec![vec![1.0, 2.0], vec![0.0, 0.5]],
            ..case(json!({"epsilon": 0.0, "axis": 1}), input)
        };
        let output = &case.outputs::<f64>().unwrap()[0];
        assert_close(&output.values, &[-1.0, -1.0, 2.5, 2.5], 1e-14);
    }

    #[test]
    fn gradients_agree_with_differences_for_every_option() {
        for config in [
            json!({}),
            json!({"center": false}),
            json!({"scale": false}),
            json!({"center": false, "scale": false, "epsilon": 0.1}),
            json!({"axis": [1, 2]}),
            json!({"axis": [-1, -2]}),
            json!({"axis": 1}),
            json!({"axis": [1], "scale": false}),
        ] {
            check_gradients(&case(config, Array::random(&[2, 3, 5], 1)));
        }
    }

    #[test]
    fn wrong_axes_are_refused() {
        let input = Array::random(&[2, 3, 4], 1);
        for axis in [json!(3), json!(0), json!([2, -1]), json!([])] {
            let error = case(json!({"axis": axis}), input.clone()).error();
            assert!(
                error.contains("an input that has each axis of ("),
                "{error}"
            );
        }
        assert_eq!(
            case(json!({"axis": 3}), input.clone()).error(),
            "LayerNormalization \"layernormalization\": expected an input that has each axis of (3,) behind the batch, got input shape (2, 3, 4)"
        );
        assert_eq!(
            case(json!({"epsilon": -1.0}), input).error(),
            "LayerNormalization \"layernormalization\": expected `epsilon` of at least 0, got -1"
        );
    }
}
