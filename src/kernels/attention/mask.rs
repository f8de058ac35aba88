//! Who may attend to whom.

use std::ops::Range;

use super::{Pair, Sizes};
use crate::real::Real;

/// All that forbids a query to attend to a key; each part may be absent.
#[derive(Debug, Clone, Copy)]
pub struct Mask<'a, F> {
    /// A query attends to no later key.
    pub is_causal: bool,
    /// A query attends to keys less than this far away.
    pub window: Option<usize>,
    /// Queries that count: one entry for each of `(outer, queries, inner)`, or for equal parts of it.
    pub queries: Option<&'a [F]>,
    /// Keys that count, as above; both must agree.
    pub keys: [Option<&'a [F]>; 2],
    /// Entries for queries and keys.
    pub pairs: Option<PairMask<'a, F>>,
}

/// A mask with entries for queries and keys, repeated to `(samples..., heads, queries, keys)`: its last axes are those
/// of queries and keys, its first are the first of the samples, and axes that are missing between or 1 are repeated.
#[derive(Debug, Clone, Copy)]
pub struct PairMask<'a, F> {
    /// The entries.
    pub values: &'a [F],
    /// Its sizes.
    pub shape: &'a [usize],
    /// The sizes of the layer's query, features included.
    pub query: &'a [usize],
    /// Its attention axes.
    pub attention: (usize, usize),
}

impl<F: Real> PairMask<'_, F> {
    /// Axes in front of those of queries and keys.
    fn leading(&self) -> &[usize] {
        let (first, end) = self.attention;
        &self.shape[..self.shape.len() - 2 * (end - first)]
    }

    /// Entries along the queries' and along the keys' axes.
    fn table(&self) -> (usize, usize) {
        let count = self.attention.1 - self.attention.0;
        let (queries, keys) = self.shape[self.leading().len()..].split_at(count);
        (queries.iter().product(), keys.iter().product())
    }

    /// The entries of query `query`: a slice of one for each key, or of one for all.
    fn row(&self, sizes: &Sizes, pair: Pair, query: usize) -> &[F] {
        let (first, end) = self.attention;
        let (rows, columns) = self.table();
        let leading = self.leading();
        let samples = self.query.len() - 1 - (end - first);
        let (mut index, mut offset, mut stride) = (sizes.index(pair), 0, rows * columns);
        for axis in (0..=samples).rev() {
            let size = match axis {
                _ if axis == samples => sizes.heads,
                _ if axis < first => self.query[axis],
                _ => self.query[axis + end - first],
            };
            let place = index % size;
            index /= size;
            if let Some(&entries) = leading.get(axis).filter(|&&entries| entries > 1) {
                offset += place * stride;
                stride *= entries;
            }
        }
        let row = if rows > 1 { query } else { 0 };
        &self.values[offset + row * columns..][..columns]
    }
}

/// Whether an entry of a mask keeps what it stands for.
fn keeps<F: Real>(entry: F) -> bool {
    entry != F::ZERO
}

/// Whether `mask` keeps position `position` of `count`; it has one entry for each, or for equal parts of them.
fn keeps_position<F: Real>(mask: &[F], position: usize, count: usize) -> bool {
    let positions_per_entry = (count / mask.len().max(1)).max(1);
    mask.get(position / positions_per_entry)
        .is_none_or(|&entry| keeps(entry))
}

/// Forbids the keys whose entry is 0.
fn forbid<F: Real>(scores: &mut [F], entries: &[F]) {
    for (score, &entry) in scores.iter_mut().zip(entries) {
        *score = if keeps(entry) { *score } else { -F::INFINITY };
    }
}

impl<'a, F: Real> Mask<'a, F> {
    /// No mask at all.
    pub fn none() -> Self {
        Self {
            is_causal: false,
            window: None,
            queries: None,
            keys: [None; 2],
            pairs: None,
        }
    }

    /// Keys that a query may see by its place alone.
    fn band(&self, sizes: &Sizes, query: usize) -> Range<usize> {
        let mut band = 0..sizes.keys;
        if self.is_causal {
            band.end = band.end.min(query + 1);
        }
        if let Some(window) = self.window {
            band.end = band.end.min(query.saturating_add(window));
            band.start = (query + 1).saturating_sub(window).min(band.end);
        }
        band
    }

    /// Whether keys are masked, whatever the query.
    pub(super) fn has_keys(&self) -> bool {
        self.keys.iter().any(Option::is_some)
    }

    /// Whether there may be a query that attends to nothing.
    fn can_be_empty(&self, sizes: &Sizes) -> bool {
        let masked = self.queries.is_some() || self.has_keys() || self.pairs.is_some();
        masked || (self.window.is_some() && sizes.queries > sizes.keys)
    }

    /// Keys from here on are seen by no query before `end`.
    pub(super) fn limit(&self, sizes: &Sizes, end: usize) -> usize {
        match self.is_causal && !self.can_be_empty(sizes) {
            true => sizes.keys.min(end),
            false => sizes.keys,
        }
    }

    /// Keys from `key` on are seen by no query before this one.
    pub(super) fn first(&self, sizes: &Sizes, key: usize) -> usize {
        match self.is_causal && !self.can_be_empty(sizes) {
            true => key.min(sizes.queries),
            false => 0,
        }
    }

    /// The mask of the head `pair` of a sample. `entries` has room for one entry for each key if [`Mask::has_keys`].
    pub(super) fn of_pair<'b>(
        &'b self,
        sizes: &'b Sizes,
        pair: Pair,
        entries: &'b mut [F],
    ) -> PairRows<'b, F> {
        let [outer, inner, _] = pair;
        let count = sizes.outer * sizes.keys * sizes.inner;
        for (key, entry) in entries.iter_mut().enumerate() {
            let place = (outer * sizes.keys + key) * sizes.inner + inner;
            let mut masks = self.keys.iter().flatten();
            let kept = masks.all(|mask| keeps_position(mask, place, count));
            *entry = if kept { F::ONE } else { F::ZERO };
        }
        let keys = self.has_keys().then_some(&*entries);
        PairRows {
            mask: self,
            sizes,
            pair,
            keys,
        }
    }
}

/// The mask of one head of one sample.
pub(super) struct PairRows<'a, F> {
    mask: &'a Mask<'a, F>,
    sizes: &'a Sizes,
    pair: Pair,
    /// One entry for each key.
    keys: Option<&'a [F]>,
}

impl<F: Real> PairRows<'_, F> {
    /// Whether the query counts at all.
    fn counts(&self, query: usize) -> bool {
        let [outer, inner, _] = self.pair;
        let Sizes {
            queries,
            inner: inners,
            ..
        } = *self.sizes;
        let place = (outer * queries + query) * inners + inner;
        let count = self.sizes.outer * queries * inners;
        self.mask
            .queries
            .is_none_or(|mask| keeps_position(mask, place, count))
    }

    /// The entries that are the query's own: one for each key, or one for all.
    fn own(&self, query: usize) -> Option<&[F]> {
        self.mask
            .pairs
            .as_ref()
            .map(|pairs| pairs.row(self.sizes, self.pair, query))
    }

    /// Whether the query may attend to nothing.
    pub(super) fn is_empty(&self, query: usize) -> bool {
        if !self.mask.can_be_empty(self.sizes) {
            return false;
        }
        let own = self.own(query);
        let sees = |key: usize| {
            self.keys.is_none_or(|keys| keeps(keys[key]))
                && own.is_none_or(|own| keeps(own[if own.len() > 1 { key } else { 0 }]))
        };
        !self.counts(query) || !self.mask.band(self.sizes, query).any(sees)
    }

    /// Keys from here on are beyond what the query may see by its place.
    pub(super) fn seen(&self, query: usize) -> usize {
        self.mask.band(self.sizes, query).end
    }

    /// Sets the scores of keys that the query may not attend to to minus infinity, unless it may attend to nothing.
    /// `scores` are those of the first [`PairRows::seen`] keys.
    pub(super) fn apply(&self, query: usize, scores: &mut [F]) {
        let band = self.mask.band(self.sizes, query);
        scores[..band.start].fill(-F::INFINITY);
        if let Some(keys) = self.keys {
            forbid(scores, keys);
        }
        // One entry for all keys forbids all or nothing, and a query that may attend to nothing is not asked for.
        if let Some(own) = self.own(query).filter(|own| own.len() > 1) {
            forbid(scores, own);
        }
    }
}
