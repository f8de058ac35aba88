//! Matrix products: `C = relu(beta * C + op(A) * op(B) + bias)`.
//!
//! The design follows Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication, 2008: a tile of C in
//! registers (`tile`), strips of B that stay in the first cache, blocks of A that stay in the second. At the sizes of small
//! networks copying costs more than it saves, so A is read in place until it outgrows the cache, and B may be packed once
//! and used many times ([`PackedB`]).
//!
//! The bits of C depend on the shape and the numbers alone: each element is summed over k in order, in blocks whose length
//! depends on k, by one thread; only products with few outputs and a long k are cut along k, into parts fixed by the shape
//! whose sums are added in order. Threads, instruction set and packing change nothing.

mod block;
mod pack;
mod tile;

pub(crate) use block::{Block, BlockA, BlockB, RowMap};
pub(crate) use pack::pack_panel;
pub use pack::{PackedB, pack_b};
pub(crate) use tile::Segment;

use crate::kernels::scratch::with_scratch;
use crate::parallel;
use crate::real::Real;

/// Columns in a vector of 64 bytes.
pub(crate) const fn width<F>() -> usize {
    64 / size_of::<F>()
}

/// Longest run of k in one pass over C: 6 rows of A and a strip of B stay in the caches.
const MAX_DEPTH: usize = 512;
/// Work (multiplications) below which a product stays on one thread: some 5 us.
const SERIAL_WORK: usize = 1 << 19;
/// Work of one piece at least.
const CHUNK_WORK: usize = 1 << 20;
/// Pieces at most.
const MAX_CHUNKS: usize = 64;
/// Rows of a piece are a multiple of this, so that all but the last tile are full.
const ROW_STEP: usize = 24;
/// Columns of a piece are a multiple of this, four vectors of `f32`.
const COLUMN_STEP: usize = 64;
/// Rows below which B is read where it is: copying it would cost more than it saves.
const MIN_ROWS_TO_PACK_B: usize = 96;
/// Elements of A above which it is packed: as much as half of a second-level cache holds.
const MIN_ELEMENTS_TO_PACK_A: usize = 1 << 17;

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

    fn work(&self) -> usize {
        self.m.saturating_mul(self.n).saturating_mul(self.k)
    }
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
    let c = Output {
        first: c.values.as_mut_ptr(),
        ld: c.ld,
        beta,
        epilogue,
    };
    match b {
        Operand::Packed(b) => with_packed_b(shape, a, b.values, c),
        Operand::Plain(b) if shape.trans_b || m >= MIN_ROWS_TO_PACK_B => {
            with_scratch(PackedB::<F>::len(k, n), |packed| {
                let b = pack_b(k, n, b, shape.trans_b, packed);
                with_packed_b(shape, a, b.values, c);
            });
        }
        Operand::Plain(b) => {
            // Whole vectors of B are read in place; a last, partial one is packed.
            let whole = n / width::<F>() * width::<F>();
            let tail = if whole < n { width::<F>() * k } else { 0 };
            with_scratch(tail, |packed| {
                if whole < n {
                    pack::pack_panel(b, false, whole, n, packed);
                }
                let b = Right {
                    strip: BlockB {
                        first: b.values.as_ptr(),
                        step: b.ld,
                        next: width::<F>(),
                    },
                    whole,
                    tail: packed.as_ptr(),
                };
                split_k(shape, a, b, c);
            });
        }
    }
}

fn with_packed_b<F: Real>(shape: Gemm, a: Matrix<'_, F>, packed: &[F], c: Output<'_, F>) {
    let b = Right {
        strip: BlockB {
            first: packed.as_ptr(),
            step: width::<F>(),
            next: shape.k * width::<F>(),
        },
        whole: shape.n,
        tail: packed.as_ptr(),
    };
    split_k(shape, a, b, c);
}

/// B as the pieces of work find it: `whole` columns, and the others in a packed panel.
#[derive(Clone, Copy)]
struct Right<F> {
    strip: BlockB<F>,
    whole: usize,
    tail: *const F,
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
unsafe impl<F: Send + Sync> Sync for Right<F> {}
// SAFETY: as above.
unsafe impl<F: Send + Sync> Sync for Output<'_, F> {}

/// Cuts k into parts where that is worth it, and adds their sums in order.
fn split_k<F: Real>(shape: Gemm, a: Matrix<'_, F>, b: Right<F>, c: Output<'_, F>) {
    let Gemm { m, n, k, .. } = shape;
    let parts = shape.parts();
    if parts == 1 {
        return spread(shape, a, &b, &c);
    }
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
            unsafe { piece(shape, a, &b, &c, (0, m), (0, n), (range.start, range.len())) };
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

/// Cuts C into pieces for the threads.
fn spread<F: Real>(shape: Gemm, a: Matrix<'_, F>, b: &Right<F>, c: &Output<'_, F>) {
    let Gemm { m, n, k, .. } = shape;
    let wanted = match shape.work() {
        ..SERIAL_WORK => 1,
        work => (work / CHUNK_WORK).clamp(2, MAX_CHUNKS),
    };
    let rows = m.div_ceil(wanted).next_multiple_of(ROW_STEP).min(m);
    let row_pieces = m.div_ceil(rows);
    let columns = n
        .div_ceil(wanted.div_ceil(row_pieces))
        .next_multiple_of(COLUMN_STEP)
        .min(n);
    let column_pieces = n.div_ceil(columns);
    parallel::for_each_chunk(row_pieces * column_pieces, 1, |piece_range| {
        let (i, j) = (
            piece_range.start / column_pieces,
            piece_range.start % column_pieces,
        );
        let row_range = (i * rows, rows.min(m - i * rows));
        let column_range = (j * columns, columns.min(n - j * columns));
        // SAFETY: the pieces of C are disjoint; the operands were checked by `gemm`.
        unsafe { piece(shape, a, b, c, row_range, column_range, (0, k)) };
    });
}

/// One piece of C (ranges as start and length) on this thread.
///
/// # Safety
/// The ranges lie within the shape, the operands hold it, and nobody else uses that piece of C.
unsafe fn piece<F: Real>(
    shape: Gemm,
    a: Matrix<'_, F>,
    b: &Right<F>,
    c: &Output<'_, F>,
    (row, rows): (usize, usize),
    (column, columns): (usize, usize),
    (start, k): (usize, usize),
) {
    debug_assert!(row + rows <= shape.m && column + columns <= shape.n && start + k <= shape.k);
    let depth = block_depth(k);
    let packs_a = columns > COLUMN_STEP && rows * shape.k > MIN_ELEMENTS_TO_PACK_A;
    with_scratch(if packs_a { rows * depth } else { 0 }, |packed| {
        let mut done = 0;
        loop {
            let from = start + done;
            let len = depth.min(k - done);
            done += len;
            let a = if packs_a {
                pack::pack_a(a, shape.trans_a, (row, rows), (from, len), packed);
                BlockA::Panels {
                    first: packed.as_ptr(),
                }
            } else if shape.trans_a {
                BlockA::Columns {
                    first: a.values.as_ptr().wrapping_add(from * a.ld + row),
                    step: a.ld,
                }
            } else {
                BlockA::Rows {
                    first: a.values.as_ptr().wrapping_add(row * a.ld + from),
                    map: RowMap::strided(a.ld),
                }
            };
            let is_last = done == k;
            let block = Block {
                rows,
                columns,
                segments: &[[0, len]],
                a,
                b: b.strip,
                c: c.first.wrapping_add(row * c.ld),
                ldc: c.ld,
                beta: if from == start { c.beta } else { F::ONE },
                bias: None,
                relu: is_last && c.epilogue.relu,
            };
            let bias = c.epilogue.bias.filter(|_| is_last);
            let run = |first: usize, columns: usize, b: BlockB<F>| {
                // SAFETY: the caller vouches for the operands.
                unsafe {
                    Block {
                        columns,
                        b,
                        c: block.c.wrapping_add(first),
                        bias: bias.map(|bias| bias.as_ptr().wrapping_add(first)),
                        ..block
                    }
                    .run();
                }
            };
            let whole = b.whole.clamp(column, column + columns) - column;
            let strip = BlockB {
                first: b
                    .strip
                    .first
                    .wrapping_add(column / width::<F>() * b.strip.next + from * b.strip.step),
                ..b.strip
            };
            run(column, whole, strip);
            let tail = BlockB {
                first: b.tail.wrapping_add(from * width::<F>()),
                step: width::<F>(),
                next: 0,
            };
            run(column + whole, columns - whole, tail);
            if is_last {
                break;
            }
        }
    });
}

/// The length of the blocks that k is cut into: equal ones, none above [`MAX_DEPTH`].
fn block_depth(k: usize) -> usize {
    k.div_ceil(k.div_ceil(MAX_DEPTH).max(1))
}

#[cfg(test)]
mod tests;
