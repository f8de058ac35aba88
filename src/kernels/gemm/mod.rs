//! Matrix products: `C = relu(beta * C + op(A) * op(B) + bias)`.
//!
//! The design follows Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication, 2008: a tile of C in
//! registers (`tile`), and a strip of B, one block of k long, that stays in the second cache while all rows of A pass by.
//! Rows of A are read in place; an A that is stored transposed and used for many columns is packed once, for all pieces of
//! work (`driver`). A B that several pieces share is packed once too, any other
//! strip by strip where it is used (by the first tile of the strip, if B is stored as it is), and never goes to memory
//! again. A B that serves many products may be packed beforehand ([`PackedB`]). A few columns are sums along vectors (`dots`); for
//! a few rows B is read in long runs (`few_rows`).
//!
//! The bits of C depend on the shape and the numbers alone: each element is summed over k in order, in blocks whose length
//! depends on k, by one thread; only products with few outputs and a long k are cut along k, into parts fixed by the shape
//! whose sums are added in order. Threads, instruction set and packing change nothing.

mod block;
mod dots;
mod driver;
mod few_rows;
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
use crate::kernels::simd::isa;
use crate::parallel;
use crate::real::Real;
use driver::{Output, Right, split_k};
use transpose::transpose;

/// Columns in a vector of 64 bytes.
pub(crate) const fn width<F>() -> usize {
    64 / size_of::<F>()
}

/// Work of one piece at least.
const CHUNK_WORK: usize = 1 << 20;
/// Multiplications that take as long as reading a number of B from the second or third cache.
const READING: usize = 16;
/// Rows of a piece are a multiple of this, so that all but the last tile are full.
const ROW_STEP: usize = 24;
/// Columns of a piece are a multiple of this, and of a strip of B this many: four vectors of `f32`.
const COLUMN_STEP: usize = 64;
const _: () = assert!(COLUMN_STEP == block::STRIP_VECTORS * width::<f32>());
/// Rows below which B is read where it is: copying it would cost more than it saves.
const MIN_ROWS_TO_PACK_B: usize = 48;
/// The same where strips are one vector wide and B does not stay in the first cache: rows a power of two apart share its
/// places, so each tile would read the strip from the second one.
const MIN_ROWS_TO_PACK_LARGE_B: usize = 16;
/// Elements of such a B.
const LARGE_B: usize = 1 << 15;
/// Elements of B up to which it is packed whole, by all threads, before the product.
const MAX_ELEMENTS_TO_PACK_B_WHOLE: usize = 1 << 18;
/// Rows of a piece at least where pieces pack their own strips of B.
const MIN_ROWS_FOR_A_STRIP: usize = 192;
/// Elements of A from which packing it can pay.
const MIN_ELEMENTS_TO_PACK_A: usize = 1 << 15;

/// Numbers that are packed in the time in which one of C is turned over.
const TURNING: usize = 2;

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

    /// Whether B is not packed but for columns that do not fill a vector.
    fn reads_b_in_place(&self) -> bool {
        let is_large = !block::is_wide(isa()) && self.k.saturating_mul(self.n) >= LARGE_B;
        let least = if is_large {
            MIN_ROWS_TO_PACK_LARGE_B
        } else {
            MIN_ROWS_TO_PACK_B
        };
        !self.trans_b && self.m < least
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
/// read in strips, so the smaller one had better come first, unless turning C, which goes through memory, takes longer than
/// packing saves.
fn is_better_turned<F: Real>(shape: Gemm, ld: usize, beta: F) -> bool {
    let Gemm { m, n, k, .. } = shape;
    let saves = m.saturating_sub(n).saturating_mul(k);
    !shape.trans_b
        && shape.packs_a::<F>(ld)
        && m >= 2 * n
        && saves >= TURNING.saturating_mul(m.saturating_mul(n))
        && beta == F::ZERO
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
        Operand::Plain(b) if shape.reads_b_in_place() => {
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

#[cfg(test)]
mod tests;
