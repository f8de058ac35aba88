//! A rectifier that learns its slope: `y = max(x, 0) + alpha * min(x, 0)`.
//!
//! He et al., "Delving Deep into Rectifiers", 2015. The gradient by alpha is the sum of `dy * min(x, 0)` over all that
//! share it: the batch and `shared_axes`.

use serde::Deserialize;

use super::{Configured, only_input};
use crate::config::Integers;
use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::init::Initializer;
use crate::kernels::broadcast::{Aligned, fold_of, zip};
use crate::kernels::reduce::column_sums;
use crate::layer::{Backward, Forward, Layer, MaskRule, Mode, Scratch};
use crate::param::ParamSpec;
use crate::real::Real;
use crate::regularizer::Regularizer;
use crate::shape::Shape;

/// `x` above 0, `alpha * x` below, with an alpha for each place of a sample or shared along axes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PReLU {
    #[serde(default = "Initializer::zeros")]
    alpha_initializer: Initializer,
    #[serde(default)]
    alpha_regularizer: Option<Regularizer>,
    #[serde(default)]
    alpha_constraint: Option<Constraint>,
    #[serde(default)]
    shared_axes: Option<Integers>,
}

impl PReLU {
    fn shares(&self, axis: usize) -> bool {
        let shared = self.shared_axes.as_ref();
        shared.is_some_and(|axes| axes.0.contains(&(axis as i64)))
    }

    /// Writes the sizes of alpha with a batch axis of 1 before them to `sizes`.
    fn alpha_sizes<'a>(&self, input: &[usize], sizes: &'a mut [usize; MAX_RANK]) -> &'a [usize] {
        for (axis, &size) in input.iter().enumerate() {
            sizes[axis] = if axis == 0 || self.shares(axis) {
                1
            } else {
                size
            };
        }
        &sizes[..input.len()]
    }
}

/// The most axes an input may have.
const MAX_RANK: usize = 16;

impl Configured for PReLU {
    fn validate(&self) -> Result<()> {
        match &self.shared_axes {
            Some(axes) if axes.0.iter().any(|&axis| axis < 1) => Err(Error::config(
                "`shared_axes` to be axes from 1 on, behind the batch",
                axes.to_string(),
            )),
            _ => Ok(()),
        }
    }
}

impl<F: Real> Layer<F> for PReLU {
    fn kind(&self) -> &'static str {
        "PReLU"
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        if !(2..=MAX_RANK).contains(&input.rank()) {
            return Err(Error::shape(
                format!("inputs of shape (batch, ...) with 2 to {MAX_RANK} axes"),
                format!("shape {input}"),
            ));
        }
        let axes = self.shared_axes.iter().flat_map(|axes| &axes.0);
        if let Some(axis) = axes.into_iter().find(|&&axis| axis >= input.rank() as i64) {
            return Err(Error::shape(
                format!("an input with the axis {axis} of `shared_axes`"),
                format!("shape {input}"),
            ));
        }
        let unknown = |axis: usize| input[axis].is_none() && !self.shares(axis);
        if let Some(axis) = (1..input.rank()).find(|&axis| unknown(axis)) {
            return Err(Error::shape(
                format!("a known size of axis {axis}, which has its own slopes"),
                format!("shape {input}"),
            )
            .remedy("Name the axis in shared_axes."));
        }
        Ok(vec![input.clone()])
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<ParamSpec>> {
        let axes = &only_input(inputs)?.axes()[1..];
        let size = |(i, size): (usize, &Option<usize>)| match self.shares(i + 1) {
            true => 1,
            false => size.unwrap_or(1),
        };
        let shape: Vec<usize> = axes.iter().enumerate().map(size).collect();
        Ok(vec![
            ParamSpec::trainable("alpha", &shape, &self.alpha_initializer)
                .regularized(&self.alpha_regularizer)
                .constrained(&self.alpha_constraint),
        ])
    }

    fn scratch(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        let input = only_input(inputs)?.sizes()?;
        let sample = input[1..].iter().product();
        Ok(Scratch {
            backward: vec![input.iter().product(), sample],
            reads_inputs: mode.backward,
            ..Scratch::default()
        })
    }

    fn mask_rule(&self, _: &[Shape], _: &[bool]) -> MaskRule {
        MaskRule::Pass(0)
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let (output, sizes) = (cx.output(0), cx.input_shape(0));
        let mut room = [0; MAX_RANK];
        let aligned = Aligned::new(sizes, self.alpha_sizes(sizes, &mut room));
        fold_of(output, cx.input(0), cx.param(0), aligned, |x, alpha| {
            if x < F::ZERO { alpha * x } else { x }
        });
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let Some(dy) = cx.grad_output_mut(0) else {
            return Ok(());
        };
        let (x, sizes) = (cx.input(0), cx.input_shape(0));
        let mut room = [0; MAX_RANK];
        let aligned = Aligned::new(sizes, self.alpha_sizes(sizes, &mut room));
        let (terms, sums) = (cx.temp(0), cx.temp(1));
        if let Some(mut grad) = cx.grad_param(0) {
            let below = |x: F, dy: F| if x < F::ZERO { dy * x } else { F::ZERO };
            zip(terms, false, [x, dy], below);
            if sums.len() == grad.values.len() {
                column_sums(terms, sums.len(), grad.values, grad.accumulate);
            } else {
                // What remains is one sample's size, and its sum too short to be shared out.
                column_sums(terms, sums.len(), sums, false);
                grad.clear();
                let width = aligned.width().max(1);
                for (row, sums) in sums.chunks_exact(width).enumerate() {
                    let start = aligned.row(row);
                    for (j, &sum) in sums.iter().enumerate() {
                        let at = if aligned.is_constant_in_rows() { 0 } else { j };
                        grad.values[start + at] += sum;
                    }
                }
            }
        }
        if let Some(grad) = cx.grad_input(0) {
            // The slope at each place, then times dy.
            fold_of(terms, x, cx.param(0), aligned, |x, alpha| {
                if x < F::ZERO { alpha } else { F::ONE }
            });
            let slopes = [&*dy, &*terms];
            zip(grad.values, grad.accumulate, slopes, |dy, slope| dy * slope);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Array, Case, check_gradients};

    fn case(config: Value, shape: &[usize]) -> Case {
        Case {
            kind: "PReLU",
            config,
            inputs: vec![Array::random(shape, 1)],
            ..Case::default()
        }
    }

    #[test]
    fn each_place_has_its_slope() {
        let case = Case {
            inputs: vec![Array::new(&[2, 2], &[-2.0, -4.0, 3.0, -1.0])],
            weights: vec![vec![0.5, 0.25]],
            ..case(json!({}), &[1, 1])
        };
        let output = case.outputs::<f32>().unwrap();
        assert_eq!(output[0].values, [-1.0, -1.0, 3.0, -0.25]);
    }

    #[test]
    fn gradients_agree_with_differences() {
        for config in [
            json!({}),
            json!({"shared_axes": [1]}),
            json!({"shared_axes": [1, 2]}),
            json!({"shared_axes": 3}),
        ] {
            check_gradients(&case(config, &[2, 3, 2, 4]));
        }
    }

    #[test]
    fn axes_that_are_not_there_are_refused() {
        assert_eq!(
            case(json!({"shared_axes": [0]}), &[2, 3]).error(),
            "PReLU \"prelu\": expected `shared_axes` to be axes from 1 on, behind the batch, got (0,)"
        );
        assert_eq!(
            case(json!({"shared_axes": [2]}), &[2, 3]).error(),
            "PReLU \"prelu\": expected an input with the axis 2 of `shared_axes`, got shape (2, 3)"
        );
    }
}
