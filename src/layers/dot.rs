//! The product of two inputs, summed over an axis of each: `y[b, i.., j..] = sum over k of a[b, i.., k] * b[b, j.., k]`.
//!
//! With `normalize` both are scaled to length 1 along that axis first: `u = x * min(1 / |x|, 1e7)`, so
//!
//! ```text
//! dx = (du - u * sum of u * du) / |x|
//! ```

use serde::Deserialize;

use super::Configured;
use crate::config::Integers;
use crate::error::{Error, Result};
use crate::kernels::contract::{Axes, Contraction, MAX_AXES};
use crate::layer::{Backward, Forward, Grad, Layer, Mode, Scratch};
use crate::parallel::for_each_chunk_mut2;
use crate::real::Real;
use crate::shape::{Shape, axis_index};

/// The product of the two inputs along `axes`, one axis of each.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dot {
    axes: Integers,
    #[serde(default)]
    normalize: bool,
}

/// The longest a short vector grows to by `normalize`: the inverse of Keras's epsilon.
const MAX_FACTOR: f64 = 1e7;

/// What the axis that is summed over is called.
const SUMMED: u8 = u8::MAX;

impl Configured for Dot {
    fn validate(&self) -> Result<()> {
        match self.axes.0[..] {
            [0, ..] | [_, 0] => Err(Error::config(
                "`axes` other than the batch axis 0",
                self.axes.to_string(),
            )),
            [_] | [_, _] => Ok(()),
            _ => Err(Error::config(
                "`axes` to be one integer or two",
                self.axes.to_string(),
            )),
        }
    }
}

/// What the axes of both inputs and of the output are called.
struct Names {
    inputs: [[u8; MAX_AXES]; 2],
    output: [u8; 2 * MAX_AXES],
}

impl Dot {
    /// The axis of each input that is summed over.
    fn axes(&self, ranks: [usize; 2]) -> Option<[usize; 2]> {
        let (first, second) = (self.axes.0[0], *self.axes.0.last()?);
        let both = [axis_index(first, ranks[0])?, axis_index(second, ranks[1])?];
        (both[0] > 0 && both[1] > 0).then_some(both)
    }

    fn names(&self, ranks: [usize; 2]) -> Names {
        let axes = self.axes(ranks).expect("checked by output_shapes");
        let mut names = Names {
            inputs: [[0; MAX_AXES]; 2],
            output: [0; 2 * MAX_AXES],
        };
        let mut len = 1;
        for (input, (&axis, &rank)) in axes.iter().zip(&ranks).enumerate() {
            for i in 1..rank {
                let name = (input * MAX_AXES + i) as u8;
                names.inputs[input][i] = if i == axis { SUMMED } else { name };
                if i != axis {
                    names.output[len] = name;
                    len += 1;
                }
            }
        }
        names
    }

    /// The products forward, and back to each input.
    fn products(&self, inputs: [&[usize]; 2], output: &[usize]) -> [Contraction; 3] {
        let names = self.names(inputs.map(<[usize]>::len));
        let [a, b] = [0, 1].map(|i| Axes {
            labels: &names.inputs[i][..inputs[i].len()],
            sizes: inputs[i],
        });
        let rank = inputs[0].len() + inputs[1].len() - 3;
        let y = Axes {
            labels: &names.output[..rank],
            sizes: &output[..rank],
        };
        [
            Contraction::new(a, b, y),
            Contraction::new(y, b, a),
            Contraction::new(y, a, b),
        ]
    }
}

impl<F: Real> Layer<F> for Dot {
    fn kind(&self) -> &'static str {
        "Dot"
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let [a, b] = inputs else {
            return Err(Error::shape("two inputs", inputs.len().to_string()));
        };
        let got = || format!("shapes {a} and {b} with `axes` {}", self.axes);
        if [a, b]
            .iter()
            .any(|x| !(2..=MAX_AXES / 2).contains(&x.rank()))
        {
            let expected = format!("inputs of 2 to {} axes, the batch included", MAX_AXES / 2);
            return Err(Error::shape(expected, got()));
        }
        let Some([i, j]) = self.axes([a.rank(), b.rank()]) else {
            return Err(Error::config(
                "`axes` that both inputs have, other than the batch",
                got(),
            ));
        };
        let fits = |a: Option<usize>, b: Option<usize>| a == b || a.is_none() || b.is_none();
        if !fits(a[i], b[j]) || !fits(a[0], b[0]) {
            return Err(Error::shape(
                "the same batch, and as many places on both of the `axes`",
                got(),
            ));
        }
        let without = |x: &Shape, axis: usize| {
            let mut axes = x.axes().to_vec();
            axes.remove(axis);
            axes
        };
        let mut axes = without(a, i);
        axes.extend(&without(b, j)[1..]);
        if axes.len() == 1 {
            axes.push(Some(1));
        }
        Ok(vec![Shape::new(axes)])
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        let output = Layer::<F>::output_shapes(self, inputs)?[0].sizes()?;
        let (a, b) = (inputs[0].sizes()?, inputs[1].sizes()?);
        let memory = self.products([&a, &b], &output).map(|p| p.memory());
        let mut kept = vec![];
        let mut backward = vec![memory[1].max(memory[2])];
        if self.normalize {
            let axes = self.axes([a.len(), b.len()]).expect("checked above");
            for (sizes, axis) in [&a, &b].into_iter().zip(axes) {
                let len = sizes.iter().product::<usize>();
                kept.extend([len, len / sizes[axis].max(1)]);
                backward.push(len);
            }
        }
        let mut forward = vec![memory[0]];
        let saved = if mode.backward {
            kept
        } else {
            forward.append(&mut kept);
            vec![]
        };
        Ok(Scratch {
            saved,
            forward,
            backward,
            reads_inputs: !self.normalize,
            reads_outputs: false,
        })
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let shapes = [cx.input_shape(0), cx.input_shape(1)];
        let [product, ..] = self.products(shapes, cx.output_shape(0));
        let mut inputs = [cx.input(0), cx.input(1)];
        if self.normalize {
            let axes = self
                .axes(shapes.map(<[usize]>::len))
                .expect("checked by output_shapes");
            let keeps = cx.num_saved() > 0;
            for (i, x) in inputs.iter_mut().enumerate() {
                let mut buffer = |j| if keeps { cx.saved(j) } else { cx.temp(1 + j) };
                let (unit, factors) = (buffer(2 * i), buffer(2 * i + 1));
                scale_to_one(x, shapes[i], axes[i], unit, factors);
                *x = unit;
            }
        }
        product.run(inputs[0], inputs[1], cx.output(0), false, cx.temp(0));
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let Some(dy) = cx.grad_output_mut(0) else {
            return Ok(());
        };
        let shapes = [cx.input_shape(0), cx.input_shape(1)];
        let [_, first, second] = self.products(shapes, cx.output_shape(0));
        let memory = cx.temp(0);
        if !self.normalize {
            if let Some(dx) = cx.grad_input(0) {
                first.run(dy, cx.input(1), dx.values, dx.accumulate, memory);
            }
            if let Some(dx) = cx.grad_input(1) {
                second.run(dy, cx.input(0), dx.values, dx.accumulate, memory);
            }
            return Ok(());
        }
        let axes = self
            .axes(shapes.map(<[usize]>::len))
            .expect("checked by output_shapes");
        let units: [&[F]; 2] = [cx.saved(0), cx.saved(2)];
        for (i, product) in [first, second].iter().enumerate() {
            if let Some(dx) = cx.grad_input(i) {
                let du = cx.temp(1 + i);
                product.run(dy, units[1 - i], du, false, memory);
                scale_back(du, units[i], cx.saved(2 * i + 1), shapes[i], axes[i], dx);
            }
        }
        Ok(())
    }
}

/// Numbers a thread scales at least.
const CHUNK: usize = 1 << 14;

/// Sizes in front of the axis, of it and behind it, and how many of the first make up a chunk.
fn around(sizes: &[usize], axis: usize) -> (usize, usize, usize) {
    let inner = sizes[axis + 1..].iter().product::<usize>();
    let row = sizes[axis] * inner;
    (sizes[axis], inner, CHUNK.div_ceil(row.max(1)))
}

fn scale_to_one<F: Real>(x: &[F], sizes: &[usize], axis: usize, unit: &mut [F], factors: &mut [F]) {
    let (count, inner, rows) = around(sizes, axis);
    let row = count * inner;
    if row == 0 {
        return;
    }
    for_each_chunk_mut2(
        (unit, rows * row),
        (factors, rows * inner),
        |chunk, unit, factors| {
            let x = x[chunk * rows * row..].chunks_exact(row);
            let both = unit
                .chunks_exact_mut(row)
                .zip(factors.chunks_exact_mut(inner));
            for (x, (unit, factors)) in x.zip(both) {
                factors.fill(F::ZERO);
                for x in x.chunks_exact(inner) {
                    factors
                        .iter_mut()
                        .zip(x)
                        .for_each(|(sum, &x)| *sum += x * x);
                }
                let most = F::of(MAX_FACTOR);
                factors
                    .iter_mut()
                    .for_each(|f| *f = (F::ONE / f.sqrt()).minimum(most));
                for (unit, x) in unit.chunks_exact_mut(inner).zip(x.chunks_exact(inner)) {
                    for ((u, &x), &factor) in unit.iter_mut().zip(x).zip(&*factors) {
                        *u = x * factor;
                    }
                }
            }
        },
    );
}

/// Uses up `du`.
fn scale_back<F: Real>(
    du: &mut [F],
    unit: &[F],
    factors: &[F],
    sizes: &[usize],
    axis: usize,
    dx: Grad<'_, F>,
) {
    let (count, inner, rows) = around(sizes, axis);
    let row = count * inner;
    if row == 0 {
        return;
    }
    let (most, accumulate) = (F::of(MAX_FACTOR), dx.accumulate);
    let (du, dx) = ((du, rows * row), (dx.values, rows * row));
    for_each_chunk_mut2(du, dx, |chunk, du, dx| {
        let unit = unit[chunk * rows * row..].chunks_exact(row);
        let factors = factors[chunk * rows * inner..].chunks_exact(inner);
        let places = du.chunks_exact_mut(row).zip(dx.chunks_exact_mut(row));
        for ((du, dx), (unit, factors)) in places.zip(unit.zip(factors)) {
            for (place, &factor) in factors.iter().enumerate() {
                let along = || (place..row).step_by(inner);
                // A factor at its limit is a constant.
                let pull = match factor < most {
                    true => along().fold(F::ZERO, |sum, i| sum + unit[i] * du[i]),
                    false => F::ZERO,
                };
                along().for_each(|i| du[i] = (du[i] - unit[i] * pull) * factor);
            }
            let put = |(dx, &du): (&mut F, &F)| *dx = if accumulate { *dx + du } else { du };
            dx.iter_mut().zip(&*du).for_each(put);
        }
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Array, Case, assert_close, check_gradients};

    fn case(config: serde_json::Value, inputs: Vec<Array>) -> Case {
        Case {
            kind: "Dot",
            config,
            inputs,
            ..Case::default()
        }
    }

    #[test]
    fn two_vectors_give_one_number_for_each_sample() {
        let a = Array::new(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
        let b = Array::new(&[2, 2], &[5.0, 6.0, 0.5, 0.0]);
        let case = case(json!({"axes": 1}), vec![a, b]);
        let outputs = case.outputs::<f64>().unwrap();
        assert_eq!(outputs[0].shape, [2, 1]);
        assert_close::<f64>(&outputs[0].values, &[17.0, 1.5], 0.0);
        check_gradients(&case);
    }

    #[test]
    fn normalized_vectors_give_the_cosine() {
        let a = Array::new(&[1, 2], &[3.0, 4.0]);
        let b = Array::new(&[1, 2], &[0.0, 7.0]);
        let case = case(json!({"axes": -1, "normalize": true}), vec![a, b]);
        assert_close::<f64>(&case.outputs::<f64>().unwrap()[0].values, &[0.8], 1e-15);
        check_gradients(&case);
    }

    #[test]
    fn the_axes_of_the_inputs_are_chosen_apart() {
        let a = Array::random(&[2, 3, 4], 1);
        let b = Array::random(&[2, 5, 3], 2);
        let case = case(json!({"axes": [1, 2]}), vec![a, b]);
        assert_eq!(case.outputs::<f64>().unwrap()[0].shape, [2, 4, 5]);
        check_gradients(&case);
    }

    #[test]
    fn axes_that_do_not_meet_are_refused() {
        let a = || Array::random(&[2, 3], 1);
        let b = Array::random(&[2, 4], 2);
        assert_eq!(
            case(json!({"axes": 1}), vec![a(), b]).error(),
            "Dot \"dot\": expected the same batch, and as many places on both of the `axes`, got shapes (2, 3) and (2, 4) with `axes` (1,)"
        );
        assert_eq!(
            case(json!({"axes": 0}), vec![a(), a()]).error(),
            "Dot \"dot\": expected `axes` other than the batch axis 0, got (0,)"
        );
        assert_eq!(
            case(json!({"axes": 2}), vec![a(), a()]).error(),
            "Dot \"dot\": expected `axes` that both inputs have, other than the batch, got shapes (2, 3) and (2, 3) with `axes` (2,)"
        );
    }
}
