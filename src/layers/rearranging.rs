//! Values moved or scaled: Permute (axes in another order), RepeatVector (a row once for each step), Rescaling
//! (`y = x * scale + offset`).

use serde::Deserialize;

use super::{Configured, only_input};
use crate::error::{Error, Result};
use crate::kernels::permute::permute;
use crate::layer::{Backward, Forward, Layer};
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;
use crate::shape::Shape;

/// The axes of each sample in another order, counted from 1.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permute {
    dims: Vec<usize>,
}

/// `(batch, features)` as `(batch, n, features)`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepeatVector {
    n: usize,
}

/// One number for all, or one for each channel.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Numbers {
    One(f64),
    Many(Vec<f64>),
}

impl Numbers {
    fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(many) => many.len(),
        }
    }

    fn at(&self, channel: usize) -> f64 {
        match self {
            Self::One(one) => *one,
            Self::Many(many) if many.len() == 1 => many[0],
            Self::Many(many) => many[channel],
        }
    }
}

/// `y = x * scale + offset`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rescaling {
    scale: Numbers,
    #[serde(default = "Rescaling::no_offset")]
    offset: Numbers,
}

impl Rescaling {
    fn no_offset() -> Numbers {
        Numbers::One(0.0)
    }
}

/// Elements of one chunk, about.
const CHUNK: usize = 1 << 14;

/// The most axes an input may have.
const MAX_RANK: usize = 16;

impl Permute {
    /// The order of all axes, batch first, in `order`.
    fn order<'a>(&self, order: &'a mut [usize; MAX_RANK]) -> &'a [usize] {
        order[1..=self.dims.len()].copy_from_slice(&self.dims);
        &order[..=self.dims.len()]
    }

    fn inverse<'a>(&self, inverse: &'a mut [usize; MAX_RANK]) -> &'a [usize] {
        for (to, &from) in self.dims.iter().enumerate() {
            inverse[from] = to + 1;
        }
        &inverse[..=self.dims.len()]
    }
}

impl Configured for Permute {
    fn validate(&self) -> Result<()> {
        let mut sorted = self.dims.clone();
        sorted.sort_unstable();
        if sorted.iter().copied().eq(1..=self.dims.len()) && self.dims.len() < MAX_RANK {
            return Ok(());
        }
        Err(Error::config(
            "`dims` to name each axis from 1 on once",
            format!("{:?}", self.dims),
        ))
    }
}

impl<F: Real> Layer<F> for Permute {
    fn kind(&self) -> &'static str {
        "Permute"
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        if input.rank() != self.dims.len() + 1 {
            return Err(Error::shape(
                format!("samples of {} axes, as many as `dims`", self.dims.len()),
                format!("input shape {input}"),
            ));
        }
        let axes = self.dims.iter().map(|&axis| input[axis]);
        Ok(vec![Shape::new(
            [input[0]].into_iter().chain(axes).collect(),
        )])
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let (mut room, sizes) = ([0; MAX_RANK], cx.input_shape(0));
        permute(
            cx.input(0),
            sizes,
            self.order(&mut room),
            cx.output(0),
            false,
        );
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        if let (Some(dy), Some(dx)) = (cx.grad_output_mut(0), cx.grad_input(0)) {
            let (mut room, sizes) = ([0; MAX_RANK], cx.output_shape(0));
            permute(dy, sizes, self.inverse(&mut room), dx.values, dx.accumulate);
        }
        Ok(())
    }
}

impl Configured for RepeatVector {}

impl<F: Real> Layer<F> for RepeatVector {
    fn kind(&self) -> &'static str {
        "RepeatVector"
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        let &[batch, features] = input.axes() else {
            return Err(Error::shape(
                "inputs of shape (batch, features)",
                format!("shape {input}"),
            ));
        };
        Ok(vec![Shape::from([batch, Some(self.n), features])])
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let (x, y, width) = (cx.input(0), cx.output(0), cx.input_shape(0)[1]);
        if y.is_empty() {
            return Ok(());
        }
        for_each_chunk_mut(y, self.n * width, |sample, y| {
            for y in y.chunks_exact_mut(width) {
                y.copy_from_slice(&x[sample * width..][..width]);
            }
        });
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let width = cx.input_shape(0)[1];
        let (Some(dy), Some(mut dx)) = (cx.grad_output_mut(0), cx.grad_input(0)) else {
            return Ok(());
        };
        dx.clear();
        if dy.is_empty() {
            return Ok(());
        }
        for_each_chunk_mut(dx.values, width, |sample, dx| {
            for dy in dy[sample * self.n * width..][..self.n * width].chunks_exact(width) {
                dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += dy);
            }
        });
        Ok(())
    }
}

impl Configured for Rescaling {}

impl<F: Real> Layer<F> for Rescaling {
    fn kind(&self) -> &'static str {
        "Rescaling"
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        for (name, numbers) in [("scale", &self.scale), ("offset", &self.offset)] {
            let len = numbers.len();
            if len != 1 && input.last() != Some(len) {
                return Err(Error::shape(
                    format!("{len} channels, as many as numbers in `{name}`"),
                    format!("input shape {input}"),
                ));
            }
        }
        Ok(vec![input.clone()])
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let (x, y) = (cx.input(0), cx.output(0));
        self.apply(cx.input_shape(0), x, y, |_, x, scale, offset| {
            x * scale + offset
        });
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let (Some(dy), Some(dx)) = (cx.grad_output_mut(0), cx.grad_input(0)) else {
            return Ok(());
        };
        let accumulate = dx.accumulate;
        self.apply(cx.input_shape(0), dy, dx.values, |dx, dy, scale, _| {
            if accumulate {
                dx + dy * scale
            } else {
                dy * scale
            }
        });
        Ok(())
    }
}

impl Rescaling {
    /// `y = term(y, x, scale, offset)` for each element and its channel's numbers.
    fn apply<F: Real>(
        &self,
        sizes: &[usize],
        x: &[F],
        y: &mut [F],
        term: impl Fn(F, F, F, F) -> F + Sync,
    ) {
        let per_channel = self.scale.len() > 1 || self.offset.len() > 1;
        let width = sizes.last().copied().filter(|_| per_channel).unwrap_or(1);
        let chunk = CHUNK.div_ceil(width.max(1)) * width.max(1);
        for_each_chunk_mut(y, chunk, |index, y| {
            let x = &x[index * chunk..][..y.len()];
            if width <= 1 {
                let (scale, offset) = (F::of(self.scale.at(0)), F::of(self.offset.at(0)));
                for (y, &x) in y.iter_mut().zip(x) {
                    *y = term(*y, x, scale, offset);
                }
                return;
            }
            for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                for (c, (y, &x)) in y.iter_mut().zip(x).enumerate() {
                    *y = term(*y, x, F::of(self.scale.at(c)), F::of(self.offset.at(c)));
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Array, Case, check_gradients};

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
    fn values_go_where_they_should() {
        for (kind, config, shape, sizes, values) in [
            (
                "Permute",
                json!({"dims": [2, 1]}),
                &[1, 2, 3][..],
                &[1, 3, 2][..],
                &[0., 3., 1., 4., 2., 5.][..],
            ),
            (
                "RepeatVector",
                json!({"n": 2}),
                &[2, 2],
                &[2, 2, 2],
                &[0., 1., 0., 1., 2., 3., 2., 3.],
            ),
            (
                "Rescaling",
                json!({"scale": 0.5, "offset": -1}),
                &[1, 3],
                &[1, 3],
                &[-1.0, -0.5, 0.0],
            ),
            (
                "Rescaling",
                json!({"scale": [1, 10], "offset": 1}),
                &[2, 2],
                &[2, 2],
                &[1., 11., 3., 31.],
            ),
        ] {
            let case = case(kind, config, shape);
            for output in [
                case.outputs::<f32>().unwrap(),
                case.outputs::<f64>().unwrap(),
            ] {
                assert_eq!(
                    (&output[0].shape[..], &output[0].values[..]),
                    (sizes, values)
                );
            }
            check_gradients(&case);
        }
        check_gradients(&case("Permute", json!({"dims": [3, 1, 2]}), &[2, 2, 3, 4]));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (kind, config, expected) in [
            (
                "Permute",
                json!({"dims": [1, 3]}),
                "expected `dims` to name each axis from 1 on once, got [1, 3]",
            ),
            (
                "Permute",
                json!({"dims": [2, 1]}),
                "expected samples of 2 axes, as many as `dims`, got input shape (2, 2, 3, 4)",
            ),
            (
                "RepeatVector",
                json!({"n": 2}),
                "expected inputs of shape (batch, features), got shape (2, 2, 3, 4)",
            ),
            (
                "Rescaling",
                json!({"scale": [1, 2]}),
                "expected 2 channels, as many as numbers in `scale`, got input shape (2, 2, 3, 4)",
            ),
        ] {
            let error = case(kind, config, &[2, 2, 3, 4]).error();
            assert_eq!(
                error,
                format!("{kind} \"{}\": {expected}", kind.to_lowercase())
            );
        }
    }
}
