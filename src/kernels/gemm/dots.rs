//! Products of few columns, which would fill a part of a vector only: vectors lie along k instead.
//!
//! Each element has a sum for each lane, of every segment the places `lane`, `lane + WIDTH` and so on; those are folded at the
//! end. So its bits depend neither on the tile nor on the instruction set.

use super::Block;
use super::block::{BlockA, PANEL_ROWS, is_wide};
use crate::kernels::simd::{Kernel, Lanes, Simd};
use crate::real::Real;

/// A block whose columns of B lie along k, `next` from one to the next.
pub(super) struct Dots<'a, F>(pub Block<'a, F>);

impl Kernel for Dots<'_, f32> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: vouched for by the caller of `Block::run_dots`, which alone runs it.
        unsafe { multiply::<f32, S>(s, &self.0, const { is_wide(S::ISA) }) }
    }
}

impl Kernel for Dots<'_, f64> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: vouched for by the caller of `Block::run_dots`, which alone runs it.
        unsafe { multiply::<f64, S>(s, &self.0, const { is_wide(S::ISA) }) }
    }
}

/// # Safety
/// As [`Block::run_dots`].
#[inline(always)]
unsafe fn multiply<F: Real, S: Lanes<F>>(s: S, block: &Block<'_, F>, is_wide: bool) {
    let BlockA::Rows { first, map } = block.a else {
        unreachable!("rows of A that lie along k")
    };
    for row in (0..block.rows).step_by(PANEL_ROWS) {
        let mut rows: [_; PANEL_ROWS] = map.starts(first, row);
        let taken = PANEL_ROWS.min(block.rows - row);
        for i in taken..PANEL_ROWS {
            rows[i] = rows[0];
        }
        let mut column = 0;
        while column < block.columns {
            // SAFETY: as the caller vouches; the tile lies within the block.
            unsafe {
                if is_wide && column + 1 < block.columns {
                    tile::<F, S, 2>(s, block, &rows, (row, taken), column);
                    column += 2;
                } else {
                    tile::<F, S, 1>(s, block, &rows, (row, taken), column);
                    column += 1;
                }
            }
        }
    }
}

/// The dots of a few rows, of which the first `taken` count, by some columns.
///
/// # Safety
/// As [`Block::run_dots`]; rows and columns are those of the block.
#[inline(always)]
#[expect(clippy::needless_range_loop)]
unsafe fn tile<F: Real, S: Lanes<F>, const COLUMNS: usize>(
    s: S,
    block: &Block<'_, F>,
    rows: &[*const F; PANEL_ROWS],
    (row, taken): (usize, usize),
    column: usize,
) {
    let mut sums = [[s.fill(F::ZERO); COLUMNS]; PANEL_ROWS];
    let mut b = block.b.first.wrapping_add(column * block.b.next);
    for &[start, len] in block.segments {
        let whole = len / S::WIDTH * S::WIDTH;
        for p in (0..whole).step_by(S::WIDTH) {
            let mut columns = [s.fill(F::ZERO); COLUMNS];
            for j in 0..COLUMNS {
                // SAFETY: p is within the segment, and the caller vouches for the operands.
                columns[j] = unsafe { s.read(b.add(j * block.b.next + p)) };
            }
            for i in 0..PANEL_ROWS {
                // SAFETY: as above.
                let a = unsafe { s.read(rows[i].add(start + p)) };
                for j in 0..COLUMNS {
                    sums[i][j] = s.times_plus(a, columns[j], sums[i][j]);
                }
            }
        }
        if whole < len {
            let mut columns = [s.fill(F::ZERO); COLUMNS];
            for j in 0..COLUMNS {
                // SAFETY: as above.
                columns[j] = unsafe { s.read_first(b.add(j * block.b.next + whole), len - whole) };
            }
            for i in 0..PANEL_ROWS {
                // SAFETY: as above.
                let a = unsafe { s.read_first(rows[i].add(start + whole), len - whole) };
                for j in 0..COLUMNS {
                    sums[i][j] = s.times_plus(a, columns[j], sums[i][j]);
                }
            }
        }
        b = b.wrapping_add(len);
    }
    for i in 0..PANEL_ROWS {
        for j in 0..COLUMNS {
            let sum = s.total(sums[i][j]);
            if i < taken {
                // SAFETY: C has the element, the bias the column.
                unsafe { finish(block, (row + i, column + j), sum) };
            }
        }
    }
}

/// `c = relu(beta * c + sum + bias)`
///
/// # Safety
/// The element is one of the block's.
#[inline(always)]
unsafe fn finish<F: Real>(block: &Block<'_, F>, (row, column): (usize, usize), mut sum: F) {
    let c = block.c.wrapping_add(row * block.ldc + column);
    // SAFETY: as the caller vouches.
    unsafe {
        if block.beta != F::ZERO {
            sum += block.beta * *c;
        }
        if let Some(bias) = block.bias {
            sum += *bias.add(column);
        }
        *c = if block.relu && sum < F::ZERO {
            F::ZERO
        } else {
            sum
        };
    }
}
