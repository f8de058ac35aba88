//! Several tensors one behind the other along an axis.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Configured;
use crate::error::{Error, Result};
use crate::layer::{Backward, Forward, Grad, Layer, MaskRule};
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;
use crate::shape::{Shape, axis_after_move};

/// The inputs one behind the other along `axis`; all other axes are equal.
///
/// If an input has a mask the output has one: masks are joined along a time axis, with 1 for inputs without mask. Along
/// the last axis a step is kept if any input keeps it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concatenate {
    /// The axis, counted from the end if negative.
    #[serde(default = "last")]
    axis: i64,
}

fn last() -> i64 {
    -1
}

impl Concatenate {
    /// The axis of tensors of this rank.
    fn axis(&self, rank: usize) -> Option<usize> {
        let axis = if self.axis < 0 {
            self.axis + rank as i64
        } else {
            self.axis
        };
        usize::try_from(axis).ok().filter(|&axis| axis < rank)
    }
}

impl Configured for Concatenate {}

/// Elements one chunk of pieces holds at least.
const CHUNK: usize = 1 << 14;

/// A tensor along an axis: how many pieces it has, and how long each is.
fn pieces(sizes: &[usize], axis: usize) -> (usize, usize) {
    (
        sizes[..axis].iter().product(),
        sizes[axis..].iter().product(),
    )
}

/// Inputs that are copied side by side, so that the output is written once, from its beginning to its end.
const TOGETHER: usize = 8;

/// Copies each piece of the inputs, with the lengths of their pieces, to `output`, where the pieces are `stride` apart
/// and begin `start` after.
fn insert<F: Real>(output: &mut [F], stride: usize, start: usize, inputs: &[(&[F], usize)]) {
    if stride == 0 {
        return;
    }
    let pieces = CHUNK.div_ceil(stride);
    for_each_chunk_mut(output, pieces * stride, |chunk, part| {
        for (i, output) in part.chunks_exact_mut(stride).enumerate() {
            let mut start = start;
            for &(input, len) in inputs {
                let input = &input[(chunk * pieces + i) * len..][..len];
                output[start..start + len].copy_from_slice(input);
                start += len;
            }
        }
    });
}

/// The opposite way: each piece of `output` to `grad`, or added to it.
fn extract<F: Real>(grad: Grad<'_, F>, len: usize, output: &[F], stride: usize, start: usize) {
    if len == 0 {
        return;
    }
    let pieces = CHUNK.div_ceil(len);
    for_each_chunk_mut(grad.values, pieces * len, |chunk, part| {
        let output = output[chunk * pieces * stride..].chunks_exact(stride);
        for (dx, dy) in part.chunks_exact_mut(len).zip(output) {
            let dy = &dy[start..start + len];
            match grad.accumulate {
                true => dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += dy),
                false => dx.copy_from_slice(dy),
            }
        }
    });
}

impl<F: Real> Layer<F> for Concatenate {
    fn kind(&self) -> &'static str {
        "Concatenate"
    }

    fn with_axis_last(&self, axis: usize, inputs: &[Shape]) -> Option<Value> {
        let axis = axis_after_move(self.axis, axis, inputs[0].rank())?;
        Some(json!({"axis": axis}))
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let Some((first, rest)) = inputs.split_first() else {
            return Err(Error::shape("at least one input", "none"));
        };
        let axis = self.axis(first.rank()).ok_or_else(|| {
            Error::config(
                format!("`axis` to be an axis of input shape {first}"),
                self.axis.to_string(),
            )
        })?;
        if axis == 0 {
            return Err(Error::config(
                "`axis` other than the batch",
                self.axis.to_string(),
            ));
        }
        let mut axes = first.axes().to_vec();
        for input in rest {
            let misfit = || {
                let list: Vec<String> = inputs.iter().map(Shape::to_string).collect();
                let expected = format!("shapes that are equal but for axis {}", self.axis);
                Error::shape(expected, list.join(", "))
            };
            if input.rank() != axes.len() {
                return Err(misfit());
            }
            for (i, (known, &size)) in axes.iter_mut().zip(input.axes()).enumerate() {
                *known = match (*known, size) {
                    (a, b) if i == axis => a.zip(b).and_then(|(a, b)| a.checked_add(b)),
                    (None, size) => size,
                    (known, None) => known,
                    (Some(a), Some(b)) if a == b => Some(a),
                    _ => return Err(misfit()),
                };
            }
        }
        Ok(vec![Shape::new(axes)])
    }

    fn mask_rule(&self, inputs: &[Shape], masked: &[bool]) -> MaskRule {
        match (
            masked.contains(&true),
            Layer::<F>::output_shapes(self, inputs),
        ) {
            (true, Ok(mut output)) => {
                let mut output = output.swap_remove(0);
                output.axes_mut().pop();
                MaskRule::Compute(output)
            }
            _ => MaskRule::None,
        }
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let rank = cx.output_shape(0).len();
        let axis = self.axis(rank).unwrap_or(rank - 1);
        let (_, stride) = pieces(cx.output_shape(0), axis);
        let output = cx.output(0);
        let (mut start, n) = (0, cx.num_inputs());
        for first in (0..n).step_by(TOGETHER) {
            let mut inputs: [(&[F], usize); TOGETHER] = [(&[], 0); TOGETHER];
            let inputs = &mut inputs[..TOGETHER.min(n - first)];
            for (i, input) in inputs.iter_mut().enumerate() {
                let (_, len) = pieces(cx.input_shape(first + i), axis);
                *input = (cx.input(first + i), len);
            }
            insert(output, stride, start, inputs);
            start += inputs.iter().map(|(_, len)| len).sum::<usize>();
        }
        if cx.computes_mask() {
            match axis == rank - 1 {
                true => any_mask(&mut cx),
                false => joined_masks(&mut cx, axis),
            }
        }
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let Some(grad_output) = cx.grad_output_mut(0) else {
            return Ok(());
        };
        let rank = cx.output_shape(0).len();
        let axis = self.axis(rank).unwrap_or(rank - 1);
        let (_, stride) = pieces(cx.output_shape(0), axis);
        let mut start = 0;
        for i in 0..cx.num_inputs() {
            let (_, len) = pieces(cx.input_shape(i), axis);
            if let Some(grad) = cx.grad_input(i) {
                extract(grad, len, grad_output, stride, start);
            }
            start += len;
        }
        Ok(())
    }
}

/// A step is kept if any input keeps it; inputs without mask keep all.
fn any_mask<F: Real>(cx: &mut Forward<'_, F>) {
    let output = cx.output_mask();
    output.fill(F::ZERO);
    for i in 0..cx.num_inputs() {
        match cx.mask(i) {
            Some(mask) => output
                .iter_mut()
                .zip(mask)
                .for_each(|(y, &m)| *y = y.maximum(m)),
            None => output.fill(F::ONE),
        }
    }
}

/// The masks one behind the other, 1 for inputs without.
fn joined_masks<F: Real>(cx: &mut Forward<'_, F>, axis: usize) {
    let steps = |sizes: &[usize]| pieces(&sizes[..sizes.len() - 1], axis).1;
    let stride = steps(cx.output_shape(0));
    let output = cx.output_mask();
    let mut start = 0;
    for i in 0..cx.num_inputs() {
        let len = steps(cx.input_shape(i));
        match cx.mask(i) {
            Some(mask) => insert(output, stride, start, &[(mask, len)]),
            None => {
                for piece in output.chunks_exact_mut(stride.max(1)) {
                    piece[start..start + len].fill(F::ONE);
                }
            }
        }
        start += len;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::layers::create;
    use crate::testing::{Array, Case, check_gradients};

    fn case(axis: i64) -> Case {
        Case {
            kind: "Concatenate",
            config: json!({"axis": axis}),
            inputs: vec![
                Array::new(&[2, 1, 2], &[1.0, 2.0, 3.0, 4.0]),
                Array::new(&[2, 1, 2], &[5.0, 6.0, 7.0, 8.0]),
            ],
            ..Case::default()
        }
    }

    #[test]
    fn inputs_stand_one_behind_the_other() {
        let output = |axis| case(axis).outputs::<f32>().unwrap().swap_remove(0);
        assert_eq!(output(-1).shape, [2, 1, 4]);
        assert_eq!(output(-1).values, [1.0, 2.0, 5.0, 6.0, 3.0, 4.0, 7.0, 8.0]);
        assert_eq!(output(1).shape, [2, 2, 2]);
        assert_eq!(output(1).values, [1.0, 2.0, 5.0, 6.0, 3.0, 4.0, 7.0, 8.0]);
        assert_eq!(output(2), output(-1));
    }

    #[test]
    fn gradients_go_back_to_their_piece() {
        let inputs = (0..3)
            .map(|i| Array::random(&[2, 1 + i, 3], i as u64))
            .collect();
        check_gradients(&Case { inputs, ..case(1) });
        let inputs = (0..3)
            .map(|i| Array::random(&[2, 2, i], i as u64))
            .collect();
        check_gradients(&Case { inputs, ..case(-1) });
    }

    #[test]
    fn shapes_meet_in_all_other_axes() {
        let layer = create::<f32>("Concatenate", &json!({})).unwrap();
        let shape = |inputs: &[Shape]| match layer.output_shapes(inputs) {
            Ok(shapes) => shapes[0].to_string(),
            Err(error) => error.to_string(),
        };
        let a = Shape::from([None, None, Some(5)]);
        let b = Shape::from([None, Some(3), Some(4)]);
        let c = Shape::from([None, Some(7), Some(4)]);
        assert_eq!(shape(&[a.clone(), b.clone()]), "(None, 3, 9)");
        assert_eq!(
            shape(&[b, c]),
            "expected shapes that are equal but for axis -1, got (None, 3, 4), (None, 7, 4)"
        );
        assert!(shape(&[a, Shape::from([None, Some(1)])]).contains("equal but for axis"));
        assert_eq!(shape(&[]), "expected at least one input, got none");
    }

    #[test]
    fn the_batch_and_axes_that_are_not_there_are_refused() {
        assert!(
            case(0)
                .error()
                .ends_with("expected `axis` other than the batch, got 0")
        );
        assert!(
            case(3)
                .error()
                .ends_with("expected `axis` to be an axis of input shape (2, 1, 2), got 3")
        );
        assert!(case(-3).error().ends_with("other than the batch, got -3"));
    }
}
