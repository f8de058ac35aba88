//! Sequences forwards.

use super::super::gates::Gates;
use super::{Cell, Sizes, Tape, at_step};
use crate::kernels::gemm::Epilogue;
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;

/// What a forward pass reads and writes.
#[derive(Debug)]
pub struct Forward<'a, F> {
    /// `[batch, time, pixels, channels]`.
    pub x: &'a [F],
    /// 0 skips a step, `[batch, time]`; or empty.
    pub mask: &'a [F],
    /// `[batch, pixels, 4, channels]`; or empty.
    pub input_masks: &'a [F],
    /// `[batch, pixels, 4, filters]`; or empty.
    pub state_masks: &'a [F],
    /// Of the convolution of the inputs.
    pub kernel: &'a [F],
    /// Of the convolution of the states.
    pub recurrent_kernel: &'a [F],
    /// What the sums of a step start with, `[4 * filters]`.
    pub bias: Option<&'a [F]>,
    /// `[batch, pixels, filters]` each: the states before the first step, and then those after the last.
    pub states: [&'a mut [F]; 2],
    /// `[batch, time, pixels, filters]` or `[batch, pixels, filters]`.
    pub y: &'a mut [F],
    /// What is kept of each step, time-major: gates of all steps, the rest of one if no backward pass follows.
    pub tape: Tape<'a, F>,
    /// Scratch: [`Sizes::inputs`] elements.
    pub frames: &'a mut [F],
    /// Scratch: [`Sizes::masked`] elements of one step.
    pub masked: &'a mut [F],
    /// Scratch: [`Sizes::room`] elements.
    pub room: &'a mut [F],
}

/// Takes all sequences through all steps.
pub fn forward<F: Real>(sizes: &Sizes, cell: &Cell<'_>, mut work: Forward<'_, F>) {
    if sizes.state() == 0 {
        return;
    }
    let source = |frame| sizes.sequence_of(frame);
    let (batch, masks) = (sizes.batch, work.input_masks);
    let frames = sizes.input_frames();
    frames.spread(work.x, source, masks, batch, work.frames);
    let epilogue = Epilogue {
        bias: work.bias,
        relu: false,
    };
    let (kernel, gates) = (work.kernel, &mut *work.tape.gates);
    let input = &sizes.input;
    input.forward(work.frames, kernel, epilogue, F::ZERO, gates, work.room);
    for step in 0..sizes.time {
        take_step(sizes, cell, &mut work, step);
        put(sizes, &mut work, step);
    }
}

/// One step of all sequences; those that are skipped keep their states.
fn take_step<F: Real>(sizes: &Sizes, cell: &Cell<'_>, work: &mut Forward<'_, F>, step: usize) {
    let [h, c] = &mut work.states;
    let mut seen: &[F] = h;
    if !work.state_masks.is_empty() {
        let (frames, masks) = (sizes.state_frames(), work.state_masks);
        frames.spread(h, |frame| frame, masks, sizes.batch, work.masked);
        seen = work.masked;
    }
    let tape = at_step(&mut work.tape, step, sizes.state());
    sizes.recurrent.forward(
        seen,
        work.recurrent_kernel,
        Epilogue::default(),
        F::ONE,
        tape.gates,
        work.room,
    );
    sizes.for_each_rows(tape, [h, c], work.mask, step, |rows, skip| {
        let [h, c] = rows.states;
        for (before, now) in rows.tape.before.into_iter().zip([&*h, &*c]) {
            if !before.is_empty() {
                before.copy_from_slice(now);
            }
        }
        let mut gates = Gates {
            cell,
            units: sizes.filters(),
            values: rows.tape.gates,
            sums: rows.tape.sums,
            extra: rows.tape.extra,
            skip,
        };
        gates.lstm(h, c);
    });
}

/// Puts the output of a step where it belongs.
fn put<F: Real>(sizes: &Sizes, work: &mut Forward<'_, F>, step: usize) {
    let Some(at) = sizes.output_of(step) else {
        return;
    };
    let (h, mask, len) = (&*work.states[0], work.mask, sizes.state() / sizes.batch);
    let outputs = work.y.len() / sizes.batch;
    for_each_chunk_mut(work.y, outputs, |sample, y| {
        let y = &mut y[at * len..][..len];
        if sizes.is_zero(mask, step, sample) {
            y.fill(F::ZERO);
        } else {
            y.copy_from_slice(&h[sample * len..][..len]);
        }
    });
}
