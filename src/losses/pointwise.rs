//! Losses that are the mean of a function of one target and one prediction: the loops they share.

use std::fmt::Debug;

use super::alignment::Along;
use super::{CHUNK, Loss, mean_lines, sizes_agree};
use crate::error::Result;
use crate::kernels::simd::{Kernel, Simd, dispatch};
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

/// The loss that is the mean of a function over the last axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastAxisMean<P>(pub P);

impl<F: Real, P: Pointwise<F> + Debug + Send> Loss<F> for LastAxisMean<P> {
    fn kind(&self) -> &'static str {
        P::KIND
    }

    fn check(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        mean_lines(P::KIND, target, prediction)
    }

    fn forward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        values: &mut [F],
    ) -> Result<()> {
        let along = Along::values(prediction.len(), values.len(), shape)?;
        forward(&self.0, target, prediction, along, values)
    }

    fn backward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        scale: &[F],
        grad_prediction: &mut [F],
    ) -> Result<()> {
        let along = Along::values(prediction.len(), scale.len(), shape)?;
        backward(&self.0, target, prediction, along, scale, grad_prediction)
    }
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
        let first = index * rows;
        dispatch(Means {
            op,
            target,
            prediction,
            along,
            first,
            values,
        });
        values.iter_mut().for_each(|value| *value *= over);
    });
    Ok(())
}

/// The sums of some lines, compiled for the CPU's level.
struct Means<'a, F, P> {
    op: &'a P,
    target: &'a [F],
    prediction: &'a [F],
    along: Along,
    first: usize,
    values: &'a mut [F],
}

impl<F: Real, P: Pointwise<F>> Kernel for Means<'_, F, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Along { len, inner, .. } = self.along;
        for (row, value) in self.values.iter_mut().enumerate() {
            let start = self.along.start(self.first + row);
            if inner == 1 {
                let line = start..start + len;
                *value = sum_of(self.op, &self.target[line.clone()], &self.prediction[line]);
                continue;
            }
            *value = F::ZERO;
            for k in 0..len {
                let at = start + k * inner;
                *value += self.op.value(self.target[at], self.prediction[at]);
            }
        }
    }
}

/// The sum over one contiguous line, in lanes and always in the same order.
#[inline(always)]
fn sum_of<F: Real, P: Pointwise<F>>(op: &P, target: &[F], prediction: &[F]) -> F {
    let (targets, target_rest) = target.as_chunks::<LANES>();
    let (predictions, prediction_rest) = prediction.as_chunks::<LANES>();
    let mut lanes = [F::ZERO; LANES];
    for (t, p) in targets.iter().zip(predictions) {
        for lane in 0..LANES {
            lanes[lane] += op.value(t[lane], p[lane]);
        }
    }
    let mut sum = F::ZERO;
    for lane in lanes {
        sum += lane;
    }
    let mut rest = F::ZERO;
    for (&t, &p) in target_rest.iter().zip(prediction_rest) {
        rest += op.value(t, p);
    }
    sum + rest
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
        let start = index * blocks * block;
        dispatch(Slopes {
            op,
            target: &target[start..][..grads.len()],
            prediction: &prediction[start..][..grads.len()],
            along,
            scale: &scale[index * blocks * along.inner..],
            over,
            grads,
        });
    });
    Ok(())
}

/// The gradients of some blocks of lines, compiled for the CPU's level.
struct Slopes<'a, F, P> {
    op: &'a P,
    target: &'a [F],
    prediction: &'a [F],
    along: Along,
    scale: &'a [F],
    over: F,
    grads: &'a mut [F],
}

impl<F: Real, P: Pointwise<F>> Kernel for Slopes<'_, F, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Along { len, inner, .. } = self.along;
        for (i, grads) in self.grads.chunks_mut(len * inner).enumerate() {
            let scale = &self.scale[i * inner..][..inner];
            let at = i * len * inner;
            let (target, prediction) = (&self.target[at..], &self.prediction[at..]);
            if inner == 1 {
                let factor = scale[0] * self.over;
                for ((grad, &t), &p) in grads.iter_mut().zip(target).zip(prediction) {
                    *grad = factor * self.op.slope(t, p);
                }
                continue;
            }
            for (k, grads) in grads.chunks_mut(inner).enumerate() {
                let (target, prediction) = (&target[k * inner..], &prediction[k * inner..]);
                for (((grad, &t), &p), &scale) in
                    grads.iter_mut().zip(target).zip(prediction).zip(scale)
                {
                    *grad = scale * self.over * self.op.slope(t, p);
                }
            }
        }
    }
}
