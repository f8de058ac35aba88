//! Inputs made larger by whole factors, over one, two or three axes between batch and channels: pixels repeated
//! ([`crate::kernels::repeat`]) or, for images, weighted sums of those around ([`crate::kernels::resize`]).

use serde::Deserialize;

use super::data_format::DataFormat;
use super::sliding::{positive, three, wrong_rank};
use super::{Configured, only_input};
use crate::config::Integers;
use crate::error::{Error, Result};
use crate::kernels::repeat::Repeat;
use crate::kernels::resize::{Axis, Interpolation, Resize};
use crate::layer::{Backward, Forward, Layer, Mode, Scratch};
use crate::real::Real;
use crate::shape::Shape;

/// `size` times as many places along each axis.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpSampling<const RANK: usize> {
    #[serde(default = "two")]
    size: Integers,
    #[serde(default)]
    data_format: DataFormat,
    #[serde(default)]
    interpolation: Between,
}

/// What comes between the pixels: the nearest one, or a weighted sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
struct Between(Option<Interpolation>);

impl TryFrom<String> for Between {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Ok(Self(match name.to_lowercase().as_str() {
            "nearest" => None,
            "bilinear" => Some(Interpolation::Bilinear),
            "bicubic" => Some(Interpolation::Bicubic),
            "lanczos3" => Some(Interpolation::Lanczos3),
            "lanczos5" => Some(Interpolation::Lanczos5),
            _ => {
                return Err(format!(
                    "expected \"nearest\", \"bilinear\", \"bicubic\", \"lanczos3\" or \"lanczos5\", got {name:?}"
                ));
            }
        }))
    }
}

fn two() -> Integers {
    Integers(vec![2])
}

impl<const RANK: usize> UpSampling<RANK> {
    fn times(&self) -> Result<[usize; RANK]> {
        positive("size", &self.size)
    }

    fn repeat(&self, input: &[usize]) -> Result<Repeat> {
        Ok(Repeat {
            batch: input[0],
            channels: input[RANK + 1],
            input: three(&input[1..=RANK], 1),
            times: three(&self.times()?, 1),
        })
    }

    fn resize(&self, input: &[usize], interpolation: Interpolation) -> Result<Resize> {
        let times = self.times()?;
        let axis = |axis: usize| Axis {
            from: input[1 + axis],
            to: input[1 + axis] * times[axis],
            interpolation,
        };
        Ok(Resize {
            lines: axis(0),
            columns: axis(1),
            channels: input[3],
        })
    }
}

impl<const RANK: usize> Configured for UpSampling<RANK> {
    fn validate(&self) -> Result<()> {
        self.times()?;
        if RANK != 2 && self.interpolation != Between::default() {
            return Err(Error::config(
                "`interpolation` \"nearest\"",
                format!("{:?}", self.interpolation),
            ));
        }
        Ok(())
    }
}

impl<F: Real, const RANK: usize> Layer<F> for UpSampling<RANK> {
    fn kind(&self) -> &'static str {
        ["UpSampling1D", "UpSampling2D", "UpSampling3D"][RANK - 1]
    }

    fn channel_axis(&self, rank: usize) -> Option<usize> {
        self.data_format.channel_axis(rank)
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        if input.rank() != RANK + 2 {
            return Err(wrong_rank(RANK, input));
        }
        let mut output = input.clone();
        for (size, times) in output.axes_mut()[1..].iter_mut().zip(self.times()?) {
            *size = size.map(|size| size.saturating_mul(times));
        }
        Ok(vec![output])
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        let rooms = match self.interpolation.0 {
            Some(interpolation) => {
                let sizes = only_input(inputs)?.sizes()?;
                let resize = self.resize(&sizes, interpolation)?;
                // The weights of both axes, and the images between.
                let between = sizes[0] * resize.lines.to * sizes[2] * sizes[3];
                let weights = [resize.lines, resize.columns].map(|axis| axis.num_weights());
                vec![weights[0], weights[1], between]
            }
            None => Vec::new(),
        };
        Ok(Scratch {
            backward: if mode.backward {
                rooms.clone()
            } else {
                Vec::new()
            },
            forward: rooms,
            ..Scratch::default()
        })
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let (x, y, sizes) = (cx.input(0), cx.output(0), cx.input_shape(0));
        let Some(interpolation) = self.interpolation.0 else {
            self.repeat(sizes)?.forward(x, y);
            return Ok(());
        };
        let resize = self.resize(sizes, interpolation)?;
        let (by_line, by_column, between) = (cx.temp(0), cx.temp(1), cx.temp(2));
        resize.lines.weights(by_line);
        resize.columns.weights(by_column);
        resize.forward([by_line, by_column], x, between, y);
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let (Some(dy), Some(dx)) = (cx.grad_output_mut(0), cx.grad_input(0)) else {
            return Ok(());
        };
        let sizes = cx.input_shape(0);
        let Some(interpolation) = self.interpolation.0 else {
            self.repeat(sizes)?.backward(dy, dx.values, dx.accumulate);
            return Ok(());
        };
        let resize = self.resize(sizes, interpolation)?;
        let (by_line, by_column, between) = (cx.temp(0), cx.temp(1), cx.temp(2));
        resize.lines.weights(by_line);
        resize.columns.weights(by_column);
        let weights = [&*by_line, &*by_column];
        resize.backward(weights, dy, between, dx.values, dx.accumulate);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Array, Case, assert_close, check_gradients};

    fn case(kind: &'static str, config: Value, shape: &[usize]) -> Case {
        let count = shape.iter().product::<usize>();
        let values: Vec<f64> = (0..count).map(|i| i as f64).collect();
        Case {
            kind,
            config,
            inputs: vec![Array::new(shape, &values)],
            ..Case::default()
        }
    }

    #[test]
    fn pixels_are_repeated_or_weighted() {
        for (kind, config, shape, values) in [
            (
                "UpSampling1D",
                json!({}),
                &[1, 2, 2][..],
                &[0., 1., 0., 1., 2., 3., 2., 3.][..],
            ),
            (
                "UpSampling2D",
                json!({"size": [1, 3]}),
                &[1, 2, 1, 1],
                &[0., 0., 0., 1., 1., 1.],
            ),
            (
                "UpSampling2D",
                json!({"interpolation": "bilinear"}),
                &[1, 1, 2, 1],
                &[0., 0.25, 0.75, 1., 0., 0.25, 0.75, 1.],
            ),
            (
                "UpSampling3D",
                json!({"size": [2, 1, 1], "data_format": "channels_first"}),
                &[1, 2, 1, 1, 1],
                &[0., 0., 1., 1.],
            ),
        ] {
            let case = case(kind, config, shape);
            for output in [case.outputs::<f32>(), case.outputs::<f64>()] {
                assert_close::<f64>(&output.unwrap()[0].values, values, 1e-7);
            }
            check_gradients(&case);
        }
        for interpolation in ["nearest", "bilinear", "Bicubic", "lanczos3", "lanczos5"] {
            let config = json!({"size": [2, 3], "interpolation": interpolation});
            check_gradients(&case("UpSampling2D", config, &[2, 3, 2, 2]));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (config, expected) in [
            (
                json!({"size": 0}),
                "expected `size` to be one or two positive integers, got (0,)",
            ),
            (
                json!({"interpolation": "area"}),
                "expected `interpolation` to be \"nearest\", \"bilinear\", \"bicubic\", \"lanczos3\" or \"lanczos5\", got \"area\"",
            ),
            (
                json!({}),
                "expected inputs of shape (batch, height, width, channels), got shape (2, 3)",
            ),
        ] {
            let error = case("UpSampling2D", config, &[2, 3]).error();
            assert_eq!(error, format!("UpSampling2D \"upsampling2d\": {expected}"));
        }
    }
}
