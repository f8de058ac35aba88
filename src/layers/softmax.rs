//! Softmax along one axis or over several, of the numbers that a mask keeps: see [`crate::kernels::softmax`].

use serde::Deserialize;
use serde_json::{Value, json};

use super::Configured;
use crate::config::Integers;
use crate::error::{Error, Result};
use crate::kernels::broadcast::{Aligned, fold};
use crate::kernels::permute::permute;
use crate::kernels::softmax::{softmax, softmax_backward, softmax_of};
use crate::layer::{Backward, Forward, Layer, MaskRule, Mode, Scratch};
use crate::real::Real;
use crate::shape::{Shape, axis_after_move, axis_index};

/// The most axes an input may have.
const MAX_RANK: usize = 16;

/// What masked numbers are before, as in Keras.
const MASKED: f64 = -1e9;

/// `y = e^x / sum(e^x)` along `axis`; a second input is the mask, 0 in all places without one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Softmax {
    #[serde(default = "last")]
    axis: Integers,
}

fn last() -> Integers {
    Integers(vec![-1])
}

/// The axes in the order that brings those of the softmax to the end.
struct Order {
    room: [usize; MAX_RANK],
    rank: usize,
    /// Numbers that share one softmax.
    width: usize,
}

impl Order {
    fn axes(&self) -> &[usize] {
        &self.room[..self.rank]
    }

    fn moves(&self) -> bool {
        self.axes()
            .iter()
            .enumerate()
            .any(|(place, &axis)| place != axis)
    }

    /// Of `sizes`, and the way back.
    fn back(&self, sizes: &[usize]) -> ([usize; MAX_RANK], [usize; MAX_RANK]) {
        let (mut moved, mut inverse) = ([0; MAX_RANK], [0; MAX_RANK]);
        for (place, &axis) in self.axes().iter().enumerate() {
            moved[place] = sizes[axis];
            inverse[axis] = place;
        }
        (moved, inverse)
    }
}

impl Softmax {
    fn takes(&self, axis: usize, rank: usize) -> bool {
        self.axis
            .0
            .iter()
            .any(|&a| axis_index(a, rank) == Some(axis))
    }

    fn order(&self, sizes: &[usize]) -> Order {
        let (rank, mut room, mut place) = (sizes.len(), [0; MAX_RANK], 0);
        for taken in [false, true] {
            for axis in (0..rank).filter(|&axis| self.takes(axis, rank) == taken) {
                room[place] = axis;
                place += 1;
            }
        }
        let width = (0..rank).filter(|&axis| self.takes(axis, rank));
        let width = width.map(|axis| sizes[axis]).product();
        Order { room, rank, width }
    }
}

impl Configured for Softmax {
    fn validate(&self) -> Result<()> {
        if self.axis.0.is_empty() {
            return Err(Error::config("at least one axis in `axis`", "()"));
        }
        Ok(())
    }
}

impl<F: Real> Layer<F> for Softmax {
    fn kind(&self) -> &'static str {
        "Softmax"
    }

    fn with_axis_last(&self, moved: usize, inputs: &[Shape]) -> Option<Value> {
        let (&[axis], [input]) = (&self.axis.0[..], inputs) else {
            return None;
        };
        Some(json!({"axis": axis_after_move(axis, moved, input.rank())?}))
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let [input, mask @ ..] = inputs else {
            return Err(Error::shape("an input", "none"));
        };
        let known = |&axis: &i64| axis_index(axis, input.rank()).is_some_and(|axis| axis > 0);
        if input.rank() > MAX_RANK || !self.axis.0.iter().all(known) {
            return Err(Error::shape(
                format!("an input that has axis {} behind the batch", self.axis),
                format!("input shape {input}"),
            ));
        }
        let fits = |mask: &Shape| {
            let axes = mask.axes().iter().zip(input.axes()).skip(1);
            let fits = |(mask, size): (&Option<usize>, &Option<usize>)| {
                *mask == Some(1) || mask == size || mask.is_none() || size.is_none()
            };
            mask.rank() == input.rank() && axes.into_iter().all(fits)
        };
        match mask {
            [] => {}
            [mask] if fits(mask) => {}
            _ => {
                let shapes: Vec<String> = mask.iter().map(Shape::to_string).collect();
                let expected = format!("one mask whose axes are 1 or those of input shape {input}");
                let error = Error::shape(expected, shapes.join(", "));
                return Err(
                    error.remedy("Add axes of size 1 where some are missing: mask[:, None].")
                );
            }
        }
        Ok(vec![input.clone()])
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        let sizes = inputs[0].sizes()?;
        let len = sizes.iter().product();
        let moves = usize::from(self.order(&sizes).moves());
        Ok(Scratch {
            forward: vec![len; moves],
            backward: vec![len; if mode.backward { 2 * moves } else { 0 }],
            reads_outputs: mode.backward,
            ..Scratch::default()
        })
    }

    fn mask_rule(&self, _: &[Shape], _: &[bool]) -> MaskRule {
        MaskRule::Pass(0)
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let (y, sizes) = (cx.output(0), cx.input_shape(0));
        let mask = (cx.num_inputs() > 1).then(|| {
            let aligned = Aligned::new(sizes, cx.input_shape(1));
            (cx.input(1), aligned)
        });
        let order = self.order(sizes);
        if mask.is_none() && !order.moves() {
            softmax_of(cx.input(0), y, order.width);
            return Ok(());
        }
        y.copy_from_slice(cx.input(0));
        let kept = F::of(0.5);
        if let Some((mask, aligned)) = &mask {
            let masked = F::of(MASKED);
            fold(y, mask, *aligned, |y, m| if m > kept { y } else { masked });
        }
        if order.moves() {
            let rows = cx.temp(0);
            permute(y, sizes, order.axes(), rows, false);
            softmax(rows, order.width);
            let (moved, inverse) = order.back(sizes);
            permute(rows, &moved[..order.rank], &inverse[..order.rank], y, false);
        } else {
            softmax(y, order.width);
        }
        if let Some((mask, aligned)) = &mask {
            fold(y, mask, *aligned, |y, m| if m > kept { y } else { F::ZERO });
        }
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        if cx.num_inputs() > 1
            && let Some(mut grad) = cx.grad_input(1)
        {
            grad.clear();
        }
        let (Some(dy), Some(dx)) = (cx.grad_output_mut(0), cx.grad_input(0)) else {
            return Ok(());
        };
        let (y, sizes) = (cx.output(0), cx.input_shape(0));
        let order = self.order(sizes);
        if order.moves() {
            let (rows, grads) = (cx.temp(0), cx.temp(1));
            permute(y, sizes, order.axes(), rows, false);
            permute(dy, sizes, order.axes(), grads, false);
            softmax_backward(rows, grads, order.width);
            let (moved, inverse) = order.back(sizes);
            let (moved, inverse) = (&moved[..order.rank], &inverse[..order.rank]);
            permute(grads, moved, inverse, dx.values, dx.accumulate);
            return Ok(());
        }
        softmax_backward(y, dy, order.width);
        if dx.accumulate {
            dx.values
                .iter_mut()
                .zip(&*dy)
                .for_each(|(dx, &dy)| *dx += dy);
        } else {
            dx.values.copy_from_slice(dy);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Array, Case, assert_close, check_gradients};

    fn case(axis: Value, inputs: Vec<Array>) -> Case {
        Case {
            kind: "Softmax",
            config: json!({"axis": axis}),
            inputs,
            ..Case::default()
        }
    }

    #[test]
    fn numbers_sum_to_one_along_the_axes() {
        let x = Array::new(&[1, 2, 2], &[0.0, 3f64.ln(), 0.0, 0.0]);
        for (axis, expected) in [
            (json!(-1), [0.25, 0.75, 0.5, 0.5]),
            (json!(1), [0.5, 0.75, 0.5, 0.25]),
            (json!([1, 2]), [1.0 / 6.0, 0.5, 1.0 / 6.0, 1.0 / 6.0]),
        ] {
            let case = case(axis, vec![x.clone()]);
            assert_close::<f64>(&case.outputs::<f64>().unwrap()[0].values, &expected, 1e-15);
            assert_close::<f64>(&case.outputs::<f32>().unwrap()[0].values, &expected, 1e-6);
        }
        for axis in [json!(1), json!(3), json!([1, 3]), json!([-1, 2])] {
            check_gradients(&case(axis, vec![Array::random(&[2, 3, 2, 2], 1)]));
        }
    }

    #[test]
    fn masked_numbers_are_zero_and_take_no_part() {
        let x = Array::new(&[1, 2, 2], &[1.0, 1.0, 5.0, 1.0]);
        let mask = |values: &[f64]| Array::new(&[1, 2, 2], values);
        let kept = |values| {
            let case = case(json!(-1), vec![x.clone(), mask(values)]);
            case.outputs::<f64>().unwrap().remove(0).values
        };
        assert_eq!(kept(&[1.0, 0.0, 0.0, 0.0]), [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(kept(&[1.0, 1.0, 0.0, 1.0]), [0.5, 0.5, 0.0, 1.0]);
    }

    #[test]
    fn axes_and_masks_that_do_not_fit_are_refused() {
        let x = || Array::random(&[2, 3], 1);
        assert_eq!(
            case(json!(0), vec![x()]).error(),
            "Softmax \"softmax\": expected an input that has axis (0,) behind the batch, got input shape (2, 3)"
        );
        assert_eq!(
            case(json!(1), vec![x(), Array::random(&[2], 1)]).error(),
            "Softmax \"softmax\": expected one mask whose axes are 1 or those of input shape (2, 3), got (2,). Add axes of size 1 where some are missing: mask[:, None]."
        );
    }
}
