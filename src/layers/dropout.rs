//! Numbers dropped at random in training, so that units do not lean on each other.
//!
//! Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014, in the inverted form:
//! what is kept is divided by `1 - rate`, and inference does nothing.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Configured, only_input};
use crate::error::{Error, Result};
use crate::kernels::dropout::{Dropping, multiply_repeated};
use crate::layer::{Backward, Forward, Layer, MaskRule, Mode, Scratch};
use crate::real::Real;
use crate::shape::Shape;

/// Drops a share of the inputs in training. Which ones follows from seed, call, step and place. For the backward pass a bit
/// for each is kept, or a pattern that is repeated along axes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    pub(super) rate: f64,
    #[serde(default)]
    pub(super) noise_shape: Option<Vec<Option<usize>>>,
    #[serde(default)]
    pub(super) seed: Option<u64>,
}

impl Dropout {
    /// Elements of the random pattern for an input of these sizes; `None` if it is not repeated.
    pub(super) fn pattern_len(&self, sizes: &[usize]) -> Option<usize> {
        let axes = self.noise_shape.as_ref()?.iter().zip(sizes);
        let repeats = |(axis, &size): (&Option<usize>, &usize)| axis.is_some_and(|a| a != size);
        let len = |(axis, &size): (&Option<usize>, &usize)| axis.unwrap_or(size);
        axes.clone().any(repeats).then(|| axes.map(len).product())
    }

    pub(super) fn drops(&self, training: bool) -> bool {
        training && self.rate > 0.0
    }
}

impl Configured for Dropout {
    fn validate(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.rate) {
            return Err(Error::config("`rate` from 0 to 1", self.rate.to_string()));
        }
        match &self.noise_shape {
            Some(axes) if axes.contains(&Some(0)) => Err(Error::config(
                "`noise_shape` of positive integers or None",
                Shape::new(axes.clone()).to_string(),
            )),
            _ => Ok(()),
        }
    }
}

impl<F: Real> Layer<F> for Dropout {
    fn kind(&self) -> &'static str {
        "Dropout"
    }

    fn with_axis_last(&self, _: usize, _: &[Shape]) -> Option<Value> {
        self.noise_shape.is_none().then(|| json!({}))
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        if let Some(axes) = &self.noise_shape {
            let noise = Shape::new(axes.clone());
            let fits = |(noise, size): (&Option<usize>, &Option<usize>)| {
                matches!(noise, None | Some(1)) || size.is_none() || noise == size
            };
            if noise.rank() != input.rank() || !axes.iter().zip(input.axes()).all(fits) {
                return Err(Error::shape(
                    format!("an input that noise_shape {noise} can be repeated to"),
                    format!("input shape {input}"),
                ));
            }
        }
        Ok(vec![input.clone()])
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        let sizes = only_input(inputs)?.sizes()?;
        let mut scratch = Scratch::default();
        if self.drops(mode.training) {
            match (self.pattern_len(&sizes), mode.backward) {
                (Some(len), true) => scratch.saved.push(len),
                (Some(len), false) => scratch.forward.push(len),
                (None, true) => scratch.saved.push(Dropping::notes(sizes.iter().product())),
                (None, false) => {}
            }
        }
        Ok(scratch)
    }

    fn mask_rule(&self, _: &[Shape], _: &[bool]) -> MaskRule {
        MaskRule::Pass(0)
    }

    fn is_view(&self, mode: Mode) -> bool {
        !self.drops(mode.training)
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let dropping = Dropping::new(cx.random(self.seed, 0), self.rate);
        let (input, output, sizes) = (cx.input(0), cx.output(0), cx.input_shape(0));
        match &self.noise_shape {
            Some(noise) if self.pattern_len(sizes).is_some() => {
                let factors = if cx.num_saved() > 0 {
                    cx.saved(0)
                } else {
                    cx.temp(0)
                };
                dropping.factors(factors);
                multiply_repeated(input, sizes, factors, noise, output, false);
            }
            _ if cx.num_saved() > 0 => dropping.apply(input, output, cx.saved(0)),
            _ => dropping.apply(input, output, &mut []),
        }
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let (Some(grad_output), Some(grad)) = (cx.grad_output_mut(0), cx.grad_input(0)) else {
            return Ok(());
        };
        let (dx, accumulate, sizes) = (grad.values, grad.accumulate, cx.input_shape(0));
        match &self.noise_shape {
            Some(noise) if self.pattern_len(sizes).is_some() => {
                let factors = cx.saved(0);
                multiply_repeated(grad_output, sizes, factors, noise, dx, accumulate);
            }
            _ => {
                let dropping = Dropping::new(cx.random(self.seed, 0), self.rate);
                dropping.apply_noted(cx.saved(0), grad_output, dx, accumulate);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Array, Case, check_gradients};

    fn case(config: Value, shape: &[usize]) -> Case {
        Case {
            kind: "Dropout",
            config,
            inputs: vec![Array::new(
                shape,
                &vec![1.0; shape.iter().product::<usize>()],
            )],
            training: true,
            ..Case::default()
        }
    }

    fn values(case: &Case) -> Vec<f64> {
        case.outputs::<f64>().unwrap().swap_remove(0).values
    }

    #[test]
    fn a_share_is_dropped_and_the_rest_scaled() {
        let y = values(&case(json!({"rate": 0.2}), &[50, 200]));
        let kept = y.iter().filter(|&&y| y == 1.25).count();
        assert_eq!(kept + y.iter().filter(|&&y| y == 0.0).count(), y.len());
        assert!((7850..8150).contains(&kept), "{kept}");
    }

    #[test]
    fn both_precisions_drop_the_same() {
        let case = case(json!({"rate": 0.5, "seed": 3}), &[10, 30]);
        let single = case.outputs::<f32>().unwrap().swap_remove(0).values;
        assert_eq!(single, values(&case));
    }

    #[test]
    fn inference_and_rate_zero_change_nothing() {
        let inference = Case {
            training: false,
            ..case(json!({"rate": 0.9}), &[2, 3])
        };
        assert_eq!(values(&inference), [1.0; 6]);
        assert_eq!(values(&case(json!({"rate": 0}), &[2, 3])), [1.0; 6]);
        assert_eq!(values(&case(json!({"rate": 1}), &[2, 3])), [0.0; 6]);
    }

    #[test]
    fn a_noise_shape_drops_whole_slices() {
        let config = json!({"rate": 0.5, "noise_shape": [null, 1, 5]});
        let y = values(&case(config, &[40, 3, 5]));
        for sample in y.chunks_exact(15) {
            assert_eq!(sample[..5], sample[5..10]);
            assert_eq!(sample[..5], sample[10..]);
        }
        assert!(y.contains(&0.0) && y.contains(&2.0));
        assert_ne!(y[..5], y[15..20]);
    }

    #[test]
    fn gradients_pass_where_values_do() {
        for config in [
            json!({"rate": 0.4}),
            json!({"rate": 0.4, "noise_shape": [null, 1, null]}),
            json!({"rate": 0.4, "noise_shape": [1, 3, 1], "seed": 9}),
        ] {
            check_gradients(&Case {
                inputs: vec![Array::random(&[2, 3, 4], 1)],
                ..case(config, &[1])
            });
        }
    }

    #[test]
    fn wrong_rates_and_patterns_are_refused() {
        assert_eq!(
            case(json!({"rate": 1.5}), &[2, 3]).error(),
            "Dropout \"dropout\": expected `rate` from 0 to 1, got 1.5"
        );
        assert_eq!(
            case(json!({"rate": 0.5, "noise_shape": [null, 2]}), &[2, 3]).error(),
            "Dropout \"dropout\": expected an input that noise_shape (None, 2) can be repeated to, got input shape (2, 3)"
        );
        assert_eq!(
            case(json!({"rate": 0.5, "noise_shape": [0, 3]}), &[2, 3]).error(),
            "Dropout \"dropout\": expected `noise_shape` of positive integers or None, got (0, 3)"
        );
    }
}
