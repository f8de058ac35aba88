//! Matrix products: `C = relu(beta * C + op(A) * op(B) + bias)`.
//!
//! The design follows Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication, 2008: a tile of C in
//! registers (`tile`), and a strip of B, one block of k long, that stays in the second cache while all rows of A pass by.
//! At the sizes of small networks copying costs more than it saves, so A is read in place until it is large and used for
//! many columns; then it is packed once, for all pieces of work. A B that several pieces share is packed once too, any other
//! strip by strip where it is used (by the first tile of the strip, if B is stored as it is), and never goes to memory
//! again. A B that serves many products may be packed beforehand ([`PackedB`]).
//!
//! The bits of C depend on the shape and the numbers alone: each element is summed over k in order, in blocks whose length
//! depends on k, by one thread; only products with few outputs and a long k are cut along k, into parts fixed by the shape
//! whose sums are added in order. Threads, instruction set and packing change nothing.

mod block;
mod pack;
mod row_map;
mod tile;
mod transpose;

pub(crate) use block::{Block, BlockA, BlockB};
pub use pack::{PackedB, pack_b};
pub(crate) use pack::{pack_panel, pack_strip};
pub(crate) use row_map::RowMap;
pub(crate) use tile::Segment;

use crate::kernels::scratch::with_scratch;
use crate::parallel;
use crate::real::Real;
use block::PANEL_ROWS;
use transpose::transpose;

/// Columns in a vector of 64 bytes.
pub(crate) const fn width<F>() -> usize {
    64 / size_of::<F>()
}

/// Longest run of k in one pass over C: a strip of B and some blocks of A stay in the second cache.
const MAX_DEPTH: usize = 512;
/// Work (multiplications) below which a product stays on one thread: some 5 us.
const SERIAL_WORK: usize = 1 << 19;
/// Work of one piece at least.
const CHUNK_WORK: usize = 1 << 20;
/// Multiplications that take as long as reading a number of B from the second or third cache.
const READING: usize = 16;
/// Pieces at most.
const MAX_CHUNKS: usize = 64;
/// Rows of a piece are a multiple of this, so that all but the last tile are full.
const ROW_STEP: usize = 24;
/// Columns of a piece are a multiple of this, and of a strip of B this many: four vectors of `f32`.
const COLUMN_STEP: usize = 64;
const _: () = assert!(COLUMN_STEP == block::STRIP_VECTORS * width::<f32>());
/// Rows below which B is read where it is: copying it would cost more than it saves.
const MIN_ROWS_TO_PACK_B: usize = 48;
/// Elements of B up to which it is packed whole, by all threads, before the product.
const MAX_ELEMENTS_TO_PACK_B_WHOLE: usize = 1 << 18;
/// Rows of a piece at least where pieces pack their own strips of B.
const MIN_ROWS_FOR_A_STRIP: usize = 192;
/// Elements of A from which packing it can pay.
const MIN_ELEMENTS_TO_PACK_A: usize = 1 << 15;
/// Elements of A that are packed at a time.
const MAX_ELEMENTS_OF_PACKED_A: usize = 1 << 21;

/// The sizes of a product and which operands are stored transposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gemm {
    /// Rows of C.
    pub m: usize,
    /// Columns of C.
    pub n: usize,
    /// Length of the sums.
    pub k: usize,
    /// A is stored k x m instead of m x k.
    pub trans_a: bool,
    /// B is stored n x k instead of k x n. Of no meaning for a packed B.
    pub trans_b: bool,
}

impl Gemm {
    /// `A * B`, both stored as they are.
    pub fn nn(m: usize, n: usize, k: usize) -> Self {
        Self {
            m,
            n,
            k,
            trans_a: false,
            trans_b: false,
        }
    }
    /// `A * B^T`: B is stored n x k.
    pub fn nt(m: usize, n: usize, k: usize) -> Self {
        Self {
            trans_b: true,
            ..Self::nn(m, n, k)
        }
    }
    /// `A^T * B`: A is stored k x m.
    pub fn tn(m: usize, n: usize, k: usize) -> Self {
        Self {
            trans_a: true,
            ..Self::nn(m, n, k)
        }
    }
    /// `A^T * B^T`.
    pub fn tt(m: usize, n: usize, k: usize) -> Self {
        Self {
            trans_a: true,
            trans_b: true,
            ..Self::nn(m, n, k)
        }
    }

    /// Parts that k is cut into: one unless the outputs alone are too few to share out.
    fn parts(&self) -> usize {
        let outputs = self.m.div_ceil(ROW_STEP) * self.n.div_ceil(COLUMN_STEP);
        if outputs > 4 || self.work() < 4 * CHUNK_WORK {
            return 1;
        }
        (self.k / 1024).clamp(1, 16)
    }

    /// Whether B is packed whole before the product. Else each piece packs the strips that it needs right before their use,
    /// so that no thread waits for another, nor reads what another packed.
    fn packs_b_whole(&self) -> bool {
        let is_small = self.k.saturating_mul(self.n) <= MAX_ELEMENTS_TO_PACK_B_WHOLE;
        let is_shared = self.m >= 2 * MIN_ROWS_FOR_A_STRIP
            || self.n.div_ceil(COLUMN_STEP) < parallel::num_threads();
        self.parts() > 1 || (is_small && is_shared)
    }

    fn work(&self) -> usize {
        self.m.saturating_mul(self.n).saturating_mul(self.k)
    }

    /// [`Gemm::work`] in time: with few rows it takes as long to read B.
    fn effort(&self) -> usize {
        let rows = self.m.max(READING);
        Self { m: rows, ..*self }.work()
    }

    /// Whether A, with rows `ld` apart, is packed: not if it is stored as it is, because tiles find its rows as fast in place.
    /// Transposed, copying a number costs as much as using it for some 20 columns, and tiles are faster for it by a
    /// twentieth, or by much more where k steps over rows that share a place in the cache.
    fn packs_a<F>(&self, ld: usize) -> bool {
        let clashes = (ld * size_of::<F>()).is_multiple_of(1024);
        let strips = self.n / COLUMN_STEP;
        self.trans_a
            && self.m.saturating_mul(self.k) >= MIN_ELEMENTS_TO_PACK_A
            && strips >= if clashes { 2 } else { 4 }
    }
}

/// Whether `C = A^T * B` is better computed as the transpose of `B^T * A`: the first of the two is packed, and the other
/// read in strips, so the smaller one had better come first.
fn is_better_turned<F: Real>(shape: Gemm, ld: usize, beta: F) -> bool {
    !shape.trans_b && shape.packs_a::<F>(ld) && shape.m >= 2 * shape.n && beta == F::ZERO
}

/// A matrix in row-major order; row `i` begins at `i * ld`.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a, F> {
    /// The numbers.
    pub values: &'a [F],
    /// From one row to the next.
    pub ld: usize,
}

impl<'a, F> Matrix<'a, F> {
    /// A matrix whose rows are `ld` apart.
    pub fn new(values: &'a [F], ld: usize) -> Self {
        Self { values, ld }
    }

    fn check(&self, rows: usize, columns: usize, name: &str) {
        assert!(
            fits(self.values.len(), self.ld, rows, columns),
            "{name} of {rows} x {columns} with rows {} apart in {} elements",
            self.ld,
            self.values.len()
        );
    }
}

/// [`Matrix`] to be written to.
#[derive(Debug)]
pub struct MatrixMut<'a, F> {
    /// The numbers.
    pub values: &'a mut [F],
    /// From one row to the next.
    pub ld: usize,
}

impl<'a, F> MatrixMut<'a, F> {
    /// A matrix whose rows are `ld` apart.
    pub fn new(values: &'a mut [F], ld: usize) -> Self {
        Self { values, ld }
    }
}

fn fits(len: usize, ld: usize, rows: usize, columns: usize) -> bool {
    rows == 0 || columns == 0 || (ld >= columns && (rows - 1) * ld + columns <= len)
}

/// B of a product.
#[derive(Debug, Clone, Copy)]
pub enum Operand<'a, F> {
    /// As stored.
    Plain(Matrix<'a, F>),
    /// Packed beforehand.
    Packed(PackedB<'a, F>),
}

/// What is done to C while it is still in registers: `relu(... + bias)`.
#[derive(Debug, Clone, Copy)]
pub struct Epilogue<'a, F> {
    /// One number for each column, to be added.
    pub bias: Option<&'a [F]>,
    /// Whether negative results become 0.
    pub relu: bool,
}

impl<F> Epilogue<'_, F> {
    fn is_nothing(&self) -> bool {
        self.bias.is_none() && !self.relu
    }
}

impl<F> Default for Epilogue<'_, F> {
    fn default() -> Self {
        Self {
            bias: None,
            relu: false,
        }
    }
}

/// `C = relu(beta * C + op(A) * op(B) + bias)`. C is not read where `beta` is 0.
///
/// Inside the pool ([`parallel::install`]) it spreads over the threads.
///
/// ```
/// use lamina::kernels::gemm::{gemm, Epilogue, Gemm, Matrix, MatrixMut, Operand};
/// let (a, b, mut c) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0], [0.0; 2]);
/// let bias = Epilogue { bias: Some(&[0.5]), relu: false };
/// let b = Operand::Plain(Matrix::new(&b, 1));
/// gemm(Gemm::nn(2, 1, 2), Matrix::new(&a, 2), b, 0.0, MatrixMut::new(&mut c, 1), bias);
/// assert_eq!(c, [17.5, 39.5]);
/// ```
///
/// # Panics
/// If an operand is too short for its sizes, or a packed B has other sizes.
pub fn gemm<F: Real>(
    shape: Gemm,
    a: Matrix<'_, F>,
    b: Operand<'_, F>,
    beta: F,
    c: MatrixMut<'_, F>,
    epilogue: Epilogue<'_, F>,
) {
    let Gemm { m, n, k, .. } = shape;
    let (rows, columns) = if shape.trans_a { (k, m) } else { (m, k) };
    a.check(rows, columns, "A");
    Matrix::new(&*c.values, c.ld).check(m, n, "C");
    match b {
        Operand::Plain(b) if shape.trans_b => b.check(n, k, "B"),
        Operand::Plain(b) => b.check(k, n, "B"),
        Operand::Packed(b) => assert_eq!((b.k, b.n), (k, n), "the sizes of the packed B"),
    }
    if let Some(bias) = epilogue.bias {
        assert!(bias.len() >= n, "a bias of {} for {n} columns", bias.len());
    }
    if m == 0 || n == 0 {
        return;
    }
    if let Operand::Plain(b) = b
        && is_better_turned(shape, a.ld, beta)
        && c.ld == n
        && epilogue.is_nothing()
    {
        return with_scratch(m * n, |turned| {
            let (a, to) = (Operand::Plain(a), MatrixMut::new(turned, m));
            gemm(Gemm::tn(n, m, k), b, a, beta, to, epilogue);
            transpose(Matrix::new(turned, m), n, &mut c.values[..m * n]);
        });
    }
    let c = Output {
        first: c.values.as_mut_ptr(),
        ld: c.ld,
        beta,
        epilogue,
    };
    match b {
        Operand::Packed(b) => split_k(shape, a, Right::packed(b.values, shape), c),
        Operand::Plain(b) if !shape.trans_b && m < MIN_ROWS_TO_PACK_B => {
            // Whole vectors of B are read in place; a last, partial one is packed.
            let whole = n / width::<F>() * width::<F>();
            let tail = if whole < n { width::<F>() * k } else { 0 };
            with_scratch(tail, |packed| {
                if whole < n {
                    pack::pack_panel(b, false, whole, n, packed);
                }
                let strip = BlockB {
                    first: b.values.as_ptr(),
                    step: b.ld,
                    next: width::<F>(),
                };
                let b = Right::Ready {
                    strip,
                    whole,
                    tail: packed.as_ptr(),
                };
                split_k(shape, a, b, c);
            });
        }
        Operand::Plain(b) if shape.packs_b_whole() => {
            with_scratch(PackedB::<F>::len(k, n), |packed| {
                let b = pack_b(k, n, b, shape.trans_b, packed);
                split_k(shape, a, Right::packed(b.values, shape), c);
            });
        }
        Operand::Plain(b) => split_k(shape, a, Right::Plain(b), c),
    }
}

/// B as the pieces of work find it.
#[derive(Clone, Copy)]
enum Right<'a, F> {
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
    fn packed(packed: &[F], shape: Gemm) -> Self {
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
struct Output<'a, F> {
    first: *mut F,
    ld: usize,
    beta: F,
    epilogue: Epilogue<'a, F>,
}

// SAFETY: pieces of work read B and write disjoint blocks of C while `gemm` holds the slices both come from.
unsafe impl<F: Send + Sync> Sync for Right<'_, F> {}
// SAFETY: as above; packed panels of A are only read, and outlive the pieces.
unsafe impl<F: Send + Sync> Sync for Left<'_, F> {}
// SAFETY: as above.
unsafe impl<F: Send + Sync> Sync for Output<'_, F> {}

/// Cuts k into parts where that is worth it, and adds their sums in order.
fn split_k<F: Real>(shape: Gemm, a: Matrix<'_, F>, b: Right<'_, F>, c: Output<'_, F>) {
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

#[cfg(test)]
mod tests;
