//! Sequences backwards: gradients by inputs and states, and by the gates' sums, which those by the weights follow from.

use std::ops::Range;

use super::forward::{Tape, Weights};
use super::gates::{GateGrads, Skip};
use super::{Cell, Kind, Sizes, cut, cut_mut, scatter};
use crate::kernels::gemm::{Matrix, MatrixMut};
use crate::parallel;
use crate::real::Real;

/// What a backward pass reads and writes: tensors whose first axis is the batch, or chunks of rows of it.
#[derive(Debug)]
pub struct Backward<'a, F> {
    /// As in the forward pass.
    pub mask: &'a [F],
    /// As in the forward pass.
    pub input_masks: &'a [F],
    /// As in the forward pass.
    pub state_masks: &'a [F],
    /// The gradient by the output, shaped as it; or empty.
    pub grad_y: &'a [F],
    /// `[batch, units]` each: the gradients by the last states, and then those by the first.
    pub grad_states: [&'a mut [F]; 2],
    /// As the forward pass left it. The gates become the gradients by their sums.
    pub tape: Tape<'a, F>,
    /// The gradient by the inputs, `[batch, time, input]`; or empty if it is not wanted.
    pub grad_x: &'a mut [F],
    /// Add to `grad_x` instead of overwriting it.
    pub add_x: bool,
    /// Scratch: `[batch, window, input]` elements if `grad_x` is wanted.
    pub window: &'a mut [F],
    /// Scratch: `[batch, 2 * units]`.
    pub states: &'a mut [F],
    /// Scratch: `[batch, width]`.
    pub spare: &'a mut [F],
}

/// Takes the gradients of all sequences back through all steps.
pub fn backward<F: Real>(
    sizes: &Sizes,
    cell: &Cell<'_>,
    weights: &Weights<'_, F>,
    work: Backward<'_, F>,
) {
    // Where a step is one product by the state, chunks meet for it: fewer rows would load more for each product.
    let is_joint = sizes.state_masks == 0 && sizes.kind != (Kind::Gru { reset_after: false });
    let chunks = sizes.batch.div_ceil(sizes.chunk_rows());
    let rows = sizes.chunk_rows() * sizes.chunks_together(if is_joint { chunks } else { 1 });
    // Pieces are whole chunks but for the last rows.
    let parts = sizes.batch.div_ceil(rows);
    let whole = Piece {
        work,
        rows: sizes.batch,
    };
    let together = Together {
        sizes,
        cell,
        weights,
        is_joint,
    };
    parallel::for_each_piece(
        whole,
        parts,
        &|piece, at| piece.cut(at * rows),
        |mut piece, parts| {
            for _ in 1..parts {
                let rest = piece.cut(rows);
                together.run(&mut piece);
                piece = rest;
            }
            together.run(&mut piece);
        },
    );
}

/// Some rows of the work.
struct Piece<'a, F> {
    work: Backward<'a, F>,
    rows: usize,
}

impl<F: Real> Piece<'_, F> {
    /// Keeps the first `at` rows and gives the others.
    fn cut(&mut self, at: usize) -> Self {
        let rows = self.rows - at;
        let work = self.work.cut(at, self.rows);
        self.rows = at;
        Self { work, rows }
    }

    /// The same rows, for a while.
    fn again(&mut self) -> Piece<'_, F> {
        Piece {
            work: self.work.again(),
            rows: self.rows,
        }
    }
}

/// Takes the rows of a piece through all steps, chunk by chunk.
struct Together<'a, F> {
    sizes: &'a Sizes,
    cell: &'a Cell<'a>,
    weights: &'a Weights<'a, F>,
    is_joint: bool,
}

impl<F: Real> Together<'_, F> {
    fn run(&self, piece: &mut Piece<'_, F>) {
        let (time, window) = (self.sizes.time, self.sizes.window());
        for index in (0..time.div_ceil(window)).rev() {
            let steps = index * window..time.min((index + 1) * window);
            for step in steps.clone().rev() {
                self.for_each_chunk(piece, |chunk, work| {
                    chunk.add_grad_y(work, step);
                    chunk.step(work, step);
                });
                if self.is_joint {
                    self.multiply_states(piece);
                }
            }
            if !piece.work.grad_x.is_empty() {
                self.for_each_chunk(piece, |chunk, work| {
                    chunk.multiply_inputs(work, steps.clone());
                });
            }
        }
    }

    fn for_each_chunk(
        &self,
        piece: &mut Piece<'_, F>,
        work: impl Fn(&Chunk<'_, F>, &mut Backward<'_, F>),
    ) {
        let most = self.sizes.chunk_rows();
        let mut piece = piece.again();
        loop {
            let rest = (piece.rows > most).then(|| piece.cut(most));
            let chunk = Chunk {
                sizes: self.sizes,
                cell: self.cell,
                weights: self.weights,
                rows: piece.rows,
                is_joint: self.is_joint,
            };
            work(&chunk, &mut piece.work);
            match rest {
                Some(rest) => piece = rest,
                None => return,
            }
        }
    }

    /// Adds to the gradients by the states what comes through the gates, whose gradients the chunks left in `spare`.
    fn multiply_states(&self, piece: &mut Piece<'_, F>) {
        let (units, width) = (self.sizes.units, self.sizes.width());
        let work = &mut piece.work;
        for (part, columns) in self.sizes.state_parts() {
            let grads = Matrix::new(&work.spare[columns.start..], width);
            let d = MatrixMut::new(&mut *work.grad_states[0], units);
            let recurrent = &self.weights.recurrent;
            recurrent.multiply(part, grads, piece.rows, F::ONE, d, &[]);
        }
    }
}

impl<'a, F: Real> Backward<'a, F> {
    /// The same work, for a while.
    fn again(&mut self) -> Backward<'_, F> {
        let [h, c] = &mut self.grad_states;
        Backward {
            mask: self.mask,
            input_masks: self.input_masks,
            state_masks: self.state_masks,
            grad_y: self.grad_y,
            grad_states: [&mut **h, &mut **c],
            tape: self.tape.again(),
            grad_x: &mut *self.grad_x,
            add_x: self.add_x,
            window: &mut *self.window,
            states: &mut *self.states,
            spare: &mut *self.spare,
        }
    }

    fn cut(&mut self, at: usize, rows: usize) -> Self {
        let [h, c] = &mut self.grad_states;
        Backward {
            mask: cut(&mut self.mask, at, rows),
            input_masks: cut(&mut self.input_masks, at, rows),
            state_masks: cut(&mut self.state_masks, at, rows),
            grad_y: cut(&mut self.grad_y, at, rows),
            grad_states: [cut_mut(h, at, rows), cut_mut(c, at, rows)],
            tape: self.tape.cut(at, rows),
            grad_x: cut_mut(&mut self.grad_x, at, rows),
            add_x: self.add_x,
            window: cut_mut(&mut self.window, at, rows),
            states: cut_mut(&mut self.states, at, rows),
            spare: cut_mut(&mut self.spare, at, rows),
        }
    }
}

/// Rows that go through time together.
struct Chunk<'a, F> {
    sizes: &'a Sizes,
    cell: &'a Cell<'a>,
    weights: &'a Weights<'a, F>,
    rows: usize,
    /// The product by the states comes afterwards, for several chunks.
    is_joint: bool,
}

impl<F: Real> Chunk<'_, F> {
    /// Where step `step` lies in the tape, `width` numbers a row.
    fn slot(&self, step: usize, width: usize) -> Range<usize> {
        let len = self.rows * width;
        step * len..(step + 1) * len
    }

    /// Adds the gradient by the output of a step to that by its state.
    fn add_grad_y(&self, work: &mut Backward<'_, F>, step: usize) {
        let (sizes, units) = (self.sizes, self.sizes.units);
        if work.grad_y.is_empty() || !sizes.return_sequences && step + 1 < sizes.time {
            return;
        }
        let skip = Skip::new(sizes, work.mask, step);
        let (row_len, at) = if sizes.return_sequences {
            (sizes.time * units, step * units)
        } else {
            (units, 0)
        };
        let rows = work
            .grad_y
            .chunks_exact(row_len)
            .zip(work.grad_states[0].chunks_exact_mut(units));
        for (row, (dy, dh)) in rows.enumerate() {
            if !(sizes.zero_skipped && skip.skips(row)) {
                dh.iter_mut().zip(&dy[at..]).for_each(|(dh, &dy)| *dh += dy);
            }
        }
    }

    /// Takes the gradients by the states after a step to those by the states before it.
    fn step(&self, work: &mut Backward<'_, F>, step: usize) {
        let (sizes, kind, units, width) = (
            self.sizes,
            self.cell.kind,
            self.sizes.units,
            self.sizes.width(),
        );
        let [dh, dc] = &mut work.grad_states;
        let tape = &mut work.tape;
        let before = &tape.before[0][self.slot(step, units)];
        let mut gates = GateGrads {
            cell: self.cell,
            units,
            values: &mut tape.gates[self.slot(step, width)],
            sums: if tape.sums.is_empty() {
                &[]
            } else {
                &tape.sums[self.slot(step, width)]
            },
            extra: if self.cell.has_extra() {
                &mut tape.extra[self.slot(step, units)]
            } else {
                &mut []
            },
            skip: Skip::new(sizes, work.mask, step),
            spare: work.spare,
        };
        match kind {
            Kind::Simple => gates.simple(dh),
            Kind::Lstm => gates.lstm(&tape.before[1][self.slot(step, units)], dh, dc),
            Kind::Gru { reset_after } => gates.gru(before, dh, reset_after),
        }
        if self.is_joint {
            gates.spare.copy_from_slice(gates.values);
            if kind == (Kind::Gru { reset_after: true }) {
                let rows = gates.spare.chunks_exact_mut(width);
                for (to, from) in rows.zip(gates.extra.chunks_exact(units)) {
                    to[2 * units..].copy_from_slice(from);
                }
            }
            return;
        }
        // The candidate of a GRU is the last part, but its gradient is what a reset gate before it waits for.
        let (d, masked) = work.states.split_at_mut(self.rows * units);
        if let (Kind::Gru { reset_after: false }, Some((part, columns))) =
            (kind, sizes.state_parts().last())
        {
            let mask = sizes.state_mask(work.state_masks, part);
            let grads = Matrix::new(&gates.values[columns.start..], width);
            self.multiply(part, grads, F::ZERO, d);
            if mask.is_empty() {
                gates.reset(before, d);
            } else {
                mask.apply(before, masked);
                gates.reset(masked, d);
            }
            mask.add(d, dh);
        }
        for (part, columns) in sizes.state_parts() {
            let grads = match kind {
                Kind::Gru { reset_after: false } if sizes.is_candidate(&columns) => continue,
                Kind::Gru { reset_after: true } if sizes.is_candidate(&columns) => {
                    Matrix::new(&*gates.extra, units)
                }
                _ => Matrix::new(&gates.values[columns.start..], width),
            };
            let mask = sizes.state_mask(work.state_masks, part);
            if mask.is_empty() {
                self.multiply(part, grads, F::ONE, dh);
            } else {
                self.multiply(part, grads, F::ZERO, d);
                mask.add(d, dh);
            }
        }
    }

    /// `d = beta * d + grads @ transpose(recurrent)` for a part of the recurrent kernel.
    fn multiply(&self, part: usize, grads: Matrix<'_, F>, beta: F, d: &mut [F]) {
        let d = MatrixMut::new(d, self.sizes.units);
        self.weights
            .recurrent
            .multiply(part, grads, self.rows, beta, d, &[]);
    }

    /// The gradient by the inputs of a window of steps.
    fn multiply_inputs(&self, work: &mut Backward<'_, F>, steps: Range<usize>) {
        let (sizes, width) = (self.sizes, self.sizes.width());
        let count = steps.len() * self.rows;
        let gates = &work.tape.gates[self.slot(steps.start, width).start..][..count * width];
        let dx = &mut work.window[..count * sizes.input];
        for (part, columns) in sizes.input_parts() {
            let grads = Matrix::new(&gates[columns.start..], width);
            let out = MatrixMut::new(dx, sizes.input);
            self.weights
                .kernel
                .multiply(part, grads, count, F::ZERO, out, &[]);
            let mask = sizes.input_mask(work.input_masks, part);
            scatter(
                sizes,
                dx,
                mask,
                steps.clone(),
                work.add_x || part > 0,
                work.grad_x,
            );
        }
    }
}
