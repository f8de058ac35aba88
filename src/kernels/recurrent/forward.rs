//! Sequences forwards.

use std::ops::Range;

use super::factor::Factor;
use super::gates::{Gates, Skip};
use super::{Cell, Kind, Sizes, cut, cut_mut, gather, joint};
use crate::kernels::gemm::{Matrix, MatrixMut};
use crate::parallel;
use crate::real::Real;

/// What a forward pass reads and writes: tensors whose first axis is the batch, or chunks of rows of it.
#[derive(Debug)]
pub struct Forward<'a, F> {
    /// `[batch, time, input]`.
    pub x: &'a [F],
    /// 0 skips a step, `[batch, time]`; or empty.
    pub mask: &'a [F],
    /// `[batch, input_masks, input]`.
    pub input_masks: &'a [F],
    /// `[batch, state_masks, units]`.
    pub state_masks: &'a [F],
    /// `[batch, units]` each: the states before the first step, and then those after the last.
    pub states: [&'a mut [F]; 2],
    /// `[batch, time, units]` or `[batch, units]`.
    pub y: &'a mut [F],
    /// What is kept of each step.
    pub tape: Tape<'a, F>,
    /// Scratch: `[batch, window, input]` elements.
    pub window: &'a mut [F],
    /// Scratch with state masks or without a backward pass: `[batch, units]`.
    pub masked: &'a mut [F],
}

/// What is kept of each step, in chunks of `[kept, rows, width]`; a window of steps if no backward pass follows.
#[derive(Debug)]
pub struct Tape<'a, F> {
    /// Gates after their activations, `width` wide. Backwards they become the gradients by their sums.
    pub gates: &'a mut [F],
    /// One more number per unit where [`Cell::has_extra`].
    pub extra: &'a mut [F],
    /// For `backward`: the states before each step, `units` wide each.
    pub before: [&'a mut [F]; 2],
    /// For `backward`, where [`Cell::keeps_sums`]: gates before their activations, `width` wide.
    pub sums: &'a mut [F],
}

impl<'a, F> Tape<'a, F> {
    /// The same tape, for a while.
    pub(super) fn again(&mut self) -> Tape<'_, F> {
        let [h, c] = &mut self.before;
        Tape {
            gates: &mut *self.gates,
            extra: &mut *self.extra,
            before: [&mut **h, &mut **c],
            sums: &mut *self.sums,
        }
    }

    /// Cuts off what belongs to the rows from `at` on.
    pub(super) fn cut(&mut self, at: usize, rows: usize) -> Self {
        let [h, c] = &mut self.before;
        Tape {
            gates: cut_mut(&mut self.gates, at, rows),
            extra: cut_mut(&mut self.extra, at, rows),
            before: [cut_mut(h, at, rows), cut_mut(c, at, rows)],
            sums: cut_mut(&mut self.sums, at, rows),
        }
    }
}

/// The weights of a pass, packed for its products.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a, F> {
    pub(super) kernel: Factor<'a, F>,
    pub(super) recurrent: Factor<'a, F>,
    /// For the kernels that keep sums in registers, all weights; or empty.
    pub(super) joint: &'a [F],
    /// What the sums of a step start with, `[width]`; or empty.
    bias: &'a [F],
    /// What a GRU that resets after adds to the state's part of the candidate, `[units]`; or empty.
    candidate_bias: &'a [F],
}

impl<'a, F: Real> Weights<'a, F> {
    /// The memory that packed weights take.
    pub fn len(sizes: &Sizes, cell: &Cell<'_>, transposed: bool) -> usize {
        if !transposed && joint::applies::<F>(sizes, cell) {
            return joint::len(sizes);
        }
        Factor::<F>::len(sizes.input, sizes.input_parts(), transposed)
            + Factor::<F>::len(sizes.units, sizes.state_parts(), transposed)
    }

    /// Packs `kernel` (`[input, width]`) and `recurrent` (`[units, width]`) into memory of [`Weights::len`] elements for
    /// a forward pass. The sums of a step start with `bias` (`[width]`, or empty); a GRU that resets after adds
    /// `candidate_bias` (`[units]`, or empty) to the state's part of the candidate.
    pub fn pack(
        sizes: &Sizes,
        cell: &Cell<'_>,
        (kernel, recurrent): (&[F], &[F]),
        (bias, candidate_bias): (&'a [F], &'a [F]),
        memory: &'a mut [F],
    ) -> Self {
        let mut weights = Self {
            kernel: Factor::default(),
            recurrent: Factor::default(),
            joint: &[],
            bias,
            candidate_bias,
        };
        if joint::applies::<F>(sizes, cell) {
            let biases = (bias, candidate_bias);
            joint::pack(sizes, (kernel, recurrent), biases, memory);
            weights.joint = memory;
        } else {
            weights.pack_factors(sizes, (kernel, recurrent), false, memory);
        }
        weights
    }

    /// Packs the transposed weights for a backward pass.
    pub fn pack_transposed(sizes: &Sizes, weights: (&[F], &[F]), memory: &'a mut [F]) -> Self {
        let mut packed = Self {
            kernel: Factor::default(),
            recurrent: Factor::default(),
            joint: &[],
            bias: &[],
            candidate_bias: &[],
        };
        packed.pack_factors(sizes, weights, true, memory);
        packed
    }

    fn pack_factors(
        &mut self,
        sizes: &Sizes,
        (kernel, recurrent): (&[F], &[F]),
        transposed: bool,
        memory: &'a mut [F],
    ) {
        let width = sizes.width();
        let kernel_len = Factor::<F>::len(sizes.input, sizes.input_parts(), transposed);
        let (for_kernel, for_recurrent) = memory.split_at_mut(kernel_len);
        self.kernel = Factor::pack(
            kernel,
            (sizes.input, width),
            sizes.input_parts(),
            transposed,
            for_kernel,
        );
        self.recurrent = Factor::pack(
            recurrent,
            (sizes.units, width),
            sizes.state_parts(),
            transposed,
            for_recurrent,
        );
    }
}

/// Takes all sequences through all steps.
pub fn forward<F: Real>(
    sizes: &Sizes,
    cell: &Cell<'_>,
    weights: &Weights<'_, F>,
    work: Forward<'_, F>,
) {
    let is_joint = !weights.joint.is_empty();
    let chunks = sizes.batch.div_ceil(sizes.chunk_rows());
    let rows = sizes.chunk_rows() * sizes.chunks_together(if is_joint { chunks } else { 1 });
    // Pieces are whole chunks but for the last rows.
    let parts = sizes.batch.div_ceil(rows);
    let whole = Piece {
        work,
        rows: sizes.batch,
    };
    let run = |piece: &mut Piece<'_, F>| {
        if !is_joint || joint::run(sizes, weights, piece.rows, &mut piece.work).is_none() {
            piece.run(sizes, cell, weights);
        }
    };
    parallel::for_each_piece(
        whole,
        parts,
        &|piece, at| piece.cut(at * rows),
        |mut piece, parts| {
            for _ in 1..parts {
                let rest = piece.cut(rows);
                run(&mut piece);
                piece = rest;
            }
            run(&mut piece);
        },
    );
}

/// Some rows of the work.
struct Piece<'a, F> {
    work: Forward<'a, F>,
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

    /// Takes the rows of one chunk through all steps.
    fn run(&mut self, sizes: &Sizes, cell: &Cell<'_>, weights: &Weights<'_, F>) {
        let chunk = Chunk {
            sizes,
            cell,
            weights,
            rows: self.rows,
        };
        chunk.run(&mut self.work);
    }
}

impl<'a, F: Real> Forward<'a, F> {
    fn cut(&mut self, at: usize, rows: usize) -> Self {
        let [h, c] = &mut self.states;
        Forward {
            x: cut(&mut self.x, at, rows),
            mask: cut(&mut self.mask, at, rows),
            input_masks: cut(&mut self.input_masks, at, rows),
            state_masks: cut(&mut self.state_masks, at, rows),
            states: [cut_mut(h, at, rows), cut_mut(c, at, rows)],
            y: cut_mut(&mut self.y, at, rows),
            tape: self.tape.cut(at, rows),
            window: cut_mut(&mut self.window, at, rows),
            masked: cut_mut(&mut self.masked, at, rows),
        }
    }
}

/// Rows that go through time together.
struct Chunk<'a, F> {
    sizes: &'a Sizes,
    cell: &'a Cell<'a>,
    weights: &'a Weights<'a, F>,
    rows: usize,
}

impl<F: Real> Chunk<'_, F> {
    fn run(&self, work: &mut Forward<'_, F>) {
        let (time, window) = (self.sizes.time, self.sizes.window());
        for start in (0..time).step_by(window) {
            let steps = start..time.min(start + window);
            self.multiply_inputs(work, steps.clone());
            for step in steps {
                self.step(work, step);
                self.put(work, step);
            }
        }
    }

    /// Where step `step` lies in what is kept, `width` numbers a row.
    fn slot(&self, step: usize, width: usize) -> Range<usize> {
        let len = self.rows * width;
        let at = step % self.sizes.kept() * len;
        at..at + len
    }

    /// `gates = x @ kernel + bias` for a window of steps.
    fn multiply_inputs(&self, work: &mut Forward<'_, F>, steps: Range<usize>) {
        let (sizes, width) = (self.sizes, self.sizes.width());
        let count = steps.len() * self.rows;
        let x = &mut work.window[..count * sizes.input];
        let gates = &mut work.tape.gates[self.slot(steps.start, width).start..][..count * width];
        for (part, columns) in sizes.input_parts() {
            gather(
                sizes,
                work.x,
                sizes.input_mask(work.input_masks, part),
                steps.clone(),
                x,
            );
            let gates = MatrixMut::new(&mut gates[columns.start..], width);
            let bias = self.weights.bias.get(columns).unwrap_or_default();
            self.weights.kernel.multiply(
                part,
                Matrix::new(x, sizes.input),
                count,
                F::ZERO,
                gates,
                bias,
            );
        }
    }

    /// One step of all rows; skipped rows keep their states.
    fn step(&self, work: &mut Forward<'_, F>, step: usize) {
        let (sizes, kind, units, width) = (
            self.sizes,
            self.cell.kind,
            self.sizes.units,
            self.sizes.width(),
        );
        let [h, c] = &mut work.states;
        let tape = &mut work.tape;
        if sizes.backward {
            tape.before[0][self.slot(step, units)].copy_from_slice(h);
            if kind == Kind::Lstm {
                tape.before[1][self.slot(step, units)].copy_from_slice(c);
            }
        }
        let mut gates = Gates {
            cell: self.cell,
            units,
            values: &mut tape.gates[self.slot(step, width)],
            sums: if tape.sums.is_empty() {
                &mut []
            } else {
                &mut tape.sums[self.slot(step, width)]
            },
            extra: if self.cell.has_extra() {
                &mut tape.extra[self.slot(step, units)]
            } else {
                &mut []
            },
            skip: Skip::new(sizes, work.mask, step),
        };
        for (part, columns) in sizes.state_parts() {
            let mask = sizes.state_mask(work.state_masks, part);
            let mut h: &[F] = h;
            if !mask.is_empty() {
                mask.apply(h, work.masked);
                h = work.masked;
            }
            let (mut beta, mut bias): (_, &[F]) = (F::ONE, &[]);
            let mut sums = MatrixMut::new(&mut gates.values[columns.start..], width);
            match kind {
                Kind::Gru { reset_after: true } if sizes.is_candidate(&columns) => {
                    (beta, bias) = (F::ZERO, self.weights.candidate_bias);
                    sums = MatrixMut::new(gates.extra, units);
                }
                Kind::Gru { reset_after: false } if sizes.is_candidate(&columns) => {
                    gates.reset(h);
                    h = gates.extra;
                    sums = MatrixMut::new(&mut gates.values[columns.start..], width);
                }
                _ => {}
            }
            self.weights.recurrent.multiply(
                part,
                Matrix::new(h, units),
                self.rows,
                beta,
                sums,
                bias,
            );
        }
        match kind {
            Kind::Simple => gates.simple(h),
            Kind::Lstm => gates.lstm(h, c),
            Kind::Gru { reset_after } => gates.gru(h, reset_after),
        }
    }

    /// Puts the output of a step where it belongs.
    fn put(&self, work: &mut Forward<'_, F>, step: usize) {
        let (sizes, units) = (self.sizes, self.sizes.units);
        if !sizes.return_sequences && step + 1 < sizes.time {
            return;
        }
        let skip = Skip::new(sizes, work.mask, step);
        let (row_len, at) = if sizes.return_sequences {
            (sizes.time * units, step * units)
        } else {
            (units, 0)
        };
        let rows = work
            .y
            .chunks_exact_mut(row_len)
            .zip(work.states[0].chunks_exact(units));
        for (row, (y, h)) in rows.enumerate() {
            let y = &mut y[at..at + units];
            if sizes.zero_skipped && skip.skips(row) {
                y.fill(F::ZERO);
            } else {
                y.copy_from_slice(h);
            }
        }
    }
}
