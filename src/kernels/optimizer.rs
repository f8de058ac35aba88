//! One pass over weights, gradients and slots: everything an optimizer does to an element, while it is in registers.
//!
//! The slots of one weight lie chunk by chunk, `[slot 0 of the chunk | slot 1 of the chunk | …]`, so that a chunk of
//! weights and all its slots are one piece of parallel work; [`slot_range`] finds a slot's piece of a chunk.

use std::ops::Range;

use crate::kernels::simd::{Kernel, LANES, Simd, dispatch};
use crate::parallel::{for_each_chunk_mut, for_each_chunk_mut2, sum_chunks};
use crate::real::Real;

/// Elements of one piece of parallel work, and of one stretch of a slot.
pub const CHUNK: usize = 8192;

/// The rule of an optimizer for one element.
pub trait Rule<F, const SLOTS: usize>: Copy + Sync {
    /// The new value of a weight `w` with gradient `g`; the slots change in place.
    fn step(&self, w: F, g: F, slots: &mut [F; SLOTS]) -> F;
}

/// What every optimizer does before its rule: `g = clip(scale * g)`, `w -= w * decay * learning_rate`.
#[derive(Debug, Clone, Copy)]
pub struct Common<F> {
    /// The factor that clipping by norm comes to.
    pub scale: F,
    /// The largest absolute value of a gradient; infinity for none.
    pub clip: F,
    /// Weight decay.
    pub decay: F,
    /// The learning rate of the decay.
    pub learning_rate: F,
}

impl<F: Real> Common<F> {
    /// Before a second pass: nothing.
    pub const NOTHING: Self = Self {
        scale: F::ONE,
        clip: F::INFINITY,
        decay: F::ZERO,
        learning_rate: F::ZERO,
    };

    /// A gradient scaled and clipped.
    #[inline(always)]
    pub fn gradient(&self, g: F) -> F {
        (g * self.scale).maximum(-self.clip).minimum(self.clip)
    }
}

/// The elements of `slot` that belong to weight elements `chunk * CHUNK ..` of a weight of `len` elements.
pub fn slot_range(len: usize, slots: usize, slot: usize, chunk: usize) -> Range<usize> {
    let here = CHUNK.min(len - chunk * CHUNK);
    let start = chunk * CHUNK * slots + slot * here;
    start..start + here
}

/// Applies `rule` to every element of one weight.
///
/// # Panics
/// If there are not as many gradients, and `SLOTS` times as many slots, as weights.
pub fn update<F: Real, const SLOTS: usize>(
    rule: impl Rule<F, SLOTS>,
    common: Common<F>,
    weights: &mut [F],
    grads: &[F],
    slots: &mut [F],
) {
    assert_eq!(weights.len(), grads.len(), "one gradient for each weight");
    assert_eq!(
        slots.len(),
        SLOTS * weights.len(),
        "the slots of each weight"
    );
    let piece = |index: usize, weights: &mut [F], slots: &mut [F]| {
        let grads = &grads[index * CHUNK..][..weights.len()];
        dispatch(Pass {
            rule,
            common,
            weights,
            grads,
            slots,
        });
    };
    if SLOTS == 0 {
        for_each_chunk_mut(weights, CHUNK, |index, weights| {
            piece(index, weights, &mut [])
        });
    } else {
        for_each_chunk_mut2((weights, CHUNK), (slots, CHUNK * SLOTS), piece);
    }
}

struct Pass<'a, F, R, const SLOTS: usize> {
    rule: R,
    common: Common<F>,
    weights: &'a mut [F],
    grads: &'a [F],
    slots: &'a mut [F],
}

impl<F: Real, R: Rule<F, SLOTS>, const SLOTS: usize> Kernel for Pass<'_, F, R, SLOTS> {
    type Output = ();

    #[allow(clippy::needless_range_loop)] // iterators over arrays bring closures
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self {
            rule,
            common,
            weights,
            grads,
            slots,
        } = self;
        let len = weights.len();
        let whole = len - len % LANES;
        // Lanes are read before any is written, so the compiler need not fear that the slices overlap. No closures: they
        // would be compiled for the baseline CPU and called for every lane.
        for at in (0..whole).step_by(LANES) {
            let mut w: [F; LANES] = read(weights, at);
            let g: [F; LANES] = read(grads, at);
            let mut s = [[F::ZERO; LANES]; SLOTS];
            for slot in 0..SLOTS {
                s[slot] = read(slots, slot * len + at);
            }
            for lane in 0..LANES {
                let mut each = [F::ZERO; SLOTS];
                for slot in 0..SLOTS {
                    each[slot] = s[slot][lane];
                }
                w[lane] = element(rule, common, w[lane], g[lane], &mut each);
                for slot in 0..SLOTS {
                    s[slot][lane] = each[slot];
                }
            }
            write(weights, at, w);
            for slot in 0..SLOTS {
                write(slots, slot * len + at, s[slot]);
            }
        }
        for at in whole..len {
            let mut each = [F::ZERO; SLOTS];
            for slot in 0..SLOTS {
                each[slot] = slots[slot * len + at];
            }
            weights[at] = element(rule, common, weights[at], grads[at], &mut each);
            for slot in 0..SLOTS {
                slots[slot * len + at] = each[slot];
            }
        }
    }
}

// Arrays are moved as arrays: a copy between slices may become a call.
#[inline(always)]
fn read<F: Real>(from: &[F], at: usize) -> [F; LANES] {
    from[at..]
        .first_chunk()
        .copied()
        .unwrap_or([F::ZERO; LANES])
}

#[inline(always)]
fn write<F: Real>(to: &mut [F], at: usize, lanes: [F; LANES]) {
    if let Some(to) = to[at..].first_chunk_mut() {
        *to = lanes;
    }
}

#[inline(always)]
fn element<F: Real, const SLOTS: usize>(
    rule: impl Rule<F, SLOTS>,
    common: Common<F>,
    w: F,
    g: F,
    slots: &mut [F; SLOTS],
) -> F {
    let decayed = w - w * common.decay * common.learning_rate;
    rule.step(decayed, common.gradient(g), slots)
}

/// The sum of squares.
pub fn square_sum<F: Real>(values: &[F]) -> f64 {
    dot(values, values)
}

/// The sum of products.
pub fn dot<F: Real>(a: &[F], b: &[F]) -> f64 {
    assert_eq!(a.len(), b.len(), "slices of equal length");
    sum_chunks(a.len(), CHUNK, |range| {
        dispatch(Dot(&a[range.clone()], &b[range]))
    })
}

struct Dot<'a, F>(&'a [F], &'a [F]);

impl<F: Real> Kernel for Dot<'_, F> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> f64 {
        let (a, a_rest) = self.0.as_chunks::<LANES>();
        let (b, b_rest) = self.1.as_chunks::<LANES>();
        let mut lanes = [0.0f64; LANES];
        for (a, b) in a.iter().zip(b) {
            for lane in 0..LANES {
                lanes[lane] += a[lane].f64() * b[lane].f64();
            }
        }
        let rest = a_rest.iter().zip(b_rest);
        lanes.into_iter().sum::<f64>() + rest.map(|(a, b)| a.f64() * b.f64()).sum::<f64>()
    }
}

/// `y = f(y, x)` for every element.
pub fn zip_apply<F: Real>(y: &mut [F], x: &[F], f: impl Fn(F, F) -> F + Copy + Sync) {
    assert_eq!(y.len(), x.len(), "slices of equal length");
    for_each_chunk_mut(y, CHUNK, |index, y| {
        let x = &x[index * CHUNK..][..y.len()];
        dispatch(ZipApply(y, x, f));
    });
}

struct ZipApply<'a, F, M>(&'a mut [F], &'a [F], M);

impl<F: Real, M: Fn(F, F) -> F> Kernel for ZipApply<'_, F, M> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        for (y, &x) in self.0.iter_mut().zip(self.1) {
            *y = (self.2)(*y, x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parallel;

    #[derive(Clone, Copy)]
    struct Count;

    impl Rule<f32, 2> for Count {
        fn step(&self, w: f32, g: f32, slots: &mut [f32; 2]) -> f32 {
            slots[0] += g;
            slots[1] -= g;
            w + slots[0]
        }
    }

    const PLAIN: Common<f32> = Common {
        scale: 1.0,
        clip: f32::INFINITY,
        decay: 0.0,
        learning_rate: 0.1,
    };

    #[test]
    fn every_element_meets_its_own_gradient_and_slots() {
        for len in [1, 15, 16, 40, CHUNK, CHUNK + 5, 3 * CHUNK + 33] {
            let grads: Vec<f32> = (0..len).map(|i| i as f32).collect();
            let (mut weights, mut slots) = (vec![1.0; len], vec![0.0; 2 * len]);
            parallel::install(|| {
                update(Count, PLAIN, &mut weights, &grads, &mut slots);
                update(Count, PLAIN, &mut weights, &grads, &mut slots);
            });
            assert!(
                weights.iter().zip(&grads).all(|(w, g)| *w == 1.0 + 3.0 * g),
                "{len}"
            );
            for chunk in 0..len.div_ceil(CHUNK) {
                let grads = &grads[chunk * CHUNK..];
                let all = |slot, factor: f32| {
                    slots[slot_range(len, 2, slot, chunk)]
                        .iter()
                        .zip(grads)
                        .all(|(s, g)| *s == factor * g)
                };
                assert!(all(0, 2.0) && all(1, -2.0), "{len} {chunk}");
            }
        }
    }

    #[test]
    fn gradients_are_scaled_then_clipped_and_weights_decay_first() {
        let common = Common {
            scale: 2.0,
            clip: 3.0,
            decay: 0.5,
            learning_rate: 0.1,
        };
        let mut weights = [1.0f32, 1.0, 1.0];
        update(
            Count,
            common,
            &mut weights,
            &[1.0, -9.0, f32::NAN],
            &mut [0.0; 6],
        );
        assert_eq!(weights[..2], [0.95 + 2.0, 0.95 - 3.0]);
        assert!(
            weights[2].is_nan(),
            "a broken gradient is not hidden by clipping"
        );
    }

    #[test]
    fn sum_of_squares_is_exact_for_small_integers() {
        let values: Vec<f32> = (0..CHUNK + 7).map(|i| (i % 8) as f32).collect();
        let wanted: u64 = (0..CHUNK as u64 + 7).map(|i| (i % 8).pow(2)).sum();
        assert_eq!(square_sum(&values), wanted as f64);
    }
}
