//! The matrix products of one head, on one thread: small enough that all of it stays in the cache.

use ndarray::ArrayViewMut2;

use crate::kernels::gemm::{Block, BlockA, BlockB, Matrix, RowMap, pack_strip, width};
use crate::real::Real;

/// A right operand in panels of one vector of columns: `[columns / width][depth][width]`.
#[derive(Clone, Copy)]
pub(super) struct Panels<'a, F> {
    values: &'a [F],
    depth: usize,
    columns: usize,
}

impl<'a, F: Real> Panels<'a, F> {
    /// The room that `depth` x `columns` numbers take.
    pub fn len(depth: usize, columns: usize) -> usize {
        depth * columns.next_multiple_of(width::<F>())
    }

    /// Packs `b`, which is depth x columns, or columns x depth if `transposed`; `room` is as long as [`Panels::len`].
    pub fn pack(
        b: Matrix<'_, F>,
        transposed: bool,
        depth: usize,
        columns: usize,
        room: &'a mut [F],
    ) -> Self {
        pack_strip(b, transposed, (0, columns), depth, room);
        Self {
            values: room,
            depth,
            columns,
        }
    }
}

/// A left operand.
#[derive(Clone, Copy)]
pub(super) enum Left<'a, F> {
    /// Row by row.
    Rows(Matrix<'a, F>),
    /// The transpose of a matrix.
    Columns(Matrix<'a, F>),
}

/// Rows that a product is written to.
pub(super) struct Target<F> {
    first: *mut F,
    step: usize,
    rows: usize,
    columns: usize,
}

impl<F: Real> Target<F> {
    /// The rows of a view, which this target must not outlive; each is contiguous.
    pub fn of_view(view: &mut ArrayViewMut2<'_, F>) -> Self {
        let (rows, columns) = view.dim();
        debug_assert!(columns <= 1 || view.strides()[1] == 1);
        Self {
            first: view.as_mut_ptr(),
            // A view of one row may have any stride.
            step: if rows > 1 {
                view.strides()[0].unsigned_abs()
            } else {
                columns
            },
            rows,
            columns,
        }
    }

    /// Rows of `columns` numbers one after another, in a slice which this target must not outlive.
    pub fn of_slice(values: &mut [F], columns: usize) -> Self {
        Self {
            first: values.as_mut_ptr(),
            step: columns,
            rows: values.len() / columns.max(1),
            columns,
        }
    }

    /// `rows` rows from `first` on become `beta * rows + A * B`, whose sums take the rows of B from `from` on, `depth` of
    /// them; of the columns, the first `columns`.
    pub fn set(
        &mut self,
        (first, rows): (usize, usize),
        columns: usize,
        (from, depth): (usize, usize),
        a: Left<'_, F>,
        b: Panels<'_, F>,
        beta: F,
    ) {
        assert!(first + rows <= self.rows && columns <= self.columns, "C");
        assert!(
            from + depth <= b.depth && columns <= b.columns.next_multiple_of(width::<F>()),
            "B"
        );
        let (a, lines, line) = match a {
            Left::Rows(a) => {
                let map = RowMap::strided(a.ld);
                let first = a.values.as_ptr();
                (BlockA::Rows { first, map }, (a, rows), depth)
            }
            Left::Columns(a) => {
                let first = a.values.as_ptr();
                (BlockA::Columns { first, step: a.ld }, (a, depth), rows)
            }
        };
        let (matrix, lines) = lines;
        assert!(
            lines == 0 || (lines - 1) * matrix.ld + line <= matrix.values.len(),
            "A"
        );
        let block = Block {
            rows,
            columns,
            segments: &[[0, depth]],
            a,
            b: BlockB {
                first: b.values.as_ptr().wrapping_add(from * width::<F>()),
                step: width::<F>(),
                next: b.depth * width::<F>(),
            },
            c: self.first.wrapping_add(first * self.step),
            ldc: self.step,
            beta,
            bias: None,
            relu: false,
        };
        // SAFETY: A, B and C hold what the block reads and writes, as asserted; C is borrowed by our maker.
        unsafe { block.run() };
    }
}
