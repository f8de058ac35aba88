//! Gradients by the weights: products over all rows and steps at once.

use std::ops::Range;

use super::{Kind, Sizes, gather};
use crate::kernels::gemm::{Epilogue, Gemm, Matrix, MatrixMut, Operand, gemm};
use crate::kernels::reduce::{COLUMNS, RowTerm, fold_rows};
use crate::parallel;
use crate::real::Real;

/// A gradient that is wanted.
#[derive(Debug)]
pub struct Target<'a, F> {
    /// The gradient.
    pub values: &'a mut [F],
    /// Add to it instead of overwriting it.
    pub accumulate: bool,
}

impl<F: Real> Target<'_, F> {
    fn beta(&self) -> F {
        if self.accumulate { F::ONE } else { F::ZERO }
    }
}

/// What the gradients by the weights follow from, and those that are wanted.
#[derive(Debug)]
pub struct WeightGrads<'a, F> {
    /// The inputs, `[batch, time, input]`.
    pub x: &'a [F],
    /// As in the forward pass.
    pub input_masks: &'a [F],
    /// As in the forward pass.
    pub state_masks: &'a [F],
    /// The gates after the backward pass.
    pub gates: &'a [F],
    /// The tape's, after the backward pass.
    pub extra: &'a [F],
    /// The states before each step.
    pub before: &'a [F],
    /// `[input, width]`.
    pub kernel: Option<Target<'a, F>>,
    /// `[units, width]`.
    pub recurrent: Option<Target<'a, F>>,
    /// `[width]`, of a GRU that resets after `[2, width]`.
    pub bias: Option<Target<'a, F>>,
    /// Scratch: `[batch, time, input]` elements if the kernel's is wanted.
    pub inputs: &'a mut [F],
    /// Scratch: `[batch, time, units]` elements with state masks.
    pub masked: &'a mut [F],
}

/// Computes what is wanted.
pub fn weight_grads<F: Real>(sizes: &Sizes, work: WeightGrads<'_, F>) {
    let (width, units) = (sizes.width(), sizes.units);
    let chunk = sizes.chunk_rows();
    let steps = sizes.batch * sizes.time;
    if let Some(target) = work.kernel {
        for (part, columns) in sizes.input_parts() {
            parallel::for_each_chunk_mut(
                work.inputs,
                chunk * sizes.time * sizes.input,
                |index, out| {
                    let first = index * chunk;
                    let x = &work.x[first * sizes.time * sizes.input..][..out.len()];
                    gather(
                        sizes,
                        x,
                        sizes.input_mask(work.input_masks, part).from(first),
                        0..sizes.time,
                        out,
                    );
                },
            );
            let right = Matrix::new(&work.gates[columns.start..], width);
            let left = Matrix::new(&*work.inputs, sizes.input);
            let beta = target.beta();
            let out = MatrixMut::new(&mut target.values[columns.start..], width);
            multiply(
                Gemm::tn(sizes.input, columns.len(), steps),
                left,
                right,
                beta,
                out,
            );
        }
    }
    if let Some(target) = work.recurrent {
        for (part, columns) in sizes.state_parts() {
            let mask = sizes.state_mask(work.state_masks, part);
            let left: &[F] = match sizes.kind {
                Kind::Gru { reset_after: false } if sizes.is_candidate(&columns) => work.extra,
                _ if mask.is_empty() => work.before,
                _ => {
                    parallel::for_each_chunk_mut(
                        work.masked,
                        chunk * sizes.time * units,
                        |index, out| {
                            let at = index * chunk * sizes.time * units;
                            let mask = mask.from(index * chunk);
                            let rows = out.len() / sizes.time;
                            let before = work.before[at..at + out.len()].chunks_exact(rows);
                            before
                                .zip(out.chunks_exact_mut(rows))
                                .for_each(|(h, out)| mask.apply(h, out));
                        },
                    );
                    work.masked
                }
            };
            let right = match sizes.kind {
                Kind::Gru { reset_after: true } if sizes.is_candidate(&columns) => {
                    Matrix::new(work.extra, units)
                }
                _ => Matrix::new(&work.gates[columns.start..], width),
            };
            let (left, beta) = (Matrix::new(left, units), target.beta());
            let out = MatrixMut::new(&mut target.values[columns.start..], width);
            multiply(
                Gemm::tn(units, columns.len(), steps),
                left,
                right,
                beta,
                out,
            );
        }
    }
    if let Some(target) = work.bias {
        let (input, recurrent) = target.values.split_at_mut(width);
        sum_rows(work.gates, width, target.accumulate, input);
        if !recurrent.is_empty() {
            // The gates' biases are added to the same sums; only the candidate's are apart.
            let (gates, candidate) = recurrent.split_at_mut(2 * units);
            sum_rows(work.gates, width, target.accumulate, gates);
            sum_rows(work.extra, units, target.accumulate, candidate);
        }
    }
}

fn multiply<F: Real>(
    shape: Gemm,
    a: Matrix<'_, F>,
    b: Matrix<'_, F>,
    beta: F,
    c: MatrixMut<'_, F>,
) {
    gemm(shape, a, Operand::Plain(b), beta, c, Epilogue::default());
}

/// Rows `stride` apart, of which the first columns are summed.
struct Rows<'a, F> {
    values: &'a [F],
    stride: usize,
}

impl<F: Real> RowTerm<F, 1> for Rows<'_, F> {
    #[inline(always)]
    fn add(&self, row: usize, columns: Range<usize>, [sums]: &mut [[F; COLUMNS]; 1]) {
        let values = &self.values[row * self.stride..][columns];
        sums.iter_mut()
            .zip(values)
            .for_each(|(sum, &value)| *sum += value);
    }
}

/// The sums of the first columns of `values`, whose rows are `stride` long.
fn sum_rows<F: Real>(values: &[F], stride: usize, accumulate: bool, sums: &mut [F]) {
    let (rows, columns) = (values.len() / stride, sums.len());
    fold_rows(&Rows { values, stride }, rows, columns, [sums], accumulate);
}
