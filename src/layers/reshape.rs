//! The same values under other axes.

use serde::Deserialize;

use super::{Configured, only_input};
use crate::error::{Error, Result};
use crate::layer::{Backward, Forward, Layer, Mode};
use crate::real::Real;
use crate::shape::Shape;

/// `(batch, ...)` as `(batch, *target_shape)`. Tensors are row-major, so nothing moves.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reshape {
    /// The sizes of all axes but the batch; one may be -1, which follows from the rest.
    target_shape: Vec<i64>,
}

impl Reshape {
    fn target(&self) -> String {
        let sizes: Vec<String> = self.target_shape.iter().map(i64::to_string).collect();
        let comma = if sizes.len() == 1 { "," } else { "" };
        format!("({}{comma})", sizes.join(", "))
    }

    /// The axes of the output but the batch; -1 stays unknown while an axis of the input is.
    fn axes(&self, input: &Shape) -> Result<Vec<Option<usize>>> {
        let axes: Vec<Option<usize>> = self
            .target_shape
            .iter()
            .map(|&size| usize::try_from(size).ok())
            .collect();
        let features = Shape::new(input.axes()[1..].to_vec());
        let Some(total) = features.elements() else {
            return Ok(axes);
        };
        let known = Shape::new(axes.iter().copied().filter(Option::is_some).collect());
        let misfit = || {
            Error::shape(
                format!("{total} values for each sample, as input shape {input} has"),
                format!("target_shape {}", self.target()),
            )
        };
        let known = known.elements().ok_or_else(misfit)?;
        let fits = match axes.contains(&None) {
            true => known > 0 && total % known == 0,
            false => known == total,
        };
        if !fits {
            return Err(misfit());
        }
        let inferred = |axis: Option<usize>| Some(axis.unwrap_or_else(|| total / known));
        Ok(axes.into_iter().map(inferred).collect())
    }
}

impl Configured for Reshape {
    fn validate(&self) -> Result<()> {
        let inferred = self.target_shape.iter().filter(|&&size| size == -1);
        if self.target_shape.iter().any(|&size| size < -1) || inferred.count() > 1 {
            return Err(Error::config(
                "`target_shape` of non-negative integers, one of them -1 at most",
                self.target(),
            ));
        }
        Ok(())
    }
}

impl<F: Real> Layer<F> for Reshape {
    fn kind(&self) -> &'static str {
        "Reshape"
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        if input.rank() == 0 {
            return Err(Error::shape(
                "an input with a batch axis",
                input.to_string(),
            ));
        }
        let mut axes = self.axes(input)?;
        axes.insert(0, input[0]);
        Ok(vec![Shape::new(axes)])
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

    fn reshaped(target: &[i64], input: &[Option<usize>]) -> String {
        let config = json!({"target_shape": target});
        let shapes = create::<f32>("Reshape", &config)
            .and_then(|layer| layer.output_shapes(&[Shape::new(input.to_vec())]));
        match shapes {
            Ok(shapes) => shapes[0].to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn one_axis_follows_from_the_rest() {
        let known = [None, Some(4), Some(3)];
        assert_eq!(reshaped(&[-1], &known), "(None, 12)");
        assert_eq!(reshaped(&[2, -1], &known), "(None, 2, 6)");
        assert_eq!(reshaped(&[3, 2, 2], &known), "(None, 3, 2, 2)");
        assert_eq!(reshaped(&[], &[Some(2)]), "(2,)");
    }

    #[test]
    fn an_unknown_axis_leaves_it_open() {
        let unknown = [None, None, Some(3)];
        assert_eq!(reshaped(&[2, -1], &unknown), "(None, 2, None)");
        assert_eq!(reshaped(&[12], &unknown), "(None, 12)");
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let known = [None, Some(4), Some(3)];
        assert_eq!(
            reshaped(&[5], &known),
            "expected 12 values for each sample, as input shape (None, 4, 3) has, got target_shape (5,)"
        );
        assert!(reshaped(&[0, -1], &known).contains("got target_shape (0, -1)"));
        assert_eq!(
            reshaped(&[-1, -1], &known),
            "expected `target_shape` of non-negative integers, one of them -1 at most, got (-1, -1)"
        );
        assert!(reshaped(&[-2], &known).contains("got (-2,)"));
        let huge = [1 << 62, 1 << 62];
        assert!(reshaped(&huge, &known).contains("12 values"));
    }

    #[test]
    fn values_keep_their_order_and_gradients_pass() {
        let case = Case {
            kind: "Reshape",
            config: json!({"target_shape": [3, -1]}),
            inputs: vec![Array::new(&[1, 2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])],
            ..Case::default()
        };
        let output = &case.outputs::<f32>().unwrap()[0];
        assert_eq!(output.shape, [1, 3, 2]);
        assert_eq!(output.values, case.inputs[0].values);
        check_gradients(&case);
    }
}
