//! From projected queries, keys and values to the weighted sums of the values.

use ndarray::ArrayViewMut2;

use super::head::Head;
use super::probabilities::softmax;
use super::product::{Left, Panels, Target};
use super::{PART, Projected, Rules, Sizes, for_each_pair};
use crate::kernels::gemm::{Matrix, width};
use crate::kernels::scratch::with_scratch;
use crate::real::Real;

/// What attention gives; all is overwritten.
#[derive(Debug)]
pub struct Results<'a, F> {
    /// Weighted sums of the values: `(outer, queries, inner, heads, value_dim)`.
    pub context: &'a mut [F],
    /// The probabilities before dropout, for [`super::attend_backward`], as long as [`Sizes::saved`]. What no query of a
    /// part can see is left out.
    pub saved: Option<&'a mut [F]>,
    /// The probabilities before dropout, complete: `(outer, inner, heads, queries, keys)`.
    pub scores: Option<&'a mut [F]>,
}

/// `context = dropout(softmax(masked(scale * q k^T))) v` for each head.
///
/// # Panics
/// If a slice is not as long as the sizes say.
pub fn attend<F: Real>(
    sizes: Sizes,
    projected: Projected<'_, F>,
    rules: &Rules<'_, F>,
    results: Results<'_, F>,
) {
    if sizes.keys == 0 || sizes.queries == 0 {
        return results.context.fill(F::ZERO);
    }
    let Sizes {
        queries,
        keys,
        key_dim,
        value_dim,
        ..
    } = sizes;
    let row = sizes.row();
    let context = sizes.rows(results.context, queries, value_dim);
    let saved = results.saved.map(|saved| sizes.table(saved, row));
    let scores = results.scores.map(|scores| sizes.table(scores, keys));
    for_each_pair(&sizes, [Some(context), saved, scores], &|pair, views| {
        let [Some(mut context), saved, scores] = views else {
            return;
        };
        let mut saved = saved.and_then(ArrayViewMut2::into_slice);
        let mut scores = scores.and_then(ArrayViewMut2::into_slice);
        let needs_tile = saved.is_none() || rules.dropout.is_some();
        let lens = [
            Panels::<F>::len(key_dim, keys),
            Panels::<F>::len(keys, value_dim),
            if needs_tile {
                PART.min(queries) * row
            } else {
                0
            },
            if rules.dropout.is_some() { keys } else { 0 },
            if rules.mask.has_keys() { keys } else { 0 },
        ];
        with_scratch(lens.iter().sum(), |scratch| {
            let (key_room, scratch) = scratch.split_at_mut(lens[0]);
            let (value_room, scratch) = scratch.split_at_mut(lens[1]);
            let (tile, scratch) = scratch.split_at_mut(lens[2]);
            let (factors, entries) = scratch.split_at_mut(lens[3]);
            let head = Head {
                sizes,
                projected,
                rules,
                pair,
                mask: rules.mask.of_pair(&sizes, pair, entries),
            };
            let k = Panels::pack(head.keys(), true, key_dim, keys, key_room);
            let v = Panels::pack(head.values(), false, keys, value_dim, value_room);
            let mut context = Target::of_view(&mut context);
            for first in (0..queries).step_by(PART) {
                let rows = PART.min(queries - first);
                let limit = rules.mask.limit(&sizes, first + rows);
                let saved = saved
                    .as_deref_mut()
                    .map(|saved| &mut saved[first * row..][..rows * row]);
                let table = match saved {
                    Some(saved) => {
                        head.probabilities(first, limit, k, saved);
                        if needs_tile {
                            tile[..rows * row].copy_from_slice(saved);
                            &mut tile[..rows * row]
                        } else {
                            saved
                        }
                    }
                    None => {
                        let tile = &mut tile[..rows * row];
                        head.probabilities(first, limit, k, tile);
                        tile
                    }
                };
                if let Some(scores) = scores.as_deref_mut() {
                    let scores = scores[first * keys..][..rows * keys].chunks_exact_mut(keys);
                    for (to, from) in scores.zip(table.chunks_exact(row)) {
                        to[..limit].copy_from_slice(&from[..limit]);
                        to[limit..].fill(F::ZERO);
                    }
                }
                if let Some(dropout) = &rules.dropout {
                    for (i, row) in table.chunks_exact_mut(row).enumerate() {
                        dropout.factors(factors, head.first_probability(first + i));
                        row.iter_mut()
                            .zip(&*factors)
                            .for_each(|(p, &factor)| *p *= factor);
                    }
                }
                let p = Left::Rows(Matrix::new(table, row));
                context.set((first, rows), value_dim, (0, limit), p, v, F::ZERO);
            }
        });
    });
}

impl<F: Real> Head<'_, F> {
    /// The probabilities of the first `limit` keys for the queries from `first` on, as many as `table` has rows.
    fn probabilities(&self, first: usize, limit: usize, keys: Panels<'_, F>, table: &mut [F]) {
        let row = self.sizes.row();
        let rows = table.len() / row;
        // Whole vectors are faster; the places beyond the limit are overwritten below.
        let columns = limit.next_multiple_of(width::<F>());
        let q = Left::Rows(self.queries(first));
        Target::of_slice(table, row).set(
            (0, rows),
            columns,
            (0, self.sizes.key_dim),
            q,
            keys,
            F::ZERO,
        );
        for (query, row) in (first..).zip(table.chunks_exact_mut(row)) {
            if self.mask.is_empty(query) {
                let share = if self.rules.empty_is_uniform {
                    F::ONE / F::of_usize(self.sizes.keys)
                } else {
                    F::ZERO
                };
                row[..limit].fill(share);
                row[limit..columns].fill(F::ZERO);
            } else {
                let seen = self.mask.seen(query);
                self.mask.apply(query, &mut row[..seen]);
                softmax(&mut row[..columns], seen, self.rules.scale);
            }
        }
    }
}
