//! Products of few rows: B is read where it is, some of its rows at a time and in long runs, as the caches give it fastest.
//!
//! The sums of a run wait in the first cache meanwhile. Each adds its products in the order of k, as in a tile, so its bits
//! are the same.

use std::mem::MaybeUninit;

use super::Block;
use super::block::{BlockA, MAX_FEW_ROWS};
use crate::kernels::simd::{Kernel, Lanes, Simd};
use crate::real::Real;

/// Vectors in a run: two rows of sums and eight rows of B take 20 KB of the first cache.
const RUN: usize = 32;

/// Rows of B that are added to a sum while it is in a register.
const TOGETHER: usize = 8;

/// A block of no more than [`MAX_FEW_ROWS`] rows, with rows of B in one piece.
pub(super) struct FewRows<'a, F>(pub Block<'a, F>);

impl Kernel for FewRows<'_, f32> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: vouched for by the caller of `Block::run`, which alone runs it.
        unsafe { multiply::<f32, S>(s, &self.0) }
    }
}

impl Kernel for FewRows<'_, f64> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: vouched for by the caller of `Block::run`, which alone runs it.
        unsafe { multiply::<f64, S>(s, &self.0) }
    }
}

/// # Safety
/// As [`Block::run`].
#[inline(always)]
unsafe fn multiply<F: Real, S: Lanes<F>>(s: S, block: &Block<'_, F>) {
    debug_assert!(block.rows <= MAX_FEW_ROWS && block.b.next == S::WIDTH);
    let vectors = block.columns.div_ceil(S::WIDTH);
    for first in (0..vectors).step_by(RUN) {
        let run = (first, RUN.min(vectors - first));
        let mut row = 0;
        while row < block.rows {
            // SAFETY: as the caller vouches; rows and run lie within the block.
            row += unsafe {
                match block.rows - row {
                    2.. => rows::<F, S, 2>(s, block, row, run),
                    _ => rows::<F, S, 1>(s, block, row, run),
                }
            };
        }
    }
}

/// `ROWS` rows of C from `row` on, in a run of vectors (the first, and how many); tells the number of rows.
///
/// # Safety
/// As [`Block::run`]; rows and run are those of the block.
#[inline(always)]
unsafe fn rows<F: Real, S: Lanes<F>, const ROWS: usize>(
    s: S,
    block: &Block<'_, F>,
    row: usize,
    (first, vectors): (usize, usize),
) -> usize {
    let mut sums = [[const { MaybeUninit::uninit() }; RUN]; ROWS];
    for row in &mut sums {
        for sum in &mut row[..vectors] {
            sum.write(s.fill(F::ZERO));
        }
    }
    let (starts, a_step) = starts::<F, ROWS>(block, row);
    let mut b = block.b.first.wrapping_add(first * S::WIDTH);
    for &[start, len] in block.segments {
        let mut p = 0;
        while p < len {
            let mut a = starts;
            for a in &mut a {
                *a = a.wrapping_add((start + p) * a_step);
            }
            let sums = Sums {
                first: sums.as_mut_ptr().cast(),
                vectors,
            };
            let (a, from) = ((a, a_step), (b, block.b.step));
            // SAFETY: as many sums as there are vectors were written; the caller vouches for the operands.
            let taken = unsafe {
                if len - p >= TOGETHER {
                    add::<F, S, ROWS, TOGETHER>(s, sums, a, from)
                } else {
                    add::<F, S, ROWS, 1>(s, sums, a, from)
                }
            };
            b = b.wrapping_add(taken * block.b.step);
            p += taken;
        }
    }
    for (i, sums) in sums.iter().enumerate() {
        let columns = block.columns - first * S::WIDTH;
        for (v, sum) in sums[..vectors].iter().enumerate() {
            let lanes = S::WIDTH.min(columns - v * S::WIDTH);
            let column = (first + v) * S::WIDTH;
            // SAFETY: the sum was written; the caller vouches for C and the bias, which have the columns.
            unsafe { finish(s, block, (row + i, column), lanes, sum.assume_init()) };
        }
    }
    ROWS
}

/// Where `ROWS` rows of A from `row` on begin, and the way from one k to the next.
#[inline(always)]
fn starts<F, const ROWS: usize>(block: &Block<'_, F>, row: usize) -> ([*const F; ROWS], usize) {
    let side_by_side = |first: *const F| std::array::from_fn(|i| first.wrapping_add(row + i));
    match block.a {
        BlockA::Rows { first, map } => (map.starts(first, row), 1),
        BlockA::Columns { first, step } => (side_by_side(first), step),
        // All rows are in one panel.
        BlockA::Panels { first, from, .. } => {
            let step = block.rows;
            (side_by_side(first.wrapping_add(from * step)), step)
        }
    }
}

/// Sums of some rows, [`RUN`] apart, of which the first `vectors` count.
#[derive(Clone, Copy)]
struct Sums<V> {
    first: *mut V,
    vectors: usize,
}

/// Adds the products of `TOGETHER` places of k, and tells how many those are. Both operands come with the way from one k to
/// the next.
///
/// # Safety
/// There are so many sums; A and B have the places.
#[inline(always)]
#[expect(clippy::needless_range_loop)] // adapters may be left as calls, with every vector going through memory
unsafe fn add<F: Real, S: Lanes<F>, const ROWS: usize, const TOGETHER: usize>(
    s: S,
    sums: Sums<S::V>,
    (a, a_step): ([*const F; ROWS], usize),
    (b, b_step): (*const F, usize),
) -> usize {
    debug_assert!(sums.vectors <= RUN);
    for i in 0..ROWS {
        let mut factors = [s.fill(F::ZERO); TOGETHER];
        for t in 0..TOGETHER {
            // SAFETY: as the caller vouches.
            factors[t] = s.fill(unsafe { *a[i].add(t * a_step) });
        }
        for v in 0..sums.vectors {
            // SAFETY: as the caller vouches.
            unsafe {
                let place = sums.first.add(i * RUN + v);
                let mut sum = *place;
                for t in 0..TOGETHER {
                    let row = s.read(b.add(t * b_step + v * S::WIDTH));
                    sum = s.times_plus(factors[t], row, sum);
                }
                *place = sum;
            }
        }
    }
    TOGETHER
}

/// Writes a sum of some lanes to C: `c = relu(beta * c + sum + bias)`.
///
/// # Safety
/// C and the bias have the lanes from (row, column) on.
#[inline(always)]
unsafe fn finish<F: Real, S: Lanes<F>>(
    s: S,
    block: &Block<'_, F>,
    (row, column): (usize, usize),
    lanes: usize,
    mut sum: S::V,
) {
    let c = block.c.wrapping_add(row * block.ldc + column);
    // SAFETY: as the caller vouches.
    unsafe {
        if block.beta != F::ZERO {
            sum = s.times_plus(s.fill(block.beta), s.read_first(c, lanes), sum);
        }
        if let Some(bias) = block.bias {
            sum = s.plus(sum, s.read_first(bias.wrapping_add(column), lanes));
        }
        if block.relu {
            sum = s.larger(s.fill(F::ZERO), sum);
        }
        s.write_first(c, lanes, sum);
    }
}
