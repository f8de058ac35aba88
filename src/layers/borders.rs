//! Pixels added around an input or cut off it: ZeroPadding and Cropping, over one, two or three axes between batch and
//! channels.

use serde::Deserialize;
use serde_json::Value;

use super::data_format::DataFormat;
use super::sliding::{three, wrong_rank};
use super::{Configured, only_input};
use crate::error::{Error, Result};
use crate::kernels::region::Region;
use crate::layer::{Backward, Forward, Layer};
use crate::real::Real;
use crate::shape::Shape;

/// Places before and after each axis: one number for all, one for each axis, or a pair for each axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
struct Border<const RANK: usize>([[usize; 2]; RANK]);

impl<const RANK: usize> TryFrom<Value> for Border<RANK> {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let number = |value: &Value| usize::try_from(value.as_u64()?).ok();
        let pair = |value: &Value| match value.as_array().map(Vec::as_slice) {
            Some([both]) => Some([number(both)?; 2]),
            Some([before, after]) => Some([number(before)?, number(after)?]),
            Some(_) => None,
            None => number(value).map(|n| [n; 2]),
        };
        let each = |value: &Value| {
            let list = value.as_array().filter(|list| list.len() == RANK)?;
            let pairs: Vec<[usize; 2]> = list.iter().map(pair).collect::<Option<_>>()?;
            pairs.try_into().ok()
        };
        let found = if RANK == 1 || value.is_number() {
            pair(&value).map(|pair| [pair; RANK])
        } else {
            each(&value)
        };
        found.map(Self).ok_or_else(|| {
            let expected = [
                "a non-negative integer, or two of them",
                "a non-negative integer, or two of them or of pairs",
                "a non-negative integer, or three of them or of pairs",
            ];
            format!("expected {}, got {value}", expected[RANK - 1])
        })
    }
}

impl<const RANK: usize> Border<RANK> {
    fn all(places: usize) -> Self {
        Self([[places; 2]; RANK])
    }

    /// The shape with each axis between batch and channels changed.
    fn change(
        &self,
        inputs: &[Shape],
        change: impl Fn(usize, usize) -> Option<usize>,
        refused: impl Fn(&Shape) -> Error,
    ) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        if input.rank() != RANK + 2 {
            return Err(wrong_rank(RANK, input));
        }
        let mut output = input.clone();
        for (size, [before, after]) in output.axes_mut()[1..].iter_mut().zip(self.0) {
            if let Some(known) = *size {
                let places = before.saturating_add(after);
                *size = Some(change(known, places).ok_or_else(|| refused(input))?);
            }
        }
        Ok(vec![output])
    }

    /// The box that lies inside of the border.
    fn region(&self, whole: &[usize], size: &[usize]) -> Region {
        Region {
            batch: whole[0],
            channels: whole[RANK + 1],
            whole: three(&whole[1..=RANK], 1),
            start: three(&self.0.map(|[before, _]| before), 0),
            size: three(&size[1..=RANK], 1),
        }
    }
}

/// Zeros around.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZeroPadding<const RANK: usize> {
    #[serde(default = "one")]
    padding: Border<RANK>,
    #[serde(default)]
    data_format: DataFormat,
}

/// The middle alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cropping<const RANK: usize> {
    #[serde(default = "one_but_of_images")]
    cropping: Border<RANK>,
    #[serde(default)]
    data_format: DataFormat,
}

fn one<const RANK: usize>() -> Border<RANK> {
    Border::all(1)
}

/// Keras's default: images are left whole.
fn one_but_of_images<const RANK: usize>() -> Border<RANK> {
    Border::all(usize::from(RANK != 2))
}

impl<const RANK: usize> Configured for ZeroPadding<RANK> {}

impl<const RANK: usize> Configured for Cropping<RANK> {}

impl<F: Real, const RANK: usize> Layer<F> for ZeroPadding<RANK> {
    fn kind(&self) -> &'static str {
        ["ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"][RANK - 1]
    }

    fn channel_axis(&self, rank: usize) -> Option<usize> {
        self.data_format.channel_axis(rank)
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let refused = |input: &Shape| {
            Error::shape("sizes that a computer can count", format!("shape {input}"))
        };
        self.padding.change(inputs, usize::checked_add, refused)
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let region = self.padding.region(cx.output_shape(0), cx.input_shape(0));
        region.put(cx.input(0), cx.output(0), false);
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        if let (Some(dy), Some(dx)) = (cx.grad_output_mut(0), cx.grad_input(0)) {
            let region = self.padding.region(cx.output_shape(0), cx.input_shape(0));
            region.cut(dy, dx.values, dx.accumulate);
        }
        Ok(())
    }
}

impl<F: Real, const RANK: usize> Layer<F> for Cropping<RANK> {
    fn kind(&self) -> &'static str {
        ["Cropping1D", "Cropping2D", "Cropping3D"][RANK - 1]
    }

    fn channel_axis(&self, rank: usize) -> Option<usize> {
        self.data_format.channel_axis(rank)
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let rest = |size: usize, places| size.checked_sub(places).filter(|&rest| rest > 0);
        let refused = |input: &Shape| {
            let places: Vec<String> = self.cropping.0.map(|[a, b]| format!("{a} + {b}")).into();
            Error::shape(
                format!("more places than `cropping` takes, {}", places.join(", ")),
                format!("shape {input}"),
            )
        };
        self.cropping.change(inputs, rest, refused)
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let region = self.cropping.region(cx.input_shape(0), cx.output_shape(0));
        region.cut(cx.input(0), cx.output(0), false);
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        if let (Some(dy), Some(dx)) = (cx.grad_output_mut(0), cx.grad_input(0)) {
            let region = self.cropping.region(cx.input_shape(0), cx.output_shape(0));
            region.put(dy, dx.values, dx.accumulate);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Array, Case, check_gradients};

    fn case(kind: &'static str, config: Value, shape: &[usize]) -> Case {
        let count = shape.iter().product::<usize>();
        let values: Vec<f64> = (1..=count).map(|i| i as f64).collect();
        Case {
            kind,
            config,
            inputs: vec![Array::new(shape, &values)],
            ..Case::default()
        }
    }

    #[test]
    fn zeros_come_around_and_the_middle_is_left() {
        for (kind, config, shape, sizes, values) in [
            (
                "ZeroPadding1D",
                json!({"padding": [1, 2]}),
                &[1, 2, 2][..],
                &[1, 5, 2][..],
                &[0., 0., 1., 2., 3., 4., 0., 0., 0., 0.][..],
            ),
            (
                "ZeroPadding2D",
                json!({"padding": [[0, 1], 1]}),
                &[1, 1, 2, 1],
                &[1, 2, 4, 1],
                &[0., 1., 2., 0., 0., 0., 0., 0.],
            ),
            (
                "Cropping1D",
                json!({"cropping": [0, 1]}),
                &[1, 3, 2],
                &[1, 2, 2],
                &[1., 2., 3., 4.],
            ),
            (
                "Cropping2D",
                json!({"cropping": [1, 0], "data_format": "channels_first"}),
                &[1, 2, 3, 2],
                &[1, 2, 1, 2],
                &[3., 4., 9., 10.],
            ),
            (
                "Cropping3D",
                json!({"cropping": [[1, 0], [0, 1], [0, 0]]}),
                &[1, 2, 2, 2, 1],
                &[1, 1, 1, 2, 1],
                &[5., 6.],
            ),
        ] {
            let case = case(kind, config, shape);
            for output in [case.outputs::<f32>(), case.outputs::<f64>()] {
                let output = &output.unwrap()[0];
                assert_eq!((&output.shape[..], &output.values[..]), (sizes, values));
            }
            check_gradients(&case);
        }
        check_gradients(&case("ZeroPadding3D", json!({}), &[2, 1, 2, 2, 2]));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (kind, config, expected) in [
            (
                "ZeroPadding1D",
                json!({"padding": -1}),
                "expected `padding` to be a non-negative integer, or two of them, got -1",
            ),
            (
                "ZeroPadding2D",
                json!({"padding": [1, 2, 3]}),
                "expected `padding` to be a non-negative integer, or two of them or of pairs, got [1,2,3]",
            ),
            (
                "Cropping3D",
                json!({"cropping": [1, 2, [3]]}),
                "expected inputs of shape (batch, depth, height, width, channels), got shape (1, 3, 2)",
            ),
            (
                "Cropping1D",
                json!({"cropping": [1, 2]}),
                "expected more places than `cropping` takes, 1 + 2, got shape (1, 3, 2)",
            ),
        ] {
            let error = case(kind, config, &[1, 3, 2]).error();
            assert_eq!(
                error,
                format!("{kind} \"{}\": {expected}", kind.to_lowercase())
            );
        }
    }
}
