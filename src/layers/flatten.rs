//! All axes but the batch as one.

use serde::Deserialize;

use super::data_format::DataFormat;
use super::{Configured, only_input};
use crate::error::{Error, Result};
use crate::layer::{Backward, Forward, Layer, Mode};
use crate::real::Real;
use crate::shape::Shape;

/// `(batch, a, b, ...)` as `(batch, a * b * ...)`. Tensors are row-major, so nothing moves.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flatten {
    /// Channels that come first are laid behind the other axes before.
    #[serde(default)]
    data_format: DataFormat,
}

impl Configured for Flatten {}

impl<F: Real> Layer<F> for Flatten {
    fn kind(&self) -> &'static str {
        "Flatten"
    }

    fn channel_axis(&self, rank: usize) -> Option<usize> {
        self.data_format.channel_axis(rank)
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        let axes = input
            .axes()
            .split_first()
            .ok_or_else(|| Error::shape("an input with a batch axis", input.to_string()))?;
        let (&batch, rest) = axes;
        let features = Shape::new(rest.to_vec());
        Ok(vec![Shape::from([batch, features.elements()])])
    }

    fn is_view(&self, _: Mode) -> bool {
        true
    }

    fn forward(&self, _: Forward<'_, F>) -> Result<()> {
        Ok(())
    }

    fn backward(&self, _: Backward<'_, F>) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::layers::create;
    use crate::testing::{Array, Case, check_gradients};

    fn flattened(input: &[Option<usize>]) -> String {
        let layer = create::<f32>("Flatten", &json!({})).unwrap();
        layer.output_shapes(&[Shape::new(input.to_vec())]).unwrap()[0].to_string()
    }

    #[test]
    fn all_axes_but_the_batch_become_one() {
        assert_eq!(flattened(&[None, Some(3), Some(4)]), "(None, 12)");
        assert_eq!(flattened(&[Some(5)]), "(5, 1)");
        assert_eq!(flattened(&[None, None, Some(4)]), "(None, None)");
    }

    #[test]
    fn values_keep_their_order_and_gradients_pass() {
        let case = Case {
            kind: "Flatten",
            config: json!({"data_format": null}),
            inputs: vec![Array::random(&[2, 2, 3], 1)],
            ..Case::default()
        };
        let output = &case.outputs::<f32>().unwrap()[0];
        assert_eq!(output.shape, [2, 6]);
        for (&y, &x) in output.values.iter().zip(&case.inputs[0].values) {
            assert_eq!(y, f64::from(x as f32));
        }
        check_gradients(&case);
    }

    #[test]
    fn channels_that_come_first_go_behind() {
        let case = Case {
            kind: "Flatten",
            config: json!({"data_format": "channels_first"}),
            inputs: vec![Array::new(&[1, 2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])],
            ..Case::default()
        };
        let output = &case.outputs::<f32>().unwrap()[0];
        assert_eq!(output.values, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        check_gradients(&case);
    }
}
