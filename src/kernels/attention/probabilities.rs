//! Rows of scores turned into probabilities, and gradients led back.

use crate::kernels::math;
use crate::kernels::simd::{Kernel, LANES, Simd, dispatch};
use crate::real::Real;

/// The first `seen` scores become `softmax(scale * scores)`, the others 0. Whole vectors long; a row that holds NaN or
/// plus infinity becomes NaN.
pub(super) fn softmax<F: Real>(scores: &mut [F], seen: usize, scale: F) {
    if let Some(scores) = F::as_f32_mut(scores) {
        return dispatch(Softmax {
            scores,
            seen,
            scale: scale.f64() as f32,
        });
    }
    let (scores, beyond) = scores.split_at_mut(seen);
    let largest = scores.iter().fold(-F::INFINITY, |m, &x| m.maximum(x));
    let mut sum = F::ZERO;
    for x in scores.iter_mut() {
        *x = (scale * (*x - largest)).exp();
        sum += *x;
    }
    scores.iter_mut().for_each(|x| *x /= sum);
    beyond.fill(F::ZERO);
}

/// The gradient by the scores from that by the probabilities `p` of the first `seen` keys, in place; 0 for the others:
/// `ds = scale * p * (dp - sum(dp * p))`.
pub(super) fn softmax_backward<F: Real>(p: &[F], dp: &mut [F], seen: usize, scale: F) {
    if let (Some(p), Some(dp)) = (F::as_f32(p), F::as_f32_mut(dp)) {
        return dispatch(SoftmaxBackward {
            p,
            dp,
            seen,
            scale: scale.f64() as f32,
        });
    }
    let (dp, beyond) = dp.split_at_mut(seen);
    let dot: F = p.iter().zip(&*dp).map(|(&p, &dp)| p * dp).sum();
    for (&p, dp) in p.iter().zip(dp) {
        *dp = scale * p * (*dp - dot);
    }
    beyond.fill(F::ZERO);
}

/// 0, 1, 2, … 15.
const PLACES: [f32; LANES] = {
    let mut places = [0.0; LANES];
    let mut lane = 0;
    while lane < LANES {
        places[lane] = lane as f32;
        lane += 1;
    }
    places
};

/// Which of the lanes of a vector are among the first `left`.
#[inline(always)]
fn first<S: Simd>(s: S, left: usize) -> S::M {
    s.lt(s.load(&PLACES), s.splat(left as f32))
}

struct Softmax<'a> {
    scores: &'a mut [f32],
    seen: usize,
    scale: f32,
}

impl Kernel for Softmax<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (rows, _) = self.scores.as_chunks_mut::<LANES>();
        let (whole, left) = (self.seen / LANES, self.seen % LANES);
        let low = s.splat(f32::NEG_INFINITY);
        let mut largest = low;
        for x in &rows[..whole] {
            largest = s.max(largest, s.load(x));
        }
        if left > 0 {
            // What is not seen has no say, whatever is there.
            let x = s.select(first(s, left), s.load(&rows[whole]), low);
            s.store(&mut rows[whole], x);
            largest = s.max(largest, x);
        }
        let largest = s.splat(s.max_lane(largest));
        let scale = s.splat(self.scale);
        let some = whole + usize::from(left > 0);
        let mut sum = s.zero();
        for x in &mut rows[..some] {
            let e = math::exp(s, s.mul(s.sub(s.load(x), largest), scale));
            sum = s.add(sum, e);
            s.store(x, e);
        }
        let share = s.div(s.splat(1.0), s.splat(s.sum(sum)));
        for x in &mut rows[..some] {
            s.store(x, s.mul(s.load(x), share));
        }
        for x in &mut rows[some..] {
            s.store(x, s.zero());
        }
    }
}

struct SoftmaxBackward<'a> {
    p: &'a [f32],
    dp: &'a mut [f32],
    seen: usize,
    scale: f32,
}

impl Kernel for SoftmaxBackward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (p, _) = self.p.as_chunks::<LANES>();
        let (dp, _) = self.dp.as_chunks_mut::<LANES>();
        let (whole, left) = (self.seen / LANES, self.seen % LANES);
        if left > 0 {
            let seen = s.select(first(s, left), s.load(&dp[whole]), s.zero());
            s.store(&mut dp[whole], seen);
        }
        let some = whole + usize::from(left > 0);
        let mut dot = s.zero();
        for (p, dp) in p.iter().zip(&dp[..some]) {
            dot = s.fma(s.load(p), s.load(dp), dot);
        }
        let (dot, scale) = (s.splat(s.sum(dot)), s.splat(self.scale));
        for (p, dp) in p.iter().zip(&mut dp[..some]) {
            let difference = s.sub(s.load(dp), dot);
            s.store(dp, s.mul(s.mul(scale, s.load(p)), difference));
        }
        for dp in &mut dp[some..] {
            s.store(dp, s.zero());
        }
    }
}
