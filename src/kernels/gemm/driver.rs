//! How a product is shared out: parts of k, packed rows of A, pieces of C.

use super::block::{self, Block, BlockA, BlockB, PANEL_ROWS};
use super::pack::{self, pack_strip};
use super::row_map::RowMap;
use super::{
    CHUNK_WORK, COLUMN_STEP, Epilogue, Gemm, MIN_ROWS_FOR_A_STRIP, Matrix, ROW_STEP, width,
};
use crate::kernels::scratch::with_scratch;
use crate::parallel;
use crate::real::Real;

/// Longest run of k in one pass over C: a strip of B and some blocks of A stay in the second cache.
const MAX_DEPTH: usize = 512;
/// Work (multiplications) below which a product stays on one thread: some 5 us.
const SERIAL_WORK: usize = 1 << 19;
/// Pieces at most.
const MAX_CHUNKS: usize = 64;
/// Elements of A that are packed at a time.
const MAX_ELEMENTS_OF_PACKED_A: usize = 1 << 21;

/// B as the pieces of work find it.
#[derive(Clone, Copy)]
pub(super) enum Right<'a, F> {
    /// `whole` columns to be read in strips, and the others in a packed panel.
    Ready {
        strip: BlockB<F>,
        whole: usize,
        tail: *const F,
    },
    /// As stored: each piece packs the strips it needs.
    Plain(Matrix<'a, F>),
}

impl<F: Real> Right<'_, F> {
    pub(super) fn packed(packed: &[F], shape: Gemm) -> Self {
        let strip = BlockB {
            first: packed.as_ptr(),
            step: width::<F>(),
            next: shape.k * width::<F>(),
        };
        Self::Ready {
            strip,
            whole: shape.n,
            tail: packed.as_ptr(),
        }
    }
}

/// A as the pieces of work find it.
#[derive(Clone, Copy)]
enum Left<'a, F> {
    /// As stored.
    Plain(Matrix<'a, F>),
    /// Rows from the second number on, in panels that [`pack::pack_a`] made.
    Packed(*const F, usize),
}

/// C and what is done to it.
#[derive(Clone, Copy)]
pub(super) struct Output<'a, F> {
    pub first: *mut F,
    pub ld: usize,
    pub beta: F,
    pub epilogue: Epilogue<'a, F>,
}

// SAFETY: pieces of work read B and write disjoint blocks of C while `gemm` holds the slices both come from.
unsafe impl<F: Send + Sync> Sync for Right<'_, F> {}
// SAFETY: as above; packed panels of A are only read, and outlive the pieces.
unsafe impl<F: Send + Sync> Sync for Left<'_, F> {}
// SAFETY: as above.
unsafe impl<F: Send + Sync> Sync for Output<'_, F> {}

/// Cuts k into parts where that is worth it, and adds their sums in order.
pub(super) fn split_k<F: Real>(shape: Gemm, a: Matrix<'_, F>, b: Right<'_, F>, c: Output<'_, F>) {
    let Gemm { m, n, k, .. } = shape;
    let parts = shape.parts();
    if parts == 1 {
        return pack_rows(shape, a, &b, &c);
    }
    let a = Left::Plain(a);
    let depth = k.div_ceil(parts);
    let plain = Epilogue::default();
    with_scratch(parts * m * n, |partials: &mut [F]| {
        parallel::for_each_chunk_mut(partials, m * n, |part, partial| {
            let range = (part * depth).min(k)..((part + 1) * depth).min(k);
            let c = Output {
                first: partial.as_mut_ptr(),
                ld: n,
                beta: F::ZERO,
                epilogue: plain,
            };
            // SAFETY: the partial sums are ours alone; A and B were checked by `gemm`.
            unsafe {
                piece(
                    shape,
                    &a,
                    &b,
                    &c,
                    (0, m),
                    (0, n),
                    (range.start, range.len()),
                )
            };
        });
        for i in 0..m {
            // SAFETY: row i of C has n numbers, and `gemm` holds C exclusively.
            let row = unsafe { std::slice::from_raw_parts_mut(c.first.add(i * c.ld), n) };
            for (j, to) in row.iter_mut().enumerate() {
                let at = i * n + j;
                let sum =
                    (1..parts).fold(partials[at], |sum, part| sum + partials[part * m * n + at]);
                *to = finish(&c, j, sum, *to);
            }
        }
    });
}

/// One number of C, as tiles do it.
fn finish<F: Real>(c: &Output<'_, F>, column: usize, sum: F, old: F) -> F {
    let mut x = sum;
    if c.beta != F::ZERO {
        x += c.beta * old;
    }
    if let Some(bias) = c.epilogue.bias {
        x += bias[column];
    }
    if c.epilogue.relu {
        F::ZERO.maximum(x)
    } else {
        x
    }
}

/// Packs A where that is worth it, some rows at a time, so that the memory for it is bounded.
fn pack_rows<F: Real>(shape: Gemm, a: Matrix<'_, F>, b: &Right<'_, F>, c: &Output<'_, F>) {
    let Gemm { m, k, .. } = shape;
    if !shape.packs_a::<F>(a.ld) {
        return spread(shape, &Left::Plain(a), b, c, (0, m));
    }
    let most = (MAX_ELEMENTS_OF_PACKED_A / k).next_multiple_of(4 * ROW_STEP);
    let most = m.div_ceil(m.div_ceil(most)).next_multiple_of(ROW_STEP);
    with_scratch(most.min(m) * k, |packed| {
        for row in (0..m).step_by(most) {
            let rows = most.min(m - row);
            let packed = &mut packed[..rows * k];
            pack::pack_a(a, (row, rows), k, packed);
            let a = Left::Packed(packed.as_ptr(), row);
            spread(shape, &a, b, c, (row, rows));
        }
    });
}

/// Cuts rows of C (start and number) into pieces for the threads.
fn spread<F: Real>(
    shape: Gemm,
    a: &Left<'_, F>,
    b: &Right<'_, F>,
    c: &Output<'_, F>,
    (first, m): (usize, usize),
) {
    let Gemm { n, k, .. } = shape;
    let wanted = match (Gemm { m, ..shape }).effort() {
        ..SERIAL_WORK => 1,
        work => (work / CHUNK_WORK).clamp(2, MAX_CHUNKS),
    };
    let least = match b {
        Right::Ready { .. } => ROW_STEP,
        // Columns are cut first, because every piece of rows packs the strips of B anew.
        Right::Plain(_) => (m * n.div_ceil(COLUMN_STEP) / wanted).max(MIN_ROWS_FOR_A_STRIP),
    };
    let rows = m
        .div_ceil(wanted)
        .max(least)
        .next_multiple_of(ROW_STEP)
        .min(m);
    let row_pieces = m.div_ceil(rows);
    let columns = n
        .div_ceil(wanted.div_ceil(row_pieces))
        .next_multiple_of(COLUMN_STEP)
        .min(n);
    let column_pieces = n.div_ceil(columns);
    parallel::for_each_chunk(row_pieces * column_pieces, 1, |piece_range| {
        // Neighbouring pieces, which one thread takes, share the larger operand.
        let (i, j) = if m > n {
            (
                piece_range.start / column_pieces,
                piece_range.start % column_pieces,
            )
        } else {
            (
                piece_range.start % row_pieces,
                piece_range.start / row_pieces,
            )
        };
        let row_range = (first + i * rows, rows.min(m - i * rows));
        let column_range = (j * columns, columns.min(n - j * columns));
        // SAFETY: the pieces of C are disjoint; the operands were checked by `gemm`.
        unsafe { piece(shape, a, b, c, row_range, column_range, (0, k)) };
    });
}

/// One piece of C (ranges as start and length) on this thread.
///
/// # Safety
/// The ranges lie within the shape, the operands hold it, and nobody else uses that piece of C. Rows of a packed A begin at
/// a whole panel.
unsafe fn piece<F: Real>(
    shape: Gemm,
    a: &Left<'_, F>,
    b: &Right<'_, F>,
    c: &Output<'_, F>,
    (row, rows): (usize, usize),
    (column, columns): (usize, usize),
    (start, k): (usize, usize),
) {
    debug_assert!(row + rows <= shape.m && column + columns <= shape.n && start + k <= shape.k);
    let depth = block_depth(k);
    let mut done = 0;
    loop {
        let from = start + done;
        let len = depth.min(k - done);
        done += len;
        let a = match *a {
            Left::Packed(first, first_row) => {
                debug_assert!((row - first_row).is_multiple_of(block::PANEL_ROWS));
                // A panel of fewer rows comes last, with fewer numbers for each k.
                BlockA::Panels {
                    first: first.wrapping_add((row - first_row) * shape.k),
                    next: block::PANEL_ROWS * shape.k,
                    from,
                }
            }
            Left::Plain(a) if shape.trans_a => BlockA::Columns {
                first: a.values.as_ptr().wrapping_add(from * a.ld + row),
                step: a.ld,
            },
            Left::Plain(a) => BlockA::Rows {
                first: a.values.as_ptr().wrapping_add(row * a.ld + from),
                map: RowMap::strided(a.ld),
            },
        };
        let is_last = done == k;
        let bias = c.epilogue.bias.filter(|_| is_last);
        let segments = [[0, len]];
        let block = |first: usize, columns: usize, b: BlockB<F>| Block {
            rows,
            columns,
            segments: &segments,
            a,
            b,
            c: c.first.wrapping_add(row * c.ld + first),
            ldc: c.ld,
            beta: if from == start { c.beta } else { F::ONE },
            bias: bias.map(|bias| bias.as_ptr().wrapping_add(first)),
            relu: is_last && c.epilogue.relu,
        };
        let run = |first: usize, columns: usize, b: BlockB<F>| {
            // SAFETY: the caller vouches for the operands.
            unsafe { block(first, columns, b).run() };
        };
        match *b {
            Right::Ready { strip, whole, tail } => {
                let whole = whole.clamp(column, column + columns) - column;
                let first = column / width::<F>() * strip.next + from * strip.step;
                let strip = BlockB {
                    first: strip.first.wrapping_add(first),
                    ..strip
                };
                run(column, whole, strip);
                let tail = BlockB {
                    first: tail.wrapping_add(from * width::<F>()),
                    step: width::<F>(),
                    next: 0,
                };
                run(column + whole, columns - whole, tail);
            }
            Right::Plain(b) => with_scratch(COLUMN_STEP * len, |room| {
                let first = if shape.trans_b { from } else { from * b.ld };
                let b = Matrix::new(&b.values[first..], b.ld);
                let whole = columns - columns % width::<F>();
                let mut done = 0;
                if !shape.trans_b && rows >= PANEL_ROWS && whole > 0 {
                    let strip = BlockB {
                        first: b.values.as_ptr().wrapping_add(column),
                        step: b.ld,
                        next: width::<F>(),
                    };
                    // SAFETY: the caller vouches for the operands; the room holds a strip.
                    unsafe { block(column, whole, strip).run_packing(room.as_mut_ptr()) };
                    done = whole;
                }
                for first in (column + done..column + columns).step_by(COLUMN_STEP) {
                    let taken = COLUMN_STEP.min(column + columns - first);
                    let strip = &mut room[..taken.next_multiple_of(width::<F>()) * len];
                    pack_strip(b, shape.trans_b, (first, taken), len, strip);
                    let strip = BlockB {
                        first: strip.as_ptr(),
                        step: width::<F>(),
                        next: len * width::<F>(),
                    };
                    run(first, taken, strip);
                }
            }),
        }
        if is_last {
            break;
        }
    }
}

/// The length of the blocks that k is cut into: equal ones, none above [`MAX_DEPTH`].
fn block_depth(k: usize) -> usize {
    k.div_ceil(k.div_ceil(MAX_DEPTH).max(1))
}
