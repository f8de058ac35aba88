//! Global pooling: one number for each channel of an image.

use serde::Deserialize;

use super::data_format::DataFormat;
use super::{Configured, only_input};
use crate::error::{Error, Result};
use crate::kernels::pool::{Pool2d, average_backward, average_forward};
use crate::layer::{Backward, Forward, Layer};
use crate::real::Real;
use crate::shape::Shape;

/// The mean of each channel over the whole image: one window as large as it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlobalAveragePooling2D {
    #[serde(default)]
    data_format: DataFormat,
    #[serde(default)]
    keepdims: bool,
}

fn geometry(input: &[usize]) -> Pool2d {
    Pool2d {
        batch: input[0],
        input: [input[1], input[2]],
        channels: input[3],
        size: [input[1], input[2]],
        strides: [1, 1],
        padding: [0, 0],
        output: [1, 1],
    }
}

impl Configured for GlobalAveragePooling2D {}

impl<F: Real> Layer<F> for GlobalAveragePooling2D {
    fn kind(&self) -> &'static str {
        "GlobalAveragePooling2D"
    }

    fn channel_axis(&self, rank: usize) -> Option<usize> {
        self.data_format.channel_axis(rank)
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        let &[batch, _, _, channels] = input.axes() else {
            return Err(Error::shape(
                "inputs of shape (batch, height, width, channels)",
                format!("shape {input}"),
            ));
        };
        let output = if self.keepdims {
            Shape::from([batch, Some(1), Some(1), channels])
        } else {
            Shape::from([batch, channels])
        };
        Ok(vec![output])
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        average_forward(&geometry(cx.input_shape(0)), cx.input(0), cx.output(0));
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        if let (Some(dy), Some(dx)) = (cx.grad_output_mut(0), cx.grad_input(0)) {
            let pool = geometry(cx.input_shape(0));
            average_backward(&pool, dy, dx.accumulate, dx.values);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Array, Case, assert_close, check_gradients};

    #[test]
    fn each_channel_gives_its_mean() {
        let case = Case {
            kind: "GlobalAveragePooling2D",
            config: json!({"keepdims": true}),
            inputs: vec![Array::new(
                &[1, 2, 2, 2],
                &[1., -1., 2., -2., 3., -3., 6., -6.],
            )],
            ..Case::default()
        };
        let output = &case.outputs::<f32>().unwrap()[0];
        assert_eq!(output.shape, [1, 1, 1, 2]);
        assert_close::<f64>(&output.values, &[3.0, -3.0], 0.0);
        check_gradients(&case);
    }

    #[test]
    fn rows_instead_of_images_are_refused() {
        let case = Case {
            kind: "GlobalAveragePooling2D",
            config: json!({}),
            inputs: vec![Array::random(&[2, 3], 1)],
            ..Case::default()
        };
        assert_eq!(
            case.error(),
            "GlobalAveragePooling2D \"globalaveragepooling2d\": expected inputs of shape (batch, height, width, channels), got shape (2, 3)"
        );
    }
}
