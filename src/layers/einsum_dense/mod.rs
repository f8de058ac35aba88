//! A product with a kernel along any axes: `y = activation(einsum(equation, x, kernel) + bias)`.
//!
//! With the equation `X,K->Y`, `z` the sums and `dz = dy * f'(z)`:
//!
//! ```text
//! dx = einsum("Y,K->X", dz, kernel)      dkernel = einsum("X,Y->K", x, dz)      dbias = sums of dz to its shape
//! ```

mod equation;

use serde::Deserialize;

use self::equation::{Equation, Names};
use super::{Configured, only_input};
use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::init::Initializer;
use crate::kernels::activation::Activation;
use crate::kernels::broadcast::{Aligned, fold, sum_to};
use crate::kernels::contract::{Axes, Contraction, MAX_AXES};
use crate::kernels::reduce::column_sums;
use crate::layer::{Backward, Forward, Layer, MaskRule, Mode, Scratch};
use crate::param::ParamSpec;
use crate::real::Real;
use crate::regularizer::Regularizer;
use crate::shape::Shape;

/// A dense layer over the axes that `equation` names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EinsumDense {
    equation: Equation,
    output_shape: Sizes,
    #[serde(default)]
    activation: Activation,
    #[serde(default)]
    bias_axes: Option<String>,
    #[serde(default = "Initializer::glorot_uniform")]
    kernel_initializer: Initializer,
    #[serde(default = "Initializer::zeros")]
    bias_initializer: Initializer,
    #[serde(default)]
    kernel_regularizer: Option<Regularizer>,
    #[serde(default)]
    bias_regularizer: Option<Regularizer>,
    #[serde(default)]
    kernel_constraint: Option<Constraint>,
    #[serde(default)]
    bias_constraint: Option<Constraint>,
}

/// One size, or one for each axis but the batch; `None` is that of the input.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Sizes {
    One(usize),
    Many(Vec<Option<usize>>),
}

impl Sizes {
    fn to_vec(&self) -> Vec<Option<usize>> {
        match self {
            Self::One(size) => vec![Some(*size)],
            Self::Many(sizes) => sizes.clone(),
        }
    }
}

impl Configured for EinsumDense {
    fn validate(&self) -> Result<()> {
        if !self.activation.keeps_shape() {
            return Err(Error::config(
                "an activation that keeps the shape",
                format!("{:?}", self.activation.name()),
            ));
        }
        if let Some(axes) = &self.bias_axes
            && (axes.is_empty() || !axes.chars().all(|axis| self.equation.output.contains(axis)))
        {
            return Err(Error::config(
                format!("`bias_axes` out of the output's {:?}", self.equation.output),
                format!("{axes:?}"),
            ));
        }
        Ok(())
    }
}

/// The products forward, and back to input and kernel.
struct Products {
    forward: Contraction,
    to_input: Contraction,
    to_kernel: Contraction,
}

impl EinsumDense {
    fn axes(&self, input: &Shape) -> Result<Vec<Option<usize>>> {
        let equation = &self.equation;
        let Some(elided) = equation.elided(input.rank()) else {
            return Err(Error::shape(
                format!("an input with the axes of {equation}"),
                format!("shape {input}"),
            ));
        };
        let given = self.output_shape.to_vec();
        let front = equation.in_front(elided);
        // The batch, what dots in front stand for, what was given, what dots behind stand for.
        let mut output = input.axes()[..front.max(1)].to_vec();
        output.extend(given);
        output.extend(&input.axes()[input.rank() - (elided - front)..]);
        if output.len() != equation.output.len() + elided {
            let expected = equation.output.len() + elided - (elided - front) - front.max(1);
            return Err(Error::config(
                format!(
                    "`output_shape` of {expected} sizes, one for each axis of the output but the batch"
                ),
                format!("{} sizes for {equation}", self.output_shape.to_vec().len()),
            ));
        }
        for (letter, &size) in equation.input.chars().zip(&input.axes()[front..]) {
            let Some(place) = equation.output.find(letter) else {
                continue;
            };
            let known = &mut output[front + place];
            if known.is_some() && size.is_some() && *known != size {
                return Err(Error::shape(
                    format!("as many places on axis {letter:?} of the input as in `output_shape`"),
                    format!("shape {input} for {equation}"),
                ));
            }
            *known = known.or(size);
        }
        Ok(output)
    }

    /// The size of each axis of the kernel, and whether the output has it.
    fn kernel(&self, input: &Shape) -> Result<Vec<(usize, bool)>> {
        let output = self.axes(input)?;
        let equation = &self.equation;
        let elided = equation.elided(input.rank()).unwrap_or(0);
        let front = equation.in_front(elided);
        let size = |letter: char| {
            let place = equation.output.find(letter);
            let found = match place {
                Some(place) => output[front + place],
                None => equation
                    .input
                    .find(letter)
                    .and_then(|place| input[front + place]),
            };
            let found = found.map(|size| (size, place.is_some()));
            found.ok_or_else(|| {
                Error::shape(
                    format!("a known size of axis {letter:?}, which the kernel has"),
                    format!("input shape {input} for {equation}"),
                )
            })
        };
        equation.kernel.chars().map(size).collect()
    }

    /// The sizes of the bias, aligned with the last axes of the output.
    fn bias(&self, axes: &str, input: &Shape) -> Result<Vec<usize>> {
        let output = self.axes(input)?;
        let equation = &self.equation;
        let elided = equation.elided(input.rank()).unwrap_or(0);
        let front = equation.in_front(elided);
        let letters = equation.output.char_indices();
        let mut sizes = letters
            .skip_while(|(_, letter)| !axes.contains(*letter))
            .map(|(place, letter)| {
                if !axes.contains(letter) {
                    return Ok(1);
                }
                output[front + place].ok_or_else(|| {
                    Error::shape(
                        format!("a known size of axis {letter:?}, which the bias has"),
                        format!("input shape {input} for {equation}"),
                    )
                })
            })
            .collect::<Result<Vec<_>>>()?;
        sizes.resize(sizes.len() + elided - front, 1);
        Ok(sizes)
    }

    fn names(&self, rank: usize) -> [Names; 3] {
        let equation = &self.equation;
        let elided = equation.elided(rank).expect("checked by output_shapes");
        [
            equation.names(&equation.input, elided),
            equation.names(&equation.kernel, 0),
            equation.names(&equation.output, elided),
        ]
    }

    fn products(&self, input: &[usize], output: &[usize]) -> Products {
        let [x, kernel, y] = self.names(input.len());
        let mut sizes = [0; MAX_AXES];
        for (size, name) in sizes.iter_mut().zip(kernel.as_slice()) {
            let place = |names: &[u8]| names.iter().position(|other| other == name);
            *size = match place(y.as_slice()) {
                Some(place) => output[place],
                None => input[place(x.as_slice()).expect("checked when it was read")],
            };
        }
        let x = Axes {
            labels: x.as_slice(),
            sizes: input,
        };
        let y = Axes {
            labels: y.as_slice(),
            sizes: output,
        };
        let kernel = Axes {
            labels: kernel.as_slice(),
            sizes: &sizes[..kernel.as_slice().len()],
        };
        Products {
            forward: Contraction::new(x, kernel, y),
            to_input: Contraction::new(y, kernel, x),
            to_kernel: Contraction::new(x, y, kernel),
        }
    }

    /// The bias has all of the output's axes from its first on.
    fn is_last(&self, bias: &str, rank: usize) -> bool {
        let equation = &self.equation;
        let elided = equation.elided(rank).unwrap_or(0);
        let mut behind = equation
            .output
            .chars()
            .skip_while(|&letter| !bias.contains(letter));
        behind.all(|letter| bias.contains(letter)) && equation.in_front(elided) == elided
    }

    /// The bias under all of the output as one sample: the sizes of the output with a 1 before it, and those of the bias.
    fn aligned<'a>(
        &self,
        bias: &str,
        rank: usize,
        output: &[usize],
        room: &'a mut [[usize; MAX_AXES + 1]; 2],
    ) -> Aligned<'a> {
        let equation = &self.equation;
        let elided = equation.elided(rank).unwrap_or(0);
        let front = equation.in_front(elided);
        let [sizes, axes] = room;
        let len = output.len() + 1;
        sizes[0] = 1;
        sizes[1..len].copy_from_slice(output);
        axes[..len].fill(1);
        for (place, letter) in equation.output.char_indices() {
            if bias.contains(letter) {
                axes[1 + front + place] = output[front + place];
            }
        }
        Aligned::new(&sizes[..len], &axes[..len])
    }
}

impl<F: Real> Layer<F> for EinsumDense {
    fn kind(&self) -> &'static str {
        "EinsumDense"
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        self.kernel(input)?;
        Ok(vec![Shape::new(self.axes(input)?)])
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<ParamSpec>> {
        let input = only_input(inputs)?;
        let kernel = self.kernel(input)?;
        let sizes: Vec<usize> = kernel.iter().map(|&(size, _)| size).collect();
        let axes = |of_output| {
            let axes = kernel.iter().enumerate();
            axes.filter(|(_, axis)| axis.1 == of_output)
                .map(|(i, _)| i as i64)
                .collect()
        };
        let initializer = self.kernel_initializer.with_axes(axes(false), axes(true));
        let mut params = vec![
            ParamSpec::trainable("kernel", &sizes, &initializer)
                .regularized(&self.kernel_regularizer)
                .constrained(&self.kernel_constraint),
        ];
        if let Some(axes) = &self.bias_axes {
            params.push(
                ParamSpec::trainable("bias", &self.bias(axes, input)?, &self.bias_initializer)
                    .regularized(&self.bias_regularizer)
                    .constrained(&self.bias_constraint),
            );
        }
        Ok(params)
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        let input = only_input(inputs)?;
        let (sizes, output) = (input.sizes()?, Shape::new(self.axes(input)?).sizes()?);
        let products = self.products(&sizes, &output);
        let keeps = mode.backward && self.activation.needs_input();
        Ok(Scratch {
            saved: if keeps {
                vec![output.iter().product()]
            } else {
                vec![]
            },
            forward: vec![products.forward.memory()],
            backward: vec![products.to_input.memory().max(products.to_kernel.memory())],
            reads_inputs: true,
            reads_outputs: true,
        })
    }

    fn mask_rule(&self, _: &[Shape], _: &[bool]) -> MaskRule {
        MaskRule::Pass(0)
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let (sizes, shape) = (cx.input_shape(0), cx.output_shape(0));
        let (y, width) = (cx.output(0), shape.last().copied().unwrap_or(1));
        let keeps = cx.num_saved() > 0;
        let kept = if keeps { cx.saved(0) } else { &mut [] };
        let sums = if keeps { &mut *kept } else { &mut *y };
        let product = self.products(sizes, shape).forward;
        product.run(cx.input(0), cx.param(0), sums, false, cx.temp(0));
        if let Some(axes) = &self.bias_axes {
            let mut room = [[0; MAX_AXES + 1]; 2];
            let aligned = self.aligned(axes, sizes.len(), shape, &mut room);
            fold(sums, cx.param(1), aligned, |z, b| z + b);
        }
        if keeps {
            self.activation.forward(kept, y, width);
        } else {
            self.activation.forward_in_place(y, width);
        }
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let Some(dz) = cx.grad_output_mut(0) else {
            return Ok(());
        };
        let (sizes, shape) = (cx.input_shape(0), cx.output_shape(0));
        let width = shape.last().copied().unwrap_or(1);
        let sums = self.activation.needs_input().then(|| &*cx.saved(0));
        self.activation
            .backward_in_place(sums, cx.output(0), dz, width);
        let products = self.products(sizes, shape);
        let memory = cx.temp(0);
        if let Some(kernel) = cx.grad_param(0) {
            let product = products.to_kernel;
            product.run(cx.input(0), dz, kernel.values, kernel.accumulate, memory);
        }
        if let Some(axes) = &self.bias_axes
            && let Some(bias) = cx.grad_param(1)
        {
            if self.is_last(axes, sizes.len()) {
                column_sums(dz, bias.values.len(), bias.values, bias.accumulate);
            } else {
                let mut room = [[0; MAX_AXES + 1]; 2];
                let aligned = self.aligned(axes, sizes.len(), shape, &mut room);
                sum_to(bias.values, bias.accumulate, dz, F::ONE, aligned);
            }
        }
        if let Some(input) = cx.grad_input(0) {
            let product = products.to_input;
            product.run(dz, cx.param(0), input.values, input.accumulate, memory);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Array, Case, assert_close, check_gradients};

    fn case(config: serde_json::Value, input: Array, weights: Vec<Vec<f64>>) -> Case {
        Case {
            kind: "EinsumDense",
            config,
            inputs: vec![input],
            weights,
            ..Case::default()
        }
    }

    #[test]
    fn an_equation_says_what_is_summed() {
        let x = Array::new(&[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]);
        let config =
            json!({"equation": "abc,cd->adb", "output_shape": [1, null], "bias_axes": "d"});
        let case = case(config, x, vec![vec![10.0, 1.0], vec![0.5]]);
        let y = &case.outputs::<f64>().unwrap()[0];
        assert_eq!(y.shape, [1, 1, 2]);
        assert_close::<f64>(&y.values, &[12.5, 34.5], 0.0);
        check_gradients(&case);
    }

    #[test]
    fn dots_stand_for_axes_that_stay() {
        let x = Array::random(&[2, 3, 4], 1);
        let config = json!({"equation": "ab...,bc->ac...", "output_shape": 5, "bias_axes": "c", "activation": "gelu"});
        let case = case(
            config,
            x,
            vec![(0..15).map(f64::from).collect(), vec![0.1; 5]],
        );
        assert_eq!(case.outputs::<f64>().unwrap()[0].shape, [2, 5, 4]);
        check_gradients(&case);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let error = |config| case(config, Array::random(&[2, 3, 4], 1), vec![]).error();
        assert_eq!(
            error(json!({"equation": "abc,cd->abd", "output_shape": [2, 5]})),
            "EinsumDense \"einsumdense\": expected as many places on axis 'b' of the input as in `output_shape`, got shape (2, 3, 4) for abc,cd->abd"
        );
        assert_eq!(
            error(json!({"equation": "abc,cd->abd", "output_shape": 5})),
            "EinsumDense \"einsumdense\": expected `output_shape` of 2 sizes, one for each axis of the output but the batch, got 1 sizes for abc,cd->abd"
        );
        assert_eq!(
            error(json!({"equation": "ab,bc->ac", "output_shape": 5})),
            "EinsumDense \"einsumdense\": expected an input with the axes of ab,bc->ac, got shape (2, 3, 4)"
        );
    }
}
