//! What TimeDistributed is made of: time folded into the batch, and unfolded again.
//!
//! `FoldTime` takes `(batch, time, ...)` as `(batch * time, ...)`, which moves nothing. `UnfoldTime` takes
//! `(batch * time, ...)` and any `(batch, time, ...)`, and gives the first as `(batch, time, ...)` with the mask of the
//! second.

use serde::Deserialize;

use super::{Configured, only_input};
use crate::error::{Error, Result};
use crate::layer::{Backward, Forward, Layer, MaskRule, Mode};
use crate::real::Real;
use crate::shape::Shape;

/// Every step of every sequence as a sample of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoldTime {}

/// The way back, along the batch and time of the second input.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnfoldTime {}

impl Configured for FoldTime {}
impl Configured for UnfoldTime {}

fn samples(sequences: &Shape) -> Result<Option<usize>> {
    if sequences.rank() < 2 {
        return Err(Error::shape(
            "a batch of time steps, (batch, time, ...)",
            format!("input shape {sequences}"),
        ));
    }
    Ok(sequences[0]
        .zip(sequences[1])
        .map(|(batch, time)| batch * time))
}

impl<F: Real> Layer<F> for FoldTime {
    fn kind(&self) -> &'static str {
        "FoldTime"
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        let mut axes = vec![samples(input)?];
        axes.extend(&input.axes()[2..]);
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

impl<F: Real> Layer<F> for UnfoldTime {
    fn kind(&self) -> &'static str {
        "UnfoldTime"
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let [steps, sequences] = inputs else {
            return Err(Error::shape("two inputs", inputs.len().to_string()));
        };
        let expected = samples(sequences)?;
        let fits =
            steps.rank() > 0 && (steps[0] == expected || steps[0].is_none() || expected.is_none());
        if !fits {
            return Err(Error::shape(
                format!("a sample for each step of {sequences}"),
                format!("shape {steps}"),
            ));
        }
        let mut axes = sequences.axes()[..2].to_vec();
        axes.extend(&steps.axes()[1..]);
        Ok(vec![Shape::new(axes)])
    }

    fn mask_rule(&self, _: &[Shape], masked: &[bool]) -> MaskRule {
        match masked.get(1) {
            Some(true) => MaskRule::Pass(1),
            _ => MaskRule::None,
        }
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        cx.output(0).copy_from_slice(cx.input(0));
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        // Only the sizes of the sequences were read.
        if let Some(mut grad) = cx.grad_input(1) {
            grad.clear();
        }
        if let (Some(dy), Some(mut grad)) = (cx.grad_output_mut(0), cx.grad_input(0)) {
            grad.clear();
            let both = grad.values.iter_mut().zip(&*dy);
            both.for_each(|(dx, &dy)| *dx += dy);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Array, Case, check_gradients};

    #[test]
    fn steps_become_samples_and_sequences_again() {
        let steps = Array::random(&[6, 4], 1);
        let case = Case {
            kind: "UnfoldTime",
            config: json!({}),
            inputs: vec![steps.clone(), Array::random(&[2, 3, 5], 2)],
            ..Case::default()
        };
        let outputs = case.outputs::<f64>().unwrap();
        assert_eq!(outputs[0].shape, [2, 3, 4]);
        assert_eq!(outputs[0].values, steps.values);
        check_gradients(&case);
    }
}
