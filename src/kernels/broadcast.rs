//! Element-wise folds of tensors of different shapes, and the sums that lead gradients back.
//!
//! Shapes meet as in Keras's merging layers: the batch axes are one and the same, all others are aligned at the end;
//! an axis that is missing or 1 is repeated.

use crate::kernels::each::{each, each_row, each_with, each_with2, each_with3};
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;

/// Elements one chunk holds at least.
const CHUNK: usize = 1 << 14;

/// How an input lies under the output it is repeated to.
#[derive(Debug, Clone, Copy)]
pub struct Aligned<'a> {
    output: &'a [usize],
    input: &'a [usize],
}

impl<'a> Aligned<'a> {
    /// An input of sizes `input` under an output of sizes `output`.
    pub fn new(output: &'a [usize], input: &'a [usize]) -> Self {
        debug_assert!(input.len() <= output.len());
        Self { output, input }
    }

    /// Whether nothing is repeated.
    pub fn is_same(&self) -> bool {
        self.output == self.input
    }

    /// The size of the input along an axis of the output.
    fn input_axis(&self, axis: usize) -> usize {
        let missing = self.output.len() - self.input.len();
        match axis {
            0 => self.input[0],
            _ if axis > missing => self.input[axis - missing],
            _ => 1,
        }
    }

    /// Elements in a row of the output.
    pub fn width(&self) -> usize {
        self.output.last().copied().unwrap_or(1)
    }

    /// Rows of the output in one sample.
    fn rows_per_sample(&self) -> usize {
        let last = self.output.len() - 1;
        self.output
            .get(1..last)
            .map_or(1, |axes| axes.iter().product())
    }

    /// Whether one element of the input meets a whole row of the output.
    pub fn is_constant_in_rows(&self) -> bool {
        self.input_axis(self.output.len() - 1) != self.width()
    }

    /// Rows of the output one after the other that meet the same elements: as many as the axes before the last have
    /// places, from the first on along which nothing else is.
    fn run(&self) -> usize {
        let last = self.output.len() - 1;
        let repeated = (0..last)
            .rev()
            .take_while(|&axis| self.input_axis(axis) == 1);
        repeated.map(|axis| self.output[axis]).product()
    }

    /// The first element of the input that meets row `row` of the output.
    pub fn row(&self, mut row: usize) -> usize {
        let last = self.output.len() - 1;
        let (mut offset, mut stride) = (0, self.input_axis(last));
        for axis in (0..last).rev() {
            let index = row % self.output[axis];
            row /= self.output[axis];
            let size = self.input_axis(axis);
            if size > 1 {
                offset += index * stride;
                stride *= size;
            }
        }
        offset
    }
}

/// `y = op(y, x)` for each element.
struct Fold<'a, F, O>(&'a mut [F], &'a [F], O);

impl<F: Real, O: Fn(F, F) -> F> Kernel for Fold<'_, F, O> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self(y, x, op) = self;
        each_with(y, x, op);
    }
}

/// `y = op(x, row)` for each element of each row; of `y` itself without `x`.
struct FoldRows<'a, F, O>(&'a mut [F], Option<&'a [F]>, &'a [F], O);

impl<F: Real, O: Fn(F, F) -> F + Copy> Kernel for FoldRows<'_, F, O> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self(y, x, row, op) = self;
        let width = row.len();
        each_row(y, width, |i, y| match x {
            None => each_with(y, row, op),
            Some(x) => each_with2(y, [&x[i * width..][..width], row], |_, x, r| op(x, r)),
        });
    }
}

/// `y = op(y, a, b)` for each element.
struct Zip<'a, F, O>(&'a mut [F], [&'a [F]; 2], O);

impl<F: Real, O: Fn(F, F, F) -> F> Kernel for Zip<'_, F, O> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self(y, [a, b], op) = self;
        each_with2(y, [a, b], op);
    }
}

/// `y = op(y, a, b, c)` for each element.
struct Zip3<'a, F, O>(&'a mut [F], [&'a [F]; 3], O);

impl<F: Real, O: Fn(F, F, F, F) -> F> Kernel for Zip3<'_, F, O> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self(y, [a, b, c], op) = self;
        each_with3(y, [a, b, c], op);
    }
}

/// `y = op(y)` for each element.
struct Map<'a, F, O>(&'a mut [F], O);

impl<F: Real, O: Fn(F) -> F> Kernel for Map<'_, F, O> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self(y, op) = self;
        each(y, op);
    }
}

/// `output = op(output, input)` with the input repeated to the output's shape.
pub fn fold<F: Real>(
    output: &mut [F],
    input: &[F],
    aligned: Aligned<'_>,
    op: impl Fn(F, F) -> F + Copy + Sync,
) {
    if output.is_empty() {
        return;
    }
    if aligned.is_same() {
        for_each_chunk_mut(output, CHUNK, |chunk, part| {
            dispatch(Fold(part, &input[chunk * CHUNK..], op));
        });
        return;
    }
    fold_runs(output, None, input, aligned, op);
}

/// `output = op(x, input)` with the input repeated to the shape of the output and of `x`.
///
/// # Panics
/// If `x` is not as long as the output.
pub fn fold_of<F: Real>(
    output: &mut [F],
    x: &[F],
    input: &[F],
    aligned: Aligned<'_>,
    op: impl Fn(F, F) -> F + Copy + Sync,
) {
    assert_eq!(output.len(), x.len(), "tensors of one shape");
    if aligned.is_same() {
        zip(output, false, [x, input], op);
    } else if !output.is_empty() {
        fold_runs(output, Some(x), input, aligned, op);
    }
}

/// [`fold_of`], of the output itself without `x`, for an input that is repeated.
fn fold_runs<F: Real>(
    output: &mut [F],
    x: Option<&[F]>,
    input: &[F],
    aligned: Aligned<'_>,
    op: impl Fn(F, F) -> F + Copy + Sync,
) {
    let (width, run) = (aligned.width(), aligned.run());
    let rows = CHUNK.div_ceil(width);
    for_each_chunk_mut(output, rows * width, |chunk, mut part| {
        let mut row = chunk * rows;
        while !part.is_empty() {
            let together = (run - row % run).min(part.len() / width);
            let (now, rest) = part.split_at_mut(together * width);
            let (start, x) = (aligned.row(row), x.map(|x| &x[row * width..][..now.len()]));
            match x {
                _ if !aligned.is_constant_in_rows() => {
                    dispatch(FoldRows(now, x, &input[start..start + width], op));
                }
                None => {
                    let constant = input[start];
                    dispatch(Map(now, |y| op(y, constant)));
                }
                Some(x) => {
                    let constant = input[start];
                    dispatch(Fold(now, x, |_, x| op(x, constant)));
                }
            }
            (part, row) = (rest, row + together);
        }
    });
}

/// `output = op(output)`.
pub fn map<F: Real>(output: &mut [F], op: impl Fn(F) -> F + Copy + Sync) {
    for_each_chunk_mut(output, CHUNK, |_, part| dispatch(Map(part, op)));
}

/// `output = op(a, b)`, or that added to it if `accumulate`; all of one shape.
pub fn zip<F: Real>(
    output: &mut [F],
    accumulate: bool,
    [a, b]: [&[F]; 2],
    op: impl Fn(F, F) -> F + Copy + Sync,
) {
    let len = output.len();
    assert!(a.len() == len && b.len() == len, "tensors of one shape");
    for_each_chunk_mut(output, CHUNK, |chunk, part| {
        let inputs = [&a[chunk * CHUNK..], &b[chunk * CHUNK..]];
        if accumulate {
            dispatch(Zip(part, inputs, |y, a, b| y + op(a, b)));
        } else {
            dispatch(Zip(part, inputs, |_, a, b| op(a, b)));
        }
    });
}

/// [`zip`] of three inputs.
pub fn zip3<F: Real>(
    output: &mut [F],
    accumulate: bool,
    inputs: [&[F]; 3],
    op: impl Fn(F, F, F) -> F + Copy + Sync,
) {
    let len = output.len();
    assert!(
        inputs.iter().all(|x| x.len() == len),
        "tensors of one shape"
    );
    for_each_chunk_mut(output, CHUNK, |chunk, part| {
        let inputs = inputs.map(|x| &x[chunk * CHUNK..]);
        if accumulate {
            dispatch(Zip3(part, inputs, |y, a, b, c| y + op(a, b, c)));
        } else {
            dispatch(Zip3(part, inputs, |_, a, b, c| op(a, b, c)));
        }
    });
}

/// `grad = factor * sum of grad_output` over the axes along which the input was repeated; added if `accumulate`.
pub fn sum_to<F: Real>(
    grad: &mut [F],
    accumulate: bool,
    grad_output: &[F],
    factor: F,
    aligned: Aligned<'_>,
) {
    if aligned.is_same() {
        for_each_chunk_mut(grad, CHUNK, |chunk, part| {
            let dy = &grad_output[chunk * CHUNK..];
            if accumulate {
                dispatch(Fold(part, dy, |dx, dy| dx + factor * dy));
            } else {
                dispatch(Fold(part, dy, |_, dy| factor * dy));
            }
        });
        return;
    }
    if !accumulate {
        grad.fill(F::ZERO);
    }
    if grad.is_empty() || grad_output.is_empty() {
        return;
    }
    // Samples do not share elements: each is summed by one thread, in the order of its rows.
    let (width, rows) = (aligned.width(), aligned.rows_per_sample());
    let per_sample = grad.len() / aligned.output[0];
    let samples = CHUNK.div_ceil(rows * width);
    for_each_chunk_mut(grad, samples * per_sample, |chunk, part| {
        let first_sample = chunk * samples;
        let first_row = first_sample * rows;
        let rows = rows * (part.len() / per_sample);
        let dy = &grad_output[first_row * width..(first_row + rows) * width];
        for (i, dy) in dy.chunks_exact(width).enumerate() {
            let start = aligned.row(first_row + i) - first_sample * per_sample;
            if aligned.is_constant_in_rows() {
                part[start] += factor * dy.iter().copied().sum::<F>();
            } else {
                let dx = &mut part[start..start + width];
                dispatch(Fold(dx, dy, |dx, dy| dx + factor * dy));
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(output: &[usize], input: &[usize], x: &[f32]) -> Vec<f32> {
        let mut y = vec![0.0; output.iter().product()];
        fold(&mut y, x, Aligned::new(output, input), |y, x| y + x);
        y
    }

    #[test]
    fn missing_and_single_axes_are_repeated() {
        let x = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(folded(&[2, 2], &[2, 2], &x), x);
        assert_eq!(
            folded(&[2, 2, 2], &[2, 2], &x),
            [1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0]
        );
        assert_eq!(
            folded(&[2, 2, 2], &[2, 2, 1], &x),
            [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]
        );
        assert_eq!(
            folded(&[2, 3], &[2], &[1.0, 2.0]),
            [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]
        );
        assert_eq!(folded(&[4], &[4], &x), x);
        assert_eq!(
            folded(&[1, 2, 2, 1], &[1, 2, 1, 1], &[1.0, 2.0]),
            [1.0, 1.0, 2.0, 2.0]
        );
    }

    #[test]
    fn gradients_are_summed_over_repeated_axes() {
        let dy: Vec<f32> = (1..=8).map(|i| i as f32).collect();
        let summed = |input: &[usize], accumulate| {
            let mut dx = vec![100.0; input.iter().product()];
            sum_to(
                &mut dx,
                accumulate,
                &dy,
                2.0,
                Aligned::new(&[2, 2, 2], input),
            );
            dx
        };
        assert_eq!(summed(&[2, 2], false), [8.0, 12.0, 24.0, 28.0]);
        assert_eq!(summed(&[2, 2, 1], true), [106.0, 114.0, 122.0, 130.0]);
        assert_eq!(summed(&[2, 1, 1], false), [20.0, 52.0]);
        assert_eq!(summed(&[2], false), [20.0, 52.0]);
        assert_eq!(summed(&[2, 2, 2], false)[7], 16.0);
    }

    #[test]
    fn many_samples_are_cut_into_chunks_without_a_seam() {
        let (batch, time, width) = (700, 5, 11);
        let dy: Vec<f32> = (0..batch * time * width).map(|i| (i % 13) as f32).collect();
        let mut dx = vec![0.0; batch * width];
        sum_to(
            &mut dx,
            false,
            &dy,
            1.0,
            Aligned::new(&[batch, time, width], &[batch, 1, width]),
        );
        for b in 0..batch {
            for k in 0..width {
                let sum: f32 = (0..time).map(|t| dy[(b * time + t) * width + k]).sum();
                assert_eq!(dx[b * width + k], sum);
            }
        }
    }
}
