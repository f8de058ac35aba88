//! The usual cells forwards, in `f32`: the sums of all gates of some units and rows are in registers at once.
//!
//! Weights are packed so that the columns of all gates of [`LANES`] units lie side by side, kernel above recurrent kernel.
//! A tile of some rows starts with the bias, runs over the inputs of the step where they are, then over the states, and
//! turns its sums into gates and new states at once: sums never go to memory. All rows of a thread go through time
//! together, so that weights, which come from the second cache in each step, serve as many rows as there are. Where one
//! thread has all rows, the others take some of the units in each step.

mod cells;
mod tile;

use std::marker::PhantomData;
use std::ops::Range;

use super::forward::{Forward, Weights};
use super::gates::Skip;
use super::{Cell, Kind, MOST_ROWS, Sizes};
use crate::kernels::simd::{Kernel, LANES, Simd, dispatch};
use crate::parallel;
use crate::real::Real;
use cells::{GruAfter, Lstm, Plan, Simple};
use tile::{Tile, max_rows};

/// Sums of a row in a tile, in vectors.
const VECTORS: usize = 4;

/// Numbers of gates that are written to the caches. More would drive out weights on their way to memory; fewer are better
/// found in the third cache by the backward pass.
const MOST_CACHED: usize = 3 << 20;

/// Products of a part of a step at least: about a microsecond, several times what it takes threads to meet.
const MIN_WORK: usize = 1 << 15;

/// Whether a forward pass keeps the sums of its steps in registers: elsewhere gates have masks of their own, or other maths.
/// The batch has no say, so that a sequence gets the same bits alone and among others.
pub fn applies<F: Real>(sizes: &Sizes, cell: &Cell<'_>) -> bool {
    F::as_f32(&[]).is_some()
        && cell.is_usual()
        && sizes.state_masks == 0
        && sizes.input_masks <= 1
        && sizes.kind != (Kind::Gru { reset_after: false })
}

/// What is done with a plan of one of the cells.
trait WithPlan {
    type Output;
    fn run<P: Plan>(self) -> Self::Output;
}

/// Chooses the plan of a cell that the kernels apply to.
fn with_plan<W: WithPlan>(kind: Kind, work: W) -> W::Output {
    match kind {
        Kind::Simple => work.run::<Simple>(),
        Kind::Lstm => work.run::<Lstm>(),
        Kind::Gru { .. } => work.run::<GruAfter>(),
    }
}

/// The memory that packed weights take.
pub(super) fn len(sizes: &Sizes) -> usize {
    struct Len<'a>(&'a Sizes);
    impl WithPlan for Len<'_> {
        type Output = usize;
        fn run<P: Plan>(self) -> usize {
            blocks::<P>(self.0) * block_len::<P>(self.0)
        }
    }
    with_plan(sizes.kind, Len(sizes))
}

/// Blocks of units.
fn blocks<P: Plan>(sizes: &Sizes) -> usize {
    sizes.units.div_ceil(P::UNITS)
}

/// Packed weights of a block: its bias, then a row for each input and each state.
fn block_len<P: Plan>(sizes: &Sizes) -> usize {
    (VECTORS + sizes.input * P::X.len() + sizes.units * P::H.len()) * LANES
}

/// Where the numbers of a vector of sums come from: the first column, and how many there are.
fn columns<P: Plan>(sizes: &Sizes, block: usize, gate: usize, lane: usize) -> (usize, usize) {
    let unit = block * P::UNITS + lane;
    let count = sizes.units.saturating_sub(unit).min(LANES);
    (gate * sizes.units + unit.min(sizes.units), count)
}

/// Lays the columns of a row of a weight side by side, as a block has them; lanes without a unit are 0.
fn interleave<P: Plan>(
    sizes: &Sizes,
    block: usize,
    vectors: &[usize],
    row: &[f32],
    out: &mut [f32],
) {
    for (&vector, out) in vectors.iter().zip(out.chunks_exact_mut(LANES)) {
        let (gate, lane) = P::column(vector);
        let (from, count) = columns::<P>(sizes, block, gate, lane);
        let (there, missing) = out.split_at_mut(count);
        there.copy_from_slice(&row[from..][..count]);
        missing.fill(0.0);
    }
}

/// Packs kernel and recurrent kernel, and what is added to the sums and to the state's part of the candidate (each may be
/// empty), into `packed` of [`len`] numbers.
pub(super) fn pack<F: Real>(
    sizes: &Sizes,
    (kernel, recurrent): (&[F], &[F]),
    (bias, candidate_bias): (&[F], &[F]),
    packed: &mut [F],
) {
    let as_f32 = Pack::new(sizes, (kernel, recurrent), (bias, candidate_bias), packed);
    if let Some(work) = as_f32 {
        with_plan(sizes.kind, work);
    }
}

struct Pack<'a> {
    sizes: &'a Sizes,
    kernel: &'a [f32],
    recurrent: &'a [f32],
    bias: &'a [f32],
    candidate_bias: &'a [f32],
    packed: &'a mut [f32],
}

impl<'a> Pack<'a> {
    fn new<F: Real>(
        sizes: &'a Sizes,
        (kernel, recurrent): (&'a [F], &'a [F]),
        (bias, candidate_bias): (&'a [F], &'a [F]),
        packed: &'a mut [F],
    ) -> Option<Self> {
        Some(Self {
            sizes,
            kernel: F::as_f32(kernel)?,
            recurrent: F::as_f32(recurrent)?,
            bias: F::as_f32(bias)?,
            candidate_bias: F::as_f32(candidate_bias)?,
            packed: F::as_f32_mut(packed)?,
        })
    }
}

impl WithPlan for Pack<'_> {
    type Output = ();

    fn run<P: Plan>(self) {
        let (sizes, width) = (self.sizes, self.sizes.width());
        parallel::for_each_chunk_mut(self.packed, block_len::<P>(sizes), |block, packed| {
            let (bias, rest) = packed.split_at_mut(VECTORS * LANES);
            let (kernel, recurrent) = rest.split_at_mut(sizes.input * P::X.len() * LANES);
            bias.fill(0.0);
            if !self.bias.is_empty() {
                for &vector in P::X {
                    let out = &mut bias[vector * LANES..][..LANES];
                    interleave::<P>(sizes, block, &[vector], self.bias, out);
                }
            }
            if !self.candidate_bias.is_empty() {
                let (from, count) = columns::<P>(sizes, block, 0, 0);
                bias[(VECTORS - 1) * LANES..][..count]
                    .copy_from_slice(&self.candidate_bias[from..][..count]);
            }
            let rows = self.kernel.chunks_exact(width);
            for (row, out) in rows.zip(kernel.chunks_exact_mut(P::X.len() * LANES)) {
                interleave::<P>(sizes, block, P::X, row, out);
            }
            let rows = self.recurrent.chunks_exact(width);
            for (row, out) in rows.zip(recurrent.chunks_exact_mut(P::H.len() * LANES)) {
                interleave::<P>(sizes, block, P::H, row, out);
            }
        });
    }
}

/// Takes rows, chunk after chunk in the tape, through all steps; `None` if the numbers are not `f32`.
pub(super) fn run<F: Real>(
    sizes: &Sizes,
    weights: &Weights<'_, F>,
    rows: usize,
    work: &mut Forward<'_, F>,
) -> Option<()> {
    let [h, c] = &mut work.states;
    let [before_h, before_c] = &mut work.tape.before;
    let (h, other) = (F::as_f32_mut(h)?, F::as_f32_mut(work.masked)?);
    let before_h = F::as_f32_mut(before_h)?;
    let x = F::as_f32(work.x)?;
    let units = sizes.units;
    // The states before the first step go where it looks for them.
    if sizes.backward {
        for row in 0..rows {
            let to = place(sizes, rows, row, 0) * units;
            before_h[to..to + units].copy_from_slice(&h[row * units..][..units]);
        }
    } else if sizes.time % 2 == 1 {
        other.copy_from_slice(h);
    }
    let all = rows * units;
    let kept = if sizes.backward { all * sizes.time } else { 0 };
    let if_lstm = |len| if sizes.kind == Kind::Lstm { len } else { 0 };
    let out = if sizes.return_sequences {
        all * sizes.time
    } else {
        all
    };
    let mut rows = Rows {
        sizes,
        rows,
        x,
        input_masks: F::as_f32(work.input_masks)?,
        mask: F::as_f32(work.mask)?,
        h: start(h, all),
        other: start(other, if sizes.backward { 0 } else { all }),
        c: start(F::as_f32_mut(c)?, if_lstm(all)),
        y: start(F::as_f32_mut(work.y)?, out),
        gates: start(F::as_f32_mut(work.tape.gates)?, kept * sizes.kind.gates()),
        extra: start(
            F::as_f32_mut(work.tape.extra)?,
            if sizes.kind == Kind::Simple { 0 } else { kept },
        ),
        before_h: start(before_h, kept),
        before_c: start(F::as_f32_mut(before_c)?, if_lstm(kept)),
        dropped: F::as_f32_mut(work.window)?,
        packed: F::as_f32(weights.joint)?,
        streams: false,
    };
    let written = [rows.y, rows.gates, rows.extra, rows.before_c];
    rows.streams = sizes.backward
        && sizes.batch * sizes.time * sizes.width() > MOST_CACHED
        && units.is_multiple_of(LANES)
        && written.iter().all(|to| to.addr().is_multiple_of(64));
    assert_eq!(x.len(), rows.rows * sizes.time * sizes.input, "inputs");
    with_plan(sizes.kind, rows);
    Some(())
}

/// Where a slice of so many numbers at least begins.
fn start(values: &mut [f32], len: usize) -> *mut f32 {
    assert!(values.len() >= len, "{} of {len} numbers", values.len());
    values.as_mut_ptr()
}

/// The place of a row in the tape in a step, in rows.
#[inline(always)]
fn place(sizes: &Sizes, rows: usize, row: usize, step: usize) -> usize {
    let chunk = sizes.chunk_rows();
    let first = row / chunk * chunk;
    let len = chunk.min(rows - first);
    first * sizes.time + step * len + row - first
}

/// Rows that go through time together. The pointers are to what [`Forward`] borrows, for all rows.
struct Rows<'a> {
    sizes: &'a Sizes,
    rows: usize,
    x: &'a [f32],
    input_masks: &'a [f32],
    mask: &'a [f32],
    h: *mut f32,
    /// Without a backward pass, where every second step's states go.
    other: *mut f32,
    c: *mut f32,
    y: *mut f32,
    gates: *mut f32,
    extra: *mut f32,
    before_h: *mut f32,
    before_c: *mut f32,
    /// With dropout, the inputs of a step.
    dropped: &'a mut [f32],
    packed: &'a [f32],
    /// What is kept is too much for the caches, and lies so that it may be written past them.
    streams: bool,
}

// SAFETY: threads that share rows write the numbers of different units, and read states that the step before has left.
unsafe impl Sync for Rows<'_> {}

impl WithPlan for Rows<'_> {
    type Output = ();

    fn run<P: Plan>(mut self) {
        let blocks = blocks::<P>(self.sizes);
        let together = blocks.div_ceil(self.parts());
        for step in 0..self.sizes.time {
            self.drop_inputs(step);
            let rows = &self;
            parallel::for_each_chunk(blocks, together, |blocks| {
                dispatch(Step::<P> {
                    rows,
                    step,
                    blocks,
                    plan: PhantomData,
                });
            });
        }
    }
}

impl Rows<'_> {
    /// Parts of a step, for threads that have no rows of their own. The bits do not depend on it.
    fn parts(&self) -> usize {
        let weights = (self.sizes.input + self.sizes.units) * self.sizes.width();
        (weights * self.rows / MIN_WORK).clamp(1, parallel::num_threads())
    }

    /// The inputs of a step times their masks.
    fn drop_inputs(&mut self, step: usize) {
        if self.input_masks.is_empty() {
            return;
        }
        let (input, at) = (self.sizes.input, self.sizes.time_of(step));
        let rows = self.dropped.chunks_exact_mut(input).take(self.rows);
        for (row, out) in rows.enumerate() {
            let x = &self.x[(row * self.sizes.time + at) * input..][..input];
            let mask = &self.input_masks[row * input..][..input];
            for ((out, &x), &mask) in out.iter_mut().zip(x).zip(mask) {
                *out = x * mask;
            }
        }
    }

    /// Where a row finds and leaves its numbers in a step.
    #[inline(always)]
    fn row<P: Plan>(&self, row: usize, step: usize) -> Row {
        let (sizes, units) = (self.sizes, self.sizes.units);
        let (last, at) = (step + 1 == sizes.time, sizes.time_of(step));
        let x = if self.input_masks.is_empty() {
            &self.x[(row * sizes.time + at) * sizes.input..][..sizes.input]
        } else {
            &self.dropped[row * sizes.input..][..sizes.input]
        };
        let own = row * units;
        let mut found = Row {
            x: x.as_ptr(),
            skips: Skip::new(sizes, self.mask, step).skips(row),
            zero_skipped: sizes.zero_skipped,
            streams: self.streams,
            ..Row::NOWHERE
        };
        if sizes.backward {
            let kept = place(sizes, self.rows, row, step);
            found.gates = self.gates.wrapping_add(kept * sizes.width());
            found.extra = self.extra.wrapping_add(kept * units);
            found.before_c = self.before_c.wrapping_add(kept * units);
            found.before_h = self.before_h.wrapping_add(kept * units);
            found.h = if last {
                self.h.wrapping_add(own)
            } else {
                let next = place(sizes, self.rows, row, step + 1);
                self.before_h.wrapping_add(next * units)
            };
        } else {
            let (before, after) = if (sizes.time - step).is_multiple_of(2) {
                (self.h, self.other)
            } else {
                (self.other, self.h)
            };
            found.before_h = before.wrapping_add(own);
            found.h = after.wrapping_add(own);
        }
        found.c = self.c.wrapping_add(own);
        if sizes.return_sequences {
            found.y = self.y.wrapping_add((row * sizes.time + step) * units);
        } else if last {
            found.y = self.y.wrapping_add(own);
        }
        found
    }
}

/// Where a row finds and leaves its numbers in a step; null where there is nothing to find or leave.
#[derive(Clone, Copy)]
struct Row {
    x: *const f32,
    before_h: *const f32,
    h: *mut f32,
    c: *mut f32,
    y: *mut f32,
    gates: *mut f32,
    extra: *mut f32,
    before_c: *mut f32,
    skips: bool,
    zero_skipped: bool,
    /// Write what nobody asks for soon past the caches.
    streams: bool,
}

impl Row {
    const NOWHERE: Self = Self {
        x: std::ptr::null(),
        before_h: std::ptr::null(),
        h: std::ptr::null_mut(),
        c: std::ptr::null_mut(),
        y: std::ptr::null_mut(),
        gates: std::ptr::null_mut(),
        extra: std::ptr::null_mut(),
        before_c: std::ptr::null_mut(),
        skips: false,
        zero_skipped: false,
        streams: false,
    };
}

/// A step of all rows for some blocks of units.
struct Step<'a, 'b, P> {
    rows: &'a Rows<'b>,
    step: usize,
    blocks: Range<usize>,
    plan: PhantomData<P>,
}

impl<P: Plan> Kernel for Step<'_, '_, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (rows, sizes, count) = (self.rows, self.rows.sizes, self.rows.rows);
        let mut places = [Row::NOWHERE; MOST_ROWS];
        let places = &mut places[..count];
        for (row, place) in places.iter_mut().enumerate() {
            *place = rows.row::<P>(row, self.step);
        }
        let tiles = count.div_ceil(max_rows::<S>());
        let len = block_len::<P>(sizes);
        assert_eq!(rows.packed.len(), blocks::<P>(sizes) * len);
        for block in self.blocks {
            let packed = &rows.packed[block * len..][..len];
            let mut first = 0;
            for tile in 0..tiles {
                // As even as can be: a tile of few rows loads more for each product.
                let taken = (count - first).div_ceil(tiles - tile);
                let tile = Tile::<P> {
                    rows: &places[first..first + taken],
                    packed: packed.as_ptr(),
                    sizes,
                    unit: block * P::UNITS,
                    plan: PhantomData,
                };
                // SAFETY: `run` has seen that there are numbers for all rows; `packed` is a block. This thread alone works on
                // these units of the rows, and no tile writes what another of the step reads.
                unsafe { tile.run(s) };
                first += taken;
            }
        }
        if rows.streams {
            s.end_stream();
        }
    }
}
