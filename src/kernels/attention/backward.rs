//! From the gradient of the weighted sums back to projected queries, keys and values.

use ndarray::{ArrayView2, ArrayViewMut2, s};

use super::{BLOCK, Pair, Projected, Rules, Sizes, for_each_pair};
use crate::kernels::gemm::{Epilogue, Gemm, Matrix, MatrixMut, Operand, gemm};
use crate::kernels::scratch::with_scratch;
use crate::kernels::softmax::softmax_backward;
use crate::real::Real;

/// The gradients of what went into [`super::attend`]; all are overwritten.
#[derive(Debug)]
pub struct Gradients<'a, F> {
    /// By the scaled queries, laid out as they are.
    pub queries: &'a mut [F],
    /// By the keys.
    pub keys: &'a mut [F],
    /// By the values.
    pub values: &'a mut [F],
}

/// Leads the gradients of the context and, if given, of the scores back. Uses up the probabilities `saved`.
///
/// With P the probabilities and D = dropped P: `dV = D^T dC`, `dD = dC V^T`, `dS = P * (dP - sum(dP * P))` row by row,
/// `dQ = dS K` and `dK = dS^T Q`.
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
        Some(sizes.table(saved)),
    ];
    for_each_pair([0; 3], views, &|pair, views| {
        let [Some(queries), Some(keys), Some(values), Some(saved)] = views else {
            return;
        };
        let Some(saved) = saved.into_slice() else {
            return;
        };
        let head = Head {
            sizes,
            projected,
            rules,
            pair,
            grad_context,
            grad_scores,
        };
        head.backward(saved, queries, keys, values);
    });
}

/// One head of one sample.
struct Head<'a, F> {
    sizes: Sizes,
    projected: Projected<'a, F>,
    rules: &'a Rules<'a, F>,
    pair: Pair,
    grad_context: &'a [F],
    grad_scores: Option<&'a [F]>,
}

impl<F: Real> Head<'_, F> {
    fn backward(
        &self,
        saved: &mut [F],
        mut grad_queries: ArrayViewMut2<'_, F>,
        mut grad_keys: ArrayViewMut2<'_, F>,
        mut grad_values: ArrayViewMut2<'_, F>,
    ) {
        let Sizes {
            queries,
            keys,
            key_dim,
            value_dim,
            ..
        } = self.sizes;
        let block = BLOCK.min(queries);
        let factors = if self.rules.dropout.is_some() {
            keys
        } else {
            0
        };
        let entries = if self.rules.mask.has_keys() { keys } else { 0 };
        let lens = [
            block * keys,
            block * key_dim,
            keys * key_dim,
            keys * value_dim,
            factors,
        ];
        with_scratch(lens.iter().sum::<usize>() + entries, |scratch| {
            let (tile, scratch) = scratch.split_at_mut(lens[0]);
            let (dq, scratch) = scratch.split_at_mut(lens[1]);
            let (dk, scratch) = scratch.split_at_mut(lens[2]);
            let (dv, scratch) = scratch.split_at_mut(lens[3]);
            let (factors, entries) = scratch.split_at_mut(factors);
            let mask = self.rules.mask.of_pair(&self.sizes, self.pair, entries);
            dk.fill(F::ZERO);
            dv.fill(F::ZERO);
            for first in (0..queries).step_by(BLOCK) {
                let end = queries.min(first + BLOCK);
                let (rows, limit) = (end - first, self.rules.mask.limit(&self.sizes, end));
                let saved = &mut saved[first * keys..end * keys];
                let tile = &mut tile[..rows * keys];

                let context = self.rows(self.grad_context, queries, first, value_dim);
                let values = Operand::Plain(self.rows(self.projected.values, keys, 0, value_dim));
                let shape = Gemm::nt(rows, limit, value_dim);
                let c = MatrixMut::new(&mut *tile, keys);
                gemm(shape, context, values, F::ZERO, c, Epilogue::default());

                let table = saved
                    .chunks_exact_mut(keys)
                    .zip(tile.chunks_exact_mut(keys));
                for (query, (p, dp)) in (first..end).zip(table) {
                    let (p, dp) = (&mut p[..limit], &mut dp[..limit]);
                    let is_constant = self.rules.empty_is_uniform && mask.is_empty(query);
                    self.row_backward(query, is_constant, p, dp, factors);
                }

                let plain = Epilogue::default();
                let k = Operand::Plain(self.rows(self.projected.keys, keys, 0, key_dim));
                let ds = Matrix::new(&*tile, keys);
                let c = MatrixMut::new(&mut dq[..rows * key_dim], key_dim);
                gemm(Gemm::nn(rows, key_dim, limit), ds, k, F::ZERO, c, plain);
                let block = ArrayView2::from_shape((rows, key_dim), &dq[..rows * key_dim]);
                let block = block.expect("cut to this length");
                grad_queries.slice_mut(s![first..end, ..]).assign(&block);

                let q = Operand::Plain(self.rows(self.projected.queries, queries, first, key_dim));
                let c = MatrixMut::new(&mut *dk, key_dim);
                gemm(Gemm::tn(limit, key_dim, rows), ds, q, F::ONE, c, plain);
                let dropped = Matrix::new(&*saved, keys);
                let context = Operand::Plain(context);
                let c = MatrixMut::new(&mut *dv, value_dim);
                gemm(
                    Gemm::tn(limit, value_dim, rows),
                    dropped,
                    context,
                    F::ONE,
                    c,
                    plain,
                );
            }
            let all = |values, dim| {
                ArrayView2::from_shape((keys, dim), values).expect("cut to this length")
            };
            grad_keys.assign(&all(&*dk, key_dim));
            grad_values.assign(&all(&*dv, value_dim));
        });
    }

    /// The rows of this head from `first` on, of a tensor with `count` rows of `dim` numbers for each head.
    fn rows<'b>(&self, values: &'b [F], count: usize, first: usize, dim: usize) -> Matrix<'b, F> {
        let start = self.sizes.start(self.pair, count, first, dim);
        Matrix::new(&values[start..], self.sizes.step(dim))
    }

    /// From `dp`, the gradient of the dropped probabilities, to that of the scores; `p` is dropped.
    fn row_backward(
        &self,
        query: usize,
        is_constant: bool,
        p: &mut [F],
        dp: &mut [F],
        factors: &mut [F],
    ) {
        let Sizes { queries, keys, .. } = self.sizes;
        let first = (self.sizes.index(self.pair) * queries + query) * keys;
        if let Some(dropout) = &self.rules.dropout {
            dropout.factors(factors, first);
            dp.iter_mut()
                .zip(&*factors)
                .for_each(|(dp, &factor)| *dp *= factor);
        }
        if let Some(grad_scores) = self.grad_scores {
            let row = &grad_scores[first..];
            dp.iter_mut().zip(row).for_each(|(dp, &ds)| *dp += ds);
        }
        if is_constant {
            dp.fill(F::ZERO);
        } else {
            softmax_backward(p, dp, p.len());
        }
        if self.rules.dropout.is_some() {
            p.iter_mut()
                .zip(&*factors)
                .for_each(|(p, &factor)| *p *= factor);
        }
    }
}
