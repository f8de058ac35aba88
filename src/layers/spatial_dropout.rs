//! Whole channels dropped at random in training: neighbours in a map are too alike to be dropped one by one.
//!
//! Tompson et al., "Efficient Object Localization Using Convolutional Networks", 2014. The numbers are those of
//! [`super::dropout`] with a pattern repeated along the axes between batch and channels.

use serde::Deserialize;

use super::data_format::DataFormat;
use super::sliding::wrong_rank;
use super::{Configured, only_input};
use crate::error::{Error, Result};
use crate::kernels::dropout::{Dropping, multiply_repeated};
use crate::layer::{Backward, Forward, Layer, MaskRule, Mode, Scratch};
use crate::real::Real;
use crate::shape::Shape;

/// Drops channels of inputs with `RANK` axes between batch and channels.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpatialDropout<const RANK: usize> {
    rate: f64,
    #[serde(default)]
    data_format: DataFormat,
    #[serde(default)]
    seed: Option<u64>,
}

/// The sizes of the pattern.
fn pattern<const RANK: usize>() -> &'static [Option<usize>] {
    match RANK {
        1 => &[None, Some(1), None],
        2 => &[None, Some(1), Some(1), None],
        _ => &[None, Some(1), Some(1), Some(1), None],
    }
}

impl<const RANK: usize> Configured for SpatialDropout<RANK> {
    fn validate(&self) -> Result<()> {
        if (0.0..=1.0).contains(&self.rate) {
            return Ok(());
        }
        Err(Error::config("`rate` from 0 to 1", self.rate.to_string()))
    }
}

impl<const RANK: usize, F: Real> Layer<F> for SpatialDropout<RANK> {
    fn kind(&self) -> &'static str {
        ["SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"][RANK - 1]
    }

    fn channel_axis(&self, rank: usize) -> Option<usize> {
        self.data_format.channel_axis(rank)
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        if input.rank() != RANK + 2 {
            return Err(wrong_rank(RANK, input));
        }
        Ok(vec![input.clone()])
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        let sizes = only_input(inputs)?.sizes()?;
        let factors = vec![sizes[0] * sizes[RANK + 1]];
        let (saved, forward) = if mode.backward {
            (factors, Vec::new())
        } else {
            (Vec::new(), factors)
        };
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
        !mode.training || self.rate == 0.0
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let (input, output, sizes) = (cx.input(0), cx.output(0), cx.input_shape(0));
        let factors = if cx.num_saved() > 0 {
            cx.saved(0)
        } else {
            cx.temp(0)
        };
        Dropping::new(cx.random(self.seed, 0), self.rate).factors(factors);
        multiply_repeated(input, sizes, factors, pattern::<RANK>(), output, false);
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let (Some(dy), Some(dx)) = (cx.grad_output_mut(0), cx.grad_input(0)) else {
            return Ok(());
        };
        let (factors, sizes) = (cx.saved(0), cx.input_shape(0));
        multiply_repeated(
            dy,
            sizes,
            factors,
            pattern::<RANK>(),
            dx.values,
            dx.accumulate,
        );
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
            inputs: vec![Array::new(shape, &vec![1.0; shape.iter().product()])],
            training: true,
            ..Case::default()
        }
    }

    #[test]
    fn whole_channels_are_kept_or_dropped() {
        for (kind, shape) in [
            ("SpatialDropout1D", &[20, 6, 5][..]),
            ("SpatialDropout2D", &[20, 2, 3, 5]),
            ("SpatialDropout3D", &[20, 1, 2, 3, 5]),
        ] {
            let y = case(kind, json!({"rate": 0.5}), shape)
                .outputs::<f32>()
                .unwrap();
            for sample in y[0].values.chunks_exact(30) {
                assert!(sample.chunks_exact(5).all(|place| *place == sample[..5]));
            }
            assert!(y[0].values.contains(&0.0) && y[0].values.contains(&2.0));
            check_gradients(&case(
                kind,
                json!({"rate": 0.5}),
                &[&[2], &shape[1..]].concat(),
            ));
        }
    }

    #[test]
    fn another_rank_is_refused() {
        assert_eq!(
            case("SpatialDropout1D", json!({"rate": 0.5}), &[2, 3]).error(),
            "SpatialDropout1D \"spatialdropout1d\": expected inputs of shape (batch, steps, channels), got shape (2, 3)"
        );
    }
}
