//! Losses over the classes of one unit: the lines of a tensor along an axis, and the sums of exponentials over them.

use super::alignment::Along;
use super::{CHUNK, EPSILON};
use crate::kernels::cross_entropy::{Targets, cross_entropy};
use crate::kernels::exponentials::{exponentials, largest_and_sum};
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;

/// Where a line lies: its elements are `start`, `start + stride`, ….
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub start: usize,
    pub len: usize,
    pub stride: usize,
}

/// One line of a tensor.
#[derive(Clone, Copy)]
pub(super) struct Line<'a, F> {
    values: &'a [F],
    at: At,
}

/// One line of a tensor to write to.
pub(super) struct LineMut<'a, F> {
    values: &'a mut [F],
    at: At,
}

impl<'a, F: Real> Line<'a, F> {
    pub fn new(values: &'a [F], at: At) -> Self {
        Self { values, at }
    }

    #[inline(always)]
    pub fn get(self, k: usize) -> F {
        self.values[self.at.start + k * self.at.stride]
    }

    /// The elements as a slice, if they are neighbours.
    fn contiguous(self) -> Option<&'a [F]> {
        (self.at.stride == 1).then(|| &self.values[self.at.start..self.at.start + self.at.len])
    }

    fn elements(self) -> impl Iterator<Item = F> {
        (0..self.at.len).map(move |k| self.get(k))
    }

    pub fn sum(self) -> F {
        self.elements().sum()
    }

    fn max(self) -> F {
        self.elements().fold(-F::INFINITY, F::maximum)
    }

    /// The largest element `m`, and `log sum_k e^(x[k] - m)`: the sum has a term 1, so it neither overflows nor vanishes.
    pub fn log_sum_exp(self) -> (F, F) {
        if let Some(x) = self.contiguous() {
            let (max, sum) = largest_and_sum(x);
            return (max, sum.ln());
        }
        let max = self.max();
        (
            max,
            self.elements().map(|x| (x - max).exp()).sum::<F>().ln(),
        )
    }

    /// Writes `e^(x[k] - max)` to `out` and returns their sum.
    pub fn exp_into(self, out: &mut LineMut<'_, F>) -> F {
        if let (Some(x), Some(out)) = (self.contiguous(), out.contiguous()) {
            return exponentials(x, out);
        }
        let max = self.max();
        let mut sum = F::ZERO;
        out.each(|k, e| {
            *e = (self.get(k) - max).exp();
            sum += *e;
        });
        sum
    }
}

impl<F: Real> LineMut<'_, F> {
    #[inline(always)]
    pub fn get_mut(&mut self, k: usize) -> &mut F {
        &mut self.values[self.at.start + k * self.at.stride]
    }

    fn contiguous(&mut self) -> Option<&mut [F]> {
        (self.at.stride == 1).then(|| &mut self.values[self.at.start..self.at.start + self.at.len])
    }

    #[inline(always)]
    pub fn each(&mut self, mut work: impl FnMut(usize, &mut F)) {
        if let Some(values) = self.contiguous() {
            return values
                .iter_mut()
                .enumerate()
                .for_each(|(k, value)| work(k, value));
        }
        for k in 0..self.at.len {
            work(k, self.get_mut(k));
        }
    }
}

/// A probability kept away from 0 and 1, as Keras does before it takes the logarithm.
#[inline(always)]
pub(super) fn clipped<F: Real>(q: F) -> F {
    q.maximum(F::of(EPSILON)).minimum(F::ONE - F::of(EPSILON))
}

/// `numerator / q`, or 0 where [`clipped`] made the loss constant.
#[inline(always)]
pub(super) fn if_unclipped<F: Real>(q: F, numerator: F) -> F {
    if q < F::of(EPSILON) || q > F::ONE - F::of(EPSILON) {
        F::ZERO
    } else {
        numerator / q
    }
}

/// `values[i]` = `work` of the `i`-th line.
pub(super) fn map<F: Real>(along: Along, values: &mut [F], work: impl Fn(usize, At) -> F + Sync) {
    let lines = (CHUNK / along.len.max(1)).max(1);
    for_each_chunk_mut(values, lines, |chunk, values| {
        for (i, value) in values.iter_mut().enumerate() {
            let index = chunk * lines + i;
            *value = work(
                index,
                At {
                    start: along.start(index),
                    len: along.len,
                    stride: along.inner,
                },
            );
        }
    });
}

/// The cross-entropy of neighbouring `f32` logits with its gradient, in one pass; false for other lines.
pub(super) fn fused<F: Real>(
    along: Along,
    x: &[F],
    targets: Targets<'_>,
    (weights, factor): (&[F], F),
    values: &mut [F],
    grad: &mut [F],
) -> bool {
    let (Some(x), Some(weights)) = (F::as_f32(x), F::as_f32(weights)) else {
        return false;
    };
    let (Some(values), Some(grad)) = (F::as_f32_mut(values), F::as_f32_mut(grad)) else {
        return false;
    };
    if along.inner != 1 || along.len == 0 {
        return false;
    }
    let weights = (weights, factor.f64() as f32);
    cross_entropy(x, along.len, targets, weights, values, grad);
    true
}

/// Calls `work` with the index, the place and the elements of each line of `values`.
pub(super) fn for_each_mut<F: Real>(
    along: Along,
    values: &mut [F],
    work: impl Fn(usize, At, &mut LineMut<'_, F>) + Sync,
) {
    let Along { len, inner, .. } = along;
    let block = len * inner;
    if block == 0 {
        return;
    }
    let blocks = (CHUNK / block).max(1);
    for_each_chunk_mut(values, blocks * block, |chunk, values| {
        for (i, values) in values.chunks_mut(block).enumerate() {
            let outer = chunk * blocks + i;
            for start in 0..inner {
                let here = At {
                    start,
                    len,
                    stride: inner,
                };
                let at = At {
                    start: outer * block + start,
                    ..here
                };
                work(
                    outer * inner + start,
                    at,
                    &mut LineMut {
                        values: &mut *values,
                        at: here,
                    },
                );
            }
        }
    });
}
