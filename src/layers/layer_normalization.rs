//! Each sample brought to mean 0 and variance 1 along its last axes, then scaled and shifted: see [`crate::kernels::norm`].

use serde::Deserialize;

use super::{Configured, only_input};
use crate::config::Integers;
use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::init::Initializer;
use crate::kernels::norm::{
    Affine, RowStatistics, normalize_rows, normalize_rows_backward, normalize_rows_backward_affine,
};
use crate::layer::{Backward, Forward, Layer, MaskRule, Mode, Scratch};
use crate::param::ParamSpec;
use crate::real::Real;
use crate::regularizer::Regularizer;
use crate::shape::Shape;

/// `y = gamma * (x - mean) / sqrt(variance + epsilon) + beta`, mean and variance of each sample along the last axes.
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
    /// The sizes of the normalised axes, which must be the last ones and known.
    fn sizes(&self, input: &Shape) -> Result<Vec<usize>> {
        let rank = input.rank();
        let mut axes = Vec::with_capacity(self.axis.0.len());
        for &axis in &self.axis.0 {
            let counted = if axis < 0 { axis + rank as i64 } else { axis };
            match usize::try_from(counted) {
                Ok(counted) if counted < rank => axes.push(counted),
                _ => {
                    return Err(Error::shape(
                        format!("an input that has axis {axis}"),
                        format!("input shape {input}"),
                    ));
                }
            }
        }
        axes.sort_unstable();
        let first = rank - axes.len();
        if first == 0 || !axes.iter().copied().eq(first..rank) {
            return Err(Error::config(
                format!("`axis` to name the last axes of input shape {input}, without the batch"),
                format!("axes {axes:?}"),
            )
            .remedy("Move the axes to the end first."));
        }
        let size = |&axis: &usize| {
            input[axis].ok_or_else(|| {
                Error::shape(
                    format!("a known size of axis {axis}"),
                    format!("input shape {input}"),
                )
            })
        };
        axes.iter().map(size).collect()
    }

    fn width(&self, input: &Shape) -> Result<usize> {
        Ok(self.sizes(input)?.iter().product())
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

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        self.sizes(input)?;
        Ok(vec![input.clone()])
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<ParamSpec>> {
        let sizes = self.sizes(only_input(inputs)?)?;
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
        let width = self.width(input)?;
        let elements = input.sizes()?.iter().product::<usize>();
        // The mean and the inverse deviation of each row.
        let rows = vec![elements.checked_div(width).unwrap_or(0); 2];
        let (saved, forward) = if mode.backward {
            (rows, Vec::new())
        } else {
            (Vec::new(), rows)
        };
        Ok(Scratch {
            saved,
            forward,
            reads_inputs: mode.backward,
            ..Scratch::default()
        })
    }

    fn mask_rule(&self, _: &[Shape], _: &[bool]) -> MaskRule {
        MaskRule::Pass(0)
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let width = self.width(&Shape::known(cx.input_shape(0)))?;
        let (gamma, beta) = self.indices();
        let affine = Affine {
            gamma: gamma.map(|i| cx.param(i)),
            beta: beta.map(|i| cx.param(i)),
        };
        let (mean, inverse_std) = if cx.num_saved() > 0 {
            (cx.saved(0), cx.saved(1))
        } else {
            (cx.temp(0), cx.temp(1))
        };
        let (input, output) = (cx.input(0), cx.output(0));
        let epsilon = F::of(self.epsilon);
        normalize_rows(input, output, width, affine, epsilon, mean, inverse_std);
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let Some(grad_output) = cx.grad_output_mut(0) else {
            return Ok(());
        };
        let width = self.width(&Shape::known(cx.input_shape(0)))?;
        let statistics = RowStatistics {
            mean: cx.saved(0),
            inverse_std: cx.saved(1),
        };
        let (gamma, beta) = self.indices();
        let gamma_values = gamma.map(|i| cx.param(i));
        let mut wanted = |i: Option<usize>| {
            let grad = i.and_then(|i| cx.grad_param(i));
            grad.map(|grad| (grad.values, grad.accumulate))
        };
        let (grad_gamma, grad_beta) = (wanted(gamma), wanted(beta));
        let input = cx.input(0);
        normalize_rows_backward_affine(
            input,
            grad_output,
            width,
            statistics,
            grad_gamma,
            grad_beta,
        );
        if let Some(grad) = cx.grad_input(0) {
            let (dx, accumulate) = (grad.values, grad.accumulate);
            normalize_rows_backward(
                input,
                grad_output,
                width,
                gamma_values,
                statistics,
                dx,
                accumulate,
            );
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
    fn gradients_agree_with_differences_for_every_option() {
        for config in [
            json!({}),
            json!({"center": false}),
            json!({"scale": false}),
            json!({"center": false, "scale": false, "epsilon": 0.1}),
            json!({"axis": [1, 2]}),
            json!({"axis": [-1, -2]}),
        ] {
            check_gradients(&case(config, Array::random(&[2, 3, 5], 1)));
        }
    }

    #[test]
    fn wrong_axes_are_refused() {
        let input = Array::random(&[2, 3, 4], 1);
        assert_eq!(
            case(json!({"axis": 3}), input.clone()).error(),
            "LayerNormalization \"layernormalization\": expected an input that has axis 3, got input shape (2, 3, 4)"
        );
        assert_eq!(
            case(json!({"axis": 1}), input.clone()).error(),
            "LayerNormalization \"layernormalization\": expected `axis` to name the last axes of input shape (2, 3, 4), \
             without the batch, got axes [1]. Move the axes to the end first."
        );
        assert_eq!(
            case(json!({"epsilon": -1.0}), input).error(),
            "LayerNormalization \"layernormalization\": expected `epsilon` of at least 0, got -1"
        );
    }
}
