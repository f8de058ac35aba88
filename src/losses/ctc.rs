//! Connectionist temporal classification: minus the log probability of a label sequence, summed over all its alignments
//! with the time steps (Graves et al., Connectionist Temporal Classification, 2006).
//!
//! Targets are `(batch, length)` class numbers, ended by zeros; class 0 is the blank. Predictions are logits
//! `(batch, time, classes)`. With the sequence `l` = blank, label, blank, …, blank and log probabilities `y`:
//!
//! ```text
//! alpha[t,s] = y[t,l[s]] + lse(alpha[t-1,s], alpha[t-1,s-1], alpha[t-1,s-2] if l[s] is a label other than l[s-2])
//! beta[t,s]  = lse of the same the other way round, without y at t
//! d value / d logit[t,k] = softmax[t,k] - sum over l[s] = k of e^(alpha[t,s] + beta[t,s] + value)
//! ```

use serde::Deserialize;

use super::alignment::class;
use super::{Loss, sizes_agree};
use crate::error::{Error, Result};
use crate::kernels::scratch::with_scratch;
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;
use crate::shape::Shape;

/// The value of each sample of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ctc {}

/// One sample: its labels without the zeros behind them, and its logits.
struct Sample<'a, F> {
    labels: &'a [F],
    logits: &'a [F],
    classes: usize,
}

impl<'a, F: Real> Sample<'a, F> {
    fn new(index: usize, target: &'a [F], prediction: &'a [F], shape: &[usize]) -> Self {
        let (batch, step) = (shape[0], shape[1] * shape[2]);
        let width = target.len() / batch.max(1);
        let labels = &target[index * width..(index + 1) * width];
        Self {
            labels: &labels[..length(labels)],
            logits: &prediction[index * step..(index + 1) * step],
            classes: shape[2],
        }
    }

    fn steps(&self) -> usize {
        self.logits.len() / self.classes
    }

    /// The states of an alignment: each label between two blanks.
    fn states(&self) -> usize {
        2 * self.labels.len() + 1
    }

    /// The class of a state; 0 is the blank.
    fn class(&self, state: usize) -> usize {
        if state.is_multiple_of(2) {
            0
        } else {
            self.labels[state / 2].f64() as usize
        }
    }

    /// Whether a path may come to this state from the one two before.
    fn skips(&self, state: usize) -> bool {
        state % 2 == 1 && state > 1 && self.class(state) != self.class(state - 2)
    }

    fn row(&self, t: usize) -> &[F] {
        &self.logits[t * self.classes..(t + 1) * self.classes]
    }

    /// `log sum_k e^logit[t,k]`.
    fn log_sum(&self, t: usize) -> f64 {
        let max = self
            .row(t)
            .iter()
            .fold(f64::NEG_INFINITY, |m, x| m.max(x.f64()));
        let sum: f64 = self.row(t).iter().map(|x| (x.f64() - max).exp()).sum();
        max + sum.ln()
    }

    /// The log probability of the class of `state` at step `t`.
    fn log_probability(&self, t: usize, state: usize, log_sum: f64) -> f64 {
        self.row(t)[self.class(state)].f64() - log_sum
    }

    /// Fills `alpha[t,s]` and returns the value.
    fn forward(&self, alpha: &mut [f64]) -> f64 {
        let (steps, states) = (self.steps(), self.states());
        for t in 0..steps {
            let log_sum = self.log_sum(t);
            let (before, now) = alpha.split_at_mut(t * states);
            for (s, now) in now[..states].iter_mut().enumerate() {
                let reached = if t == 0 {
                    if s < 2 { 0.0 } else { f64::NEG_INFINITY }
                } else {
                    let before = &before[(t - 1) * states..];
                    let near = log_add(before[s], from(before, s, 1, true));
                    log_add(near, from(before, s, 2, self.skips(s)))
                };
                *now = reached + self.log_probability(t, s, log_sum);
            }
        }
        let last = &alpha[(steps - 1) * states..steps * states];
        -log_add(last[states - 1], from(last, states - 1, 1, true))
    }

    /// Fills the gradient by the logits, times `scale`.
    fn backward(&self, alpha: &mut [f64], scale: f64, grad: &mut [F]) {
        let (steps, states) = (self.steps(), self.states());
        let value = self.forward(alpha);
        let (alpha, betas) = alpha.split_at_mut(steps * states);
        let (mut beta, mut next) = betas.split_at_mut(states);
        // `next[s]`: all ways on from state s at step t + 1, with what that step adds.
        next.fill(f64::NEG_INFINITY);
        for t in (0..steps).rev() {
            let log_sum = self.log_sum(t);
            for s in 0..states {
                beta[s] = if t + 1 == steps {
                    if s + 2 >= states {
                        0.0
                    } else {
                        f64::NEG_INFINITY
                    }
                } else {
                    let near = log_add(next[s], to(next, s, 1, true));
                    let skips = s + 2 < states && self.skips(s + 2);
                    log_add(near, to(next, s, 2, skips))
                };
            }
            let grad = &mut grad[t * self.classes..(t + 1) * self.classes];
            for (g, x) in grad.iter_mut().zip(self.row(t)) {
                *g = F::of(scale * (x.f64() - log_sum).exp());
            }
            for s in 0..states {
                let share = (alpha[t * states + s] + beta[s] + value).exp();
                let g = &mut grad[self.class(s)];
                *g = F::of(g.f64() - scale * share);
                beta[s] += self.log_probability(t, s, log_sum);
            }
            std::mem::swap(&mut beta, &mut next);
        }
    }
}

/// Labels before the zeros.
fn length<F: Real>(labels: &[F]) -> usize {
    labels.iter().take_while(|&&label| label != F::ZERO).count()
}

fn from(row: &[f64], state: usize, back: usize, allowed: bool) -> f64 {
    if allowed && state >= back {
        row[state - back]
    } else {
        f64::NEG_INFINITY
    }
}

fn to(row: &[f64], state: usize, on: usize, allowed: bool) -> f64 {
    if allowed && state + on < row.len() {
        row[state + on]
    } else {
        f64::NEG_INFINITY
    }
}

fn log_add(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY {
        high
    } else {
        high + (low - high).exp().ln_1p()
    }
}

impl<F: Real> Loss<F> for Ctc {
    fn kind(&self) -> &'static str {
        "CTC"
    }

    fn check(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        match (target, prediction) {
            (&[n, _], &[batch, steps, classes]) if n == batch && steps > 0 && classes > 1 => {
                Ok(vec![batch])
            }
            _ => Err(Error::shape(
                "targets of shape (batch, length) and logits of shape (batch, time, classes)",
                format!(
                    "targets of shape {} and predictions of shape {}",
                    Shape::known(target),
                    Shape::known(prediction)
                ),
            )
            .at("CTC")),
        }
    }

    fn validate(&self, target: &[F], shape: &[usize]) -> Result<()> {
        let (batch, steps, classes) = (shape[0], shape[1], shape[2]);
        let width = target.len() / batch.max(1);
        for (sample, row) in target.chunks(width.max(1)).enumerate() {
            let refuse = |expected: String, got: String| {
                let got = format!("{got} in the targets of sample {sample}");
                Err(Error::data(expected, got).at("CTC"))
            };
            let labels = &row[..length(row)];
            let of_a_class = |&label: &F| class(label, classes).is_some();
            if let Some(wrong) = labels.iter().find(|label| !of_a_class(label)) {
                let expected = format!("labels from 1 to {}, then zeros", classes - 1);
                return refuse(expected, format!("{wrong}"));
            }
            if let Some(wrong) = row[labels.len()..].iter().find(|&&label| label != F::ZERO) {
                let expected = "nothing but zeros behind the first zero".to_owned();
                return refuse(expected, format!("{wrong}"));
            }
            // Equal neighbours need a blank between them.
            let needed = labels.len() + labels.windows(2).filter(|w| w[0] == w[1]).count();
            if needed > steps {
                let got = format!("{} labels that need {needed} steps", labels.len());
                return refuse(format!("labels that fit into {steps} time steps"), got);
            }
        }
        Ok(())
    }

    fn forward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        values: &mut [F],
    ) -> Result<()> {
        sizes_agree("CTC", values.len(), shape[0])?;
        for_each_chunk_mut(values, 1, |index, value| {
            let sample = Sample::new(index, target, prediction, shape);
            with_scratch(sample.steps() * sample.states(), |alpha: &mut [f64]| {
                value[0] = F::of(sample.forward(alpha));
            });
        });
        Ok(())
    }

    fn backward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        scale: &[F],
        grad_prediction: &mut [F],
    ) -> Result<()> {
        sizes_agree("CTC", scale.len(), shape[0])?;
        for_each_chunk_mut(grad_prediction, shape[1] * shape[2], |index, grad| {
            let sample = Sample::new(index, target, prediction, shape);
            let len = (sample.steps() + 2) * sample.states();
            with_scratch(len, |alpha: &mut [f64]| {
                sample.backward(alpha, scale[index].f64(), grad);
            });
        });
        Ok(())
    }
}
