//! Softmax and cross-entropy in one pass over the logits, with the gradient.
//!
//! ```text
//! l[k] = log sum_j e^x[j] - x[k]     value = sum_k t[k] l[k]     dx[k] = w (mass softmax(x)[k] - t[k])
//! ```
//! with targets `t` of sum `mass`. A row of the logits is read once from memory: the second and third look find it in the
//! first cache. For `f32`; the plain way through exponentials and logarithms serves `f64`.

use crate::kernels::math;
use crate::kernels::simd::{Kernel, LANES, Simd, dispatch};
use crate::parallel::for_each_chunk_mut2;

/// Elements of one piece of parallel work.
const CHUNK: usize = 8192;

/// What the classes of each row ought to be.
#[derive(Debug, Clone, Copy)]
pub enum Targets<'a> {
    /// A whole number for each row, each a class or `ignored`; rows of the ignored class count nothing.
    Labels(&'a [f32], Option<f32>),
    /// `keep * t[k] + add` for each class of each row.
    Shares {
        /// The numbers `t`.
        values: &'a [f32],
        /// The factor on them.
        keep: f32,
        /// What is added to them.
        add: f32,
    },
}

/// `values[i]` = the cross-entropy of row `i` of the logits `x`, `classes` wide, and `grad` = its gradient times
/// `factor * weights[i]`. A label that is no class makes NaN.
///
/// # Panics
/// If the lengths do not fit each other.
pub fn cross_entropy(
    x: &[f32],
    classes: usize,
    targets: Targets<'_>,
    (weights, factor): (&[f32], f32),
    values: &mut [f32],
    grad: &mut [f32],
) {
    let rows = values.len();
    assert!(classes > 0, "at least one class");
    assert_eq!(x.len(), rows * classes, "the classes of each row");
    assert_eq!(grad.len(), x.len(), "a gradient for each logit");
    assert_eq!(weights.len(), rows, "a weight for each row");
    match targets {
        Targets::Labels(labels, _) => assert_eq!(labels.len(), rows, "a label for each row"),
        Targets::Shares { values, .. } => assert_eq!(values.len(), x.len(), "a share for each"),
    }
    let chunk = (CHUNK / classes).max(1);
    for_each_chunk_mut2(
        (values, chunk),
        (grad, chunk * classes),
        |i, values, grad| {
            let (first, rows) = (i * chunk, values.len());
            dispatch(Rows {
                x: &x[first * classes..][..rows * classes],
                classes,
                targets: match targets {
                    Targets::Labels(labels, ignored) => {
                        Targets::Labels(&labels[first..][..rows], ignored)
                    }
                    Targets::Shares { values, keep, add } => Targets::Shares {
                        values: &values[first * classes..][..rows * classes],
                        keep,
                        add,
                    },
                },
                weights: &weights[first..][..rows],
                factor,
                values,
                grad,
            });
        },
    );
}

struct Rows<'a> {
    x: &'a [f32],
    classes: usize,
    targets: Targets<'a>,
    weights: &'a [f32],
    factor: f32,
    values: &'a mut [f32],
    grad: &'a mut [f32],
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let classes = self.classes;
        let lanes = s.load(&std::array::from_fn(|lane| lane as f32));
        let inside = s.lt(lanes, s.splat((classes % LANES) as f32));
        let rows = self
            .x
            .chunks_exact(classes)
            .zip(self.grad.chunks_exact_mut(classes));
        // Logarithms are taken for a vector of rows at once: `value = mass * ln(sum) - rest`.
        let blocks = self.values.chunks_mut(LANES);
        let mut rows = rows.zip(self.weights).enumerate();
        for values in blocks {
            let (mut sums, mut masses, mut rests) = ([1.0; LANES], [0.0; LANES], [0.0; LANES]);
            for at in 0..values.len() {
                let Some((row, ((x, grad), &weight))) = rows.next() else {
                    break;
                };
                let weight = weight * self.factor;
                let largest = largest(s, x, inside);
                let sum = exponentials(s, x, largest, inside, grad);
                sums[at] = sum;
                match self.targets {
                    Targets::Labels(labels, ignored) => {
                        let label = labels[row];
                        if Some(label) == ignored {
                            grad.fill(0.0);
                            sums[at] = 1.0;
                            continue;
                        }
                        let class = label as usize;
                        if class >= classes || class as f32 != label {
                            grad.fill(f32::NAN);
                            rests[at] = f32::NAN;
                            continue;
                        }
                        scale(s, grad, weight / sum);
                        grad[class] -= weight;
                        masses[at] = 1.0;
                        rests[at] = x[class] - largest;
                    }
                    Targets::Shares {
                        values: shares,
                        keep,
                        add,
                    } => {
                        let shares = &shares[row * classes..][..classes];
                        let (keep, add) = (s.splat(keep), s.splat(add));
                        (masses[at], rests[at]) = weigh(s, x, largest, shares, (keep, add), inside);
                        let share = s.splat(weight * masses[at] / sum);
                        subtract_shares(s, grad, share, shares, (keep, add), s.splat(weight));
                    }
                }
            }
            let log_sums = math::ln(s, s.load(&sums));
            let value = s.sub(s.mul(s.load(&masses), log_sums), s.load(&rests));
            s.store_partial(values, value);
        }
    }
}

/// The largest of a row; `inside` are the lanes of its last, partial vector.
#[inline(always)]
fn largest<S: Simd>(s: S, x: &[f32], inside: S::M) -> f32 {
    let (body, tail) = x.as_chunks::<LANES>();
    let mut m = s.select(inside, s.load_partial(tail), s.splat(f32::NEG_INFINITY));
    for x in body {
        m = s.max(m, s.load(x));
    }
    s.max_lane(m)
}

/// `out[k] = e^(x[k] - largest)`; returns the sum.
#[inline(always)]
fn exponentials<S: Simd>(s: S, x: &[f32], largest: f32, inside: S::M, out: &mut [f32]) -> f32 {
    let m = s.splat(largest);
    let (body, tail) = x.as_chunks::<LANES>();
    let (out, out_tail) = out.as_chunks_mut::<LANES>();
    let mut sum = s.zero();
    if !tail.is_empty() {
        let e = math::exp(s, s.sub(s.load_partial(tail), m));
        s.store_partial(out_tail, e);
        sum = s.select(inside, e, sum);
    }
    for (x, out) in body.iter().zip(out) {
        let e = math::exp(s, s.sub(s.load(x), m));
        s.store(out, e);
        sum = s.add(sum, e);
    }
    s.sum(sum)
}

#[inline(always)]
fn scale<S: Simd>(s: S, x: &mut [f32], factor: f32) {
    let factor = s.splat(factor);
    let (body, tail) = x.as_chunks_mut::<LANES>();
    for x in body {
        s.store(x, s.mul(s.load(x), factor));
    }
    let last = s.mul(s.load_partial(tail), factor);
    s.store_partial(tail, last);
}

/// The sums of `t[k]` and of `t[k] * (x[k] - largest)`, with `t = keep * share + add`.
#[inline(always)]
fn weigh<S: Simd>(
    s: S,
    x: &[f32],
    largest: f32,
    shares: &[f32],
    (keep, add): (S::F, S::F),
    inside: S::M,
) -> (f32, f32) {
    let m = s.splat(largest);
    let ((body, tail), (shares, shares_tail)) =
        (x.as_chunks::<LANES>(), shares.as_chunks::<LANES>());
    let t = s.fma(s.load_partial(shares_tail), keep, add);
    let mut mass = s.select(inside, t, s.zero());
    let mut rest = s.mul(
        mass,
        s.select(inside, s.sub(s.load_partial(tail), m), s.zero()),
    );
    for (x, share) in body.iter().zip(shares) {
        let t = s.fma(s.load(share), keep, add);
        mass = s.add(mass, t);
        rest = s.fma(t, s.sub(s.load(x), m), rest);
    }
    (s.sum(mass), s.sum(rest))
}

/// `grad = grad * factor - weight * (keep * share + add)`
#[inline(always)]
fn subtract_shares<S: Simd>(
    s: S,
    grad: &mut [f32],
    factor: S::F,
    shares: &[f32],
    (keep, add): (S::F, S::F),
    weight: S::F,
) {
    let ((grad, grad_tail), (shares, shares_tail)) =
        (grad.as_chunks_mut::<LANES>(), shares.as_chunks::<LANES>());
    for (grad, share) in grad.iter_mut().zip(shares) {
        let t = s.fma(s.load(share), keep, add);
        s.store(grad, s.sub(s.mul(s.load(grad), factor), s.mul(weight, t)));
    }
    let t = s.fma(s.load_partial(shares_tail), keep, add);
    let last = s.sub(s.mul(s.load_partial(grad_tail), factor), s.mul(weight, t));
    s.store_partial(grad_tail, last);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::{available, with_isa};

    /// The same in f64, one class after the other.
    fn plain(x: &[f32], t: &[f64], weight: f64) -> (f64, Vec<f64>) {
        let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
        let m = x.iter().copied().fold(f64::MIN, f64::max);
        let sum: f64 = x.iter().map(|x| (x - m).exp()).sum();
        let mass: f64 = t.iter().sum();
        let value = x.iter().zip(t).map(|(x, t)| t * (sum.ln() - (x - m))).sum();
        let softmax = x.iter().map(|x| (x - m).exp() / sum);
        let grad = softmax.zip(t).map(|(p, t)| weight * (mass * p - t));
        (value, grad.collect())
    }

    #[test]
    fn one_pass_gives_what_the_formula_says_at_any_width_and_level() {
        for isa in available() {
            for classes in [1, 2, 10, 16, 17, 96, 100] {
                let rows = 37;
                let x: Vec<f32> = (0..rows * classes)
                    .map(|i| ((i * 37) % 101) as f32 * 0.1 - 5.0)
                    .collect();
                let labels: Vec<f32> = (0..rows).map(|i| ((i * 7) % classes) as f32).collect();
                let weights: Vec<f32> = (0..rows).map(|i| (i % 3) as f32).collect();
                let shares: Vec<f32> = (0..rows * classes).map(|i| (i % 4) as f32 * 0.2).collect();
                let (mut values, mut grad) = (vec![0f32; rows], vec![0f32; x.len()]);
                for dense in [false, true] {
                    let targets = if dense {
                        Targets::Shares {
                            values: &shares,
                            keep: 0.9,
                            add: 0.01,
                        }
                    } else {
                        Targets::Labels(&labels, Some(3.0))
                    };
                    with_isa(isa, || {
                        cross_entropy(
                            &x,
                            classes,
                            targets,
                            (&weights, 0.5),
                            &mut values,
                            &mut grad,
                        );
                    });
                    for i in 0..rows {
                        let range = i * classes..(i + 1) * classes;
                        let t: Vec<f64> = match dense {
                            true => shares[range.clone()]
                                .iter()
                                .map(|&t| f64::from(t) * 0.9 + 0.01)
                                .collect(),
                            false => (0..classes)
                                .map(|k| f64::from(k as f32 == labels[i] && k != 3))
                                .collect(),
                        };
                        let ignored = !dense && labels[i] == 3.0;
                        let weight = if ignored {
                            0.0
                        } else {
                            f64::from(weights[i]) * 0.5
                        };
                        let (value, wanted) = plain(&x[range.clone()], &t, weight);
                        let scale = 1e-5 * (1.0 + t.iter().sum::<f64>() * 10.0);
                        assert!(
                            (f64::from(values[i]) - value).abs() < scale,
                            "{isa:?} {classes} {dense} {i}: {} for {value}",
                            values[i]
                        );
                        for (got, wanted) in grad[range].iter().zip(wanted) {
                            assert!((f64::from(*got) - wanted).abs() < scale, "{got} {wanted}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn extreme_logits_stay_finite_and_a_wrong_label_is_seen() {
        let x = [1e30f32, -1e30, 0.0, f32::NAN, 0.0, 0.0, 1.0, 2.0, 3.0];
        let (mut values, mut grad) = ([0.0; 3], [0.0; 9]);
        let labels = Targets::Labels(&[0.0, 1.0, 3.0], None);
        cross_entropy(&x, 3, labels, (&[1.0; 3], 1.0), &mut values, &mut grad);
        assert_eq!(values[0], 0.0);
        assert_eq!(grad[..3], [0.0; 3]);
        assert!(values[1].is_nan() && values[2].is_nan());
        assert!(grad[3..].iter().all(|g| g.is_nan()));
    }
}
