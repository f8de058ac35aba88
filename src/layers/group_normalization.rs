//! The channels of each sample brought to mean 0 and variance 1, a group together: see [`crate::kernels::group_norm`].

use serde::Deserialize;
use serde_json::{Value, json};

use super::turn::{Turn, check_rank};
use super::{Configured, only_input};
use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::init::Initializer;
use crate::kernels::batch_norm::ColumnStatistics;
use crate::kernels::group_norm::Groups;
use crate::kernels::reduce::column_sums;
use crate::layer::{Backward, Forward, Layer, MaskRule, Mode, Scratch};
use crate::param::ParamSpec;
use crate::real::Real;
use crate::regularizer::Regularizer;
use crate::shape::{Shape, axis_after_move, axis_index};

/// `y = gamma * (x - mean) / sqrt(variance + epsilon) + beta`, mean and variance of a group of channels of each sample.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupNormalization {
    #[serde(default = "default_groups")]
    groups: i64,
    #[serde(default = "last_axis")]
    axis: i64,
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

fn default_groups() -> i64 {
    32
}

fn last_axis() -> i64 {
    -1
}

fn default_epsilon() -> f64 {
    1e-3
}

fn yes() -> bool {
    true
}

impl GroupNormalization {
    /// The axis of the channels, and their number.
    fn channels(&self, input: &Shape) -> Result<(usize, usize)> {
        check_rank(input)?;
        let axis = axis_index(self.axis, input.rank()).filter(|&axis| axis > 0);
        let axis = axis.ok_or_else(|| {
            Error::shape(
                format!("an input with an axis {} behind the batch", self.axis),
                format!("input shape {input}"),
            )
        })?;
        let channels = input[axis].ok_or_else(|| {
            Error::shape(
                format!("a known size of axis {axis}"),
                format!("input shape {input}"),
            )
        })?;
        if self.groups > 0 && !(channels as u64).is_multiple_of(self.groups as u64) || channels == 0
        {
            return Err(Error::shape(
                format!("a number of channels that {} groups divide", self.groups),
                format!("{channels} in input shape {input}"),
            )
            .remedy("Take other groups; -1 gives every channel its own."));
        }
        Ok((axis, channels))
    }

    /// The sizes of the samples, and the turn they need, for an input that fits.
    fn groups(&self, sizes: &[usize]) -> (Groups, Option<Turn>) {
        let axis = axis_index(self.axis, sizes.len()).unwrap_or(0);
        let channels = sizes[axis];
        let groups = Groups {
            places: sizes[1..].iter().product::<usize>() / channels.max(1),
            channels,
            groups: usize::try_from(self.groups).unwrap_or(channels),
        };
        (groups, Turn::new(sizes, |a| a == axis))
    }

    /// The indices of gamma and beta among the weights.
    fn indices(&self) -> (Option<usize>, Option<usize>) {
        let gamma = self.scale.then_some(0);
        (gamma, self.center.then_some(usize::from(self.scale)))
    }
}

impl Configured for GroupNormalization {
    fn validate(&self) -> Result<()> {
        if self.groups < 1 && self.groups != -1 {
            return Err(Error::config(
                "`groups` of at least 1, or -1 for as many as channels",
                self.groups.to_string(),
            ));
        }
        if self.epsilon >= 0.0 {
            return Ok(());
        }
        let got = self.epsilon.to_string();
        Err(Error::config("`epsilon` of at least 0", got))
    }
}

impl<F: Real> Layer<F> for GroupNormalization {
    fn kind(&self) -> &'static str {
        "GroupNormalization"
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        self.channels(input)?;
        Ok(vec![input.clone()])
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<ParamSpec>> {
        let (_, channels) = self.channels(only_input(inputs)?)?;
        let mut params = Vec::with_capacity(2);
        if self.scale {
            params.push(
                ParamSpec::trainable("gamma", &[channels], &self.gamma_initializer)
                    .regularized(&self.gamma_regularizer)
                    .constrained(&self.gamma_constraint),
            );
        }
        if self.center {
            params.push(
                ParamSpec::trainable("beta", &[channels], &self.beta_initializer)
                    .regularized(&self.beta_regularizer)
                    .constrained(&self.beta_constraint),
            );
        }
        Ok(params)
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        let sizes = only_input(inputs)?.sizes()?;
        let (groups, turn) = self.groups(&sizes);
        let elements = sizes.iter().product::<usize>();
        let statistics = vec![sizes[0] * groups.channels; 2];
        let turned = usize::from(turn.is_some());
        // Two numbers for each channel of each sample, then the input and the output (or the gradients) turned.
        let mut forward = vec![elements; 2 * turned];
        let mut backward = statistics.clone();
        backward.extend(vec![elements; 3 * turned]);
        let mut saved = Vec::new();
        if mode.backward {
            saved = statistics;
        } else {
            forward.splice(0..0, statistics);
        }
        Ok(Scratch {
            saved,
            forward,
            backward,
            reads_inputs: mode.backward,
            ..Scratch::default()
        })
    }

    fn mask_rule(&self, _: &[Shape], _: &[bool]) -> MaskRule {
        MaskRule::Pass(0)
    }

    fn with_axis_last(&self, axis: usize, inputs: &[Shape]) -> Option<Value> {
        let axis = axis_after_move(self.axis, axis, inputs[0].rank())?;
        Some(json!({"axis": axis}))
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let sizes = cx.input_shape(0);
        let (groups, turn) = self.groups(sizes);
        let (gamma, beta) = self.indices();
        let (gamma, beta) = (gamma.map(|i| cx.param(i)), beta.map(|i| cx.param(i)));
        let ((mean, inverse_std), free) = if cx.num_saved() > 0 {
            ((cx.saved(0), cx.saved(1)), 0)
        } else {
            ((cx.temp(0), cx.temp(1)), 2)
        };
        let epsilon = F::of(self.epsilon);
        let (input, output) = (cx.input(0), cx.output(0));
        match turn {
            None => groups.forward(input, output, gamma, beta, epsilon, mean, inverse_std),
            Some(turn) => {
                let (x, y) = (cx.temp(free), cx.temp(free + 1));
                turn.there(input, sizes, x);
                groups.forward(x, y, gamma, beta, epsilon, mean, inverse_std);
                turn.back(y, output, false);
            }
        }
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let Some(dy) = cx.grad_output_mut(0) else {
            return Ok(());
        };
        let sizes = cx.input_shape(0);
        let (groups, turn) = self.groups(sizes);
        let statistics = ColumnStatistics {
            mean: &*cx.saved(0),
            inverse_std: &*cx.saved(1),
        };
        let (sums, sums_x) = (cx.temp(0), cx.temp(1));
        let (mut x, mut dy) = (cx.input(0), &*dy);
        if let Some(turn) = &turn {
            let (turned_x, turned_dy) = (cx.temp(2), cx.temp(3));
            turn.there(x, sizes, turned_x);
            turn.there(dy, sizes, turned_dy);
            (x, dy) = (turned_x, turned_dy);
        }
        groups.sums(x, dy, statistics, sums, sums_x);
        let (gamma, beta) = self.indices();
        for (index, sums) in [(gamma, &*sums_x), (beta, &*sums)] {
            if let Some(grad) = index.and_then(|index| cx.grad_param(index)) {
                column_sums(sums, groups.channels, grad.values, grad.accumulate);
            }
        }
        let Some(grad) = cx.grad_input(0) else {
            return Ok(());
        };
        let gamma = gamma.map(|i| cx.param(i));
        let slopes = |dx: &mut [F], accumulate| {
            let sums = (&*sums, &*sums_x);
            groups.backward(x, dy, gamma, statistics, sums, dx, accumulate);
        };
        match turn {
            None => slopes(grad.values, grad.accumulate),
            Some(turn) => {
                let turned = cx.temp(4);
                slopes(turned, false);
                turn.back(turned, grad.values, grad.accumulate);
            }
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
            kind: "GroupNormalization",
            config,
            inputs: vec![input],
            ..Case::default()
        }
    }

    #[test]
    fn each_group_of_channels_is_normalised_by_itself() {
        let input = Array::new(&[1, 2, 3], &[1.0, 1.0, 0.0, 3.0, 3.0, 0.0]);
        for (groups, axis, values) in [
            (-1, -1, [-1.0, -1.0, 0.0, 1.0, 1.0, 0.0]),
            (1, 1, [0.0, 0.0, -1.0, 1.0, 1.0, -1.0]),
        ] {
            let config = json!({"groups": groups, "axis": axis, "epsilon": 0.0});
            let kept = if axis == 1 { 2 } else { 3 };
            let case = Case {
                weights: vec![vec![2.0; kept], vec![0.5; kept]],
                ..case(config, input.clone())
            };
            let output = &case.outputs::<f64>().unwrap()[0].values;
            if axis == -1 {
                let expected = values.map(|x| 2.0 * x + 0.5);
                // The third channel has variance 0, and 0 / 0 is not a number.
                assert_close(&output[..2], &expected[..2], 1e-14);
                assert!(output[2].is_nan());
            } else {
                let mean = output.iter().sum::<f64>() / 6.0;
                assert_close(&[mean], &[0.5], 1e-14);
            }
        }
    }

    #[test]
    fn a_large_mean_does_not_spoil_the_variance() {
        let values: Vec<f64> = (0..64).map(|i| 10_000.0 + f64::from(i % 2)).collect();
        let config = json!({"groups": 1, "epsilon": 0.0, "center": false, "scale": false});
        let output = &case(config, Array::new(&[1, 16, 4], &values))
            .outputs::<f32>()
            .unwrap()[0];
        assert_eq!(output.values[..2], [-1.0, 1.0]);
    }

    #[test]
    fn gradients_agree_with_differences_for_every_option() {
        for config in [
            json!({"groups": 2}),
            json!({"groups": -1, "center": false}),
            json!({"groups": 1, "scale": false, "epsilon": 0.1}),
            json!({"groups": 3, "axis": 1}),
            json!({"groups": 1, "axis": -2, "center": false, "scale": false}),
        ] {
            check_gradients(&case(config, Array::random(&[2, 3, 2, 4], 1)));
        }
        check_gradients(&case(json!({"groups": 2}), Array::random(&[3, 6], 1)));
    }

    #[test]
    fn wrong_settings_and_axes_are_refused() {
        let error = |config| case(config, Array::random(&[2, 3, 4], 1)).error();
        let title = "GroupNormalization \"groupnormalization\": expected";
        assert_eq!(
            error(json!({})),
            format!(
                "{title} a number of channels that 32 groups divide, got 4 in input shape (2, 3, 4). Take other groups; -1 gives every channel its own."
            )
        );
        assert_eq!(
            error(json!({"groups": 0})),
            format!("{title} `groups` of at least 1, or -1 for as many as channels, got 0")
        );
        assert_eq!(
            error(json!({"axis": 0})),
            format!("{title} an input with an axis 0 behind the batch, got input shape (2, 3, 4)")
        );
        assert_eq!(
            error(json!({"epsilon": -1.0})),
            format!("{title} `epsilon` of at least 0, got -1")
        );
    }
}
