//! The sums of a tile, and the turn they take.

use std::marker::PhantomData;

use super::cells::Plan;
use super::{Row, Sizes, VECTORS};
use crate::kernels::simd::{Isa, Kernel, LANES, Lanes, Simd};

/// The most rows of a tile: with four vectors they fill the registers of AVX-512.
const MAX_ROWS: usize = 6;

/// The most rows of a tile on this level. The plain level, for the few machines without AVX2, has one kind of tile only: six
/// kinds for each cell would be a fiftieth of the wheel.
pub(super) const fn max_rows<S: Simd>() -> usize {
    match S::ISA {
        Isa::Scalar => 1,
        _ => MAX_ROWS,
    }
}

/// Whether registers hold all sums of so many rows. Of one row they do everywhere, and more of them hide the latency of an
/// addition.
const fn has_room_for_all<S: Simd>(rows: usize) -> bool {
    matches!(S::ISA, Isa::Avx512) || rows == 1
}

/// Rows of weights that are asked for ahead: a block does not stay in the first cache.
const AHEAD: usize = 8;

/// Sums of a row.
pub(super) type Sums = [[f32; LANES]; VECTORS];

/// Some rows and all gates of some units in a step.
#[derive(Clone, Copy)]
pub(super) struct Tile<'a, P> {
    pub(super) rows: &'a [Row],
    /// The block of packed weights.
    pub(super) packed: *const f32,
    pub(super) sizes: &'a Sizes,
    /// The first unit.
    pub(super) unit: usize,
    pub(super) plan: PhantomData<P>,
}

struct Task<'a, P, const ROWS: usize>(Tile<'a, P>);

impl<P: Plan, const ROWS: usize> Kernel for Task<'_, P, ROWS> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: vouched for by the caller of `Tile::run`, which alone makes tasks.
        unsafe { self.0.compute::<S, ROWS>(s) }
    }
}

impl<P: Plan> Tile<'_, P> {
    /// Computes it.
    ///
    /// # Safety
    /// `packed` is a block, and the rows have all numbers of the sizes wherever the plan asks for them.
    #[inline(always)]
    pub(super) unsafe fn run<S: Simd>(self, s: S) {
        debug_assert!(self.rows.len() <= max_rows::<S>());
        if const { max_rows::<S>() == 1 } {
            return s.vectorize(Task::<P, 1>(self));
        }
        match self.rows.len() {
            1 => s.vectorize(Task::<P, 1>(self)),
            2 => s.vectorize(Task::<P, 2>(self)),
            3 => s.vectorize(Task::<P, 3>(self)),
            4 => s.vectorize(Task::<P, 4>(self)),
            5 => s.vectorize(Task::<P, 5>(self)),
            _ => s.vectorize(Task::<P, MAX_ROWS>(self)),
        }
    }

    /// # Safety
    /// As [`Tile::run`]; there are `ROWS` rows.
    #[inline(always)]
    unsafe fn compute<S: Simd, const ROWS: usize>(&self, s: S) {
        let mut sums = [[[0.0; LANES]; VECTORS]; ROWS];
        // SAFETY: as the caller vouches.
        unsafe {
            if const { has_room_for_all::<S>(ROWS) } {
                self.sum_all(s, &mut sums);
            } else {
                for vector in 0..VECTORS {
                    self.sum_one(s, vector, &mut sums);
                }
            }
            for (row, sums) in self.rows.iter().zip(&sums) {
                P::finish(s, sums, row, self.unit, self.sizes.units);
            }
        }
    }

    /// Where the weights of inputs and states begin.
    #[inline(always)]
    fn weights(&self) -> (*const f32, *const f32) {
        let kernel = self.packed.wrapping_add(VECTORS * LANES);
        let recurrent = kernel.wrapping_add(self.sizes.input * P::X.len() * LANES);
        (kernel, recurrent)
    }

    /// All sums at once, where registers hold them.
    ///
    /// # Safety
    /// As [`Tile::run`]; there are `ROWS` rows.
    #[inline(always)]
    #[expect(clippy::needless_range_loop)] // adapters may be left as calls, with every vector going through memory
    unsafe fn sum_all<S: Simd, const ROWS: usize>(&self, s: S, out: &mut [Sums; ROWS]) {
        let mut sums = [[s.zero(); VECTORS]; ROWS];
        // SAFETY: as the caller vouches.
        unsafe {
            for v in 0..VECTORS {
                let bias = Lanes::<f32>::read(s, self.packed.add(v * LANES));
                for i in 0..ROWS {
                    sums[i][v] = bias;
                }
            }
            let (kernel, recurrent) = self.weights();
            let mut from = [std::ptr::null(); ROWS];
            for i in 0..ROWS {
                from[i] = self.rows[i].x;
            }
            for k in 0..self.sizes.input {
                let at = kernel.add(k * P::X.len() * LANES);
                let mut weights = [s.zero(); VECTORS];
                for v in 0..P::X.len() {
                    s.prefetch(at.wrapping_add((AHEAD * P::X.len() + v) * LANES));
                    weights[v] = Lanes::<f32>::read(s, at.add(v * LANES));
                }
                for i in 0..ROWS {
                    let a = s.splat(*from[i].add(k));
                    for v in 0..P::X.len() {
                        sums[i][P::X[v]] = s.fma(a, weights[v], sums[i][P::X[v]]);
                    }
                }
            }
            for i in 0..ROWS {
                from[i] = self.rows[i].before_h;
            }
            for k in 0..self.sizes.units {
                let at = recurrent.add(k * P::H.len() * LANES);
                let mut weights = [s.zero(); VECTORS];
                for v in 0..P::H.len() {
                    s.prefetch(at.wrapping_add((AHEAD * P::H.len() + v) * LANES));
                    weights[v] = Lanes::<f32>::read(s, at.add(v * LANES));
                }
                for i in 0..ROWS {
                    let a = s.splat(*from[i].add(k));
                    for v in 0..P::H.len() {
                        sums[i][P::H[v]] = s.fma(a, weights[v], sums[i][P::H[v]]);
                    }
                }
            }
        }
        for i in 0..ROWS {
            for v in 0..VECTORS {
                s.store(&mut out[i][v], sums[i][v]);
            }
        }
    }

    /// One vector of sums of each row at a time.
    ///
    /// # Safety
    /// As [`Tile::run`]; there are `ROWS` rows.
    #[inline(always)]
    #[expect(clippy::needless_range_loop)] // as above
    unsafe fn sum_one<S: Simd, const ROWS: usize>(
        &self,
        s: S,
        vector: usize,
        out: &mut [Sums; ROWS],
    ) {
        let (kernel, recurrent) = self.weights();
        // SAFETY: as the caller vouches.
        unsafe {
            let mut sums = [Lanes::<f32>::read(s, self.packed.add(vector * LANES)); ROWS];
            let mut from = [std::ptr::null(); ROWS];
            if let Some(place) = P::X.iter().position(|&x| x == vector) {
                for i in 0..ROWS {
                    from[i] = self.rows[i].x;
                }
                for k in 0..self.sizes.input {
                    let weight =
                        Lanes::<f32>::read(s, kernel.add((k * P::X.len() + place) * LANES));
                    for i in 0..ROWS {
                        sums[i] = s.fma(s.splat(*from[i].add(k)), weight, sums[i]);
                    }
                }
            }
            if let Some(place) = P::H.iter().position(|&h| h == vector) {
                for i in 0..ROWS {
                    from[i] = self.rows[i].before_h;
                }
                for k in 0..self.sizes.units {
                    let weight =
                        Lanes::<f32>::read(s, recurrent.add((k * P::H.len() + place) * LANES));
                    for i in 0..ROWS {
                        sums[i] = s.fma(s.splat(*from[i].add(k)), weight, sums[i]);
                    }
                }
            }
            for i in 0..ROWS {
                s.store(&mut out[i][vector], sums[i]);
            }
        }
    }
}
