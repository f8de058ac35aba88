//! Right and wrong decisions at many thresholds at once.
//!
//! A prediction is positive at a threshold that it exceeds, so that the number of thresholds it exceeds says all:
//! predictions are counted by that number, and the counts at a threshold are sums over one side of it.

use super::{state_of_any, state_of_len};
use crate::error::Result;
use crate::real::Real;

/// What a decision came to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Counts {
    pub true_positives: f64,
    pub false_positives: f64,
    pub true_negatives: f64,
    pub false_negatives: f64,
}

/// `a / b`, and 0 for `b == 0`.
pub(super) fn ratio(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}

impl Counts {
    /// The share of positive decisions that are right.
    pub fn precision(self) -> f64 {
        ratio(
            self.true_positives,
            self.true_positives + self.false_positives,
        )
    }

    /// The share of what is positive that is found.
    pub fn recall(self) -> f64 {
        ratio(
            self.true_positives,
            self.true_positives + self.false_negatives,
        )
    }

    /// The share of what is negative that is left alone.
    pub fn specificity(self) -> f64 {
        ratio(
            self.true_negatives,
            self.true_negatives + self.false_positives,
        )
    }
}

/// Thresholds, in the order they were given.
#[derive(Debug, Clone)]
pub(super) struct Thresholds<F> {
    /// Rising.
    sorted: Vec<F>,
    /// Where each given one stands among the sorted.
    places: Vec<usize>,
    /// Evenly distributed from 0 to 1: then a product tells what a search tells else.
    even: bool,
    /// The first lies below 0, so that everything exceeds it.
    opened: bool,
}

impl<F: Real> Thresholds<F> {
    /// These thresholds. As in Keras, three or more that are evenly spread are taken as exactly so.
    pub fn new(given: &[f64]) -> Self {
        let last = given.len().max(2) as f64 - 1.0;
        let even = given.len() > 2
            && given.iter().enumerate().all(|(i, threshold)| {
                let exact = i as f64 / last;
                (threshold - exact).abs() <= 1e-7 + 1e-5 * exact
            });
        let mut order: Vec<usize> = (0..given.len()).collect();
        order.sort_by(|&a, &b| given[a].total_cmp(&given[b]));
        let mut places = vec![0; given.len()];
        for (place, &i) in order.iter().enumerate() {
            places[i] = place;
        }
        Self {
            sorted: order.iter().map(|&i| F::of(given[i])).collect(),
            places,
            even,
            opened: false,
        }
    }

    /// `count` of them from 0 to 1; a single one at 1/2.
    pub fn spread(count: usize) -> Self {
        if count == 1 {
            return Self::new(&[0.5]);
        }
        let last = count as f64 - 1.0;
        let given: Vec<f64> = (0..count).map(|i| i as f64 / last).collect();
        Self {
            even: true,
            ..Self::new(&given)
        }
    }

    /// The same with the first a little below 0 and the last a little above 1.
    pub fn opened(mut self) -> Self {
        if let Some(first) = self.sorted.first_mut() {
            *first = F::of(-1e-7);
        }
        if let Some(last) = self.sorted.last_mut() {
            *last = F::of(1.0 + 1e-7);
        }
        self.opened = true;
        self
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// How many of them `p` exceeds.
    #[inline]
    pub fn exceeded(&self, p: F) -> usize {
        if p.is_nan() {
            return 0;
        }
        if !self.even {
            return self.sorted.partition_point(|&threshold| p > threshold);
        }
        let last = self.sorted.len() - 1;
        let scaled = p.maximum(F::ZERO).minimum(F::ONE) * F::of_usize(last);
        let exceeded = -(-scaled).floor(); // the ceiling
        (exceeded.f64() as usize)
            .min(last)
            .max(usize::from(self.opened))
    }

    /// What stands in the order of the thresholds as they were given.
    pub fn in_given_order<T: Copy>(&self, sorted: &[T]) -> Vec<T> {
        self.places.iter().map(|&place| sorted[place]).collect()
    }
}

/// The weight of predictions by the number of thresholds that they exceed, for each of some labels.
#[derive(Debug)]
pub(super) struct Histogram {
    bins: usize,
    positive: Vec<f64>,
    negative: Vec<f64>,
}

impl Histogram {
    /// Nothing yet, for so many thresholds and labels.
    pub fn new(thresholds: usize, labels: usize) -> Self {
        let bins = thresholds + 1;
        Self {
            bins,
            positive: vec![0.0; bins * labels],
            negative: vec![0.0; bins * labels],
        }
    }

    /// The number of labels.
    pub fn labels(&self) -> usize {
        self.positive.len() / self.bins
    }

    /// Counts a prediction that exceeds so many thresholds.
    #[inline]
    pub fn add(&mut self, label: usize, exceeded: usize, positive: bool, weight: f64) {
        let side = if positive {
            &mut self.positive
        } else {
            &mut self.negative
        };
        side[label * self.bins + exceeded] += weight;
    }

    /// The counts at each threshold, from the smallest to the largest.
    pub fn counts(&self, label: usize) -> Vec<Counts> {
        let range = label * self.bins..(label + 1) * self.bins;
        let (positive, negative) = (&self.positive[range.clone()], &self.negative[range]);
        let mut counts = vec![Counts::default(); self.bins - 1];
        let (mut below_positive, mut below_negative) = (0.0, 0.0);
        for (i, counts) in counts.iter_mut().enumerate() {
            below_positive += positive[i];
            below_negative += negative[i];
            counts.false_negatives = below_positive;
            counts.true_negatives = below_negative;
        }
        let (mut above_positive, mut above_negative) = (0.0, 0.0);
        for (i, counts) in counts.iter_mut().enumerate().rev() {
            above_positive += positive[i + 1];
            above_negative += negative[i + 1];
            counts.true_positives = above_positive;
            counts.false_positives = above_negative;
        }
        counts
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.positive.fill(0.0);
        self.negative.fill(0.0);
    }

    /// All that is counted.
    pub fn state(&self) -> Vec<f64> {
        [self.positive.as_slice(), &self.negative].concat()
    }

    /// Takes back what [`state`](Self::state) gave, for as many labels as `labels` says, or any number.
    pub fn set_state(&mut self, state: &[f64], labels: Option<usize>) -> Result<()> {
        match labels {
            None => state_of_any(state, 2 * self.bins)?,
            Some(labels) => state_of_len(state, 2 * self.bins * labels)?,
        }
        let (positive, negative) = state.split_at(state.len() / 2);
        (self.positive, self.negative) = (positive.to_vec(), negative.to_vec());
        Ok(())
    }
}
