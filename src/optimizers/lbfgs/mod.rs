//! L-BFGS (Liu & Nocedal, "On the Limited Memory BFGS Method for Large Scale Optimization", 1989): Newton's step with a
//! curvature that the last steps and changes of the gradient tell.
//!
//! ```text
//! q = -g      for the newest pair to the oldest:  a = s·q / y·s,  q -= a y
//! q *= y·s / y·y  (newest)      for the oldest pair to the newest:  q += s (a - y·q / y·s)
//! w += t q,  t from a line search
//! ```
//! It compares losses of the same data, so all of them have to be in one batch.

mod line_search;

use serde::Deserialize;

use super::state::{Segment, StateTensor};
use super::{Optimizer, Slots, Step};
use crate::arena::Arena;
use crate::error::{Error, Result};
use crate::kernels::optimizer::{dot, zip_apply};
use crate::real::Real;
use line_search::{Limits, Point, strong_wolfe};

/// Pairs whose product is not above this say nothing about the curvature.
const CURVATURE: f64 = 1e-10;

/// How the length of a step is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineSearch {
    /// A step that meets the strong Wolfe conditions.
    StrongWolfe,
}

/// The settings of L-BFGS.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lbfgs {
    /// Iterations of one step.
    pub max_iter: usize,
    /// Evaluations of the loss in one step; 5/4 of the iterations if none.
    pub max_eval: Option<usize>,
    /// It is done when no part of the gradient is above this.
    pub tolerance_grad: f64,
    /// A step ends when neither weights nor loss change by more.
    pub tolerance_change: f64,
    /// Pairs that are remembered.
    pub history_size: usize,
    /// How the length of a step is found; the learning rate is the length if none.
    pub line_search: Option<LineSearch>,
}

impl Default for Lbfgs {
    fn default() -> Self {
        Self {
            max_iter: 20,
            max_eval: None,
            tolerance_grad: 1e-7,
            tolerance_change: 1e-9,
            history_size: 10,
            line_search: Some(LineSearch::StrongWolfe),
        }
    }
}

impl Lbfgs {
    pub(super) fn checked(self) -> Result<Self> {
        for (name, value) in [
            ("max_iter", self.max_iter),
            ("max_eval", self.max_eval.unwrap_or(1)),
            ("history_size", self.history_size),
        ] {
            if value == 0 {
                return Err(Error::config(format!("{name} > 0"), format!("{name}=0")).at("LBFGS"));
            }
        }
        for (name, value) in [
            ("tolerance_grad", self.tolerance_grad),
            ("tolerance_change", self.tolerance_change),
        ] {
            if value.is_nan() || value < 0.0 {
                let got = format!("{name}={value}");
                return Err(Error::config(format!("{name} >= 0"), got).at("LBFGS"));
            }
        }
        Ok(self)
    }
}

impl<F: Real> Optimizer<F> for Lbfgs {
    fn kind(&self) -> &'static str {
        "LBFGS"
    }

    /// What is remembered is of all weights together.
    fn slots(&self, _: &Segment) -> Slots {
        Slots::Apart(Vec::new())
    }

    fn search(&self) -> Option<Lbfgs> {
        Some(*self)
    }

    fn update(&self, _: &Step<F>, _: &Segment, _: &mut [F], _: &[F], _: &mut [F]) {
        debug_assert!(false, "L-BFGS goes by searches");
    }
}

/// The loss, with the gradients in place, at weights.
pub type Evaluate<'a, F> = dyn FnMut(&[F], &mut [F]) -> Result<f64> + 'a;

/// L-BFGS at work: what it remembers of all weights, one after the other.
#[derive(Debug)]
pub struct Search<F> {
    rule: Lbfgs,
    len: usize,
    /// The last pairs, in a ring: steps, and changes of the gradient.
    steps: Arena<F>,
    changes: Arena<F>,
    /// How many pairs there were.
    pairs: u64,
    /// The gradient and the step of the iteration before; of length 0 before the first.
    gradient: Vec<F>,
    last: Vec<F>,
}

impl<F: Real> Search<F> {
    /// Nothing remembered yet.
    pub fn new(rule: Lbfgs, segments: &[Segment]) -> Result<Self> {
        if let Some(segment) = segments.iter().find(|s| s.constraint.is_some()) {
            let got = format!("one on {:?}", segment.name);
            return Err(Error::config("weights without constraints", got)
                .remedy("Use an optimizer of single steps, such as IRprop.")
                .at("LBFGS"));
        }
        let len: usize = segments.iter().map(Segment::len).sum();
        Ok(Self {
            rule,
            len,
            steps: Arena::new(rule.history_size * len)?,
            changes: Arena::new(rule.history_size * len)?,
            pairs: 0,
            gradient: Vec::new(),
            last: Vec::new(),
        })
    }

    /// One step of several iterations, from weights with this loss and these gradients. After an error the weights are as
    /// before, and the curvature is forgotten.
    pub fn step(
        &mut self,
        values: &mut [F],
        grads: &mut [F],
        segments: &[Segment],
        (loss, rate): (f64, f64),
        evaluate: &mut Evaluate<'_, F>,
    ) -> Result<()> {
        let before = packed(values, segments, |s| s.value);
        let result = self.iterate(values, grads, segments, (loss, rate), evaluate);
        if result.is_err() {
            unpack(&before, values, segments);
            (self.pairs, self.gradient, self.last) = (0, Vec::new(), Vec::new());
        }
        result
    }

    fn iterate(
        &mut self,
        values: &mut [F],
        grads: &mut [F],
        segments: &[Segment],
        (mut loss, rate): (f64, f64),
        evaluate: &mut Evaluate<'_, F>,
    ) -> Result<()> {
        let rule = self.rule;
        let max_eval = rule.max_eval.unwrap_or(rule.max_iter * 5 / 4);
        let mut gradient = packed(grads, segments, |s| s.grad);
        if !loss.is_finite() || largest(&gradient) <= rule.tolerance_grad {
            return Ok(());
        }
        let mut place = packed(values, segments, |s| s.value);
        // Gradients at both ends of the bracket, and weights on the way.
        let mut ends = [gradient.clone(), gradient.clone()];
        let mut there = place.clone();
        let mut evaluations = 1;
        for iteration in 1..=rule.max_iter {
            let first = self.gradient.is_empty();
            let direction = self.direction(&gradient);
            let slope = dot(&gradient, &direction);
            self.gradient.clone_from(&gradient);
            let norm: f64 = gradient.iter().map(|g| g.f64().abs()).sum();
            let length = if first {
                (1.0 / norm).min(1.0) * rate
            } else {
                rate
            };
            if slope > -rule.tolerance_change {
                self.last = vec![F::ZERO; self.len];
                return Ok(());
            }
            let mut at = |t: f64, end: &mut Vec<F>| {
                let t = F::of(t);
                there.copy_from_slice(&place);
                zip_apply(&mut there, &direction, |x, d| x + t * d);
                unpack(&there, values, segments);
                let f = evaluate(values, grads)?;
                *end = packed(grads, segments, |s| s.grad);
                Ok(f)
            };
            let old = loss;
            let t = match rule.line_search {
                Some(LineSearch::StrongWolfe) => {
                    ends[1].copy_from_slice(&gradient);
                    let start = Point {
                        t: 0.0,
                        f: loss,
                        slope,
                    };
                    let limits = Limits {
                        tolerance: rule.tolerance_change,
                        largest: largest(&direction),
                        evaluations: max_eval.saturating_sub(evaluations),
                    };
                    let (found, end) = strong_wolfe(start, length, limits, &mut |t, end| {
                        evaluations += 1;
                        let f = at(t, &mut ends[end])?;
                        let slope = dot(&ends[end], &direction);
                        Ok(Point { t, f, slope })
                    })?;
                    gradient.copy_from_slice(&ends[end]);
                    loss = found.f;
                    found.t
                }
                None if iteration == rule.max_iter => length,
                None => {
                    evaluations += 1;
                    loss = at(length, &mut gradient)?;
                    length
                }
            };
            let factor = F::of(t);
            zip_apply(&mut place, &direction, |x, d| x + factor * d);
            unpack(&place, values, segments);
            self.last = direction;
            self.last.iter_mut().for_each(|d| *d *= factor);
            let done = evaluations >= max_eval
                || largest(&gradient) <= rule.tolerance_grad
                || largest(&self.last) <= rule.tolerance_change
                || (loss - old).abs() < rule.tolerance_change
                || !loss.is_finite();
            if done {
                break;
            }
        }
        Ok(())
    }

    /// Remembers what the last step told of the curvature; the direction of Newton's step.
    fn direction(&mut self, gradient: &[F]) -> Vec<F> {
        let mut q: Vec<F> = gradient.iter().map(|&g| -g).collect();
        if self.gradient.is_empty() {
            return q;
        }
        let mut change = gradient.to_vec();
        zip_apply(&mut change, &self.gradient, |new, old| new - old);
        if dot(&change, &self.last) > CURVATURE {
            let here = self.ring(self.pairs);
            self.steps.values_mut()[here.clone()].copy_from_slice(&self.last);
            self.changes.values_mut()[here].copy_from_slice(&change);
            self.pairs += 1;
        }
        let known = self.pairs.saturating_sub(self.rule.history_size as u64)..self.pairs;
        let mut shares = Vec::with_capacity(self.rule.history_size);
        let pair = |pair: u64| {
            let here = self.ring(pair);
            (
                &self.steps.values()[here.clone()],
                &self.changes.values()[here],
            )
        };
        for (step, change) in known.clone().rev().map(pair) {
            let product = dot(change, step);
            let share = dot(step, &q) / product;
            let factor = F::of(share);
            zip_apply(&mut q, change, |q, y| q - factor * y);
            shares.push((share, product));
        }
        if let Some((_, change)) = known.clone().next_back().map(pair) {
            let factor = F::of(shares[0].1 / dot(change, change));
            q.iter_mut().for_each(|q| *q *= factor);
        }
        for ((step, change), (share, product)) in known.map(pair).zip(shares.into_iter().rev()) {
            let factor = F::of(share - dot(change, &q) / product);
            zip_apply(&mut q, step, |q, s| q + factor * s);
        }
        q
    }

    fn ring(&self, pair: u64) -> std::ops::Range<usize> {
        let start = (pair % self.rule.history_size as u64) as usize * self.len;
        start..start + self.len
    }

    /// The arrays that are remembered, and their names.
    pub fn export(&self) -> Vec<StateTensor<F>> {
        let tensor = |name: &str, shape: Vec<usize>, values: &[F]| StateTensor {
            name: format!("lbfgs/{name}"),
            shape,
            values: values.to_vec(),
        };
        let rows = self.gradient.len() / self.len.max(1);
        let history = vec![self.rule.history_size, self.len];
        // Two digits, so that a float32 holds them.
        let pairs = [(self.pairs >> 20) as f64, (self.pairs & 0xf_ffff) as f64].map(F::of);
        vec![
            tensor("steps", history.clone(), self.steps.values()),
            tensor("gradient_changes", history, self.changes.values()),
            tensor("pairs", vec![2], &pairs),
            tensor("gradient", vec![rows, self.len], &self.gradient),
            tensor("last_step", vec![rows, self.len], &self.last),
        ]
    }

    /// Takes back what [`export`](Self::export) gave.
    ///
    /// # Errors
    /// If an array is missing or of another shape.
    pub fn import(&mut self, tensors: &[StateTensor<F>]) -> Result<()> {
        let history = [self.rule.history_size, self.len];
        let find = |name: &str, shapes: &[&[usize]]| {
            let name = format!("lbfgs/{name}");
            let fits = |t: &&StateTensor<F>| t.name == name && shapes.contains(&&*t.shape);
            let found = tensors.iter().find(fits).filter(|_| tensors.len() == 5);
            found.map(|tensor| tensor.values.clone()).ok_or_else(|| {
                let expected = format!("the optimizer state {name:?} for {} weights", self.len);
                Error::param(expected, "that of another optimizer or model").at("LBFGS")
            })
        };
        let steps = find("steps", &[&history])?;
        let changes = find("gradient_changes", &[&history])?;
        let pairs = find("pairs", &[&[2]])?;
        let vectors: [&[usize]; 2] = [&[0, self.len], &[1, self.len]];
        let (gradient, last) = (find("gradient", &vectors)?, find("last_step", &vectors)?);
        self.steps.values_mut().copy_from_slice(&steps);
        self.changes.values_mut().copy_from_slice(&changes);
        self.pairs = ((pairs[0].f64() as u64) << 20) + pairs[1].f64() as u64;
        (self.gradient, self.last) = (gradient, last);
        Ok(())
    }
}

/// The ranges of all weights, one after the other.
fn packed<F: Real>(from: &[F], segments: &[Segment], start: fn(&Segment) -> usize) -> Vec<F> {
    let ranges = segments.iter().map(|s| &from[start(s)..][..s.len()]);
    ranges.flatten().copied().collect()
}

fn unpack<F: Real>(from: &[F], values: &mut [F], segments: &[Segment]) {
    let mut rest = from;
    for segment in segments {
        let (here, behind) = rest.split_at(segment.len());
        values[segment.value..][..here.len()].copy_from_slice(here);
        rest = behind;
    }
}

fn largest<F: Real>(values: &[F]) -> f64 {
    values.iter().map(|v| v.f64().abs()).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn segments() -> Vec<Segment> {
        let segment = |name: &str, at: usize| Segment {
            name: name.into(),
            owner: (0, at),
            shape: vec![1],
            value: 3 * at,
            grad: at,
            constraint: None,
            decay: true,
        };
        vec![segment("x", 0), segment("y", 1)]
    }

    /// Rosenbrock's valley `(1 - x)^2 + 100 (y - x^2)^2`, x and y being values 0 and 3.
    fn rosenbrock(values: &[f64], grads: &mut [f64]) -> Result<f64> {
        let (x, y) = (values[0], values[3]);
        grads[0] = -2.0 * (1.0 - x) - 400.0 * x * (y - x * x);
        grads[1] = 200.0 * (y - x * x);
        Ok((1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2))
    }

    fn search(config: serde_json::Value) -> Search<f64> {
        let rule: Lbfgs = serde_json::from_value(config).unwrap();
        Search::new(rule, &segments()).unwrap()
    }

    fn steps(search: &mut Search<f64>, values: &mut [f64], count: usize) -> f64 {
        let mut grads = [0.0; 2];
        for _ in 0..count {
            let loss = rosenbrock(values, &mut grads).unwrap();
            search
                .step(
                    values,
                    &mut grads,
                    &segments(),
                    (loss, 1.0),
                    &mut rosenbrock,
                )
                .unwrap();
        }
        rosenbrock(values, &mut grads).unwrap()
    }

    #[test]
    fn the_valley_is_walked_to_its_end() {
        let mut values = [-1.2, 7.0, 7.0, 1.0];
        let loss = steps(
            &mut search(json!({"max_iter": 40, "max_eval": 100})),
            &mut values,
            2,
        );
        assert!(loss < 1e-11, "{loss}");
        assert!((values[0] - 1.0).abs() < 1e-5 && (values[3] - 1.0).abs() < 1e-5);
        assert_eq!(values[1..3], [7.0, 7.0], "other values stay");
    }

    #[test]
    fn what_was_saved_goes_on_bit_for_bit() {
        let config = json!({"max_iter": 3, "history_size": 2});
        let mut straight = search(config.clone());
        let mut values = [-1.2, 0.0, 0.0, 1.0];
        steps(&mut straight, &mut values, 3);
        let (saved, mut copy) = (straight.export(), values);
        let mut resumed = search(config);
        resumed.import(&saved).unwrap();
        steps(&mut straight, &mut values, 3);
        steps(&mut resumed, &mut copy, 3);
        assert_eq!(values, copy);
        let error = resumed.import(&saved[1..]).unwrap_err().to_string();
        assert!(
            error.contains("the optimizer state \"lbfgs/steps\" for 2 weights"),
            "{error}"
        );
    }

    #[test]
    fn an_interrupted_step_leaves_the_weights() {
        let mut search = search(json!({}));
        let mut values = [-1.2, 0.0, 0.0, 1.0];
        let (before, mut grads, mut left) = (values, [0.0; 2], 5);
        let loss = rosenbrock(&values, &mut grads).unwrap();
        let mut evaluate = |values: &[f64], grads: &mut [f64]| {
            left -= 1;
            if left == 0 {
                Err(Error::Interrupted)
            } else {
                rosenbrock(values, grads)
            }
        };
        let result = search.step(
            &mut values,
            &mut grads,
            &segments(),
            (loss, 1.0),
            &mut evaluate,
        );
        assert!(result.is_err());
        assert_eq!(values, before);
    }
}
