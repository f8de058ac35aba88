//! The poolings: the largest number or the mean of each window, see [`crate::kernels::pool`].

use serde::Deserialize;

use super::data_format::DataFormat;
use super::sliding::{Padding, Sliding, positive};
use super::{Configured, only_input};
use crate::config::Integers;
use crate::error::Result;
use crate::kernels::pool::{Pool2d, average_backward, average_forward, max_backward, max_forward};
use crate::layer::{Backward, Forward, Layer, Mode, Scratch};
use crate::real::Real;
use crate::shape::Shape;

/// The largest number of each window.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaxPooling2D {
    #[serde(default = "two")]
    pool_size: Integers,
    #[serde(default)]
    strides: Option<Integers>,
    #[serde(default)]
    padding: Padding,
    #[serde(default)]
    data_format: DataFormat,
}

/// The mean of each window.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AveragePooling2D {
    pool_size: Integers,
    #[serde(default)]
    strides: Option<Integers>,
    #[serde(default)]
    padding: Padding,
    #[serde(default)]
    data_format: DataFormat,
}

fn two() -> Integers {
    Integers(vec![2])
}

fn sliding(size: &Integers, strides: Option<&Integers>, padding: Padding) -> Result<Sliding<2>> {
    let size = positive("pool_size", size)?;
    Ok(Sliding {
        size,
        strides: strides.map_or(Ok(size), |strides| positive("strides", strides))?,
        dilation: [1, 1],
        padding,
    })
}

impl MaxPooling2D {
    fn sliding(&self) -> Result<Sliding<2>> {
        sliding(&self.pool_size, self.strides.as_ref(), self.padding)
    }
}

impl AveragePooling2D {
    fn sliding(&self) -> Result<Sliding<2>> {
        sliding(&self.pool_size, self.strides.as_ref(), self.padding)
    }
}

fn output_shapes(sliding: Sliding<2>, inputs: &[Shape]) -> Result<Vec<Shape>> {
    let input = only_input(inputs)?;
    let [height, width] = sliding.output(input)?;
    Ok(vec![Shape::from([input[0], height, width, input.last()])])
}

/// All sizes, for an input and an output that are known.
fn geometry(sliding: Sliding<2>, input: &[usize], output: &[usize]) -> Pool2d {
    Pool2d {
        batch: input[0],
        input: [input[1], input[2]],
        channels: input[3],
        size: sliding.size,
        strides: sliding.strides,
        padding: [0, 1].map(|axis| sliding.before(axis, input[1 + axis])),
        output: [output[1], output[2]],
    }
}

impl Configured for MaxPooling2D {
    fn validate(&self) -> Result<()> {
        self.sliding().map(drop)
    }
}

impl Configured for AveragePooling2D {
    fn validate(&self) -> Result<()> {
        self.sliding().map(drop)
    }
}

impl<F: Real> Layer<F> for MaxPooling2D {
    fn kind(&self) -> &'static str {
        "MaxPooling2D"
    }

    fn channel_axis(&self, rank: usize) -> Option<usize> {
        self.data_format.channel_axis(rank)
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        output_shapes(self.sliding()?, inputs)
    }

    fn scratch(&self, _: &[Shape], _: Mode) -> Result<Scratch> {
        // Looking for the maximum again is cheaper than keeping its place.
        Ok(Scratch {
            reads_inputs: true,
            reads_outputs: true,
            ..Scratch::default()
        })
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let pool = geometry(self.sliding()?, cx.input_shape(0), cx.output_shape(0));
        max_forward(&pool, cx.input(0), cx.output(0));
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let pool = geometry(self.sliding()?, cx.input_shape(0), cx.output_shape(0));
        if let (Some(dy), Some(dx)) = (cx.grad_output_mut(0), cx.grad_input(0)) {
            let (x, y) = (cx.input(0), cx.output(0));
            max_backward(&pool, (x, y), dy, dx.accumulate, dx.values);
        }
        Ok(())
    }
}

impl<F: Real> Layer<F> for AveragePooling2D {
    fn kind(&self) -> &'static str {
        "AveragePooling2D"
    }

    fn channel_axis(&self, rank: usize) -> Option<usize> {
        self.data_format.channel_axis(rank)
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        output_shapes(self.sliding()?, inputs)
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let pool = geometry(self.sliding()?, cx.input_shape(0), cx.output_shape(0));
        average_forward(&pool, cx.input(0), cx.output(0));
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let pool = geometry(self.sliding()?, cx.input_shape(0), cx.output_shape(0));
        if let (Some(dy), Some(dx)) = (cx.grad_output_mut(0), cx.grad_input(0)) {
            average_backward(&pool, dy, dx.accumulate, dx.values);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Array, Case, assert_close, check_gradients};

    fn case(kind: &'static str, config: Value, shape: &[usize]) -> Case {
        Case {
            kind,
            config,
            inputs: vec![Array::random(shape, 1)],
            ..Case::default()
        }
    }

    #[test]
    fn windows_give_their_maximum_and_mean() {
        #[rustfmt::skip]
        let input = Array::new(&[1, 3, 4, 1], &[
            1.0, 5.0, -2.0, -1.0,
            3.0, 2.0, -4.0, -3.0,
            9.0, 9.0, 9.0, 9.0,
        ]);
        for (kind, padding, expected) in [
            ("MaxPooling2D", "valid", &[5.0, -1.0][..]),
            ("AveragePooling2D", "valid", &[2.75, -2.5]),
            ("MaxPooling2D", "same", &[5.0, -1.0, 9.0, 9.0]),
            ("AveragePooling2D", "same", &[2.75, -2.5, 9.0, 9.0]),
        ] {
            let case = Case {
                inputs: vec![input.clone()],
                ..case(kind, json!({"pool_size": 2, "padding": padding}), &[1])
            };
            assert_close::<f64>(&case.outputs::<f64>().unwrap()[0].values, expected, 0.0);
            assert_close::<f64>(&case.outputs::<f32>().unwrap()[0].values, expected, 0.0);
        }
    }

    #[test]
    fn gradients_agree_with_differences() {
        for kind in ["MaxPooling2D", "AveragePooling2D"] {
            for config in [
                json!({"pool_size": 2}),
                json!({"pool_size": [3, 2], "strides": [2, 1], "padding": "same"}),
                json!({"pool_size": 2, "strides": 3}),
            ] {
                check_gradients(&case(kind, config, &[2, 5, 6, 3]));
            }
        }
    }

    #[test]
    fn wrong_settings_are_named() {
        let error = |config| case("MaxPooling2D", config, &[1, 4, 4, 3]).error();
        assert_eq!(
            error(json!({"pool_size": [2, 0]})),
            "MaxPooling2D \"maxpooling2d\": expected `pool_size` to be one or two positive integers, got (2, 0)"
        );
        assert_eq!(
            error(json!({"pool_size": 5})),
            "MaxPooling2D \"maxpooling2d\": expected images of at least 5 x 5, as the window reaches, got shape (1, 4, 4, 3). Use a smaller window or padding=\"same\"."
        );
        let huge = json!({"pool_size": 1u64 << 60, "padding": "same"});
        let all = case("AveragePooling2D", huge, &[1, 4, 4, 3])
            .outputs::<f32>()
            .unwrap();
        assert_eq!(all[0].shape, [1, 1, 1, 3]);
    }
}
