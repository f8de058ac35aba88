//! Sequences backwards: gradients by inputs and states, and by the weights.

use super::super::gates::GateGrads;
use super::super::weights::Target;
use super::{Cell, GATES, Sizes, Tape, at_step};
use crate::kernels::reduce::column_sums;
use crate::kernels::scratch::with_scratch;
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;

/// What a backward pass reads and writes.
#[derive(Debug)]
pub struct Backward<'a, F> {
    /// As in the forward pass.
    pub x: &'a [F],
    /// As in the forward pass.
    pub mask: &'a [F],
    /// As in the forward pass.
    pub input_masks: &'a [F],
    /// As in the forward pass.
    pub state_masks: &'a [F],
    /// As in the forward pass.
    pub kernel: &'a [F],
    /// As in the forward pass.
    pub recurrent_kernel: &'a [F],
    /// The gradient by the output, shaped as it; or empty.
    pub grad_y: &'a [F],
    /// `[batch, pixels, filters]` each: the gradients by the last states, and then those by the first.
    pub grad_states: [&'a mut [F]; 2],
    /// As the forward pass left it. The gates become the gradients by their sums.
    pub tape: Tape<'a, F>,
    /// The gradients that are wanted.
    pub grads: Grads<'a, F>,
    /// Scratch: [`Sizes::inputs`] elements.
    pub frames: &'a mut [F],
    /// Scratch: [`Sizes::masked`] elements of all steps.
    pub masked: &'a mut [F],
    /// Scratch: [`Sizes::room`] elements.
    pub room: &'a mut [F],
}

/// The gradients by inputs and weights.
#[derive(Debug)]
pub struct Grads<'a, F> {
    /// By the inputs.
    pub x: Option<Target<'a, F>>,
    /// By the kernel.
    pub kernel: Option<Target<'a, F>>,
    /// By the recurrent kernel.
    pub recurrent_kernel: Option<Target<'a, F>>,
    /// By the bias.
    pub bias: Option<Target<'a, F>>,
}

/// Takes the gradients of all sequences back through all steps, and sums those by the weights.
pub fn backward<F: Real>(sizes: &Sizes, cell: &Cell<'_>, mut work: Backward<'_, F>) {
    if sizes.state() > 0 {
        for step in (0..sizes.time).rev() {
            add_grad_y(sizes, &mut work, step);
            take_step(sizes, cell, &mut work, step);
        }
    }
    let Backward {
        x,
        input_masks,
        state_masks,
        grads,
        frames,
        masked,
        room,
        ..
    } = work;
    let (grad, before) = (&*work.tape.gates, &*work.tape.before[0]);
    let of_input = sizes.input_frames();
    if let Some(kernel) = grads.kernel {
        let source = |frame| sizes.sequence_of(frame);
        of_input.spread(x, source, input_masks, sizes.batch, frames);
        let (to, accumulate) = (kernel.values, kernel.accumulate);
        sizes
            .input
            .backward_weights(frames, grad, accumulate, to, room);
    }
    if let Some(kernel) = grads.recurrent_kernel {
        let mut seen = before;
        if !state_masks.is_empty() {
            let frames = sizes.state_frames();
            frames.spread(before, |frame| frame, state_masks, sizes.batch, masked);
            seen = masked;
        }
        let (to, accumulate) = (kernel.values, kernel.accumulate);
        let all = sizes.all_states();
        all.backward_weights(seen, grad, accumulate, to, room);
    }
    if let Some(bias) = grads.bias {
        column_sums(grad, sizes.recurrent.filters, bias.values, bias.accumulate);
    }
    if let Some(to) = grads.x {
        let input = &sizes.input;
        input.backward_data(grad, work.kernel, F::ZERO, frames, room);
        let source = |frame| sizes.step_of(frame);
        of_input.collect(
            frames,
            source,
            input_masks,
            sizes.time,
            to.accumulate,
            to.values,
        );
    }
}

/// Adds the gradient by the output of a step to that by its state.
fn add_grad_y<F: Real>(sizes: &Sizes, work: &mut Backward<'_, F>, step: usize) {
    let Some(at) = sizes.output_of(step).filter(|_| !work.grad_y.is_empty()) else {
        return;
    };
    let (grad_y, mask, len) = (work.grad_y, work.mask, sizes.state() / sizes.batch);
    let outputs = grad_y.len() / sizes.batch;
    for_each_chunk_mut(work.grad_states[0], len, |sample, dh| {
        if !sizes.is_zero(mask, step, sample) {
            let dy = &grad_y[sample * outputs + at * len..][..len];
            dh.iter_mut().zip(dy).for_each(|(dh, &dy)| *dh += dy);
        }
    });
}

/// Takes the gradients by the states after a step to those by the states before it.
fn take_step<F: Real>(sizes: &Sizes, cell: &Cell<'_>, work: &mut Backward<'_, F>, step: usize) {
    let [dh, dc] = &mut work.grad_states;
    let units = sizes.filters();
    let tape = at_step(&mut work.tape, step, sizes.state());
    sizes.for_each_rows(tape, [dh, dc], work.mask, step, |rows, skip| {
        let [dh, dc] = rows.states;
        with_scratch(rows.rows * GATES * units, |spare| {
            let mut gates = GateGrads {
                cell,
                units,
                values: rows.tape.gates,
                sums: rows.tape.sums,
                extra: rows.tape.extra,
                skip,
                spare,
            };
            gates.lstm(rows.tape.before[1], dh, dc);
        });
    });
    let grad = &*at_step(&mut work.tape, step, sizes.state()).gates;
    let (conv, kernel) = (&sizes.recurrent, work.recurrent_kernel);
    if work.state_masks.is_empty() {
        conv.backward_data(grad, kernel, F::ONE, dh, work.room);
    } else {
        let masked = &mut work.masked[..sizes.masked(1)];
        conv.backward_data(grad, kernel, F::ZERO, masked, work.room);
        let frames = sizes.state_frames();
        frames.collect(masked, |frame| frame, work.state_masks, 1, true, dh);
    }
}
