//! RMSNormalization and UnitNormalization: what lies along some axes divided by its size, see
//! [`crate::kernels::row_scaling`].

use serde::Deserialize;
use serde_json::{Value, json};

use super::turn::{Turn, is_among, sizes_of};
use super::{Configured, only_input};
use crate::config::Integers;
use crate::error::{Error, Result};
use crate::init::Initializer;
use crate::kernels::row_scaling::{Divisor, scale_gradient, scale_rows, scale_rows_backward};
use crate::layer::{Backward, Forward, Layer, MaskRule, Mode, Scratch};
use crate::param::ParamSpec;
use crate::real::Real;
use crate::shape::{Shape, axis_after_move};

/// The largest factor of [`UnitNormalization`].
const LIMIT: f64 = 1e12;

/// `y = x / sqrt(mean(x^2) + epsilon) * scale`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RmsNormalization {
    #[serde(default = "last_axis")]
    axis: Integers,
    #[serde(default = "default_epsilon")]
    epsilon: f64,
}

/// `y = x / sqrt(sum(x^2))`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitNormalization {
    #[serde(default = "last_axis")]
    axis: Integers,
}

fn last_axis() -> Integers {
    Integers(vec![-1])
}

fn default_epsilon() -> f64 {
    1e-6
}

impl Configured for RmsNormalization {
    fn validate(&self) -> Result<()> {
        if self.epsilon >= 0.0 {
            return Ok(());
        }
        let got = self.epsilon.to_string();
        Err(Error::config("`epsilon` of at least 0", got))
    }
}

impl Configured for UnitNormalization {}

/// What both do: rows along `axes`, with a learned scale or without.
struct Rows<'a> {
    axes: &'a Integers,
    divisor: Divisor,
    has_scale: bool,
}

impl Rows<'_> {
    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        sizes_of(self.axes, input)?;
        Ok(vec![input.clone()])
    }

    /// The turn that an input of these sizes needs, and the number of elements that belong together.
    fn rows(&self, sizes: &[usize]) -> (Option<Turn>, usize) {
        let goes_last = |axis| is_among(self.axes, axis, sizes.len());
        let along = (0..sizes.len()).filter(|&axis| goes_last(axis));
        let width = along.map(|axis| sizes[axis]).product();
        (Turn::new(sizes, goes_last), width)
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        let sizes = only_input(inputs)?.sizes()?;
        let (turn, width) = self.rows(&sizes);
        let elements = sizes.iter().product::<usize>();
        let factors = elements.checked_div(width).unwrap_or(0);
        let turned = usize::from(turn.is_some());
        // The factors come first, then the input and the output (or the gradients) turned.
        let mut forward = vec![factors; usize::from(!mode.backward)];
        forward.extend(vec![elements; 2 * turned]);
        Ok(Scratch {
            saved: vec![factors; usize::from(mode.backward)],
            forward,
            backward: vec![elements; 3 * turned],
            reads_inputs: mode.backward,
            ..Scratch::default()
        })
    }

    fn with_axis_last(&self, moved: usize, inputs: &[Shape]) -> Option<Value> {
        let &[axis] = &self.axes.0[..] else {
            return None; // the scale's axes would change places
        };
        let axis = axis_after_move(axis, moved, inputs[0].rank())?;
        Some(json!({"axis": axis}))
    }

    fn forward<F: Real>(&self, mut cx: Forward<'_, F>) {
        let sizes = cx.input_shape(0);
        let (turn, width) = self.rows(sizes);
        let scale = self.has_scale.then(|| cx.param(0));
        let (factors, free) = if cx.num_saved() > 0 {
            (cx.saved(0), 0)
        } else {
            (cx.temp(0), 1)
        };
        let (input, output) = (cx.input(0), cx.output(0));
        match turn {
            None => scale_rows(input, output, width, self.divisor, scale, factors),
            Some(turn) => {
                let (x, y) = (cx.temp(free), cx.temp(free + 1));
                turn.there(input, sizes, x);
                scale_rows(x, y, width, self.divisor, scale, factors);
                turn.back(y, output, false);
            }
        }
    }

    fn backward<F: Real>(&self, mut cx: Backward<'_, F>) {
        let Some(mut dy) = cx.grad_output_mut(0) else {
            return;
        };
        let sizes = cx.input_shape(0);
        let (turn, width) = self.rows(sizes);
        let (mut x, factors) = (cx.input(0), &*cx.saved(0));
        if let Some(turn) = &turn {
            let (turned_x, turned_dy) = (cx.temp(0), cx.temp(1));
            turn.there(x, sizes, turned_x);
            turn.there(dy, sizes, turned_dy);
            (x, dy) = (turned_x, turned_dy);
        }
        let mut scale = None;
        if self.has_scale {
            scale = Some(cx.param(0));
            if let Some(grad) = cx.grad_param(0) {
                scale_gradient(x, dy, factors, grad.values, grad.accumulate);
            }
        }
        let Some(grad) = cx.grad_input(0) else {
            return;
        };
        let (dx, accumulate) = (grad.values, grad.accumulate);
        let slopes = |dy: &mut [F], dx: &mut [F], accumulate| {
            scale_rows_backward(x, dy, width, self.divisor, scale, factors, dx, accumulate);
        };
        match turn {
            None => slopes(dy, dx, accumulate),
            Some(turn) => {
                let turned = cx.temp(2);
                slopes(dy, turned, false);
                turn.back(turned, dx, accumulate);
            }
        }
    }
}

impl RmsNormalization {
    fn rows(&self) -> Rows<'_> {
        Rows {
            axes: &self.axis,
            divisor: Divisor::RootMeanSquare {
                epsilon: self.epsilon,
            },
            has_scale: true,
        }
    }
}

impl UnitNormalization {
    fn rows(&self) -> Rows<'_> {
        Rows {
            axes: &self.axis,
            divisor: Divisor::Length { limit: LIMIT },
            has_scale: false,
        }
    }
}

impl<F: Real> Layer<F> for RmsNormalization {
    fn kind(&self) -> &'static str {
        "RMSNormalization"
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        self.rows().output_shapes(inputs)
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<ParamSpec>> {
        let sizes = sizes_of(&self.axis, only_input(inputs)?)?;
        let ones = Initializer::ones();
        Ok(vec![ParamSpec::trainable("scale", &sizes, &ones)])
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        self.rows().scratch(inputs, mode)
    }

    fn mask_rule(&self, _: &[Shape], _: &[bool]) -> MaskRule {
        MaskRule::None // Keras's does not support masks
    }

    fn with_axis_last(&self, axis: usize, inputs: &[Shape]) -> Option<Value> {
        self.rows().with_axis_last(axis, inputs)
    }

    fn forward(&self, cx: Forward<'_, F>) -> Result<()> {
        self.rows().forward(cx);
        Ok(())
    }

    fn backward(&self, cx: Backward<'_, F>) -> Result<()> {
        self.rows().backward(cx);
        Ok(())
    }
}

impl<F: Real> Layer<F> for UnitNormalization {
    fn kind(&self) -> &'static str {
        "UnitNormalization"
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        self.rows().output_shapes(inputs)
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        self.rows().scratch(inputs, mode)
    }

    fn mask_rule(&self, _: &[Shape], _: &[bool]) -> MaskRule {
        MaskRule::Pass(0)
    }

    fn with_axis_last(&self, axis: usize, inputs: &[Shape]) -> Option<Value> {
        self.rows().with_axis_last(axis, inputs)
    }

    fn forward(&self, cx: Forward<'_, F>) -> Result<()> {
        self.rows().forward(cx);
        Ok(())
    }

    fn backward(&self, cx: Backward<'_, F>) -> Result<()> {
        self.rows().backward(cx);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Array, Case, assert_close, check_gradients};

    fn case(kind: &'static str, config: Value, input: Array) -> Case {
        Case {
            kind,
            config,
            inputs: vec![input],
            ..Case::default()
        }
    }

    #[test]
    fn rows_are_divided_by_their_size() {
        let input = Array::new(&[1, 2, 2], &[3.0, 1.0, 4.0, 1.0]);
        let unit = case("UnitNormalization", json!({"axis": 1}), input.clone());
        let half = 0.5_f64.sqrt();
        let output = &unit.outputs::<f64>().unwrap()[0];
        assert_close(&output.values, &[0.6, half, 0.8, half], 1e-15);
        let rms = Case {
            weights: vec![vec![1.0, 2.0]],
            ..case(
                "RMSNormalization",
                json!({"axis": 1, "epsilon": 0.0}),
                input,
            )
        };
        let two = 2.0_f64.sqrt();
        let output = &rms.outputs::<f64>().unwrap()[0];
        assert_close(&output.values, &[0.6 * two, 1.0, 1.6 * two, 2.0], 1e-15);
    }

    #[test]
    fn gradients_agree_with_differences() {
        for axis in [json!(-1), json!(1), json!([1, 2]), json!([-1, 1])] {
            let input = Array::random(&[2, 3, 2, 4], 1);
            let config = json!({"axis": axis, "epsilon": 0.1});
            check_gradients(&case("RMSNormalization", config, input.clone()));
            check_gradients(&case("UnitNormalization", json!({"axis": axis}), input));
        }
    }

    #[test]
    fn zeros_stay_zeros() {
        let input = Array::new(&[1, 2], &[0.0, 0.0]);
        let output = &case("UnitNormalization", json!({}), input)
            .outputs::<f32>()
            .unwrap()[0];
        assert_eq!(output.values, [0.0, 0.0]);
    }

    #[test]
    fn wrong_settings_and_axes_are_refused() {
        let input = Array::random(&[2, 3, 4], 1);
        assert_eq!(
            case("UnitNormalization", json!({"axis": [1, 3]}), input.clone()).error(),
            "UnitNormalization \"unitnormalization\": expected an input that has each axis of (1, 3) behind the batch, got input shape (2, 3, 4)"
        );
        assert_eq!(
            case("RMSNormalization", json!({"epsilon": -1.0}), input).error(),
            "RMSNormalization \"rmsnormalization\": expected `epsilon` of at least 0, got -1"
        );
    }
}
