//! Tensors merged element by element: Add, Subtract, Multiply, Average, Maximum, Minimum.
//!
//! Inputs of other shapes are repeated as in Keras: the batch axes are one and the same, all others are aligned at the
//! end, missing ones and ones of size 1 repeated. The output has a mask if every input has one: a step is kept if any
//! input keeps it. Add, Subtract and Average compute with what masked steps hold; Multiply, Maximum and Minimum leave
//! masked values out. A step no input keeps is 0 after Multiply and the first input's after Maximum and Minimum.

pub mod operation;

use std::marker::PhantomData;

use serde::Deserialize;
use serde_json::{Value, json};

use self::operation::{Difference, Largest, Mean, Operation, Product, Rule, Smallest, Sum};
use super::Configured;
use crate::error::{Error, Result};
use crate::kernels::broadcast::{Aligned, fold, map, sum_to, zip, zip3};
use crate::layer::{Backward, Forward, Layer, MaskRule, Mode, Scratch};
use crate::real::Real;
use crate::shape::Shape;

/// The sum of all inputs.
pub type Add = Merge<Sum>;
/// The first input less the second.
pub type Subtract = Merge<Difference>;
/// The product of all inputs.
pub type Multiply = Merge<Product>;
/// The mean of all inputs.
pub type Average = Merge<Mean>;
/// The largest of all inputs.
pub type Maximum = Merge<Largest>;
/// The smallest of all inputs.
pub type Minimum = Merge<Smallest>;

/// A merging layer; it has no hyper-parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Merge<O> {
    #[serde(skip)]
    operation: PhantomData<O>,
}

impl<O: Operation> Configured for Merge<O> {}

/// The shape both are repeated to.
fn merged(a: &Shape, b: &Shape) -> Option<Shape> {
    let (long, short) = if a.rank() < b.rank() { (b, a) } else { (a, b) };
    let mut axes = long.axes().to_vec();
    axes[0] = match (axes[0], short.axes().first()?) {
        (Some(a), Some(b)) if a != *b => return None,
        (a, b) => a.or(*b),
    };
    let missing = long.rank() - short.rank();
    for (axis, &other) in axes[missing + 1..].iter_mut().zip(&short.axes()[1..]) {
        *axis = match (*axis, other) {
            (Some(1), other) => other,
            (axis, Some(1)) => axis,
            (Some(a), Some(b)) if a != b => return None,
            // As Keras: an unknown axis may turn out to be 1 and be repeated.
            (None, _) | (_, None) => None,
            (axis, _) => axis,
        };
    }
    Some(Shape::new(axes))
}

impl<F: Real, O: Operation> Layer<F> for Merge<O> {
    fn kind(&self) -> &'static str {
        O::KIND
    }

    fn with_axis_last(&self, _: usize, _: &[Shape]) -> Option<Value> {
        Some(json!({})) // all of one rank, so axes still meet
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let misfit = |expected: &str| {
            let list: Vec<String> = inputs.iter().map(Shape::to_string).collect();
            Error::shape(
                expected,
                if list.is_empty() {
                    "none".into()
                } else {
                    list.join(", ")
                },
            )
        };
        if !O::TAKES_MANY && inputs.len() != 2 {
            return Err(misfit("two inputs"));
        }
        let Some((first, rest)) = inputs.split_first() else {
            return Err(misfit("at least one input"));
        };
        let fits = |output: Shape, input| {
            merged(&output, input)
                .ok_or_else(|| misfit("inputs with the same batch and axes that are equal or 1"))
        };
        if inputs.iter().any(|input| input.rank() == 0) {
            return Err(misfit("inputs with a batch axis"));
        }
        Ok(vec![rest.iter().try_fold(first.clone(), fits)?])
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        let Some(output) = Layer::<F>::output_shapes(self, inputs)?
            .first()
            .and_then(Shape::elements)
        else {
            return Ok(Scratch::default());
        };
        let backward = mode.backward && O::RULE != Rule::Linear;
        Ok(Scratch {
            backward: if backward { vec![output] } else { vec![] },
            reads_inputs: backward,
            reads_outputs: backward && O::RULE == Rule::Choice,
            ..Scratch::default()
        })
    }

    fn mask_rule(&self, inputs: &[Shape], masked: &[bool]) -> MaskRule {
        match (
            masked.contains(&false),
            Layer::<F>::output_shapes(self, inputs),
        ) {
            (false, Ok(mut output)) => {
                let mut output = output.swap_remove(0);
                output.axes_mut().pop();
                MaskRule::Compute(output)
            }
            _ => MaskRule::None,
        }
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let (sizes, n) = (cx.output_shape(0), cx.num_inputs());
        let output = cx.output(0);
        let operand = |i| Operand::new(cx.input(i), sizes, cx.input_shape(i), cx.mask(i));
        if O::RULE != Rule::Linear && (0..n).any(|i| cx.mask(i).is_some()) {
            merge_kept::<F, O>(output, n, operand);
        } else {
            let aligned = |i: usize| Aligned::new(sizes, cx.input_shape(i));
            let two = n > 1 && aligned(0).is_same() && aligned(1).is_same();
            if two {
                zip(output, false, [cx.input(0), cx.input(1)], O::merge);
            } else {
                fold(output, cx.input(0), aligned(0), |_, x| x);
            }
            for i in if two { 2 } else { 1 }..n {
                fold(output, cx.input(i), aligned(i), O::merge);
            }
            if O::RULE == Rule::Linear && O::factor(0, n) != 1.0 {
                let count = F::of_usize(n);
                map(output, |y| y / count);
            }
        }
        if cx.computes_mask() {
            let mask = cx.output_mask();
            mask.fill(F::ZERO);
            for i in 0..n {
                let operand = Operand::new(cx.input(i), sizes, cx.input_shape(i), cx.mask(i));
                for (row, kept) in mask.iter_mut().enumerate() {
                    if operand.keeps(row) {
                        *kept = F::ONE;
                    }
                }
            }
        }
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let (sizes, n) = (cx.output_shape(0), cx.num_inputs());
        let Some(grad_output) = cx.grad_output_mut(0) else {
            return Ok(());
        };
        if O::RULE == Rule::Linear {
            for i in 0..n {
                if let Some(grad) = cx.grad_input(i) {
                    let factor = F::of(O::factor(i, n));
                    let aligned = Aligned::new(sizes, cx.input_shape(i));
                    sum_to(grad.values, grad.accumulate, grad_output, factor, aligned);
                }
            }
            return Ok(());
        }
        let masked = (0..n).any(|i| cx.mask(i).is_some());
        if n == 2 && !masked && cx.input_shape(0) == cx.input_shape(1) {
            for i in 0..n {
                if let Some(grad) = cx.grad_input(i) {
                    let (x, other) = (cx.input(i), cx.input(1 - i));
                    pair_gradient::<F, O>(grad.values, grad.accumulate, grad_output, x, other);
                }
            }
            return Ok(());
        }
        let terms = cx.temp(0);
        for i in 0..n {
            let Some(grad) = cx.grad_input(i) else {
                continue;
            };
            let operand = |j| Operand::new(cx.input(j), sizes, cx.input_shape(j), cx.mask(j));
            match O::RULE {
                Rule::Choice => choice_terms(terms, grad_output, cx.output(0), i, n, operand),
                _ if masked => kept_product_terms(terms, grad_output, i, n, operand),
                _ => {
                    fold(terms, grad_output, Aligned::new(sizes, sizes), |_, dy| dy);
                    for j in (0..n).filter(|&j| j != i) {
                        let aligned = Aligned::new(sizes, cx.input_shape(j));
                        fold(terms, cx.input(j), aligned, O::merge);
                    }
                }
            }
            let aligned = Aligned::new(sizes, cx.input_shape(i));
            sum_to(grad.values, grad.accumulate, terms, F::ONE, aligned);
        }
        Ok(())
    }
}

/// An input as the rows of the output meet it.
struct Operand<'a, F> {
    values: &'a [F],
    aligned: Aligned<'a>,
    mask: Option<&'a [F]>,
}

impl<'a, F: Real> Operand<'a, F> {
    fn new(
        values: &'a [F],
        output: &'a [usize],
        input: &'a [usize],
        mask: Option<&'a [F]>,
    ) -> Self {
        Self {
            values,
            aligned: Aligned::new(output, input),
            mask,
        }
    }

    /// Whether the mask keeps the step that row `row` of the output meets. A mask covers the leading axes of its input.
    fn keeps(&self, row: usize) -> bool {
        self.mask.is_none_or(|mask| {
            let elements = (self.values.len() / mask.len().max(1)).max(1);
            mask.get(self.aligned.row(row) / elements)
                .is_some_and(|&kept| kept != F::ZERO)
        })
    }

    /// The values that meet row `row` of the output: as many as the row has.
    fn row(&self, row: usize) -> impl Iterator<Item = F> {
        let step = if self.aligned.is_constant_in_rows() {
            0
        } else {
            1
        };
        let start = self.aligned.row(row);
        (0..self.aligned.width()).map(move |k| self.values[start + k * step])
    }
}

/// Merges what the masks keep. Row by row on one thread: masks in Multiply, Maximum and Minimum are rare.
fn merge_kept<'a, F: Real, O: Operation>(
    output: &mut [F],
    n: usize,
    operand: impl Fn(usize) -> Operand<'a, F>,
) {
    let width = operand(0).aligned.width().max(1);
    for (row, y) in output.chunks_exact_mut(width).enumerate() {
        let mut kept = (0..n).map(&operand).filter(|operand| operand.keeps(row));
        match (kept.next(), O::RULE) {
            (Some(first), _) => y.iter_mut().zip(first.row(row)).for_each(|(y, x)| *y = x),
            (None, Rule::Product) => y.fill(F::ZERO),
            (None, _) => y
                .iter_mut()
                .zip(operand(0).row(row))
                .for_each(|(y, x)| *y = x),
        }
        for operand in kept {
            y.iter_mut()
                .zip(operand.row(row))
                .for_each(|(y, x)| *y = O::merge(*y, x));
        }
    }
}

/// The gradient of `x`, one of two inputs of one shape and without masks.
fn pair_gradient<F: Real, O: Operation>(
    grad: &mut [F],
    accumulate: bool,
    grad_output: &[F],
    x: &[F],
    other: &[F],
) {
    if O::RULE == Rule::Product {
        return zip(grad, accumulate, [grad_output, other], |dy, other| {
            dy * other
        });
    }
    let half = F::of(0.5);
    zip3(grad, accumulate, [grad_output, x, other], |dy, x, other| {
        let y = O::merge(x, other);
        let share = if other == y { half } else { F::ONE };
        if x == y { dy * share } else { F::ZERO }
    });
}

/// The gradient of input `i` before it is summed: times the product of the others that the masks keep.
fn kept_product_terms<'a, F: Real>(
    terms: &mut [F],
    grad_output: &[F],
    i: usize,
    n: usize,
    operand: impl Fn(usize) -> Operand<'a, F>,
) {
    let width = operand(i).aligned.width().max(1);
    let rows = terms
        .chunks_exact_mut(width)
        .zip(grad_output.chunks_exact(width));
    for (row, (terms, dy)) in rows.enumerate() {
        if !operand(i).keeps(row) {
            terms.fill(F::ZERO);
            continue;
        }
        terms.copy_from_slice(dy);
        for operand in (0..n)
            .filter(|&j| j != i)
            .map(&operand)
            .filter(|o| o.keeps(row))
        {
            terms
                .iter_mut()
                .zip(operand.row(row))
                .for_each(|(t, x)| *t *= x);
        }
    }
}

/// The gradient of input `i` before it is summed: where it is the value that was taken, shared with those that tie.
fn choice_terms<'a, F: Real>(
    terms: &mut [F],
    grad_output: &[F],
    output: &[F],
    i: usize,
    n: usize,
    operand: impl Fn(usize) -> Operand<'a, F>,
) {
    let width = operand(i).aligned.width().max(1);
    for (row, terms) in terms.chunks_exact_mut(width).enumerate() {
        let here = row * width..(row + 1) * width;
        let (y, dy) = (&output[here.clone()], &grad_output[here]);
        terms.fill(F::ZERO);
        for operand in (0..n).map(&operand).filter(|operand| operand.keeps(row)) {
            let ties = terms.iter_mut().zip(operand.row(row)).zip(y);
            ties.for_each(|((ties, x), &y)| *ties += if x == y { F::ONE } else { F::ZERO });
        }
        let taken = operand(i).keeps(row);
        let first_of_none = i == 0 && !(0..n).any(|j| operand(j).keeps(row));
        for (((t, x), &y), &dy) in terms.iter_mut().zip(operand(i).row(row)).zip(y).zip(dy) {
            *t = match (taken && x == y, first_of_none) {
                (true, _) => dy / *t,
                (false, true) => dy,
                (false, false) => F::ZERO,
            };
        }
    }
}

#[cfg(test)]
mod tests;
