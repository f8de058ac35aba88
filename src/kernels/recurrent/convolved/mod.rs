//! LSTMs whose products with the weights are convolutions, over sequences of lines, images or volumes.
//!
//! # Way of the data
//! Everything is time-major, `[time, batch, pixels, channels]`, so that one step, or all of them, are one batch of images.
//! The gates of all steps start as one convolution of the inputs; each step adds the convolution of its state and applies
//! the gates in place. Backwards, each step turns its gates into gradients in place and carries the state's gradient one
//! step back with one convolution; what remains are three convolutions over all steps at once: by the inputs, the kernel
//! and the recurrent kernel. (Shi et al., Convolutional LSTM Network, 2015, without its peepholes.)
//!
//! # Dropout
//! Each gate sees the inputs, or the states, under a mask of its own that is the same in all steps. The four masked images
//! lie side by side among the channels, and the convolution has a group for each gate: the kernel is the same array then.

mod backward;
mod forward;
mod frames;

pub use backward::{Backward, Grads, backward};
pub use forward::{Forward, forward};

use super::forward::Tape;
use super::gates::Skip;
use super::{Cell, Kind, cut_mut};
use crate::kernels::conv::Conv3d;
use crate::parallel;
use crate::real::Real;
use frames::Frames;

/// Elements of the gates that a thread takes at least.
const CHUNK: usize = 1 << 13;

const GATES: usize = Kind::Lstm.gates();

/// Sizes and options of a pass over sequences.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Number of sequences.
    pub batch: usize,
    /// Number of steps.
    pub time: usize,
    /// From the inputs of all steps to the gates; with a group for each gate if inputs are dropped.
    pub input: Conv3d,
    /// From the states of one step to the gates; with a group for each gate if states are dropped.
    pub recurrent: Conv3d,
    /// From the last input to the first.
    pub go_backwards: bool,
    /// An output for each step, in the order of the steps; otherwise the last alone.
    pub return_sequences: bool,
    /// The output of a skipped step is 0 instead of what it was before.
    pub zero_skipped: bool,
}

impl Sizes {
    /// Pixels of a state.
    pub fn pixels(&self) -> usize {
        self.recurrent.output.iter().product()
    }

    /// Numbers of a pixel of a state.
    pub fn filters(&self) -> usize {
        self.recurrent.filters / GATES
    }

    /// Elements of the states of a step.
    pub fn state(&self) -> usize {
        self.batch * self.pixels() * self.filters()
    }

    /// Elements that the convolution of all inputs reads.
    pub fn inputs(&self) -> usize {
        self.input.batch * self.input.input.iter().product::<usize>() * self.input.channels
    }

    /// Elements of the states under their masks, of one step or of all; 0 without masks.
    pub fn masked(&self, steps: usize) -> usize {
        if self.recurrent.groups > 1 {
            steps * self.state() * GATES
        } else {
            0
        }
    }

    /// Elements of memory that the convolutions need: those of a step, or all.
    pub fn room(&self, backward: bool) -> usize {
        let recurrent = if backward {
            self.all_states()
        } else {
            self.recurrent
        };
        self.input.room().max(recurrent.room())
    }

    /// The convolution of the states of all steps.
    fn all_states(&self) -> Conv3d {
        Conv3d {
            batch: self.time * self.batch,
            ..self.recurrent
        }
    }

    /// The input of step `step`.
    fn time_of(&self, step: usize) -> usize {
        if self.go_backwards {
            self.time - 1 - step
        } else {
            step
        }
    }

    /// The images of the inputs.
    fn input_frames(&self) -> Frames {
        Frames {
            pixels: self.input.input.iter().product(),
            channels: self.input.channels / self.input.groups,
            copies: self.input.groups,
        }
    }

    /// The images of the states.
    fn state_frames(&self) -> Frames {
        Frames {
            pixels: self.pixels(),
            channels: self.filters(),
            copies: self.recurrent.groups,
        }
    }

    /// The image in `[batch, time]` of an image in the order of the steps, `[time, batch]`.
    fn sequence_of(&self, frame: usize) -> usize {
        let (step, sample) = (frame / self.batch, frame % self.batch);
        sample * self.time + self.time_of(step)
    }

    /// The way back.
    fn step_of(&self, frame: usize) -> usize {
        let (sample, at) = (frame / self.time, frame % self.time);
        self.time_of(at) * self.batch + sample
    }

    /// Which of the outputs of a sequence is that of a step, if it has one.
    fn output_of(&self, step: usize) -> Option<usize> {
        match (self.return_sequences, step + 1 == self.time) {
            (true, _) => Some(step),
            (false, true) => Some(0),
            (false, false) => None,
        }
    }

    /// Whether the output of a sequence is 0 in a step, as it is skipped.
    fn is_zero<F: Real>(&self, mask: &[F], step: usize, sample: usize) -> bool {
        let at = (self.time, self.time_of(step));
        self.zero_skipped && Skip::of_rows(mask, at, sample, 1).skips(0)
    }

    /// Calls `work` with pieces of the rows, one for each pixel of each state, of a step.
    fn for_each_rows<'a, F: Real>(
        &self,
        tape: Tape<'a, F>,
        states: [&'a mut [F]; 2],
        mask: &'a [F],
        step: usize,
        work: impl Fn(Rows<'_, F>, Skip<'_, F>) + Sync,
    ) {
        let whole = Rows {
            tape,
            states,
            first: 0,
            rows: self.batch * self.pixels(),
        };
        let chunk = (CHUNK / self.recurrent.filters).max(1);
        let parts = whole.rows.div_ceil(chunk);
        let at = (self.time, self.time_of(step));
        parallel::for_each_piece(whole, parts, &|rows, at| rows.cut(at * chunk), |rows, _| {
            let skip = Skip::of_rows(mask, at, rows.first, self.pixels());
            work(rows, skip);
        });
    }
}

/// Some pixels of the states of a step.
struct Rows<'a, F> {
    tape: Tape<'a, F>,
    states: [&'a mut [F]; 2],
    first: usize,
    rows: usize,
}

impl<F> Rows<'_, F> {
    /// Keeps the first `at` rows and gives the others.
    fn cut(&mut self, at: usize) -> Self {
        let [h, c] = &mut self.states;
        let rest = Rows {
            tape: self.tape.cut(at, self.rows),
            states: [cut_mut(h, at, self.rows), cut_mut(c, at, self.rows)],
            first: self.first + at,
            rows: self.rows - at,
        };
        self.rows = at;
        rest
    }
}

/// What a tape of all steps, or of one that all share, has for a step: pieces of `len` elements, `GATES` times so many
/// for gates.
fn at_step<'a, F>(tape: &'a mut Tape<'_, F>, step: usize, len: usize) -> Tape<'a, F> {
    let [h, c] = &mut tape.before;
    Tape {
        gates: slot(tape.gates, step, GATES * len),
        extra: slot(tape.extra, step, len),
        before: [slot(h, step, len), slot(c, step, len)],
        sums: slot(tape.sums, step, GATES * len),
    }
}

/// The piece of `len` elements for a step; all of them if there is no more than one.
fn slot<F>(values: &mut [F], step: usize, len: usize) -> &mut [F] {
    if values.len() <= len {
        return values;
    }
    &mut values[step * len..][..len]
}
