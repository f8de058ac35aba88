//! From the gradient of the weighted sums back to projected queries, keys and values.

use ndarray::ArrayViewMut2;

use super::head::Head;
use super::probabilities::softmax_backward;
use super::product::{Left, Panels, Target};
use super::{PART, Projected, Rules, Sizes, for_each_pair};
use crate::kernels::gemm::{Matrix, width};
use crate::kernels::scratch::with_scratch;
use crate::real::Real;

/// The gradients of what went into [`super::attend`]; all are overwritten.
#[derive(Debug)]
pub struct Gradients<'a, F> {
    /// By the queries, laid out as they are.
    pub queries: &'a mut [F],
    /// By the keys.
    pub keys: &'a mut [F],
    /// By the values.
    pub values: &'a mut [F],
}

/// Leads the gradients of the context and, if given, of the scores back. Uses up the probabilities `saved`.
///
/// With P the probabilities and D = dropped P: `dV = D^T dC`, `dD = dC V^T`, `dS = scale * P * (dP - sum(dP * P))` row by
/// row, `dQ = dS K` and `dK = dS^T Q`.
///
/// # Panics
/// If a slice is not as long as the sizes say.
pub fn attend_backward<F: Real>(
    sizes: Sizes,
    projected: Projected<'_, F>,
    rules: &Rules<'_, F>,
    saved: &mut [F],
    grad_context: &[F],
    grad_scores: Option<&[F]>,
    gradients: Gradients<'_, F>,
) {
    if sizes.keys == 0 || sizes.queries == 0 {
        gradients.queries.fill(F::ZERO);
        gradients.keys.fill(F::ZERO);
        gradients.values.fill(F::ZERO);
        return;
    }
    let views = [
        Some(sizes.rows(gradients.queries, sizes.queries, sizes.key_dim)),
        Some(sizes.rows(gradients.keys, sizes.keys, sizes.key_dim)),
        Some(sizes.rows(gradients.values, sizes.keys, sizes.value_dim)),
        Some(sizes.table(saved, sizes.row())),
    ];
    for_each_pair(&sizes, views, &|pair, views| {
        let [Some(queries), Some(keys), Some(values), Some(saved)] = views else {
            return;
        };
        let Some(saved) = saved.into_slice() else {
            return;
        };
        let entries = if rules.mask.has_keys() { sizes.keys } else { 0 };
        with_scratch(entries, |entries| {
            let head = Head {
                sizes,
                projected,
                rules,
                pair,
                mask: rules.mask.of_pair(&sizes, pair, entries),
            };
            head.backward(saved, grad_context, grad_scores, [queries, keys, values]);
        });
    });
}

impl<F: Real> Head<'_, F> {
    fn backward(
        &self,
        saved: &mut [F],
        grad_context: &[F],
        grad_scores: Option<&[F]>,
        [mut grad_queries, mut grad_keys, mut grad_values]: [ArrayViewMut2<'_, F>; 3],
    ) {
        let Sizes {
            queries,
            keys,
            key_dim,
            value_dim,
            ..
        } = self.sizes;
        let (row, block) = (self.sizes.row(), self.sizes.block());
        let lens = [
            Panels::<F>::len(keys, key_dim),
            Panels::<F>::len(value_dim, keys),
            Panels::<F>::len(block, key_dim),
            Panels::<F>::len(block, value_dim),
            block * row,
            if self.rules.dropout.is_some() {
                keys
            } else {
                0
            },
        ];
        with_scratch(lens.iter().sum(), |scratch| {
            let (key_room, scratch) = scratch.split_at_mut(lens[0]);
            let (value_room, scratch) = scratch.split_at_mut(lens[1]);
            let (query_room, scratch) = scratch.split_at_mut(lens[2]);
            let (context_room, scratch) = scratch.split_at_mut(lens[3]);
            let (tile, factors) = scratch.split_at_mut(lens[4]);
            let k = Panels::pack(self.keys(), false, keys, key_dim, key_room);
            let v = Panels::pack(self.values(), true, value_dim, keys, value_room);
            let mut grad_queries = Target::of_view(&mut grad_queries);
            // Keys and values whose gradients have begun.
            let mut begun = 0;
            for first in (0..queries).step_by(block) {
                let rows = block.min(queries - first);
                let saved = &mut saved[first * row..][..rows * row];
                let tile = &mut tile[..rows * row];
                let context = self.rows(grad_context, queries, first, value_dim);
                for part in (0..rows).step_by(PART) {
                    let part = part..rows.min(part + PART);
                    let (query, count) = (first + part.start, part.len());
                    let limit = self.rules.mask.limit(&self.sizes, first + part.end);
                    let context = self.rows(grad_context, queries, query, value_dim);
                    let columns = limit.next_multiple_of(width::<F>());
                    let cells = part.start * row..part.end * row;
                    let (p, dp) = (&mut saved[cells.clone()], &mut tile[cells]);
                    Target::of_slice(dp, row).set(
                        (0, count),
                        columns,
                        (0, value_dim),
                        Left::Rows(context),
                        v,
                        F::ZERO,
                    );
                    let table = p.chunks_exact_mut(row).zip(dp.chunks_exact_mut(row));
                    for (query, (p, dp)) in (query..).zip(table) {
                        let (p, dp) = (&mut p[..columns], &mut dp[..columns]);
                        self.row_backward(query, limit, p, dp, grad_scores, factors);
                    }
                    let ds = Left::Rows(Matrix::new(dp, row));
                    grad_queries.set((query, count), key_dim, (0, limit), ds, k, F::ZERO);
                }

                let room = &mut query_room[..Panels::<F>::len(rows, key_dim)];
                let q = Panels::pack(self.queries(first), false, rows, key_dim, room);
                let room = &mut context_room[..Panels::<F>::len(rows, value_dim)];
                let context = Panels::pack(context, false, rows, value_dim, room);
                let limit = self.rules.mask.limit(&self.sizes, first + rows);
                let targets = [
                    (&mut grad_keys, &*tile, q, key_dim),
                    (&mut grad_values, &*saved, context, value_dim),
                ];
                for (view, table, panels, dim) in targets {
                    let mut target = Target::of_view(view);
                    for key in (0..limit).step_by(PART) {
                        let count = PART.min(limit - key);
                        let from = self.rules.mask.first(&self.sizes, key).max(first) - first;
                        let table = Left::Columns(Matrix::new(&table[from * row + key..], row));
                        let beta = if key < begun { F::ONE } else { F::ZERO };
                        target.set((key, count), dim, (from, rows - from), table, panels, beta);
                    }
                }
                begun = begun.max(limit);
            }
            for grad in [&mut grad_keys, &mut grad_values] {
                let mut unseen = grad.slice_mut(ndarray::s![begun.., ..]);
                unseen.fill(F::ZERO);
            }
        });
    }

    /// From `dp`, the gradient of the dropped probabilities of the first `limit` keys, to that of the scores; `p` is
    /// dropped.
    fn row_backward(
        &self,
        query: usize,
        limit: usize,
        p: &mut [F],
        dp: &mut [F],
        grad_scores: Option<&[F]>,
        factors: &mut [F],
    ) {
        let first = self.first_probability(query);
        if let Some(dropout) = &self.rules.dropout {
            dropout.factors(factors, first);
            dp.iter_mut()
                .zip(&*factors)
                .for_each(|(dp, &factor)| *dp *= factor);
        }
        if let Some(grad_scores) = grad_scores {
            let row = &grad_scores[first..][..limit];
            dp.iter_mut().zip(row).for_each(|(dp, &ds)| *dp += ds);
        }
        if self.rules.empty_is_uniform && self.mask.is_empty(query) {
            dp.fill(F::ZERO); // constant probabilities
        } else {
            let seen = self.mask.seen(query).min(limit);
            softmax_backward(p, dp, seen, self.rules.scale);
        }
        if self.rules.dropout.is_some() {
            p.iter_mut()
                .zip(&*factors)
                .for_each(|(p, &factor)| *p *= factor);
        }
    }
}
