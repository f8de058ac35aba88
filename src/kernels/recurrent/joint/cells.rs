//! What the sums of a tile are, and what becomes of them.

use super::tile::Sums;
use super::{Row, VECTORS};
use crate::kernels::math::{sigmoid, tanh};
use crate::kernels::simd::{LANES, Lanes, Simd};

/// One of the cells.
pub(super) trait Plan: Send + Sync + 'static {
    /// The vectors of sums that inputs add to, in the order of the kernel's columns.
    const X: &'static [usize];
    /// Those that states add to.
    const H: &'static [usize];
    /// Units of a block.
    const UNITS: usize;

    /// The gate of a vector of sums, and the first of its units within the block.
    fn column(vector: usize) -> (usize, usize);

    /// Turns the sums of a row into its gates and new states, for units from `unit` on.
    ///
    /// # Safety
    /// The row has `units` numbers wherever it does not point nowhere.
    unsafe fn finish<S: Simd>(s: S, sums: &Sums, row: &Row, unit: usize, units: usize);
}

/// Up to a vector of numbers of a row.
#[derive(Clone, Copy)]
struct Span {
    at: usize,
    len: usize,
}

impl Span {
    #[inline(always)]
    fn new(at: usize, units: usize) -> Self {
        Self {
            at,
            len: units.saturating_sub(at).min(LANES),
        }
    }

    /// # Safety
    /// `from` has as many numbers from here on.
    #[inline(always)]
    unsafe fn read<S: Simd>(self, s: S, from: *const f32) -> S::F {
        // SAFETY: as the caller vouches.
        unsafe {
            if self.len == LANES {
                Lanes::<f32>::read(s, from.add(self.at))
            } else {
                Lanes::<f32>::read_first(s, from.add(self.at), self.len)
            }
        }
    }

    /// # Safety
    /// `to` has as many numbers from here on.
    #[inline(always)]
    unsafe fn write<S: Simd>(self, s: S, to: *mut f32, v: S::F) {
        // SAFETY: as the caller vouches.
        unsafe {
            if self.len == LANES {
                Lanes::<f32>::write(s, to.add(self.at), v);
            } else {
                Lanes::<f32>::write_first(s, to.add(self.at), self.len, v);
            }
        }
    }

    /// Writes what nobody asks for soon, past the caches if the row says so; nothing if `to` is null.
    ///
    /// # Safety
    /// `to` has as many numbers from here on, or is null; where the row streams, they are aligned to 64 bytes.
    #[inline(always)]
    unsafe fn leave<S: Simd>(self, s: S, row: &Row, to: *mut f32, v: S::F) {
        // SAFETY: as the caller vouches.
        unsafe {
            if to.is_null() {
            } else if row.streams {
                s.stream(&mut *to.add(self.at).cast(), v);
            } else {
                self.write(s, to, v);
            }
        }
    }
}

/// The output of a row that keeps its state, and the state.
///
/// # Safety
/// As [`Plan::finish`].
#[inline(always)]
unsafe fn keep<S: Simd>(s: S, row: &Row, span: Span) {
    // SAFETY: as the caller vouches.
    unsafe {
        let h = span.read(s, row.before_h);
        span.write(s, row.h, h);
        span.leave(s, row, row.y, if row.zero_skipped { s.zero() } else { h });
    }
}

/// `i f g o` of 16 units.
pub(super) struct Lstm;

impl Plan for Lstm {
    const X: &'static [usize] = &[0, 1, 2, 3];
    const H: &'static [usize] = &[0, 1, 2, 3];
    const UNITS: usize = LANES;

    fn column(vector: usize) -> (usize, usize) {
        (vector, 0)
    }

    #[inline(always)]
    unsafe fn finish<S: Simd>(s: S, sums: &Sums, row: &Row, unit: usize, units: usize) {
        let span = Span::new(unit, units);
        // SAFETY: as the caller vouches.
        unsafe {
            let before = span.read(s, row.c);
            span.leave(s, row, row.before_c, before);
            if row.skips {
                return keep(s, row, span);
            }
            let i = sigmoid(s, s.load(&sums[0]));
            let f = sigmoid(s, s.load(&sums[1]));
            let g = tanh(s, s.load(&sums[2]));
            let o = sigmoid(s, s.load(&sums[3]));
            let c = s.fma(f, before, s.mul(i, g));
            let activated = tanh(s, c);
            let h = s.mul(o, activated);
            if !row.gates.is_null() {
                span.leave(s, row, row.gates, i);
                span.leave(s, row, row.gates.add(units), f);
                span.leave(s, row, row.gates.add(2 * units), g);
                span.leave(s, row, row.gates.add(3 * units), o);
                span.leave(s, row, row.extra, activated);
            }
            span.write(s, row.c, c);
            span.write(s, row.h, h);
            span.leave(s, row, row.y, h);
        }
    }
}

/// `z r` of 16 units, the inputs' part of `n`, and the states'.
pub(super) struct GruAfter;

impl Plan for GruAfter {
    const X: &'static [usize] = &[0, 1, 2];
    const H: &'static [usize] = &[0, 1, 3];
    const UNITS: usize = LANES;

    fn column(vector: usize) -> (usize, usize) {
        (vector.min(2), 0)
    }

    #[inline(always)]
    unsafe fn finish<S: Simd>(s: S, sums: &Sums, row: &Row, unit: usize, units: usize) {
        let span = Span::new(unit, units);
        // SAFETY: as the caller vouches.
        unsafe {
            if row.skips {
                return keep(s, row, span);
            }
            let z = sigmoid(s, s.load(&sums[0]));
            let r = sigmoid(s, s.load(&sums[1]));
            let extra = s.load(&sums[3]);
            let n = tanh(s, s.fma(r, extra, s.load(&sums[2])));
            // z h + (1 - z) n = n + z (h - n)
            let h = s.fma(z, s.sub(span.read(s, row.before_h), n), n);
            if !row.gates.is_null() {
                span.leave(s, row, row.gates, z);
                span.leave(s, row, row.gates.add(units), r);
                span.leave(s, row, row.gates.add(2 * units), n);
                span.leave(s, row, row.extra, extra);
            }
            span.write(s, row.h, h);
            span.leave(s, row, row.y, h);
        }
    }
}

/// 64 units.
pub(super) struct Simple;

impl Plan for Simple {
    const X: &'static [usize] = &[0, 1, 2, 3];
    const H: &'static [usize] = &[0, 1, 2, 3];
    const UNITS: usize = VECTORS * LANES;

    fn column(vector: usize) -> (usize, usize) {
        (0, vector * LANES)
    }

    #[inline(always)]
    unsafe fn finish<S: Simd>(s: S, sums: &Sums, row: &Row, unit: usize, units: usize) {
        for (vector, sum) in sums.iter().enumerate() {
            let span = Span::new(unit + vector * LANES, units);
            if span.len == 0 {
                return;
            }
            // SAFETY: as the caller vouches.
            unsafe {
                if row.skips {
                    keep(s, row, span);
                } else {
                    let h = tanh(s, s.load(sum));
                    span.leave(s, row, row.gates, h);
                    span.write(s, row.h, h);
                    span.leave(s, row, row.y, h);
                }
            }
        }
    }
}
