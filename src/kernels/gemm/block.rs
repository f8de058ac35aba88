//! A block of C on one thread: the loops over its tiles.

use std::any::TypeId;

use super::dots::Dots;
use super::few_rows::FewRows;
use super::row_map::RowMap;
use super::tile::{Element, Finish, Left, MAX_ROWS, Segment, Tile};
use crate::kernels::simd::{Isa, Kernel, Simd, dispatch, isa};
use crate::real::Real;

/// Rows of A in a packed panel, on every level (6 x 64 on AVX-512 and 6 x 16 on AVX2 fill the registers).
pub(super) const PANEL_ROWS: usize = 6;

/// The most vectors in a strip of B.
pub(super) const STRIP_VECTORS: usize = 4;

/// The most vectors where C has one row: fewer sums under way do not hide the latency of an addition, and longer runs of B come
/// faster from memory.
const ROW_VECTORS: usize = 16;

/// The same where there are fewer.
const SHORT_ROW_VECTORS: usize = 8;

/// The most rows that [`FewRows`] computes, where tiles are narrow.
pub(super) const MAX_FEW_ROWS: usize = 3;

/// Elements of B, more than the first cache holds, from which that is faster than tiles for more than one row.
const MIN_ELEMENTS_FOR_FEW_ROWS: usize = 1 << 15;

/// Longest run of k in one pass of [`Block::run_deep`].
const MAX_DEEP: usize = 1024;

/// A of a block.
#[derive(Clone, Copy)]
pub(crate) enum BlockA<F> {
    /// Rows wherever the map says; contiguous along each segment.
    Rows { first: *const F, map: RowMap },
    /// Rows side by side, k moves by `step`: a transposed matrix.
    Columns { first: *const F, step: usize },
    /// Panels of [`PANEL_ROWS`] rows (the last may have fewer), each `[k][rows]`, `next` from one panel to the next. The
    /// block begins at k = `from` of each.
    Panels {
        first: *const F,
        next: usize,
        from: usize,
    },
}

/// B of a block.
#[derive(Clone, Copy)]
pub(crate) struct BlockB<F> {
    pub first: *const F,
    /// From one k to the next.
    pub step: usize,
    /// From one vector of 64 bytes to the next. Whole vectors are read, also where C ends within one.
    pub next: usize,
}

/// `C = relu(beta * C + A * B + bias)` for a block of C.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a, F> {
    pub rows: usize,
    pub columns: usize,
    /// The runs of k; their lengths add up to k.
    pub segments: &'a [Segment],
    pub a: BlockA<F>,
    pub b: BlockB<F>,
    pub c: *mut F,
    pub ldc: usize,
    pub beta: F,
    pub bias: Option<*const F>,
    pub relu: bool,
}

impl<F: Real> Block<'_, F> {
    /// Computes it on this thread.
    ///
    /// # Safety
    /// A and B are readable wherever the block says; C is writable and nobody else uses its block meanwhile.
    pub unsafe fn run(self) {
        self.start(None);
    }

    /// [`Block::run`] with a B whose whole vectors are read where they are; columns beyond them, if any, are those of the panel
    /// `rest`, a vector for each k.
    ///
    /// # Safety
    /// As [`Block::run`].
    pub unsafe fn run_with_rest(self, rest: *const F) {
        let width = 64 / size_of::<F>();
        let whole = self.columns / width * width;
        let last = Self {
            columns: self.columns - whole,
            b: BlockB {
                first: rest,
                step: width,
                next: 0,
            },
            c: self.c.wrapping_add(whole),
            bias: self.bias.map(|bias| bias.wrapping_add(whole)),
            ..self
        };
        // SAFETY: as the caller vouches.
        unsafe {
            Self {
                columns: whole,
                ..self
            }
            .run();
            last.run();
        }
    }

    /// [`Block::run`] with a B in rows of whole vectors one after another: the first tile of a strip copies it to `room`,
    /// [`STRIP_VECTORS`] vectors for each k, and the others find it there as if it had been packed.
    ///
    /// # Safety
    /// As [`Block::run`]; nobody else uses the room.
    pub unsafe fn run_packing(self, room: *mut F) {
        let width = 64 / size_of::<F>();
        debug_assert!(self.b.next == width && self.columns.is_multiple_of(width));
        debug_assert!(self.rows >= PANEL_ROWS);
        self.start(Some(room));
    }

    /// [`Block::run`] for few columns: those of B lie along k, `b.next` from one to the next, and A is in rows.
    ///
    /// # Safety
    /// A and B are readable wherever the block says; C is writable and nobody else uses its block meanwhile.
    pub unsafe fn run_dots(self) {
        debug_assert!(matches!(self.a, BlockA::Rows { .. }));
        if let Some(block) = self.as_type::<f32>() {
            dispatch(Dots(block));
        } else if let Some(block) = self.as_type::<f64>() {
            dispatch(Dots(block));
        }
    }

    fn start(self, room: Option<*mut F>) {
        if self.rows == 0 || self.columns == 0 {
            return;
        }
        if self.is_for_few_rows() {
            if let Some(block) = self.as_type::<f32>() {
                dispatch(FewRows(block));
            } else if let Some(block) = self.as_type::<f64>() {
                dispatch(FewRows(block));
            }
            return;
        }
        if let Some(block) = self.as_type::<f32>() {
            dispatch(Task(block, room.map(|room| room.cast())));
        } else if let Some(block) = self.as_type::<f64>() {
            dispatch(Task(block, room.map(|room| room.cast())));
        }
    }
}

impl<'a, F: Real> Block<'a, F> {
    /// Whether tiles would be too low: one vector wide, they read short pieces of the rows of B, and few sums under way wait
    /// for each other. Wide ones are good enough, and so are those of two rows as long as B stays in the cache.
    fn is_for_few_rows(&self) -> bool {
        let width = 64 / size_of::<F>();
        let is_in_rows = self.b.next == width && self.columns > width;
        let depth = || {
            self.segments
                .iter()
                .map(|segment| segment[1])
                .sum::<usize>()
        };
        let is_long = || self.columns * depth() >= MIN_ELEMENTS_FOR_FEW_ROWS;
        !is_wide(isa())
            && is_in_rows
            && (self.rows == 1 || (self.rows <= MAX_FEW_ROWS && is_long()))
    }

    /// [`Block::run`] in several passes over k where it is long, so that a strip of B stays in the cache.
    ///
    /// # Safety
    /// As [`Block::run`].
    pub unsafe fn run_deep(self) {
        let (mut from, mut depth) = (0, 0);
        loop {
            let mut to = from;
            let mut len = 0;
            while to < self.segments.len() && (to == from || len + self.segments[to][1] <= MAX_DEEP)
            {
                len += self.segments[to][1];
                to += 1;
            }
            let is_last = to == self.segments.len();
            let pass = Self {
                segments: &self.segments[from..to],
                b: BlockB {
                    first: self.b.first.wrapping_add(depth * self.b.step),
                    ..self.b
                },
                beta: if from == 0 { self.beta } else { F::ONE },
                bias: self.bias.filter(|_| is_last),
                relu: self.relu && is_last,
                ..self
            };
            // SAFETY: as the caller vouches; B has a row for each place of the segments.
            unsafe { pass.run() };
            if is_last {
                return;
            }
            (from, depth) = (to, depth + len);
        }
    }

    /// This block, if its numbers are of type `T`.
    fn as_type<T: Real>(&self) -> Option<Block<'a, T>> {
        (TypeId::of::<F>() == TypeId::of::<T>()).then(|| Block {
            rows: self.rows,
            columns: self.columns,
            segments: self.segments,
            a: match self.a {
                BlockA::Rows { first, map } => BlockA::Rows {
                    first: first.cast(),
                    map,
                },
                BlockA::Columns { first, step } => BlockA::Columns {
                    first: first.cast(),
                    step,
                },
                BlockA::Panels { first, next, from } => BlockA::Panels {
                    first: first.cast(),
                    next,
                    from,
                },
            },
            b: BlockB {
                first: self.b.first.cast(),
                step: self.b.step,
                next: self.b.next,
            },
            c: self.c.cast(),
            ldc: self.ldc,
            beta: T::of(self.beta.f64()),
            bias: self.bias.map(|bias| bias.cast()),
            relu: self.relu,
        })
    }
}

/// A block, and room for a copy of a strip of its B.
struct Task<'a, F>(Block<'a, F>, Option<*mut F>);

impl<F: Element> Kernel for Task<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let block = self.0;
        let width = 64 / size_of::<F>();
        let vectors = block.columns.div_ceil(width);
        let mut first = 0;
        // Columns outside, rows inside: a strip of B stays in the cache while the rows of A pass by.
        while first < vectors {
            let taken = strip(S::ISA, block.rows, vectors - first);
            let columns = (taken * width).min(block.columns - first * width);
            rows(
                s,
                (&block, self.1),
                first,
                taken,
                columns - (taken - 1) * width,
            );
            first += taken;
        }
    }
}

/// Whether there are 32 registers of 64 bytes, so that strips may be several vectors wide.
pub(super) const fn is_wide(isa: Isa) -> bool {
    matches!(isa, Isa::Avx512)
}

/// Vectors in the next strip of columns, of `left` vectors that are left: as wide as the registers allow, but 3 + 2 for 5,
/// because a single vector leaves too few sums under way to hide the latency of an addition.
#[inline(always)]
fn strip(isa: Isa, rows: usize, left: usize) -> usize {
    match (isa, left) {
        (Isa::Avx512, ROW_VECTORS..) if rows == 1 => ROW_VECTORS,
        (Isa::Avx512, SHORT_ROW_VECTORS..) if rows == 1 => SHORT_ROW_VECTORS,
        (Isa::Avx512, 5) => 3,
        (Isa::Avx512, _) => left.min(STRIP_VECTORS),
        _ => 1,
    }
}

/// All rows of one strip: `vectors` vectors from vector `first` on, `last` columns in the last one.
#[inline(always)]
fn rows<F: Element, S: Simd>(
    s: S,
    (block, room): (&Block<'_, F>, Option<*mut F>),
    first: usize,
    vectors: usize,
    last: usize,
) {
    let width = 64 / size_of::<F>();
    let column = first * width;
    let most = match block.a {
        BlockA::Panels { .. } => PANEL_ROWS,
        // One vector needs more rows to keep eight sums under way; AVX2 has registers for 6.
        _ if S::ISA == Isa::Avx512 && vectors == 1 && room.is_none() => MAX_ROWS,
        _ => PANEL_ROWS,
    };
    let mut b = BlockB {
        first: block.b.first.wrapping_add(first * block.b.next),
        ..block.b
    };
    let mut row = 0;
    while row < block.rows {
        let left = block.rows - row;
        let panel = PANEL_ROWS.min(block.rows - row / PANEL_ROWS * PANEL_ROWS);
        let taken = match left.min(most) {
            n if n == most => n,
            6.. => 6,
            4.. => 4,
            2.. => 2,
            _ => 1,
        };
        let a = match block.a {
            BlockA::Rows { first, map } => Left::Rows { first, map, row },
            BlockA::Columns { first, step } => Left::Columns {
                first: first.wrapping_add(row),
                step,
            },
            BlockA::Panels { first, next, from } => Left::Columns {
                first: first
                    .wrapping_add(row / PANEL_ROWS * next + from * panel + row % PANEL_ROWS),
                step: panel,
            },
        };
        let tile = Tile {
            a,
            segments: block.segments,
            b: b.first,
            b_step: b.step,
            b_next: b.next,
            copy: room.unwrap_or_default(),
            c: block.c.wrapping_add(row * block.ldc + column),
            ldc: block.ldc,
            last,
            finish: Finish {
                beta: block.beta,
                bias: block.bias.map(|bias| bias.wrapping_add(column)),
                relu: block.relu,
            },
        };
        if let Some(room) = room.filter(|_| row == 0) {
            // SAFETY: as below; the room is ours and holds a strip.
            unsafe { copying::<F, S>(s, vectors, &tile) };
            b = BlockB {
                first: room,
                step: width,
                next: block
                    .segments
                    .iter()
                    .map(|segment| segment[1])
                    .sum::<usize>()
                    * width,
            };
            row += taken;
            continue;
        }
        // SAFETY: the caller of `Block::run` vouches for the operands; the tile lies within the block.
        unsafe {
            if const { is_wide(S::ISA) } {
                match vectors {
                    1 => by_rows::<F, S, 1>(s, taken, &tile),
                    2 => by_rows::<F, S, 2>(s, taken, &tile),
                    3 => by_rows::<F, S, 3>(s, taken, &tile),
                    SHORT_ROW_VECTORS => F::tile::<S, 1, SHORT_ROW_VECTORS, false>(s, &tile),
                    ROW_VECTORS => F::tile::<S, 1, ROW_VECTORS, false>(s, &tile),
                    _ => by_rows::<F, S, 4>(s, taken, &tile),
                }
            } else {
                by_rows::<F, S, 1>(s, taken, &tile);
            }
        }
        row += taken;
    }
}

/// A tile of [`PANEL_ROWS`] rows that copies B.
///
/// # Safety
/// As [`Element::tile`].
#[inline(always)]
unsafe fn copying<F: Element, S: Simd>(s: S, vectors: usize, tile: &Tile<'_, F>) {
    // SAFETY: as the caller vouches.
    unsafe {
        match vectors {
            2 if const { is_wide(S::ISA) } => F::tile::<S, PANEL_ROWS, 2, true>(s, tile),
            3 if const { is_wide(S::ISA) } => F::tile::<S, PANEL_ROWS, 3, true>(s, tile),
            4 if const { is_wide(S::ISA) } => F::tile::<S, PANEL_ROWS, 4, true>(s, tile),
            _ => F::tile::<S, PANEL_ROWS, 1, true>(s, tile),
        }
    }
}

/// # Safety
/// As [`Element::tile`].
#[inline(always)]
unsafe fn by_rows<F: Element, S: Simd, const VECTORS: usize>(
    s: S,
    rows: usize,
    tile: &Tile<'_, F>,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        match rows {
            1 => F::tile::<S, 1, VECTORS, false>(s, tile),
            2 => F::tile::<S, 2, VECTORS, false>(s, tile),
            4 => F::tile::<S, 4, VECTORS, false>(s, tile),
            MAX_ROWS if const { is_wide(S::ISA) && VECTORS == 1 } => {
                F::tile::<S, MAX_ROWS, VECTORS, false>(s, tile);
            }
            _ => F::tile::<S, PANEL_ROWS, VECTORS, false>(s, tile),
        }
    }
}
