//! The innermost loop: a tile of C in registers, one pass over k.
//!
//! Each element is `sum over p of a[i, p] * b[p, j]`, added with fused multiply-adds in the order of p, starting from 0. The
//! order depends neither on the tile nor on the instruction set, so neither do the bits.

use super::row_map::RowMap;
use crate::kernels::simd::{Kernel, Lanes, Simd};
use crate::real::Real;

/// A run of k: where it begins in each row of A (in elements), and how long it is. B has the runs one after another.
pub(crate) type Segment = [usize; 2];

/// The most rows of a tile.
pub(super) const MAX_ROWS: usize = 8;

/// Cache lines of a row of A that the tile before asks for; what follows the processor foresees.
const ASKED_LINES: usize = 4;

/// Bytes between places that share a set of the first cache: of rows so far apart, those of two tiles do not fit into it.
const CLASH: usize = 4096;

/// Rows of B that a copying tile asks for ahead: one or a few vectors of each are short pieces of memory.
const ASKED_ROWS: usize = 16;

/// Where a tile finds A.
#[derive(Clone, Copy)]
pub(super) enum Left<F> {
    /// Rows from number `row` on begin where the map says; within a segment k is contiguous.
    Rows {
        first: *const F,
        map: RowMap,
        row: usize,
    },
    /// Rows are neighbours; k moves by a step.
    Columns { first: *const F, step: usize },
}

/// What happens to the sum before it is stored: `c = relu(beta * c + sum + bias)`.
#[derive(Clone, Copy)]
pub(super) struct Finish<F> {
    /// Factor on what is in C; C is not read where it is 0.
    pub beta: F,
    /// A number for each column.
    pub bias: Option<*const F>,
    /// Negative results become 0.
    pub relu: bool,
}

/// The operands of one tile.
#[derive(Clone, Copy)]
pub(super) struct Tile<'a, F> {
    pub a: Left<F>,
    pub segments: &'a [Segment],
    /// The first vector of the first row of B.
    pub b: *const F,
    /// From one row of B to the next.
    pub b_step: usize,
    /// From one vector of a row of B to the next.
    pub b_next: usize,
    /// Where a copying tile leaves B, in panels of one vector.
    pub copy: *mut F,
    pub c: *mut F,
    pub ldc: usize,
    /// Columns of C in the last vector.
    pub last: usize,
    pub finish: Finish<F>,
}

/// The number types that have tiles.
pub(super) trait Element: Real {
    /// Computes a tile of `ROWS` rows and `VECTORS` vectors; if `COPY`, what it reads of B is copied on the way.
    ///
    /// # Safety
    /// A, B and C hold what the tile says: `ROWS` rows of A over all segments, as many rows of B as the segments are long
    /// together, `ROWS` rows of C, which nobody else uses; if `COPY`, room for the vectors of B.
    unsafe fn tile<S: Simd, const ROWS: usize, const VECTORS: usize, const COPY: bool>(
        s: S,
        tile: &Tile<'_, Self>,
    );
}

struct Task<'a, F, const ROWS: usize, const VECTORS: usize, const COPY: bool>(&'a Tile<'a, F>);

impl<const ROWS: usize, const VECTORS: usize, const COPY: bool> Kernel
    for Task<'_, f32, ROWS, VECTORS, COPY>
{
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: vouched for by the caller of `Element::tile`, which alone makes tasks.
        unsafe { multiply::<f32, S, ROWS, VECTORS, COPY>(s, self.0) }
    }
}

impl<const ROWS: usize, const VECTORS: usize, const COPY: bool> Kernel
    for Task<'_, f64, ROWS, VECTORS, COPY>
{
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: vouched for by the caller of `Element::tile`, which alone makes tasks.
        unsafe { multiply::<f64, S, ROWS, VECTORS, COPY>(s, self.0) }
    }
}

impl Element for f32 {
    #[inline(always)]
    unsafe fn tile<S: Simd, const ROWS: usize, const VECTORS: usize, const COPY: bool>(
        s: S,
        tile: &Tile<'_, f32>,
    ) {
        s.vectorize(Task::<f32, ROWS, VECTORS, COPY>(tile));
    }
}

impl Element for f64 {
    #[inline(always)]
    unsafe fn tile<S: Simd, const ROWS: usize, const VECTORS: usize, const COPY: bool>(
        s: S,
        tile: &Tile<'_, f64>,
    ) {
        s.vectorize(Task::<f64, ROWS, VECTORS, COPY>(tile));
    }
}

/// # Safety
/// As [`Element::tile`].
#[inline(always)]
#[expect(clippy::needless_range_loop)]
unsafe fn multiply<
    F: Real,
    S: Lanes<F>,
    const ROWS: usize,
    const VECTORS: usize,
    const COPY: bool,
>(
    s: S,
    t: &Tile<'_, F>,
) {
    debug_assert!(ROWS <= MAX_ROWS && (1..=S::WIDTH).contains(&t.last));
    // C comes while the sums are made: after short ones every store would wait for memory.
    for i in 0..ROWS {
        for v in 0..VECTORS {
            s.ask(t.c.wrapping_add(i * t.ldc + v * S::WIDTH));
        }
    }
    let mut sums = [[s.fill(F::ZERO); VECTORS]; ROWS];
    let mut b = Right {
        first: t.b,
        step: t.b_step,
        next: t.b_next,
        copy: t.copy,
        copy_next: if COPY {
            t.segments.iter().map(|segment| segment[1]).sum::<usize>() * S::WIDTH
        } else {
            0
        },
    };
    match t.a {
        Left::Rows { first, map, row } => {
            let rows: [_; ROWS] = map.starts(first, row);
            // Rows in one run each are short runs of memory, which processors do not foresee: this tile asks for the beginnings
            // of the next one's. What windows of an image see lies near by already.
            let clashes = (map.step * size_of::<F>()).is_multiple_of(CLASH);
            let asks = t.segments.len() == 1 && !clashes;
            for &[start, len] in t.segments {
                let mut starts = rows;
                for i in 0..ROWS {
                    starts[i] = starts[i].wrapping_add(start);
                }
                let mut from = 0;
                while from < len {
                    let mut to = len;
                    if asks && from < ASKED_LINES * S::WIDTH {
                        to = len.min(from + S::WIDTH);
                        for i in 0..ROWS {
                            s.ask(starts[i].wrapping_add(ROWS * map.step + from));
                        }
                    }
                    for p in from..to {
                        let a = |i: usize| {
                            // SAFETY: p is within the segment, and the caller vouches for the operands.
                            unsafe { *starts[i].add(p) }
                        };
                        // SAFETY: as above.
                        unsafe { step::<F, S, ROWS, VECTORS, COPY>(s, &mut sums, &b, p, a) };
                    }
                    from = to;
                }
                b.advance(len, S::WIDTH);
            }
        }
        Left::Columns {
            first,
            step: k_step,
        } => {
            for &[start, len] in t.segments {
                let mut column = first.wrapping_add(start);
                for p in 0..len {
                    let a = |i: usize| {
                        // SAFETY: p is within the segment, and the caller vouches for the operands.
                        unsafe { *column.add(i) }
                    };
                    // SAFETY: as above.
                    unsafe { step::<F, S, ROWS, VECTORS, COPY>(s, &mut sums, &b, p, a) };
                    column = column.wrapping_add(k_step);
                }
                b.advance(len, S::WIDTH);
            }
        }
    }
    // SAFETY: the caller vouches for C and the bias.
    unsafe { store(s, t, sums) }
}

/// Where a segment finds B, and leaves its copy.
struct Right<F> {
    first: *const F,
    step: usize,
    next: usize,
    copy: *mut F,
    copy_next: usize,
}

impl<F> Right<F> {
    /// Goes on to the segment after one of length `len`.
    #[inline(always)]
    fn advance(&mut self, len: usize, width: usize) {
        self.first = self.first.wrapping_add(len * self.step);
        self.copy = self.copy.wrapping_add(len * width);
    }
}

/// Adds the products of place `p` of a segment. Plain loops over indices: iterator adapters and `array::from_fn` are
/// functions of the baseline that the compiler may leave as calls, with every vector going through memory.
///
/// # Safety
/// B holds the row, its copy has room for it, and `a` may be called for each row.
#[inline(always)]
#[expect(clippy::needless_range_loop)]
unsafe fn step<F: Real, S: Lanes<F>, const ROWS: usize, const VECTORS: usize, const COPY: bool>(
    s: S,
    sums: &mut [[S::V; VECTORS]; ROWS],
    b: &Right<F>,
    p: usize,
    a: impl Fn(usize) -> F,
) {
    let mut row = [s.fill(F::ZERO); VECTORS];
    for v in 0..VECTORS {
        // SAFETY: as the caller vouches.
        unsafe {
            row[v] = s.read(b.first.add(v * b.next + p * b.step));
            if COPY {
                s.ask(b.first.wrapping_add(v * b.next + (p + ASKED_ROWS) * b.step));
                s.write(b.copy.add(v * b.copy_next + p * S::WIDTH), row[v]);
            }
        }
    }
    for i in 0..ROWS {
        let a = s.fill(a(i));
        for v in 0..VECTORS {
            sums[i][v] = s.times_plus(a, row[v], sums[i][v]);
        }
    }
}

/// Writes the tile through its [`Finish`]: a small loop for each part of it, so that all are unrolled and the sums stay in
/// registers.
///
/// # Safety
/// C and the bias are as [`Element::tile`] says.
#[inline(always)]
#[expect(clippy::needless_range_loop)]
unsafe fn store<F: Real, S: Lanes<F>, const ROWS: usize, const VECTORS: usize>(
    s: S,
    t: &Tile<'_, F>,
    mut sums: [[S::V; VECTORS]; ROWS],
) {
    let is_whole = t.last == S::WIDTH;
    let c = |i: usize, v: usize| t.c.wrapping_add(i * t.ldc + v * S::WIDTH);
    if t.finish.beta != F::ZERO {
        let beta = s.fill(t.finish.beta);
        for i in 0..ROWS {
            for v in 0..VECTORS {
                // SAFETY: row i of C has the tile's columns.
                let old = unsafe {
                    if v + 1 < VECTORS || is_whole {
                        s.read(c(i, v))
                    } else {
                        s.read_first(c(i, v), t.last)
                    }
                };
                sums[i][v] = s.times_plus(beta, old, sums[i][v]);
            }
        }
    }
    if let Some(bias) = t.finish.bias {
        for v in 0..VECTORS {
            let width = if v + 1 < VECTORS { S::WIDTH } else { t.last };
            // SAFETY: the bias has a number for each of the tile's columns.
            let bias = unsafe { s.read_first(bias.add(v * S::WIDTH), width) };
            for i in 0..ROWS {
                sums[i][v] = s.plus(sums[i][v], bias);
            }
        }
    }
    if t.finish.relu {
        let zero = s.fill(F::ZERO);
        for i in 0..ROWS {
            for v in 0..VECTORS {
                sums[i][v] = s.larger(zero, sums[i][v]);
            }
        }
    }
    for i in 0..ROWS {
        for v in 0..VECTORS {
            // SAFETY: row i of C has the tile's columns.
            unsafe {
                if v + 1 < VECTORS || is_whole {
                    s.write(c(i, v), sums[i][v]);
                } else {
                    s.write_first(c(i, v), t.last, sums[i][v]);
                }
            }
        }
    }
}
