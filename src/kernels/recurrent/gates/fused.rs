//! The usual cells, tanh with sigmoid gates in `f32`, in one pass: what a gate needs is in registers once.

use super::Skip;
use crate::kernels::math::{sigmoid, tanh};
use crate::kernels::simd::{Kernel, LANES, Simd};

/// As many numbers as there are from `at` on, up to a vector.
#[inline(always)]
fn load<S: Simd>(s: S, from: &[f32], at: usize) -> S::F {
    let from = &from[at..];
    match from.first_chunk::<LANES>() {
        Some(whole) => s.load(whole),
        None => s.load_partial(from),
    }
}

/// Writes a vector from `at` on, as far as there is room.
#[inline(always)]
fn store<S: Simd>(s: S, to: &mut [f32], at: usize, v: S::F) {
    let to = &mut to[at..];
    match to.first_chunk_mut::<LANES>() {
        Some(whole) => s.store(whole, v),
        None => s.store_partial(to, v),
    }
}

/// `dy * y * (1 - y)`
#[inline(always)]
fn sigmoid_slope<S: Simd>(s: S, dy: S::F, y: S::F) -> S::F {
    s.mul(dy, s.neg_fma(y, y, y))
}

/// `dy * (1 - y^2)`
#[inline(always)]
fn tanh_slope<S: Simd>(s: S, dy: S::F, y: S::F) -> S::F {
    let y_dy = s.mul(y, dy);
    s.neg_fma(y, y_dy, dy)
}

/// A row cut into its gates.
#[inline(always)]
fn gates<const N: usize>(row: &mut [f32], units: usize) -> [&mut [f32]; N] {
    let mut rest = row;
    std::array::from_fn(|_| {
        let (gate, tail) = std::mem::take(&mut rest).split_at_mut(units);
        rest = tail;
        gate
    })
}

/// See [`super::Gates::lstm`].
pub(super) struct Lstm<'a> {
    pub(super) units: usize,
    pub(super) values: &'a mut [f32],
    pub(super) cell: &'a mut [f32],
    pub(super) h: &'a mut [f32],
    pub(super) c: &'a mut [f32],
    pub(super) skip: Skip<'a, f32>,
}

impl Kernel for Lstm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let units = self.units;
        let rows = self
            .values
            .chunks_exact_mut(4 * units)
            .zip(self.cell.chunks_exact_mut(units));
        let states = self
            .h
            .chunks_exact_mut(units)
            .zip(self.c.chunks_exact_mut(units));
        for (row, ((values, cell), (h, c))) in rows.zip(states).enumerate() {
            if self.skip.skips(row) {
                continue;
            }
            let [i_row, f_row, g_row, o_row] = gates(values, units);
            for at in (0..units).step_by(LANES) {
                let i = sigmoid(s, load(s, i_row, at));
                let f = sigmoid(s, load(s, f_row, at));
                let g = tanh(s, load(s, g_row, at));
                let o = sigmoid(s, load(s, o_row, at));
                let new = s.fma(f, load(s, c, at), s.mul(i, g));
                let activated = tanh(s, new);
                store(s, i_row, at, i);
                store(s, f_row, at, f);
                store(s, g_row, at, g);
                store(s, o_row, at, o);
                store(s, c, at, new);
                store(s, cell, at, activated);
                store(s, h, at, s.mul(o, activated));
            }
        }
    }
}

/// See [`super::GateGrads::lstm`].
pub(super) struct LstmGrads<'a> {
    pub(super) units: usize,
    pub(super) values: &'a mut [f32],
    pub(super) cell: &'a [f32],
    pub(super) before: &'a [f32],
    pub(super) dh: &'a mut [f32],
    pub(super) dc: &'a mut [f32],
    pub(super) skip: Skip<'a, f32>,
}

impl Kernel for LstmGrads<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let units = self.units;
        let rows = self
            .values
            .chunks_exact_mut(4 * units)
            .zip(self.cell.chunks_exact(units));
        let grads = self
            .dh
            .chunks_exact_mut(units)
            .zip(self.dc.chunks_exact_mut(units));
        let states = grads.zip(self.before.chunks_exact(units));
        for (row, ((values, cell), ((dh, dc), before))) in rows.zip(states).enumerate() {
            if self.skip.skips(row) {
                values.fill(0.0);
                continue;
            }
            let [i_row, f_row, g_row, o_row] = gates(values, units);
            for at in (0..units).step_by(LANES) {
                let (i, f) = (load(s, i_row, at), load(s, f_row, at));
                let (g, o) = (load(s, g_row, at), load(s, o_row, at));
                let (y, d) = (load(s, cell, at), load(s, dh, at));
                let dcell = s.add(load(s, dc, at), tanh_slope(s, s.mul(d, o), y));
                store(s, i_row, at, sigmoid_slope(s, s.mul(dcell, g), i));
                store(
                    s,
                    f_row,
                    at,
                    sigmoid_slope(s, s.mul(dcell, load(s, before, at)), f),
                );
                store(s, g_row, at, tanh_slope(s, s.mul(dcell, i), g));
                store(s, o_row, at, sigmoid_slope(s, s.mul(d, y), o));
                store(s, dc, at, s.mul(dcell, f));
                store(s, dh, at, s.splat(0.0));
            }
        }
    }
}

/// See [`super::Gates::gru`].
pub(super) struct Gru<'a> {
    pub(super) units: usize,
    pub(super) values: &'a mut [f32],
    pub(super) extra: &'a [f32],
    pub(super) h: &'a mut [f32],
    pub(super) reset_after: bool,
    pub(super) skip: Skip<'a, f32>,
}

impl Kernel for Gru<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let units = self.units;
        let rows = self
            .values
            .chunks_exact_mut(3 * units)
            .zip(self.extra.chunks_exact(units));
        for (row, ((values, extra), h)) in rows.zip(self.h.chunks_exact_mut(units)).enumerate() {
            if self.skip.skips(row) {
                continue;
            }
            let [z_row, r_row, n_row] = gates(values, units);
            for at in (0..units).step_by(LANES) {
                let mut z = load(s, z_row, at);
                let mut sum = load(s, n_row, at);
                if self.reset_after {
                    z = sigmoid(s, z);
                    let r = sigmoid(s, load(s, r_row, at));
                    sum = s.fma(r, load(s, extra, at), sum);
                    store(s, z_row, at, z);
                    store(s, r_row, at, r);
                }
                let n = tanh(s, sum);
                store(s, n_row, at, n);
                // z h + (1 - z) n = n + z (h - n)
                store(s, h, at, s.fma(z, s.sub(load(s, h, at), n), n));
            }
        }
    }
}

/// See [`super::GateGrads::gru`].
pub(super) struct GruGrads<'a> {
    pub(super) units: usize,
    pub(super) values: &'a mut [f32],
    pub(super) extra: &'a mut [f32],
    pub(super) before: &'a [f32],
    pub(super) dh: &'a mut [f32],
    pub(super) reset_after: bool,
    pub(super) skip: Skip<'a, f32>,
}

impl Kernel for GruGrads<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let units = self.units;
        let rows = self
            .values
            .chunks_exact_mut(3 * units)
            .zip(self.extra.chunks_exact_mut(units));
        let states = self
            .dh
            .chunks_exact_mut(units)
            .zip(self.before.chunks_exact(units));
        for (row, ((values, extra), (dh, before))) in rows.zip(states).enumerate() {
            if self.skip.skips(row) {
                values.fill(0.0);
                extra.fill(0.0);
                continue;
            }
            let [z_row, r_row, n_row] = gates(values, units);
            for at in (0..units).step_by(LANES) {
                let (z, n) = (load(s, z_row, at), load(s, n_row, at));
                let d = load(s, dh, at);
                let dz = sigmoid_slope(s, s.mul(d, s.sub(load(s, before, at), n)), z);
                let dn = tanh_slope(s, s.neg_fma(d, z, d), n);
                store(s, z_row, at, dz);
                store(s, n_row, at, dn);
                store(s, dh, at, s.mul(d, z));
                if self.reset_after {
                    let r = load(s, r_row, at);
                    store(
                        s,
                        r_row,
                        at,
                        sigmoid_slope(s, s.mul(dn, load(s, extra, at)), r),
                    );
                    store(s, extra, at, s.mul(dn, r));
                }
            }
        }
    }
}
