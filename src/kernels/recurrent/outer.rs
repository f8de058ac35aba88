//! Sums of outer products over very many rows, `C = beta * C + A^T B`: what gradients by weights are.
//!
//! C is small and the sums are long, so both operands pass by in blocks of [`DEPTH`] rows: those of A lie in panels from
//! the start ([`fill`]), those of B are laid in panels strip by strip, which gives their column sums by the way. A strip
//! of B then serves all panels of all left factors from the first cache, and a block of A all strips from the second.

use crate::kernels::gemm::{Block, BlockA, BlockB, Matrix, width};
use crate::kernels::scratch::with_scratch;
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::parallel;
use crate::real::Real;

/// Rows of a block.
const DEPTH: usize = 128;

/// Columns of a panel of A: panels take as many elements as a matrix with so many columns or a multiple.
pub const PANEL: usize = 16;

/// Numbers of C that are in work together: a block of A, read from memory once for all of them, needs its place too.
const MOST_OF_C: usize = 3 << 16;

/// Columns of a strip of B.
pub(super) const STRIP: usize = 64;

/// Lays the rows that `row` gives (with factors, or none) in panels: `[block][panel][row of the block][16]`.
pub(super) fn fill<'a, F: Real>(
    columns: usize,
    panels: &mut [F],
    row: impl Fn(usize) -> (&'a [F], &'a [F]) + Sync,
) {
    let width = columns.next_multiple_of(PANEL);
    parallel::for_each_chunk_mut(panels, DEPTH * width, |block, panels| {
        let len = panels.len() / width;
        for k in 0..len {
            let (values, factors) = row(block * DEPTH + k);
            for (panel, values) in values.chunks(PANEL).enumerate() {
                let to = &mut panels[(panel * len + k) * PANEL..][..values.len()];
                to.copy_from_slice(values);
                if !factors.is_empty() {
                    let factors = &factors[panel * PANEL..];
                    to.iter_mut()
                        .zip(factors)
                        .for_each(|(to, &factor)| *to *= factor);
                }
            }
        }
    });
}

/// A left factor in panels, and where its products go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left<'a, F> {
    /// As [`fill`] left them.
    panels: &'a [F],
    /// Columns of A, rows of C.
    columns: usize,
    beta: F,
    c: *mut F,
    ldc: usize,
}

// SAFETY: pieces of work write to disjoint columns of C, which `Left::new` borrows exclusively.
unsafe impl<F: Sync> Sync for Left<'_, F> {}

impl<'a, F: Real> Left<'a, F> {
    /// `c` holds the columns that B has, in `columns` rows of `ldc`.
    pub(super) fn new(
        panels: &'a [F],
        columns: usize,
        beta: F,
        c: &'a mut [F],
        ldc: usize,
    ) -> Self {
        Self {
            panels,
            columns,
            beta,
            c: c.as_mut_ptr(),
            ldc,
        }
    }
}

/// Multiplies the left factors with the first `columns` columns of `b` of `rows` rows; gives `sums` the sums of those
/// columns.
///
/// # Safety
/// C of each left factor holds `columns` columns.
pub(super) unsafe fn multiply<F: Real>(
    lefts: &[Option<Left<'_, F>>],
    b: Matrix<'_, F>,
    (rows, columns): (usize, usize),
    sums: &mut [F],
) {
    let strips = columns.div_ceil(STRIP);
    let c_rows: usize = lefts.iter().flatten().map(|left| left.columns).sum();
    // As many as there are for a thread, as long as their C stays in the second cache. The bits do not depend on it.
    let together = strips
        .div_ceil(parallel::num_threads())
        .min(MOST_OF_C / (c_rows * STRIP).max(1))
        .max(1);
    parallel::for_each_chunk_mut(&mut sums[..columns], together * STRIP, |group, sums| {
        sums.fill(F::ZERO);
        with_scratch(DEPTH * STRIP, |packed: &mut [F]| {
            for start in (0..rows).step_by(DEPTH) {
                let len = DEPTH.min(rows - start);
                for (strip, sums) in sums.chunks_mut(STRIP).enumerate() {
                    let first = (group * together + strip) * STRIP;
                    dispatch(Pack {
                        b: Matrix::new(&b.values[start * b.ld + first..], b.ld),
                        len,
                        sums,
                        packed,
                    });
                    for left in lefts.iter().flatten() {
                        // SAFETY: these columns are this piece's alone, and the caller vouches for C.
                        unsafe { block(left, start, len, packed, first, sums.len()) };
                    }
                }
            }
        });
    });
}

/// Adds the products of one block of rows to `columns` columns of C from `first` on.
///
/// # Safety
/// `packed` holds the block's strip, C has those columns, and nobody else uses them.
unsafe fn block<F: Real>(
    left: &Left<'_, F>,
    start: usize,
    len: usize,
    packed: &[F],
    first: usize,
    columns: usize,
) {
    let panels = &left.panels[start * left.columns.next_multiple_of(PANEL)..];
    for (i, panel) in panels
        .chunks_exact(len * PANEL)
        .take(left.columns.div_ceil(PANEL))
        .enumerate()
    {
        let row = i * PANEL;
        let block = Block {
            rows: PANEL.min(left.columns - row),
            columns,
            segments: &[[0, len]],
            a: BlockA::Columns {
                first: panel.as_ptr(),
                step: PANEL,
            },
            b: BlockB {
                first: packed.as_ptr(),
                step: width::<F>(),
                next: len * width::<F>(),
            },
            c: left.c.wrapping_add(row * left.ldc + first),
            ldc: left.ldc,
            beta: if start == 0 { left.beta } else { F::ONE },
            bias: None,
            relu: false,
        };
        // SAFETY: the panel and the strip have `len` rows; the caller vouches for C.
        unsafe { block.run() };
    }
}

/// Lays `len` rows of a strip in vectors of 64 bytes, `[vector][row][width]`, filled up with zeros, and adds them up.
struct Pack<'a, F> {
    b: Matrix<'a, F>,
    len: usize,
    sums: &'a mut [F],
    packed: &'a mut [F],
}

impl<F: Real> Kernel for Pack<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let width = width::<F>();
        let columns = self.sums.len();
        let mut total = [F::ZERO; STRIP];
        for k in 0..self.len {
            let from = &self.b.values[k * self.b.ld..][..columns];
            if let Some(from) = from.first_chunk::<STRIP>() {
                total
                    .iter_mut()
                    .zip(from)
                    .for_each(|(sum, &value)| *sum += value);
                for (vector, from) in from.chunks_exact(width).enumerate() {
                    self.packed[(vector * self.len + k) * width..][..width].copy_from_slice(from);
                }
            } else {
                total
                    .iter_mut()
                    .zip(from)
                    .for_each(|(sum, &value)| *sum += value);
                for (vector, from) in from.chunks(width).enumerate() {
                    let to = &mut self.packed[(vector * self.len + k) * width..][..width];
                    to[..from.len()].copy_from_slice(from);
                    to[from.len()..].fill(F::ZERO);
                }
            }
        }
        self.sums
            .iter_mut()
            .zip(total)
            .for_each(|(sum, total)| *sum += total);
    }
}
