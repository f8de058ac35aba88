//! From projected queries, keys and values to the weighted sums of the values.

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2, s};

use super::mask::PairRows;
use super::{BLOCK, Pair, Projected, Rules, Sizes, for_each_pair};
use crate::kernels::gemm::{Epilogue, Gemm, Matrix, MatrixMut, Operand, gemm};
use crate::kernels::scratch::with_scratch;
use crate::kernels::softmax::softmax;
use crate::real::Real;

/// What attention gives; all is overwritten.
#[derive(Debug)]
pub struct Results<'a, F> {
    /// Weighted sums of the values: `(outer, queries, inner, heads, value_dim)`.
    pub context: &'a mut [F],
    /// The probabilities before dropout, for [`super::attend_backward`]: `(outer, inner, heads, queries, keys)`. What no
    /// query of a block can see is left out.
    pub saved: Option<&'a mut [F]>,
    /// The probabilities before dropout, complete.
    pub scores: Option<&'a mut [F]>,
}

/// `context = dropout(softmax(masked(q k^T))) v` for each head.
///
/// # Panics
/// If a slice is not as long as the sizes say.
pub fn attend<F: Real>(
    sizes: Sizes,
    projected: Projected<'_, F>,
    rules: &Rules<'_, F>,
    results: Results<'_, F>,
) {
    if sizes.keys == 0 {
        return results.context.fill(F::ZERO);
    }
    let context = sizes.rows(results.context, sizes.queries, sizes.value_dim);
    let saved = results.saved.map(|saved| sizes.table(saved));
    let scores = results.scores.map(|scores| sizes.table(scores));
    for_each_pair([0; 3], [Some(context), saved, scores], &|pair, views| {
        let [Some(mut context), saved, scores] = views else {
            return;
        };
        let mut saved = saved.and_then(ArrayViewMut2::into_slice);
        let mut scores = scores.and_then(ArrayViewMut2::into_slice);
        let (keys, block) = (sizes.keys, BLOCK.min(sizes.queries));
        let needs_tile = saved.is_none() || rules.dropout.is_some();
        let tile = if needs_tile { block * keys } else { 0 };
        let factors = if rules.dropout.is_some() { keys } else { 0 };
        let entries = if rules.mask.has_keys() { keys } else { 0 };
        let sums = block * sizes.value_dim;
        with_scratch(tile + factors + entries + sums, |scratch| {
            let (tile, scratch) = scratch.split_at_mut(tile);
            let (factors, scratch) = scratch.split_at_mut(factors);
            let (entries, sums) = scratch.split_at_mut(entries);
            let mask = rules.mask.of_pair(&sizes, pair, entries);
            let head = Head {
                sizes,
                projected,
                rules,
                pair,
                mask,
            };
            for first in (0..sizes.queries).step_by(BLOCK) {
                let queries = first..sizes.queries.min(first + BLOCK);
                let cells = first * keys..queries.end * keys;
                let rows = queries.len();
                let saved = saved.as_deref_mut().map(|saved| &mut saved[cells.clone()]);
                let scores = scores.as_deref_mut().map(|scores| &mut scores[cells]);
                let sums = &mut sums[..rows * sizes.value_dim];
                let tile = if needs_tile {
                    &mut tile[..rows * keys]
                } else {
                    &mut *tile
                };
                head.block(queries.clone(), saved, scores, tile, factors, sums);
                let sums = ArrayView2::from_shape((rows, sizes.value_dim), &*sums);
                let sums = sums.expect("cut to this length above");
                context.slice_mut(s![queries, ..]).assign(&sums);
            }
        });
    });
}

/// One head of one sample.
struct Head<'a, F> {
    sizes: Sizes,
    projected: Projected<'a, F>,
    rules: &'a Rules<'a, F>,
    pair: Pair,
    mask: PairRows<'a, F>,
}

impl<F: Real> Head<'_, F> {
    /// The weighted sums for a block of queries, by way of `saved` or `tile`.
    fn block(
        &self,
        queries: Range<usize>,
        saved: Option<&mut [F]>,
        scores: Option<&mut [F]>,
        tile: &mut [F],
        factors: &mut [F],
        sums: &mut [F],
    ) {
        let Sizes {
            keys, value_dim, ..
        } = self.sizes;
        let (rows, limit) = (
            queries.len(),
            self.rules.mask.limit(&self.sizes, queries.end),
        );
        let table = match saved {
            Some(saved) => {
                self.probabilities(queries.clone(), limit, saved, scores);
                match self.rules.dropout {
                    Some(_) => {
                        tile.copy_from_slice(saved);
                        tile
                    }
                    None => saved,
                }
            }
            None => {
                self.probabilities(queries.clone(), limit, tile, scores);
                tile
            }
        };
        if let Some(dropout) = &self.rules.dropout {
            let first = self.sizes.index(self.pair) * self.sizes.queries + queries.start;
            for (i, row) in table.chunks_exact_mut(keys).enumerate() {
                dropout.factors(factors, (first + i) * keys);
                row.iter_mut()
                    .zip(&*factors)
                    .for_each(|(p, &factor)| *p *= factor);
            }
        }
        let values = self.sizes.start(self.pair, keys, 0, value_dim);
        let values = &self.projected.values[values..];
        let values = Operand::Plain(Matrix::new(values, self.sizes.step(value_dim)));
        let (table, sums) = (Matrix::new(table, keys), MatrixMut::new(sums, value_dim));
        let shape = Gemm::nn(rows, value_dim, limit);
        gemm(shape, table, values, F::ZERO, sums, Epilogue::default());
    }

    /// The probabilities of the first `limit` keys for a block of queries.
    fn probabilities(
        &self,
        queries: Range<usize>,
        limit: usize,
        table: &mut [F],
        scores: Option<&mut [F]>,
    ) {
        let Sizes { keys, key_dim, .. } = self.sizes;
        let step = self.sizes.step(key_dim);
        let q = self
            .sizes
            .start(self.pair, self.sizes.queries, queries.start, key_dim);
        let k = self.sizes.start(self.pair, keys, 0, key_dim);
        let q = Matrix::new(&self.projected.queries[q..], step);
        let k = Operand::Plain(Matrix::new(&self.projected.keys[k..], step));
        let shape = Gemm::nt(queries.len(), limit, key_dim);
        gemm(
            shape,
            q,
            k,
            F::ZERO,
            MatrixMut::new(table, keys),
            Epilogue::default(),
        );
        for (query, row) in queries.zip(table.chunks_exact_mut(keys)) {
            let row = &mut row[..limit];
            match (self.mask.is_empty(query), self.rules.empty_is_uniform) {
                (false, _) => {
                    self.mask.apply(query, row);
                    softmax(row, limit);
                }
                (true, true) => row.fill(F::ONE / F::of_usize(keys)),
                (true, false) => row.fill(F::ZERO),
            }
        }
        if let Some(scores) = scores {
            for (to, from) in scores.chunks_exact_mut(keys).zip(table.chunks_exact(keys)) {
                to[..limit].copy_from_slice(&from[..limit]);
                to[limit..].fill(F::ZERO);
            }
        }
    }
}
