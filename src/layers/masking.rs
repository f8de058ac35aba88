//! Time steps that say nothing: zeroed, and named in a mask.

use serde::Deserialize;

use super::{Configured, only_input};
use crate::error::{Error, Result};
use crate::layer::{Backward, Forward, Layer, MaskRule, Mode, Scratch};
use crate::parallel::{for_each_chunk_mut, for_each_chunk_mut2};
use crate::real::Real;
use crate::shape::Shape;

/// Skips the time steps all of whose values equal `mask_value`: they become 0, and the mask tells the layers that follow.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Masking {
    /// The value that says nothing.
    #[serde(default)]
    mask_value: f64,
}

impl Configured for Masking {}

impl<F: Real> Layer<F> for Masking {
    fn kind(&self) -> &'static str {
        "Masking"
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        if input.rank() < 2 {
            return Err(Error::shape(
                "a batch of time steps, (batch, time, features)",
                format!("input shape {input}"),
            ));
        }
        Ok(vec![input.clone()])
    }

    fn scratch(&self, _: &[Shape], mode: Mode) -> Result<Scratch> {
        Ok(Scratch {
            reads_inputs: mode.backward,
            ..Scratch::default()
        })
    }

    fn mask_rule(&self, inputs: &[Shape], _: &[bool]) -> MaskRule {
        let mut axes = inputs[0].axes().to_vec();
        axes.pop();
        MaskRule::Compute(Shape::new(axes))
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let (input, value) = (cx.input_rows(0), F::of(self.mask_value));
        let (output, mask) = (cx.output(0), cx.output_mask());
        let width = input.ncols();
        if width == 0 {
            mask.fill(F::ZERO);
            return Ok(());
        }
        let (input, rows) = (cx.input(0), CHUNK.div_ceil(width));
        let output = (output, rows * width);
        for_each_chunk_mut2(output, (mask, rows), |chunk, output, mask| {
            let steps = input[chunk * rows * width..].chunks_exact(width);
            for ((y, m), x) in output.chunks_exact_mut(width).zip(mask).zip(steps) {
                if says_nothing(x, value) {
                    y.fill(F::ZERO);
                    *m = F::ZERO;
                } else {
                    y.copy_from_slice(x);
                    *m = F::ONE;
                }
            }
        });
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let (Some(grad_output), Some(grad)) = (cx.grad_output_mut(0), cx.grad_input(0)) else {
            return Ok(());
        };
        let (width, value) = (cx.input_rows(0).ncols().max(1), F::of(self.mask_value));
        let (input, rows) = (cx.input(0), CHUNK.div_ceil(width));
        for_each_chunk_mut(grad.values, rows * width, |chunk, part| {
            let steps = input[chunk * rows * width..].chunks_exact(width);
            let grad_output = grad_output[chunk * rows * width..].chunks_exact(width);
            for ((dx, x), dy) in part.chunks_exact_mut(width).zip(steps).zip(grad_output) {
                match (says_nothing(x, value), grad.accumulate) {
                    (true, true) => {}
                    (true, false) => dx.fill(F::ZERO),
                    (false, true) => dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += dy),
                    (false, false) => dx.copy_from_slice(dy),
                }
            }
        });
        Ok(())
    }
}

/// Elements one chunk of steps holds at least.
const CHUNK: usize = 1 << 14;

fn says_nothing<F: Real>(step: &[F], value: F) -> bool {
    step.iter().all(|&x| x == value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::layers::create;
    use crate::testing::{Array, Case, check_gradients};

    fn case(mask_value: f64) -> Case {
        Case {
            kind: "Masking",
            config: json!({"mask_value": mask_value}),
            inputs: vec![Array::new(
                &[1, 4, 2],
                &[7.0, 7.0, 7.0, 1.0, 0.0, 0.0, 7.0, 7.0],
            )],
            ..Case::default()
        }
    }

    #[test]
    fn steps_full_of_the_value_become_zero() {
        let output = &case(7.0).outputs::<f32>().unwrap()[0];
        assert_eq!(output.values, [0.0, 0.0, 7.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(
            case(0.0).outputs::<f32>().unwrap()[0].values,
            case(0.0).inputs[0].values
        );
    }

    #[test]
    fn gradients_pass_where_the_mask_is_set() {
        // Differences cannot be taken at the value itself, so no step is masked here.
        check_gradients(&Case {
            config: json!({}),
            inputs: vec![Array::random(&[2, 3, 2], 1)],
            ..case(0.0)
        });
    }

    #[test]
    fn the_mask_has_one_entry_for_each_step() {
        let layer = create::<f32>("Masking", &json!({})).unwrap();
        let input = Shape::from([None, Some(4), Some(2)]);
        let rule = layer.mask_rule(std::slice::from_ref(&input), &[false]);
        assert_eq!(rule, MaskRule::Compute(Shape::from([None, Some(4)])));
    }

    #[test]
    fn inputs_without_a_time_axis_are_refused() {
        let error = Case {
            inputs: vec![Array::new(&[2], &[1.0, 2.0])],
            ..case(0.0)
        }
        .error();
        assert_eq!(
            error,
            "Masking \"masking\": expected a batch of time steps, (batch, time, features), got input shape (2,)"
        );
    }
}
