//! One head of one sample, and where its rows lie.

use super::mask::PairRows;
use super::{Pair, Projected, Rules, Sizes};
use crate::kernels::gemm::Matrix;
use crate::real::Real;

/// One head of one sample.
pub(super) struct Head<'a, F> {
    pub sizes: Sizes,
    pub projected: Projected<'a, F>,
    pub rules: &'a Rules<'a, F>,
    pub pair: Pair,
    pub mask: PairRows<'a, F>,
}

impl<F: Real> Head<'_, F> {
    /// The queries from `first` on.
    pub fn queries(&self, first: usize) -> Matrix<'_, F> {
        let Sizes {
            queries, key_dim, ..
        } = self.sizes;
        self.rows(self.projected.queries, queries, first, key_dim)
    }

    /// The keys.
    pub fn keys(&self) -> Matrix<'_, F> {
        let Sizes { keys, key_dim, .. } = self.sizes;
        self.rows(self.projected.keys, keys, 0, key_dim)
    }

    /// The values.
    pub fn values(&self) -> Matrix<'_, F> {
        let Sizes {
            keys, value_dim, ..
        } = self.sizes;
        self.rows(self.projected.values, keys, 0, value_dim)
    }

    /// The rows of this head from `first` on, of a tensor with `count` rows of `dim` numbers for each head.
    pub fn rows<'b>(
        &self,
        tensor: &'b [F],
        count: usize,
        first: usize,
        dim: usize,
    ) -> Matrix<'b, F> {
        let start = self.sizes.start(self.pair, count, first, dim);
        Matrix::new(&tensor[start..], self.sizes.step(dim))
    }

    /// The number of the probability of a query and the first key, for dropout.
    pub fn first_probability(&self, query: usize) -> usize {
        (self.sizes.index(self.pair) * self.sizes.queries + query) * self.sizes.keys
    }
}
