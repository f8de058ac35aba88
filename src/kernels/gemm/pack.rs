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
    pack_strip(
        b,
        transposed,
        (first, width.min(n - first)),
        panel.len() / width,
        panel,
    );
}

/// Packs a strip of columns (start and number) and the first `k` rows of B into panels, one after another.
pub(crate) fn pack_strip<F: Real>(
    b: Matrix<'_, F>,
    transposed: bool,
    (first, columns): (usize, usize),
    k: usize,
    strip: &mut [F],
) {
    let width = width::<F>();
    debug_assert_eq!(strip.len(), columns.next_multiple_of(width) * k);
    let start = if transposed { first * b.ld } else { first };
    let from = &b.values[start.min(b.values.len())..];
    if let (Some(from), Some(strip)) = (F::as_f32(from), F::as_f32_mut(strip)) {
        let from = Matrix::new(from, b.ld);
        return dispatch(PackStrip {
            from,
            transposed,
            columns,
            k,
            strip,
        });
    }
    for (v, panel) in strip.chunks_exact_mut((k * width).max(1)).enumerate() {
        let columns = width.min(columns - v * width);
        for (p, to) in panel.chunks_exact_mut(width).enumerate() {
            for (j, to) in to.iter_mut().enumerate() {
                let at = if transposed {
                    (v * width + j) * b.ld + p
                } else {
                    p * b.ld + v * width + j
                };
                *to = if j < columns { from[at] } else { F::ZERO };
            }
        }
    }
}

/// [`pack_strip`] of `f32`, whose first column is the first of `from`: a row of the strip at a time, or, transposed, a
/// square of 16 x 16.
struct PackStrip<'a> {
    from: Matrix<'a, f32>,
    transposed: bool,
    columns: usize,
    k: usize,
    strip: &'a mut [f32],
}

impl Kernel for PackStrip<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (Matrix { values, ld }, k) = (self.from, self.k);
        let (strip, _) = self.strip.as_chunks_mut::<LANES>();
        if !self.transposed {
            for p in 0..k {
                let (whole, tail) = values[p * ld..][..self.columns].as_chunks::<LANES>();
                let mut at = p;
                for row in whole {
                    s.store(&mut strip[at], s.load(row));
                    at += k;
                }
                if !tail.is_empty() {
                    s.store(&mut strip[at], s.load_partial(tail));
                }
            }
            return;
        }
        let mut rows = [s.zero(); LANES];
        for (v, panel) in strip.chunks_mut(k.max(1)).enumerate() {
            for p in (0..k).step_by(LANES) {
                for (j, row) in rows.iter_mut().enumerate() {
                    let column = v * LANES + j;
                    *row = if column < self.columns {
                        s.load_partial(&values[column * ld + p..][..LANES.min(k - p)])
                    } else {
                        s.zero()
                    };
                }
                s.transpose(&mut rows);
                for (to, &row) in panel[p..].iter_mut().zip(&rows) {
                    s.store(to, row);
                }
            }
        }
    }
}

/// Panels of A that one piece of packing work covers: 48 rows, so that whole cache lines of a transposed A are used.
const PANELS: usize = 8;

/// Packs `rows` rows of A from `first` on, over all of k, into panels of [`PANEL_ROWS`] rows (the last may have fewer). A is
/// stored transposed.
pub(super) fn pack_a<F: Real>(
    a: Matrix<'_, F>,
    (first, rows): (usize, usize),
    k: usize,
    packed: &mut [F],
) {
    debug_assert_eq!(packed.len(), rows * k);
    parallel::for_each_chunk_mut(packed, PANELS * PANEL_ROWS * k, |chunk, packed| {
        let from = &a.values[first + chunk * PANELS * PANEL_ROWS..];
        let whole = packed.len() / (PANEL_ROWS * k);
        let (panels, rest) = packed.split_at_mut(whole * PANEL_ROWS * k);
        let (panels, _) = panels.as_chunks_mut::<PANEL_ROWS>();
        for p in 0..k {
            let (groups, _) = from[p * a.ld..][..whole * PANEL_ROWS].as_chunks::<PANEL_ROWS>();
            for (i, group) in groups.iter().enumerate() {
                panels[i * k + p] = *group;
            }
        }
        let rows = rest.len() / k;
        for (p, to) in rest.chunks_exact_mut(rows.max(1)).enumerate() {
            to.copy_from_slice(&from[p * a.ld + whole * PANEL_ROWS..][..rows]);
        }
    });
}
