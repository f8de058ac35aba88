//! Time turned round: `y[b, t] = x[b, time - 1 - t]`.
//!
//! A recurrent layer that goes backwards gives its outputs in the order in which it made them; this brings each to the
//! step it belongs to (Schuster & Paliwal, Bidirectional Recurrent Neural Networks, 1997).

use serde::Deserialize;

use super::{Configured, only_input};
use crate::error::{Error, Result};
use crate::layer::{Backward, Forward, Layer, MaskRule};
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;
use crate::shape::Shape;

/// Elements a thread copies at least.
const CHUNK: usize = 1 << 13;

/// Flips the second axis.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reverse {}

impl Configured for Reverse {}

impl<F: Real> Layer<F> for Reverse {
    fn kind(&self) -> &'static str {
        "Reverse"
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = only_input(inputs)?;
        if input.rank() < 2 {
            return Err(Error::shape(
                "a batch of time steps, (batch, time, ...)",
                format!("input shape {input}"),
            ));
        }
        Ok(vec![input.clone()])
    }

    /// The mask of the layer that goes backwards is that of its input, in the input's order already.
    fn mask_rule(&self, _: &[Shape], masked: &[bool]) -> MaskRule {
        if masked.first() == Some(&true) {
            MaskRule::Pass(0)
        } else {
            MaskRule::None
        }
    }

    fn forward(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let shape = cx.input_shape(0);
        reverse(cx.input(0), shape, cx.output(0), |y, x| {
            y.copy_from_slice(x)
        });
        Ok(())
    }

    fn backward(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let shape = cx.input_shape(0);
        if let (Some(grad), Some(dy)) = (cx.grad_input(0), cx.grad_output_mut(0)) {
            reverse(dy, shape, grad.values, |dx, dy| {
                if grad.accumulate {
                    dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += dy);
                } else {
                    dx.copy_from_slice(dy);
                }
            });
        }
        Ok(())
    }
}

/// Calls `put` with each step of `y` and the step of `x` that belongs there.
fn reverse<F: Real>(x: &[F], shape: &[usize], y: &mut [F], put: impl Fn(&mut [F], &[F]) + Sync) {
    let width = shape[2..].iter().product::<usize>();
    let row = shape[1] * width;
    if row == 0 {
        return;
    }
    let rows = CHUNK.div_ceil(row);
    for_each_chunk_mut(y, rows * row, |index, y| {
        let x = &x[index * rows * row..][..y.len()];
        for (y, x) in y.chunks_exact_mut(row).zip(x.chunks_exact(row)) {
            for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(width).rev()) {
                put(y, x);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Array, Case, check_gradients};

    fn case(shape: &[usize]) -> Case {
        Case {
            kind: "Reverse",
            config: json!({}),
            inputs: vec![Array::random(shape, 1)],
            ..Case::default()
        }
    }

    #[test]
    fn steps_of_each_row_change_places() {
        let case = Case {
            inputs: vec![Array::new(
                &[2, 2, 2],
                &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
            )],
            ..case(&[1, 1])
        };
        assert_eq!(
            case.outputs::<f32>().unwrap()[0].values,
            [3.0, 4.0, 1.0, 2.0, 7.0, 8.0, 5.0, 6.0]
        );
    }

    #[test]
    fn gradients_are_turned_round_too() {
        check_gradients(&case(&[2, 3]));
        check_gradients(&case(&[2, 3, 2, 2]));
    }

    #[test]
    fn an_input_without_time_is_refused() {
        assert_eq!(
            case(&[3]).error(),
            "Reverse \"reverse\": expected a batch of time steps, (batch, time, ...), got input shape (3,)"
        );
    }
}
