//! Scaled dot-product attention of many heads: `softmax(q k^T) v`, with masks and dropout.
//!
//! Vaswani et al., "Attention Is All You Need", 2017. Queries, keys and values come projected, as rows of
//! `heads * dim` numbers. One thread works on one head of one sample at a time, some queries at a time, so that their
//! scores are made, masked, normalised and used while they are in the cache; what no query of them can see is skipped.
//! Keys and values are packed once for the head, and results are written where they belong. Heads
//! of samples are shared out by halving, and each writes to places of its own: the number of threads changes no bit.
//!
//! For a backward pass the probabilities are kept rather than computed again: at the lengths lamina is made for they stay
//! in the last cache, and reading them back costs less than a matrix product and as many exponentials.

mod backward;
mod forward;
mod head;
mod mask;
mod probabilities;
mod product;

pub use backward::{Gradients, attend_backward};
pub use forward::{Results, attend};
pub use mask::{Mask, PairMask};

use std::marker::PhantomData;

use ndarray::{ArrayViewMut2, ArrayViewMut5, Axis, Ix5, RawArrayViewMut};

use crate::kernels::simd::LANES;
use crate::kernels::team::{Items, for_each_item};
use crate::real::Real;
use crate::rng::Stream;

/// Queries, or keys, that are worked on together: four tiles of six rows.
const PART: usize = 24;
/// Scores that a backward pass keeps in the second cache.
const MAX_SCORES: usize = 1 << 15;

/// The sizes of an attention. Positions that do not attend to each other count as samples: those on axes before the
/// attention axes as `outer`, those on axes behind as `inner`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Samples, on axes before the attention axes.
    pub outer: usize,
    /// Samples, on axes behind the attention axes.
    pub inner: usize,
    /// Heads.
    pub heads: usize,
    /// Positions that attend.
    pub queries: usize,
    /// Positions that are attended to.
    pub keys: usize,
    /// Numbers in a query or key of one head.
    pub key_dim: usize,
    /// Numbers in a value of one head.
    pub value_dim: usize,
}

/// One head of one sample: its places along `outer`, `inner` and `heads`.
pub(crate) type Pair = [usize; 3];

impl Sizes {
    /// Samples and heads.
    fn pairs(&self) -> [usize; 3] {
        [self.outer, self.inner, self.heads]
    }

    /// The number of probabilities: `(outer, inner, heads, queries, keys)`.
    pub fn scores(&self) -> usize {
        self.outer * self.inner * self.heads * self.queries * self.keys
    }

    /// The length of what is kept for a backward pass: `(outer, inner, heads, queries, row)`.
    pub fn saved(&self) -> usize {
        self.outer * self.inner * self.heads * self.queries * self.row()
    }

    /// From the scores of one query to those of the next: whole vectors, and no power of two, so that a column of scores
    /// does not fall into few sets of the first cache.
    fn row(&self) -> usize {
        let vectors = self.keys.div_ceil(LANES);
        LANES * (vectors + usize::from(vectors.is_multiple_of(4)))
    }

    /// Queries whose scores a backward pass keeps at a time.
    fn block(&self) -> usize {
        let parts = (MAX_SCORES / self.row() / PART).max(1);
        self.queries.min(parts * PART)
    }

    /// The number of a head of a sample.
    fn index(&self, [outer, inner, head]: Pair) -> usize {
        (outer * self.inner + inner) * self.heads + head
    }

    /// Where row `row` of a pair begins in `(outer, rows, inner, heads, dim)`.
    fn start(&self, [outer, inner, head]: Pair, rows: usize, row: usize, dim: usize) -> usize {
        (((outer * rows + row) * self.inner + inner) * self.heads + head) * dim
    }

    /// From one row of a pair to the next.
    fn step(&self, dim: usize) -> usize {
        self.inner * self.heads * dim
    }

    /// `(outer, rows, inner, heads, dim)` with the axes `(outer, inner, heads, rows, dim)`.
    fn rows<'a, F>(&self, values: &'a mut [F], rows: usize, dim: usize) -> ArrayViewMut5<'a, F> {
        let shape = [self.outer, rows, self.inner, self.heads, dim];
        let view = ArrayViewMut5::from_shape(shape, values).expect("as long as the sizes say");
        view.permuted_axes([0, 2, 3, 1, 4])
    }

    /// `(outer, inner, heads, queries, row)`.
    fn table<'a, F>(&self, values: &'a mut [F], row: usize) -> ArrayViewMut5<'a, F> {
        let shape = [self.outer, self.inner, self.heads, self.queries, row];
        ArrayViewMut5::from_shape(shape, values).expect("as long as the sizes say")
    }
}

/// Projected queries, keys and values.
#[derive(Debug, Clone, Copy)]
pub struct Projected<'a, F> {
    /// `(outer, queries, inner, heads, key_dim)`.
    pub queries: &'a [F],
    /// `(outer, keys, inner, heads, key_dim)`.
    pub keys: &'a [F],
    /// `(outer, keys, inner, heads, value_dim)`.
    pub values: &'a [F],
}

/// What attention is paid to.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a, F> {
    /// Factor on the products of queries and keys: `1 / sqrt(key_dim)` as a rule.
    pub scale: F,
    /// Who may attend to whom.
    pub mask: Mask<'a, F>,
    /// A query that may attend to nothing attends to all keys alike; otherwise its result is 0. Keras does the one
    /// where it uses its fused kernel and the other where it computes the scores one by one.
    pub empty_is_uniform: bool,
    /// Probabilities that are dropped.
    pub dropout: Option<Dropout>,
}

/// Probabilities are dropped at this rate, the others grow in turn.
#[derive(Debug, Clone, Copy)]
pub struct Dropout {
    /// From 0 to 1.
    pub rate: f64,
    /// Decides by the number of the probability.
    pub stream: Stream,
}

impl Dropout {
    /// Multiplies the probabilities from number `first` on by 0 or `1 / (1 - rate)`.
    fn factors<F: Real>(&self, factors: &mut [F], first: usize) {
        self.stream.fill_uniform(factors, first as u64);
        let (rate, kept) = (F::of(self.rate), F::of(1.0 / (1.0 - self.rate)));
        for factor in factors {
            *factor = if *factor < rate { F::ZERO } else { kept };
        }
    }
}

/// Calls `work` for each head of each sample with its parts of `views`, whose first axes are `outer`, `inner`, `heads`.
fn for_each_pair<F: Real, const N: usize>(
    sizes: &Sizes,
    views: [Option<ArrayViewMut5<'_, F>>; N],
    work: &(impl Fn(Pair, [Option<ArrayViewMut2<'_, F>>; N]) + Sync),
) {
    let tables = Tables {
        views: views.map(|view| {
            let view = view.map(|mut view| view.raw_view_mut());
            debug_assert!(
                view.as_ref()
                    .is_none_or(|view| view.shape()[..3] == sizes.pairs())
            );
            view
        }),
        sizes,
        borrow: PhantomData,
    };
    for_each_item(tables, |_, (pair, views)| work(pair, views));
}

/// One table for each head of each sample.
struct Tables<'a, F, const N: usize> {
    views: [Option<RawArrayViewMut<F, Ix5>>; N],
    sizes: &'a Sizes,
    borrow: PhantomData<&'a mut F>,
}

// SAFETY: the views were borrowed exclusively, and each pair's part of them goes to one thread.
unsafe impl<F: Send, const N: usize> Sync for Tables<'_, F, N> {}

impl<'a, F: Real, const N: usize> Items for Tables<'a, F, N> {
    type Item = (Pair, [Option<ArrayViewMut2<'a, F>>; N]);

    fn count(&self) -> usize {
        self.sizes.pairs().iter().product()
    }

    unsafe fn take(&self, index: usize) -> Self::Item {
        let (sample, head) = (index / self.sizes.heads, index % self.sizes.heads);
        let pair = [sample / self.sizes.inner, sample % self.sizes.inner, head];
        let table = |view: &Option<RawArrayViewMut<F, Ix5>>| {
            let view = (*view)?.index_axis_move(Axis(0), pair[0]);
            let view = view.index_axis_move(Axis(0), pair[1]);
            let view = view.index_axis_move(Axis(0), pair[2]);
            // SAFETY: within a view that is borrowed for 'a, and no other pair's part overlaps.
            Some(unsafe { view.deref_into_view_mut() })
        };
        (pair, self.views.each_ref().map(table))
    }
}

#[cfg(test)]
mod tests;
