//! Dropout that keeps mean and variance of what SELU gives: Klambauer et al., "Self-Normalizing Neural Networks", 2017.
//!
//! ```text
//! y = a * (x where kept, else p) + b      p = -scale * alpha of SELU, its lowest value
//! a = 1 / sqrt((1 - rate) (1 + rate p^2))       b = -a p rate
//! ```

use serde::Deserialize;
use serde_json::Value;

use super::Configured;
use super::dropout::Dropout;
use crate::error::{Error, Result};
use crate::kernels::dropout::{Dropping, multiply_repeated};
use crate::layer::{Backward, Forward, Layer, MaskRule, Mode, Scratch};
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;
use crate::shape::Shape;

/// What dropped numbers become: `-1.0507... * 1.6732...`.
const LOWEST: f64 = -1.050_700_987_355_480_5 * 1.673_263_242_354_377_2;

/// Elements of one chunk.
const CHUNK: usize = 1 << 13;

/// Settings and pattern are those of [`Dropout`].
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct AlphaDropout(Dropout);

impl AlphaDropout {
    /// The factor a and the shift b.
    fn affine(&self) -> (f64, f64) {
        let rate = self.0.rate;
        let a = ((1.0 - rate) * (1.0 + rate * LOWEST * LOWEST)).powf(-0.5);
        (a, -a * LOWEST * rate)
    }
}

impl Configured for AlphaDropout {
    fn validate(&self) -> Result<()> {
        if self.0.rate == 1.0 {
            return Err(Error::config("`rate` below 1", "1").remedy("Nothing would be left."));
        }
        self.0.validate()
    }
}

impl<F: Real> Layer<F> for AlphaDropout {
    fn kind(&self) -> &'static str {
        "AlphaDropout"
    }

    fn with_axis_last(&self, axis: usize, inputs: &[Shape]) -> Option<Value> {
        Layer::<F>::with_axis_last(&self.0, axis, inputs)
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        Layer::<F>::output_shapes(&self.0, inputs)
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        let sizes = super::only_input(inputs)?.sizes()?;
        let pattern = self.0.pattern_len(&sizes);
        let factors = vec![sizes.iter().product()];
        let (saved, mut forward) = if mode.backward {
            (factors, Vec::new())
        } else {
            (Vec::new(), factors)
        };
        forward.extend(pattern);
        Ok(Scratch {
            saved,
            forward,
            ..Scratch::default()
        })
    }

    fn mask_rule(&self, _: &[Shape], _: &[bool]) -> MaskRule {
        MaskRule::Pass(0)
    }

    fn is_view(&self, mode: Mode) -> bool {
        !self.0.drops(mode.training)
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let (x, y, sizes) = (cx.input(0), cx.output(0), cx.input_shape(0));
        let dropping = Dropping::new(cx.random(self.0.seed, 0), self.0.rate);
        let keeps_factors = cx.num_saved() > 0;
        let factors = if keeps_factors {
            cx.saved(0)
        } else {
            cx.temp(0)
        };
        match &self.0.noise_shape {
            Some(noise) if self.0.pattern_len(sizes).is_some() => {
                let pattern = cx.temp(usize::from(!keeps_factors));
                dropping.factors(pattern);
                y.fill(F::ONE);
                multiply_repeated(y, sizes, pattern, noise, factors, false);
            }
            _ => dropping.factors(factors),
        }
        let (a, b) = self.affine();
        let (factor, shift, dropped) = (F::of(a), F::of(b), F::of(a * LOWEST + b));
        let factors = &*factors;
        for_each_chunk_mut(y, CHUNK, |index, y| {
            let places = index * CHUNK..index * CHUNK + y.len();
            for ((y, &x), &f) in y.iter_mut().zip(&x[places.clone()]).zip(&factors[places]) {
                *y = if f == F::ZERO {
                    dropped
                } else {
                    factor * x + shift
                };
            }
        });
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let (Some(dy), Some(mut dx)) = (cx.grad_output_mut(0), cx.grad_input(0)) else {
            return Ok(());
        };
        dx.clear();
        let (dy, factors) = (&*dy, &*cx.saved(0));
        let factor = F::of(self.affine().0);
        for_each_chunk_mut(dx.values, CHUNK, |index, dx| {
            let places = index * CHUNK..index * CHUNK + dx.len();
            for ((dx, &dy), &f) in dx.iter_mut().zip(&dy[places.clone()]).zip(&factors[places]) {
                *dx += if f == F::ZERO { F::ZERO } else { factor * dy };
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Array, Case, check_gradients};

    fn case(config: Value, input: Array) -> Case {
        Case {
            kind: "AlphaDropout",
            config,
            inputs: vec![input],
            training: true,
            ..Case::default()
        }
    }

    #[test]
    fn mean_and_variance_stay() {
        // As many -1 as 1: mean 0 and variance 1.
        let values: Vec<f64> = (0..40_000).map(|i| f64::from(i % 2) * 2.0 - 1.0).collect();
        let case = case(json!({"rate": 0.3}), Array::new(&[200, 200], &values));
        let y = case.outputs::<f64>().unwrap().remove(0).values;
        let mean = y.iter().sum::<f64>() / 40_000.0;
        let variance = y.iter().map(|y| y * y).sum::<f64>() / 40_000.0;
        assert!(
            mean.abs() < 0.03 && (variance - 1.0).abs() < 0.03,
            "{mean} {variance}"
        );
    }

    #[test]
    fn gradients_pass_where_numbers_are_kept() {
        for config in [
            json!({"rate": 0.4}),
            json!({"rate": 0.4, "noise_shape": [null, 1, null], "seed": 3}),
        ] {
            check_gradients(&case(config, Array::random(&[2, 3, 4], 1)));
        }
    }

    #[test]
    fn a_rate_that_leaves_nothing_is_refused() {
        assert_eq!(
            case(json!({"rate": 1}), Array::random(&[1, 1], 1)).error(),
            "AlphaDropout \"alphadropout\": expected `rate` below 1, got 1. Nothing would be left."
        );
    }
}
