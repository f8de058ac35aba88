//! Noise of normal numbers, in training only.
//!
//! ```text
//! GaussianNoise:    y = x + stddev * n
//! GaussianDropout:  y = x * (1 + sqrt(rate / (1 - rate)) * n)      (Srivastava et al., 2014, section 10)
//! ```
//!
//! The numbers n follow from seed, call, step and place, so the backward pass draws them again.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Configured, only_input};
use crate::error::{Error, Result};
use crate::layer::{Backward, Forward, Layer, MaskRule, Mode};
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;
use crate::rng::{GROUP, Stream};
use crate::shape::Shape;

/// Adds normal numbers of mean 0.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaussianNoise {
    stddev: f64,
    #[serde(default)]
    seed: Option<u64>,
}

/// Multiplies by normal numbers of mean 1 with the spread that dropping a share of `rate` has.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaussianDropout {
    rate: f64,
    #[serde(default)]
    seed: Option<u64>,
}

/// Elements of one chunk: whole groups of random numbers.
const CHUNK: usize = 64 * GROUP;

/// `y[i] = term(y[i], x[i], n[i])` with the normal numbers n of `stream`.
fn with_noise<F: Real>(stream: Stream, x: &[F], y: &mut [F], term: impl Fn(F, F, F) -> F + Sync) {
    for_each_chunk_mut(y, CHUNK, |index, y| {
        let mut noise = [F::ZERO; GROUP];
        let x = &x[index * CHUNK..][..y.len()];
        for (i, (y, x)) in y.chunks_mut(GROUP).zip(x.chunks(GROUP)).enumerate() {
            let noise = &mut noise[..y.len()];
            stream.fill_normal(noise, (index * CHUNK + i * GROUP) as u64);
            for ((y, &x), &n) in y.iter_mut().zip(x).zip(&*noise) {
                *y = term(*y, x, n);
            }
        }
    });
}

impl Configured for GaussianNoise {
    fn validate(&self) -> Result<()> {
        if (0.0..=1.0).contains(&self.stddev) {
            return Ok(());
        }
        Err(Error::config(
            "`stddev` from 0 to 1",
            self.stddev.to_string(),
        ))
    }
}

impl Configured for GaussianDropout {
    fn validate(&self) -> Result<()> {
        if (0.0..1.0).contains(&self.rate) {
            return Ok(());
        }
        let got = self.rate.to_string();
        Err(Error::config(
            "`rate` from 0 up to but not including 1",
            got,
        ))
    }
}

impl<F: Real> Layer<F> for GaussianNoise {
    fn kind(&self) -> &'static str {
        "GaussianNoise"
    }

    fn with_axis_last(&self, _: usize, _: &[Shape]) -> Option<Value> {
        Some(json!({})) // each number by itself
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        Ok(vec![only_input(inputs)?.clone()])
    }

    fn mask_rule(&self, _: &[Shape], _: &[bool]) -> MaskRule {
        MaskRule::Pass(0)
    }

    fn is_view(&self, mode: Mode) -> bool {
        !mode.training || self.stddev == 0.0
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let stddev = F::of(self.stddev);
        let stream = cx.random(self.seed, 0);
        with_noise(stream, cx.input(0), cx.output(0), |_, x, n| x + stddev * n);
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let (Some(dy), Some(dx)) = (cx.grad_output_mut(0), cx.grad_input(0)) else {
            return Ok(());
        };
        let accumulate = dx.accumulate;
        for_each_chunk_mut(dx.values, CHUNK, |index, dx| {
            let dy = &dy[index * CHUNK..][..dx.len()];
            if accumulate {
                dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += dy);
            } else {
                dx.copy_from_slice(dy);
            }
        });
        Ok(())
    }
}

impl<F: Real> Layer<F> for GaussianDropout {
    fn kind(&self) -> &'static str {
        "GaussianDropout"
    }

    fn with_axis_last(&self, _: usize, _: &[Shape]) -> Option<Value> {
        Some(json!({})) // each number by itself
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        Ok(vec![only_input(inputs)?.clone()])
    }

    fn mask_rule(&self, _: &[Shape], _: &[bool]) -> MaskRule {
        MaskRule::Pass(0)
    }

    fn is_view(&self, mode: Mode) -> bool {
        !mode.training || self.rate == 0.0
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let spread = F::of((self.rate / (1.0 - self.rate)).sqrt());
        let stream = cx.random(self.seed, 0);
        with_noise(stream, cx.input(0), cx.output(0), |_, x, n| {
            x * (F::ONE + spread * n)
        });
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let (Some(dy), Some(dx)) = (cx.grad_output_mut(0), cx.grad_input(0)) else {
            return Ok(());
        };
        let spread = F::of((self.rate / (1.0 - self.rate)).sqrt());
        let (stream, accumulate) = (cx.random(self.seed, 0), dx.accumulate);
        with_noise(stream, dy, dx.values, |dx, dy, n| {
            let grad = dy * (F::ONE + spread * n);
            if accumulate { dx + grad } else { grad }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Array, Case, check_gradients};

    fn case(kind: &'static str, config: Value, shape: &[usize]) -> Case {
        Case {
            kind,
            config,
            inputs: vec![Array::new(shape, &vec![2.0; shape.iter().product()])],
            training: true,
            ..Case::default()
        }
    }

    #[test]
    fn the_noise_has_the_mean_and_spread_it_should() {
        for (kind, config, spread) in [
            ("GaussianNoise", json!({"stddev": 0.5}), 0.5),
            ("GaussianDropout", json!({"rate": 0.2}), 1.0),
        ] {
            let y = case(kind, config, &[100, 200]).outputs::<f32>().unwrap();
            let count = y[0].values.len() as f64;
            let mean = y[0].values.iter().sum::<f64>() / count;
            let square = |y: &f64| (y - mean) * (y - mean);
            let variance = y[0].values.iter().map(square).sum::<f64>() / count;
            assert!((mean - 2.0).abs() < 0.03, "{kind}: {mean}");
            assert!(
                (variance.sqrt() - spread).abs() < 0.03,
                "{kind}: {variance}"
            );
        }
    }

    #[test]
    fn gradients_agree_and_inference_changes_nothing() {
        for (kind, config) in [
            ("GaussianNoise", json!({"stddev": 0.5, "seed": 3})),
            ("GaussianDropout", json!({"rate": 0.2})),
        ] {
            let mut case = case(kind, config, &[3, 5]);
            check_gradients(&case);
            case.training = false;
            assert_eq!(case.outputs::<f64>().unwrap()[0].values, [2.0; 15]);
        }
    }

    #[test]
    fn wrong_shares_are_refused() {
        assert_eq!(
            case("GaussianNoise", json!({"stddev": 2}), &[1, 1]).error(),
            "GaussianNoise \"gaussiannoise\": expected `stddev` from 0 to 1, got 2"
        );
        assert_eq!(
            case("GaussianDropout", json!({"rate": 1}), &[1, 1]).error(),
            "GaussianDropout \"gaussiandropout\": expected `rate` from 0 up to but not including 1, got 1"
        );
    }
}
