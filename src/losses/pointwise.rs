//! Losses that are the mean of a function of one target and one prediction: the loops they share.

use super::alignment::Along;
use super::{CHUNK, sizes_agree};
use crate::error::Result;
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;

/// Sums run in this many lanes, which the compiler keeps in registers side by side.
const LANES: usize = 16;

/// A function of one target and one prediction.
pub(super) trait Pointwise<F>: Sync {
    /// The Keras name of the class.
    const KIND: &'static str;
    /// The loss.
    fn value(&self, target: F, prediction: F) -> F;
    /// The derivative of the loss by the prediction.
    fn slope(&self, target: F, prediction: F) -> F;
}

/// `values[i]` = mean of `op` over the `i`-th line.
pub(super) fn forward<F: Real, P: Pointwise<F>>(
    op: &P,
    target: &[F],
    prediction: &[F],
    along: Along,
    values: &mut [F],
) -> Result<()> {
    sizes_agree(P::KIND, target.len(), prediction.len())?;
    let over = F::ONE / F::of_usize(along.len);
    let rows = (CHUNK / along.len.max(1)).max(1);
    for_each_chunk_mut(values, rows, |index, values| {
        for (row, value) in values.iter_mut().enumerate() {
            let start = along.start(index * rows + row);
            let sum = if along.inner == 1 {
                let line = start..start + along.len;
                sum_of(op, &target[line.clone()], &prediction[line])
            } else {
                let places = (0..along.len).map(|k| start + k * along.inner);
                places.map(|at| op.value(target[at], prediction[at])).sum()
            };
            *value = sum * over;
        }
    });
    Ok(())
}

/// The sum over one contiguous line, in lanes and always in the same order.
fn sum_of<F: Real, P: Pointwise<F>>(op: &P, target: &[F], prediction: &[F]) -> F {
    let (targets, target_rest) = target.as_chunks::<LANES>();
    let (predictions, prediction_rest) = prediction.as_chunks::<LANES>();
    let mut lanes = [F::ZERO; LANES];
    for (t, p) in targets.iter().zip(predictions) {
        for lane in 0..LANES {
            lanes[lane] += op.value(t[lane], p[lane]);
        }
    }
    let rest = target_rest.iter().zip(prediction_rest);
    lanes.into_iter().sum::<F>() + rest.map(|(&t, &p)| op.value(t, p)).sum::<F>()
}

/// `grad[..] = scale[i] * slope / len`, `i` being the line of the element.
pub(super) fn backward<F: Real, P: Pointwise<F>>(
    op: &P,
    target: &[F],
    prediction: &[F],
    along: Along,
    scale: &[F],
    grad_prediction: &mut [F],
) -> Result<()> {
    sizes_agree(P::KIND, target.len(), prediction.len())?;
    let over = F::ONE / F::of_usize(along.len);
    let block = along.len * along.inner;
    if block == 0 {
        return Ok(());
    }
    let blocks = (CHUNK / block).max(1);
    for_each_chunk_mut(grad_prediction, blocks * block, |index, grads| {
        for (i, grads) in grads.chunks_mut(block).enumerate() {
            let outer = index * blocks + i;
            let scale = &scale[outer * along.inner..(outer + 1) * along.inner];
            for (k, grads) in grads.chunks_mut(along.inner).enumerate() {
                let at = outer * block + k * along.inner;
                let pairs = target[at..].iter().zip(&prediction[at..]);
                for ((grad, (&t, &p)), &scale) in grads.iter_mut().zip(pairs).zip(scale) {
                    *grad = scale * over * op.slope(t, p);
                }
            }
        }
    });
    Ok(())
}
