//! Gradients by the weights: products over all rows and steps at once.

use std::ops::Range;

use super::outer::{Left, STRIP, fill, multiply};
use super::{Kind, Masks, Sizes};
use crate::kernels::gemm::Matrix;
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
    /// Scratch: `[batch, time, input]` elements, with `input` rounded up to panels of [`PANEL`](super::PANEL).
    pub inputs: &'a mut [F],
    /// Scratch: `[batch, time, units]` elements, rounded up as well.
    pub states: &'a mut [F],
}

/// Columns of all gates that have the same left factors.
struct Group {
    columns: Range<usize>,
    input_part: usize,
    state_part: usize,
}

impl Sizes {
    /// All columns, or gate by gate if each has masks of its own; the candidate of a GRU is always apart.
    fn groups(&self) -> impl Iterator<Item = Group> + use<> {
        let (gates, units) = (self.kind.gates(), self.units);
        let (by_input, by_state) = (self.input_masks > 1, self.state_masks > 1);
        let ends: [usize; 4] = match self.kind {
            _ if by_input || by_state => [1, 2, 3, 4],
            Kind::Gru { .. } => [2, 3, 3, 3],
            _ => [gates; 4],
        };
        let mut start = 0;
        ends.into_iter().filter_map(move |end| {
            let end = end.min(gates);
            let gate = std::mem::replace(&mut start, end);
            (gate < end).then_some(Group {
                columns: gate * units..end * units,
                input_part: if by_input { gate } else { 0 },
                state_part: if by_state { gate } else { 0 },
            })
        })
    }

    /// Row and step of a row of the tape, whose chunks lie one after another.
    fn place(&self, index: usize) -> (usize, usize) {
        let first = index / (self.chunk_rows() * self.time) * self.chunk_rows();
        let rows = self.chunk_rows().min(self.batch - first);
        let within = index - first * self.time;
        (first + within % rows, within / rows)
    }
}

/// Computes what is wanted.
pub fn weight_grads<F: Real>(sizes: &Sizes, mut work: WeightGrads<'_, F>) {
    let (mut filled_inputs, mut filled_states) = (None, None);
    for group in sizes.groups() {
        let is_candidate = sizes.is_candidate(&group.columns);
        let resets_before = is_candidate && sizes.kind == (Kind::Gru { reset_after: false });
        if work.kernel.is_some()
            && filled_inputs.replace(group.input_part) != Some(group.input_part)
        {
            fill_inputs(sizes, &mut work, group.input_part);
        }
        let states = (group.state_part, resets_before);
        if work.recurrent.is_some() && filled_states.replace(states) != Some(states) {
            fill_states(sizes, &mut work, group.state_part, resets_before);
        }
        for first in group.columns.clone().step_by(COLUMNS) {
            columns(
                sizes,
                &mut work,
                first..group.columns.end.min(first + COLUMNS),
            );
        }
    }
}

/// Columns whose sums are held at once.
const COLUMNS: usize = 16 * STRIP;

/// Lays the inputs in panels, times a mask if there are any.
fn fill_inputs<F: Real>(sizes: &Sizes, work: &mut WeightGrads<'_, F>, part: usize) {
    let (x, masks) = (work.x, sizes.input_mask(work.input_masks, part));
    fill(sizes.input, work.inputs, |index| {
        let (row, step) = sizes.place(index);
        let at = (row * sizes.time + sizes.time_of(step)) * sizes.input;
        (&x[at..at + sizes.input], factors(&masks, row))
    });
}

/// Lays the states before the steps in panels, times a mask if there are any; or what a GRU multiplied after its reset.
fn fill_states<F: Real>(
    sizes: &Sizes,
    work: &mut WeightGrads<'_, F>,
    part: usize,
    resets_before: bool,
) {
    let (values, masks) = if resets_before {
        (work.extra, Masks::new(&[][..], 0, 0, sizes.units))
    } else {
        (work.before, sizes.state_mask(work.state_masks, part))
    };
    fill(sizes.units, work.states, |index| {
        let values = &values[index * sizes.units..][..sizes.units];
        if masks.is_empty() {
            (values, &[])
        } else {
            (values, masks.row(sizes.place(index).0))
        }
    });
}

fn factors<'a, F: Real>(masks: &Masks<'a, F>, row: usize) -> &'a [F] {
    if masks.is_empty() {
        &[]
    } else {
        masks.row(row)
    }
}

/// The gradients by some columns of all weights.
fn columns<F: Real>(sizes: &Sizes, work: &mut WeightGrads<'_, F>, columns: Range<usize>) {
    let (width, units) = (sizes.width(), sizes.units);
    let shape = (sizes.batch * sizes.time, columns.len());
    let mut sums = [F::ZERO; COLUMNS];
    let resets_after = sizes.kind == (Kind::Gru { reset_after: true });
    let kernel = work.kernel.as_mut().map(|target| {
        let (beta, values) = (target.beta(), &mut target.values[columns.start..]);
        Left::new(work.inputs, sizes.input, beta, values, width)
    });
    let recurrent = work.recurrent.as_mut().map(|target| {
        let (beta, values) = (target.beta(), &mut target.values[columns.start..]);
        Left::new(work.states, units, beta, values, width)
    });
    let gates = Matrix::new(&work.gates[columns.start..], width);
    let apart = resets_after && columns.start >= 2 * units;
    let together = [kernel, recurrent.filter(|_| !apart)];
    // SAFETY: the gradients by the weights have `width` columns.
    unsafe { multiply(&together, gates, shape, &mut sums) };
    let mut add = |row: usize, sums: &[F]| {
        if let Some(target) = &mut work.bias {
            let accumulate = target.accumulate;
            let to = &mut target.values[row * width..][columns.clone()];
            for (to, &sum) in to.iter_mut().zip(sums) {
                *to = if accumulate { *to + sum } else { sum };
            }
        }
    };
    add(0, &sums);
    if apart {
        // The state's part of the candidate has gradients of its own.
        let extra = Matrix::new(&work.extra[columns.start - 2 * units..], units);
        // SAFETY: as above.
        unsafe { multiply(&[recurrent], extra, shape, &mut sums) };
    }
    if resets_after {
        add(1, &sums);
    }
}
