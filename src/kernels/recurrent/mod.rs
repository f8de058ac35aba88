//! Recurrent layers over whole sequences: simple RNN, LSTM and GRU, forwards and backwards.
//!
//! # Way of the data
//! Rows of a batch do not meet in a recurrence, so the batch is cut into chunks of [`Sizes::chunk_rows`] rows and a
//! thread takes a chunk through all of time: no barrier between steps, but in `joint` where there is one chunk. Within
//! a chunk everything is time-major, `[step, row, width]`, so that a step is one contiguous matrix. The gates of a
//! window of steps start as one product of inputs and kernel; each step adds its product of state and recurrent kernel
//! and applies the gates in place.
//!
//! Backwards, each step turns its gates into gradients in place and carries the state's gradient one step back with
//! one product. What remains are three large products over all rows and steps at once: by the inputs, the kernel and
//! the recurrent kernel; chunks and steps only permute the rows of their operands, in the same way.
//! (The recipe is cuDNN's: Appleyard, Kociský & Blunsom, Optimizing Performance of Recurrent Neural Networks on
//! GPUs, 2016.)
//!
//! # Dropout
//! A mask multiplies the inputs (or the states) of a row in all steps. With one mask for all gates, it multiplies what
//! is gathered; with a mask for each gate, as Keras has it under recurrent dropout, each gate has its own product.

mod backward;
pub mod convolved;
mod factor;
mod forward;
mod gates;
mod joint;
mod outer;
mod weights;

use std::ops::Range;

use crate::kernels::activation::Activation;
use crate::parallel;
use crate::real::Real;

pub use backward::{Backward, backward};
pub use forward::{Forward, Tape, Weights, forward};
pub use joint::applies as is_joint;
pub use outer::PANEL;
pub use weights::{Target, WeightGrads, weight_grads};

/// Rows times steps of one product of inputs and kernel: its gates stay in the cache until their steps use them.
const WINDOW_ROWS: usize = 256;

/// The most rows a thread takes through time together, and the fewest that keep a matrix kernel busy.
const CHUNK_ROWS: Range<usize> = 8..32;

/// The most rows of a thread that go through time together.
const MOST_ROWS: usize = 64;

/// What happens in a step. `a` is the activation, `s` the recurrent activation; `x` stands for `x_t W + b`, `*` is
/// element-wise, `@` a matrix product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `h = a(x + h @ U)` (Elman, 1990).
    Simple,
    /// `i, f, o = s(x + h @ U)`, `g = a(x + h @ U)`, `c = f * c + i * g`, `h = o * a(c)`; gates in the order i f g o
    /// (Hochreiter & Schmidhuber, 1997; forget gate: Gers et al., 2000).
    Lstm,
    /// `z, r = s(x + h @ U)`, then `n = a(x + r * (h @ U + b'))` with `reset_after`, `n = a(x + (r * h) @ U)` without;
    /// `h = z * h + (1 - z) * n`; gates in the order z r n (Cho et al., 2014).
    Gru {
        /// The reset gate acts after the product of state and recurrent kernel.
        reset_after: bool,
    },
}

impl Kind {
    /// The number of gates: column blocks of the weights.
    pub const fn gates(self) -> usize {
        match self {
            Self::Simple => 1,
            Self::Lstm => 4,
            Self::Gru { .. } => 3,
        }
    }

    /// The number of state tensors.
    pub const fn states(self) -> usize {
        match self {
            Self::Lstm => 2,
            Self::Simple | Self::Gru { .. } => 1,
        }
    }
}

/// The maths of a step.
#[derive(Debug, Clone, Copy)]
pub struct Cell<'a> {
    /// Which recurrence.
    pub kind: Kind,
    /// Of the candidate and the output.
    pub activation: &'a Activation,
    /// Of the gates.
    pub recurrent_activation: &'a Activation,
}

impl Cell<'_> {
    /// Whether the activations are those of Keras's defaults, for which there are fused kernels.
    fn is_usual(&self) -> bool {
        *self.activation == Activation::Tanh && *self.recurrent_activation == Activation::Sigmoid
    }

    /// Whether an activation's slope cannot be told from its value, so that what it was given is kept too.
    pub fn keeps_sums(&self) -> bool {
        let gates = self.kind != Kind::Simple && self.recurrent_activation.needs_input();
        gates || self.activation.needs_input()
    }

    /// Whether a step needs one more number per unit: the activated cell (LSTM), the state's part of the candidate
    /// (GRU, reset after) or the reset state (GRU, reset before).
    pub const fn has_extra(&self) -> bool {
        !matches!(self.kind, Kind::Simple)
    }
}

/// Sizes and options of a pass over sequences.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Number of sequences.
    pub batch: usize,
    /// Number of steps.
    pub time: usize,
    /// Numbers per step of the input.
    pub input: usize,
    /// Numbers per state.
    pub units: usize,
    /// Which recurrence.
    pub kind: Kind,
    /// Dropout masks for the inputs of a row: 0, 1, or one per gate.
    pub input_masks: usize,
    /// Dropout masks for the states of a row: 0, 1, or one per gate.
    pub state_masks: usize,
    /// From the last input to the first.
    pub go_backwards: bool,
    /// An output for each step, in the order of the steps; otherwise the last alone.
    pub return_sequences: bool,
    /// The output of a skipped step is 0 instead of what it was before.
    pub zero_skipped: bool,
    /// A backward pass follows: all steps are kept.
    pub backward: bool,
}

impl Sizes {
    /// Width of all gates of a row.
    pub fn width(&self) -> usize {
        self.kind.gates() * self.units
    }

    /// Rows that go through time together: a function of the batch alone.
    pub fn chunk_rows(&self) -> usize {
        (self.batch / 8)
            .next_multiple_of(8)
            .clamp(CHUNK_ROWS.start, CHUNK_ROWS.end)
    }

    /// Of `chunks` chunks, those that a thread takes through time together. The bits of a row do not depend on it.
    fn chunks_together(&self, chunks: usize) -> usize {
        let fair = chunks.div_ceil(parallel::num_threads());
        fair.clamp(1, MOST_ROWS / self.chunk_rows())
    }

    /// Steps whose inputs meet the kernel in one product.
    pub fn window(&self) -> usize {
        (WINDOW_ROWS / self.chunk_rows().min(self.batch.max(1))).clamp(1, self.time.max(1))
    }

    /// Steps whose gates are held: all, or a window if nothing comes after.
    pub fn kept(&self) -> usize {
        if self.backward {
            self.time
        } else {
            self.window()
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

    /// Mask `part` of the inputs.
    fn input_mask<'a, F: Real>(&self, masks: &'a [F], part: usize) -> Masks<'a, F> {
        Masks::new(masks, self.input_masks, part, self.input)
    }

    /// Mask `part` of the states.
    fn state_mask<'a, F: Real>(&self, masks: &'a [F], part: usize) -> Masks<'a, F> {
        Masks::new(masks, self.state_masks, part, self.units)
    }

    /// The columns of the kernel that share a mask.
    fn input_parts(&self) -> impl Iterator<Item = (usize, Range<usize>)> + use<> {
        let parts = self.input_masks.max(1);
        let width = self.width() / parts;
        (0..parts).map(move |part| (part, part * width..(part + 1) * width))
    }

    /// The columns of the recurrent kernel that a step multiplies at once: all, but for the candidate of a GRU, which
    /// is kept apart from its gates, and but for masks of their own.
    pub fn state_parts(&self) -> impl Iterator<Item = (usize, Range<usize>)> + use<> {
        let units = self.units;
        let gates = self.kind.gates();
        let ends: [usize; 4] = match (self.state_masks, self.kind) {
            (0 | 1, Kind::Gru { .. }) => [2, 3, 3, 3],
            (0 | 1, _) => [gates; 4],
            _ => [1, 2, 3, 4],
        };
        let mut start = 0;
        ends.into_iter().enumerate().filter_map(move |(part, end)| {
            let range = start * units..end.min(gates) * units;
            start = end.min(gates);
            (!range.is_empty()).then_some((part, range))
        })
    }

    /// Whether these columns are the candidate of a GRU.
    fn is_candidate(&self, columns: &Range<usize>) -> bool {
        matches!(self.kind, Kind::Gru { .. }) && columns.start == 2 * self.units
    }
}

/// Cuts the rows from `at` on off a tensor of `rows` rows.
fn cut<'a, T>(values: &mut &'a [T], at: usize, rows: usize) -> &'a [T] {
    let (head, tail) = values.split_at(values.len() / rows * at);
    *values = head;
    tail
}

/// Cuts the rows from `at` on off a tensor of `rows` rows.
fn cut_mut<'a, T>(values: &mut &'a mut [T], at: usize, rows: usize) -> &'a mut [T] {
    let len = values.len() / rows * at;
    let (head, tail) = std::mem::take(values).split_at_mut(len);
    *values = head;
    tail
}

/// Dropout masks of rows, one of several: `[rows, of, width]`.
#[derive(Debug, Clone, Copy)]
struct Masks<'a, F> {
    values: &'a [F],
    of: usize,
    index: usize,
    width: usize,
}

impl<'a, F: Real> Masks<'a, F> {
    /// Mask `index` of `of`; where there is none, `values` is empty.
    fn new(values: &'a [F], of: usize, index: usize, width: usize) -> Self {
        Self {
            values,
            of,
            index,
            width,
        }
    }

    fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    fn row(&self, row: usize) -> &'a [F] {
        &self.values[(row * self.of + self.index) * self.width..][..self.width]
    }

    /// `out[row] = values[row] * mask[row]`
    fn apply(&self, values: &[F], out: &mut [F]) {
        let rows = out
            .chunks_exact_mut(self.width)
            .zip(values.chunks_exact(self.width));
        for (row, (out, values)) in rows.enumerate() {
            for ((out, &value), &mask) in out.iter_mut().zip(values).zip(self.row(row)) {
                *out = value * mask;
            }
        }
    }

    /// `out[row] += values[row] * mask[row]`, or without mask `out[row] += values[row]`.
    fn add(&self, values: &[F], out: &mut [F]) {
        let rows = out
            .chunks_exact_mut(self.width)
            .zip(values.chunks_exact(self.width));
        for (row, (out, values)) in rows.enumerate() {
            if self.is_empty() {
                out.iter_mut()
                    .zip(values)
                    .for_each(|(out, &value)| *out += value);
            } else {
                for ((out, &value), &mask) in out.iter_mut().zip(values).zip(self.row(row)) {
                    *out += value * mask;
                }
            }
        }
    }
}

/// Copies steps of `x` (`[row, time, width]`) to `out` (`[step, row, width]`), times the rows' masks if there are any.
fn gather<F: Real>(
    sizes: &Sizes,
    x: &[F],
    masks: Masks<'_, F>,
    steps: Range<usize>,
    out: &mut [F],
) {
    let width = sizes.input;
    let rows = x.len() / (sizes.time * width);
    for (step, out) in steps.zip(out.chunks_exact_mut(rows * width)) {
        let from = sizes.time_of(step) * width;
        for (row, out) in out.chunks_exact_mut(width).enumerate() {
            let x = &x[row * sizes.time * width + from..][..width];
            if masks.is_empty() {
                out.copy_from_slice(x);
            } else {
                for ((out, &x), &mask) in out.iter_mut().zip(x).zip(masks.row(row)) {
                    *out = x * mask;
                }
            }
        }
    }
}

/// Puts `values` (`[step, row, width]`), times the masks of the rows if any, to steps of `x` (`[row, time, width]`).
fn scatter<F: Real>(
    sizes: &Sizes,
    values: &[F],
    masks: Masks<'_, F>,
    steps: Range<usize>,
    add: bool,
    x: &mut [F],
) {
    let width = sizes.input;
    let rows = x.len() / (sizes.time * width);
    for (step, values) in steps.zip(values.chunks_exact(rows * width)) {
        let to = sizes.time_of(step) * width;
        for (row, values) in values.chunks_exact(width).enumerate() {
            let x = &mut x[row * sizes.time * width + to..][..width];
            match (masks.is_empty(), add) {
                (true, false) => x.copy_from_slice(values),
                (true, true) => x.iter_mut().zip(values).for_each(|(x, &value)| *x += value),
                (false, false) => {
                    x.iter_mut()
                        .zip(values)
                        .zip(masks.row(row))
                        .for_each(|((x, &value), &mask)| *x = value * mask);
                }
                (false, true) => {
                    x.iter_mut()
                        .zip(values)
                        .zip(masks.row(row))
                        .for_each(|((x, &value), &mask)| *x += value * mask);
                }
            }
        }
    }
}
