//! What happens to the gates of one step, forwards and backwards, row by row and in place.

mod fused;

#[cfg(test)]
mod tests;

use std::ops::Range;

use super::{Cell, Sizes};
use crate::kernels::activation::Activation;
use crate::kernels::simd::dispatch;
use crate::real::Real;

/// Which rows a step skips.
#[derive(Debug, Clone, Copy)]
pub(super) struct Skip<'a, F> {
    mask: &'a [F],
    time: usize,
    at: usize,
    /// Where the first row stands among all, and how many rows a sequence has.
    first: usize,
    each: usize,
}

impl<'a, F: Real> Skip<'a, F> {
    /// The rows that `mask` (`[rows, time]`, or empty: none) skips in `step`.
    pub(super) fn new(sizes: &Sizes, mask: &'a [F], step: usize) -> Self {
        Self {
            mask,
            time: sizes.time,
            at: sizes.time_of(step),
            first: 0,
            each: 1,
        }
    }

    /// The rows that `mask` (`[batch, time]`, or empty: none) skips at time `at` among the rows from `first` on, of which
    /// each sequence has `each`.
    pub(super) fn of_rows(
        mask: &'a [F],
        (time, at): (usize, usize),
        first: usize,
        each: usize,
    ) -> Self {
        Self {
            mask,
            time,
            at,
            first,
            each,
        }
    }

    /// The same for the fused kernels, which work in `f32` alone.
    fn as_f32(&self) -> Option<Skip<'a, f32>> {
        Some(Skip {
            mask: F::as_f32(self.mask)?,
            time: self.time,
            at: self.at,
            first: self.first,
            each: self.each,
        })
    }

    /// Whether `row` is skipped.
    #[inline(always)]
    pub(super) fn skips(&self, row: usize) -> bool {
        !self.mask.is_empty()
            && self.mask[(self.first + row) / self.each * self.time + self.at] == F::ZERO
    }
}

/// The gates of one step forwards: sums come in, their activations go out.
pub(super) struct Gates<'a, F> {
    /// The activations.
    pub(super) cell: &'a Cell<'a>,
    /// Numbers per state.
    pub(super) units: usize,
    /// `[rows, width]`.
    pub(super) values: &'a mut [F],
    /// A copy of the sums for `backward`, `[rows, width]`; or empty.
    pub(super) sums: &'a mut [F],
    /// `[rows, units]`; or empty.
    pub(super) extra: &'a mut [F],
    /// Rows that keep their states.
    pub(super) skip: Skip<'a, F>,
}

impl<F: Real> Gates<'_, F> {
    fn keep_sums(&mut self) {
        if !self.sums.is_empty() {
            self.sums.copy_from_slice(self.values);
        }
    }

    /// `h = a(sum)`.
    pub(super) fn simple(&mut self, h: &mut [F]) {
        let units = self.units;
        self.keep_sums();
        for (row, (gates, h)) in self
            .values
            .chunks_exact_mut(units)
            .zip(h.chunks_exact_mut(units))
            .enumerate()
        {
            if !self.skip.skips(row) {
                apply(self.cell.activation, gates);
                h.copy_from_slice(gates);
            }
        }
    }

    /// `c = f * c + i * g`, `h = o * a(c)`; `extra` becomes `a(c)`.
    pub(super) fn lstm(&mut self, h: &mut [F], c: &mut [F]) {
        let units = self.units;
        if let Some(fused) = self.fused_lstm(h, c) {
            return dispatch(fused);
        }
        self.keep_sums();
        let rows = self
            .values
            .chunks_exact_mut(4 * units)
            .zip(self.extra.chunks_exact_mut(units));
        let states = h.chunks_exact_mut(units).zip(c.chunks_exact_mut(units));
        for (row, ((gates, cell), (h, c))) in rows.zip(states).enumerate() {
            if self.skip.skips(row) {
                continue;
            }
            apply(self.cell.recurrent_activation, &mut gates[..2 * units]);
            apply(self.cell.activation, &mut gates[2 * units..3 * units]);
            apply(self.cell.recurrent_activation, &mut gates[3 * units..]);
            let [i, f, g, o] = split(gates, units);
            for k in 0..units {
                c[k] = f[k] * c[k] + i[k] * g[k];
            }
            cell.copy_from_slice(c);
            apply(self.cell.activation, cell);
            for k in 0..units {
                h[k] = o[k] * cell[k];
            }
        }
    }

    fn fused_lstm<'a>(&'a mut self, h: &'a mut [F], c: &'a mut [F]) -> Option<fused::Lstm<'a>> {
        Some(fused::Lstm {
            units: self.units,
            skip: self.skip.as_f32().filter(|_| self.cell.is_usual())?,
            values: F::as_f32_mut(self.values)?,
            cell: F::as_f32_mut(self.extra)?,
            h: F::as_f32_mut(h)?,
            c: F::as_f32_mut(c)?,
        })
    }

    /// `z, r = s(sum)`, `extra = r * h`: what a GRU that resets before its product needs for it.
    pub(super) fn reset(&mut self, h: &[F]) {
        let units = self.units;
        self.keep_sums();
        let rows = self
            .values
            .chunks_exact_mut(3 * units)
            .zip(self.extra.chunks_exact_mut(units));
        for ((gates, extra), h) in rows.zip(h.chunks_exact(units)) {
            apply(self.cell.recurrent_activation, &mut gates[..2 * units]);
            for ((extra, &r), &h) in extra.iter_mut().zip(&gates[units..2 * units]).zip(h) {
                *extra = r * h;
            }
        }
    }

    /// `n = a(sum)`, `h = z * h + (1 - z) * n`. With `reset_after`, `z, r = s(sum)` come first, and
    /// `n = a(sum + r * extra)`.
    pub(super) fn gru(&mut self, h: &mut [F], reset_after: bool) {
        let units = self.units;
        if let Some(fused) = self.fused_gru(h, reset_after) {
            return dispatch(fused);
        }
        if reset_after {
            self.keep_sums();
        }
        let rows = self
            .values
            .chunks_exact_mut(3 * units)
            .zip(self.extra.chunks_exact(units));
        for (row, ((gates, extra), h)) in rows.zip(h.chunks_exact_mut(units)).enumerate() {
            if self.skip.skips(row) {
                continue;
            }
            let (zr, n) = gates.split_at_mut(2 * units);
            if reset_after {
                apply(self.cell.recurrent_activation, zr);
                for k in 0..units {
                    n[k] += zr[units + k] * extra[k];
                }
            }
            if !self.sums.is_empty() {
                self.sums[(row * 3 + 2) * units..][..units].copy_from_slice(n);
            }
            apply(self.cell.activation, n);
            for k in 0..units {
                h[k] = zr[k] * h[k] + (F::ONE - zr[k]) * n[k];
            }
        }
    }

    fn fused_gru<'a>(&'a mut self, h: &'a mut [F], reset_after: bool) -> Option<fused::Gru<'a>> {
        Some(fused::Gru {
            units: self.units,
            skip: self.skip.as_f32().filter(|_| self.cell.is_usual())?,
            values: F::as_f32_mut(self.values)?,
            extra: F::as_f32(self.extra)?,
            h: F::as_f32_mut(h)?,
            reset_after,
        })
    }
}

/// The gates of one step backwards: activations come in, the gradients by their sums go out.
pub(super) struct GateGrads<'a, F> {
    /// The activations.
    pub(super) cell: &'a Cell<'a>,
    /// Numbers per state.
    pub(super) units: usize,
    /// `[rows, width]`.
    pub(super) values: &'a mut [F],
    /// The sums, `[rows, width]`; or empty if no activation asks for them.
    pub(super) sums: &'a [F],
    /// `[rows, units]`; or empty.
    pub(super) extra: &'a mut [F],
    /// Rows that kept their states: their gates get no gradient, their states' gradients pass through.
    pub(super) skip: Skip<'a, F>,
    /// Scratch, `[rows, width]`.
    pub(super) spare: &'a mut [F],
}

impl<F: Real> GateGrads<'_, F> {
    /// Of `h = a(sum)`. `dh` is used up: what is left of it goes to the state before the step without a product.
    pub(super) fn simple(&mut self, dh: &mut [F]) {
        let units = self.units;
        for (row, (gates, dh)) in self
            .values
            .chunks_exact_mut(units)
            .zip(dh.chunks_exact_mut(units))
            .enumerate()
        {
            if self.skip.skips(row) {
                gates.fill(F::ZERO);
                continue;
            }
            slope(
                self.cell.activation,
                gates,
                sums(self.sums, row, 1, units, 0..1),
                dh,
            );
            gates.copy_from_slice(dh);
            dh.fill(F::ZERO);
        }
    }

    /// Of `c = f * c' + i * g`, `h = o * a(c)`: `dc` becomes the gradient by `c'`, `dh` is used up.
    pub(super) fn lstm(&mut self, before: &[F], dh: &mut [F], dc: &mut [F]) {
        let units = self.units;
        if let Some(fused) = self.fused_lstm(before, dh, dc) {
            return dispatch(fused);
        }
        let rows = self
            .values
            .chunks_exact_mut(4 * units)
            .zip(self.extra.chunks_exact(units));
        let states = dh
            .chunks_exact_mut(units)
            .zip(dc.chunks_exact_mut(units))
            .zip(before.chunks_exact(units));
        let spare = self.spare.chunks_exact_mut(4 * units);
        for (row, (((gates, cell), ((dh, dc), before)), spare)) in
            rows.zip(states).zip(spare).enumerate()
        {
            if self.skip.skips(row) {
                gates.fill(F::ZERO);
                continue;
            }
            let sums = |gates| sums(self.sums, row, 4, units, gates);
            let [i, f, g, o] = split(gates, units);
            let (di, rest) = spare.split_at_mut(units);
            let (df, rest) = rest.split_at_mut(units);
            let (dg, d_o) = rest.split_at_mut(units);
            // The gradient by the cell: dc + dh * o * a'(c). The cell is computed anew, as a' may need it.
            for k in 0..units {
                df[k] = f[k] * before[k] + i[k] * g[k];
                dg[k] = dh[k] * o[k];
            }
            slope(self.cell.activation, cell, df, dg);
            for k in 0..units {
                let d = dc[k] + dg[k];
                di[k] = d * g[k];
                df[k] = d * before[k];
                dg[k] = d * i[k];
                d_o[k] = dh[k] * cell[k];
                dc[k] = d * f[k];
                dh[k] = F::ZERO;
            }
            slope(
                self.cell.recurrent_activation,
                &gates[..2 * units],
                sums(0..2),
                &mut spare[..2 * units],
            );
            slope(
                self.cell.activation,
                &gates[2 * units..3 * units],
                sums(2..3),
                &mut spare[2 * units..3 * units],
            );
            slope(
                self.cell.recurrent_activation,
                &gates[3 * units..],
                sums(3..4),
                &mut spare[3 * units..],
            );
            gates.copy_from_slice(spare);
        }
    }

    fn fused_lstm<'a>(
        &'a mut self,
        before: &'a [F],
        dh: &'a mut [F],
        dc: &'a mut [F],
    ) -> Option<fused::LstmGrads<'a>> {
        Some(fused::LstmGrads {
            units: self.units,
            skip: self.skip.as_f32().filter(|_| self.cell.is_usual())?,
            values: F::as_f32_mut(self.values)?,
            cell: F::as_f32(self.extra)?,
            before: F::as_f32(before)?,
            dh: F::as_f32_mut(dh)?,
            dc: F::as_f32_mut(dc)?,
        })
    }

    /// Of `h = z * h' + (1 - z) * n`: `dh` becomes what `z` passes on. With `reset_after`, `extra` becomes the gradient
    /// by the state's part of the candidate; otherwise the reset gates wait for [`GateGrads::reset`].
    pub(super) fn gru(&mut self, before: &[F], dh: &mut [F], reset_after: bool) {
        let units = self.units;
        if let Some(fused) = self.fused_gru(before, dh, reset_after) {
            return dispatch(fused);
        }
        let rows = self
            .values
            .chunks_exact_mut(3 * units)
            .zip(self.extra.chunks_exact_mut(units));
        let states = dh.chunks_exact_mut(units).zip(before.chunks_exact(units));
        let spare = self.spare.chunks_exact_mut(3 * units);
        for (row, (((gates, extra), (dh, before)), spare)) in
            rows.zip(states).zip(spare).enumerate()
        {
            if self.skip.skips(row) {
                gates.fill(F::ZERO);
                extra.fill(F::ZERO);
                continue;
            }
            let sums = |gates| sums(self.sums, row, 3, units, gates);
            let [z, r, n] = split(gates, units);
            let (dz, rest) = spare.split_at_mut(units);
            let (dr, dn) = rest.split_at_mut(units);
            for k in 0..units {
                dz[k] = dh[k] * (before[k] - n[k]);
                dn[k] = dh[k] * (F::ONE - z[k]);
                dh[k] *= z[k];
            }
            slope(self.cell.activation, n, sums(2..3), dn);
            slope(self.cell.recurrent_activation, z, sums(0..1), dz);
            if reset_after {
                for k in 0..units {
                    dr[k] = dn[k] * extra[k];
                    extra[k] = dn[k] * r[k];
                }
                slope(self.cell.recurrent_activation, r, sums(1..2), dr);
            } else {
                dr.copy_from_slice(r);
            }
            gates.copy_from_slice(spare);
        }
    }

    fn fused_gru<'a>(
        &'a mut self,
        before: &'a [F],
        dh: &'a mut [F],
        reset_after: bool,
    ) -> Option<fused::GruGrads<'a>> {
        Some(fused::GruGrads {
            units: self.units,
            skip: self.skip.as_f32().filter(|_| self.cell.is_usual())?,
            values: F::as_f32_mut(self.values)?,
            extra: F::as_f32_mut(self.extra)?,
            before: F::as_f32(before)?,
            dh: F::as_f32_mut(dh)?,
            reset_after,
        })
    }

    /// Of `r * h'`, whose gradient is `d`: `d` becomes the gradient by `h'`.
    pub(super) fn reset(&mut self, before: &[F], d: &mut [F]) {
        let units = self.units;
        let rows = self
            .values
            .chunks_exact_mut(3 * units)
            .zip(self.spare.chunks_exact_mut(3 * units));
        let states = d.chunks_exact_mut(units).zip(before.chunks_exact(units));
        for (row, ((gates, spare), (d, before))) in rows.zip(states).enumerate() {
            let r = &mut gates[units..2 * units];
            let dr = &mut spare[..units];
            for k in 0..units {
                dr[k] = d[k] * before[k];
                d[k] *= r[k];
            }
            slope(
                self.cell.recurrent_activation,
                r,
                sums(self.sums, row, 3, units, 1..2),
                dr,
            );
            r.copy_from_slice(dr);
        }
    }
}

/// `values = f(values)`
fn apply<F: Real>(activation: &Activation, values: &mut [F]) {
    activation.forward_in_place(values, values.len());
}

/// `grad *= f'`, given the values of f and, if they are kept, what it was given.
fn slope<F: Real>(activation: &Activation, values: &[F], sums: &[F], grad: &mut [F]) {
    let sums = (!sums.is_empty()).then_some(sums);
    activation.backward_in_place(sums, values, grad, values.len());
}

/// The gates of a row.
fn split<F, const N: usize>(gates: &[F], units: usize) -> [&[F]; N] {
    std::array::from_fn(|gate| &gates[gate * units..(gate + 1) * units])
}

/// The sums of some gates of a row of `of` gates; empty if none are kept.
fn sums<F>(sums: &[F], row: usize, of: usize, units: usize, gates: Range<usize>) -> &[F] {
    if sums.is_empty() {
        return &[];
    }
    &sums[row * of * units..][gates.start * units..gates.end * units]
}
