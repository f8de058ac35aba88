//! Copies of the operands in the order in which tiles read them.

use super::block::PANEL_ROWS;
use super::{Matrix, width};
use crate::kernels::simd::{Kernel, LANES, Simd, dispatch};
use crate::parallel;
use crate::real::Real;

/// Elements of B that one piece of packing work covers.
const PACK_CHUNK: usize = 1 << 15;

/// B (k x n) in panels of one vector of 64 bytes: `[n / width][k][width]`, the last panel filled up with zeros. The order
/// is the same on every instruction set.
#[derive(Debug, Clone, Copy)]
pub struct PackedB<'a, F> {
    pub(super) values: &'a [F],
    pub(super) k: usize,
    pub(super) n: usize,
}

impl<'a, F: Real> PackedB<'a, F> {
    /// The number of elements that a packed B takes.
    pub fn len(k: usize, n: usize) -> usize {
        n.next_multiple_of(width::<F>()) * k
    }

    /// B as [`pack_b`] left it in `values`.
    ///
    /// # Panics
    /// If the length is not that of [`PackedB::len`].
    pub fn new(values: &'a [F], k: usize, n: usize) -> Self {
        assert_eq!(values.len(), Self::len(k, n), "the length of a packed B");
        Self { values, k, n }
    }
}

/// Packs `b`, which is k x n, or n x k if `transposed`, into `packed` of length [`PackedB::len`].
///
/// # Panics
/// If a length does not fit.
pub fn pack_b<'p, F: Real>(
    k: usize,
    n: usize,
    b: Matrix<'_, F>,
    transposed: bool,
    packed: &'p mut [F],
) -> PackedB<'p, F> {
    let (rows, columns) = if transposed { (n, k) } else { (k, n) };
    b.check(rows, columns, "B");
    assert_eq!(
        packed.len(),
        PackedB::<F>::len(k, n),
        "the length of a packed B"
    );
    if !packed.is_empty() {
        let width = width::<F>();
        let panels = (PACK_CHUNK / (k * width)).max(1);
        parallel::for_each_chunk_mut(packed, panels * k * width, |chunk, packed| {
            for (i, panel) in packed.chunks_exact_mut(k * width).enumerate() {
                pack_panel(b, transposed, (chunk * panels + i) * width, n, panel);
            }
        });
    }
    PackedB::new(packed, k, n)
}

/// Packs the panel of the columns from `first` on; its length gives k.
pub(crate) fn pack_panel<F: Real>(
    b: Matrix<'_, F>,
    transposed: bool,
    first: usize,
    n: usize,
    panel: &mut [F],
) {
    let width = width::<F>();
    let columns = width.min(n - first);
    if transposed {
        let k = panel.len() / width;
        if let (Some(from), Some(panel)) =
            (F::as_f32(&b.values[first * b.ld..]), F::as_f32_mut(panel))
        {
            let from = Matrix::new(from, b.ld);
            return dispatch(PackTransposed {
                from,
                columns,
                panel,
            });
        }
        if columns < width {
            panel.fill(F::ZERO);
        }
        for j in 0..columns {
            let row = &b.values[(first + j) * b.ld..][..k];
            for (to, &x) in panel[j..].iter_mut().step_by(width).zip(row) {
                *to = x;
            }
        }
    } else {
        for (p, to) in panel.chunks_exact_mut(width).enumerate() {
            let (to, rest) = to.split_at_mut(columns);
            to.copy_from_slice(&b.values[p * b.ld + first..][..columns]);
            rest.fill(F::ZERO);
        }
    }
}

/// Packs the first `columns` rows of a matrix into a panel, a square of 16 x 16 at a time.
struct PackTransposed<'a> {
    from: Matrix<'a, f32>,
    columns: usize,
    panel: &'a mut [f32],
}

impl Kernel for PackTransposed<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (panel, _) = self.panel.as_chunks_mut::<LANES>();
        let k = panel.len();
        let mut rows = [s.zero(); LANES];
        for (i, square) in panel.chunks_mut(LANES).enumerate() {
            let p = i * LANES;
            for (j, row) in rows.iter_mut().enumerate() {
                *row = if j < self.columns {
                    let from = &self.from.values[j * self.from.ld + p..][..LANES.min(k - p)];
                    s.load_partial(from)
                } else {
                    s.zero()
                };
            }
            s.transpose(&mut rows);
            for (to, &row) in square.iter_mut().zip(&rows) {
                s.store(to, row);
            }
        }
    }
}

/// Packs rows `first_row..first_row + rows` and `k` columns from `first` on of A into panels of [`PANEL_ROWS`] rows.
pub(super) fn pack_a<F: Real>(
    a: Matrix<'_, F>,
    transposed: bool,
    (first_row, rows): (usize, usize),
    (first, k): (usize, usize),
    packed: &mut [F],
) {
    for (i, panel) in packed[..rows * k].chunks_mut(PANEL_ROWS * k).enumerate() {
        let row = first_row + i * PANEL_ROWS;
        let rows = panel.len() / k;
        if transposed {
            for (p, to) in panel.chunks_exact_mut(rows).enumerate() {
                to.copy_from_slice(&a.values[(first + p) * a.ld + row..][..rows]);
            }
        } else {
            for r in 0..rows {
                let from = &a.values[(row + r) * a.ld + first..][..k];
                for (to, &x) in panel[r..].iter_mut().step_by(rows).zip(from) {
                    *to = x;
                }
            }
        }
    }
}
