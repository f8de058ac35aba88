//! Elementary functions of 16 `f32` lanes, the same bits on every level.
//!
//! Each is within 4 ulp of the true value over all of `f32`, right at 0, infinities and NaN, and denormal where the
//! true value is (while [`super::denormals`] does not flush). The methods are the classical ones: the argument is
//! reduced exactly with a constant split in two (Cody and Waite, "Software Manual for the Elementary Functions", 1980),
//! the rest is a polynomial whose greatest relative error was made as small as its degree allows (Remez; found with
//! Lawson's reweighted least squares on Chebyshev nodes). The comment at each polynomial tells interval and error.

mod pieces;

use pieces::{NORMAL_TAIL, TANH, in_pieces};

use crate::kernels::simd::Simd;

const LN_2_HIGH: f32 = 0.693_145_75;
const LN_2_LOW: f32 = 1.428_606_8e-6;

/// `(e^r - 1 - r) / r^2` for `|r| <= ln(2) / 2`: error in `e^r` 1.3e-8.
const EXP: [f32; 5] = [
    0.5,
    0.166_665_43,
    0.041_666_28,
    0.008_366_611,
    0.001_394_649_7,
];
/// [`EXP`] for `e^(-r / 2)`.
const EXP_OF_MINUS_HALF: [f32; 5] = {
    let [a, b, c, d, e] = EXP;
    [a / 4.0, -b / 8.0, c / 16.0, -d / 32.0, e / 64.0]
};
/// `(ln(1 + f) - f + f^2 / 2) / f^3` for `1 + f` from `sqrt(1/2)` to `sqrt(2)`: error in the logarithm 5.8e-9.
const LN: [f32; 8] = [
    0.333_333_3,
    -0.250_008_2,
    0.200_012_27,
    -0.166_233_57,
    0.142_017_57,
    -0.131_601_83,
    0.127_615_78,
    -0.076_344_975,
];
/// `c[0] + c[1] x + c[2] x^2 + …` by Horner's rule.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(s: S, x: S::F, c: [f32; N]) -> S::F {
    let mut sum = s.splat(c[N - 1]);
    for &c in c[..N - 1].iter().rev() {
        sum = s.fma(sum, x, s.splat(c));
    }
    sum
}

/// `low` or `high` where `x` is beyond; NaN stays.
#[inline(always)]
pub fn clamp<S: Simd>(s: S, x: S::F, low: f32, high: f32) -> S::F {
    s.max(s.splat(low), s.min(s.splat(high), x))
}

/// The whole number nearest to `x * factor`, which is below `2^22`.
#[inline(always)]
fn whole<S: Simd>(s: S, x: S::F, factor: f32) -> S::F {
    // Where numbers are 1 apart a sum is a whole number, until the offset is taken away.
    let offset = s.splat(1.5 * (1 << 23) as f32);
    s.sub(s.fma(x, s.splat(factor), offset), offset)
}

/// `x = n ln(2) + r` with a whole n: gives n and r.
#[inline(always)]
fn reduced<S: Simd>(s: S, x: S::F) -> (S::F, S::F) {
    let n = whole(s, x, std::f32::consts::LOG2_E);
    let r = s.neg_fma(n, s.splat(LN_2_HIGH), x);
    (n, s.neg_fma(n, s.splat(LN_2_LOW), r))
}

/// `e^x`
#[inline(always)]
pub fn exp<S: Simd>(s: S, x: S::F) -> S::F {
    exp_of_bounded(s, clamp(s, x, -104.0, 89.0))
}

/// `e^x` for x from -120 to 89.
#[inline(always)]
pub fn exp_of_bounded<S: Simd>(s: S, x: S::F) -> S::F {
    let (n, r) = reduced(s, x);
    let one = s.splat(1.0);
    s.scale(s.fma(r, s.fma(r, polynomial(s, r, EXP), one), one), n)
}

/// `e^x` for `x <= 0`.
#[inline(always)]
pub fn exp_of_negative<S: Simd>(s: S, x: S::F) -> S::F {
    exp_of_bounded(s, s.max(s.splat(-104.0), x))
}

/// `e^x - 1`, exact near 0.
#[inline(always)]
pub fn expm1<S: Simd>(s: S, x: S::F) -> S::F {
    let (n, r) = reduced(s, clamp(s, x, -20.0, 89.0));
    let p = s.fma(s.mul(r, r), polynomial(s, r, EXP), r);
    // 2^n (p + 1) - 1 = 2 (p t + (t - 1/2)) with t = 2^(n-1), which is finite for n = 128 too.
    let t = s.scale(s.splat(0.5), n);
    let scaled = s.fma(p, t, s.sub(t, s.splat(0.5)));
    let y = s.select(s.eq(n, s.zero()), p, s.add(scaled, scaled));
    s.copy_sign(y, x)
}

/// The natural logarithm: NaN below 0, minus infinity at 0.
#[inline(always)]
pub fn ln<S: Simd>(s: S, x: S::F) -> S::F {
    const SQRT_HALF: i32 = 0x3f35_04f3;
    let tiny = s.lt(x, s.splat(f32::MIN_POSITIVE));
    let bits = s.bits(s.select(tiny, s.mul(x, s.splat((1 << 25) as f32)), x));
    // x = 2^k (1 + f) with 1 + f from sqrt(1/2) to sqrt(2).
    let k = s.shr_i32(s.sub_i32(bits, s.splat_i32(SQRT_HALF)), 23);
    let f = s.floats(s.sub_i32(bits, s.shl_i32(k, 23)));
    let f = s.sub(f, s.splat(1.0));
    let k = s.add(s.to_f32(k), s.select(tiny, s.splat(-25.0), s.zero()));

    let square = s.mul(f, f);
    let y = s.mul(s.mul(square, f), polynomial(s, f, LN));
    let y = s.fma(k, s.splat(LN_2_LOW), y);
    let y = s.neg_fma(s.splat(0.5), square, y);
    let y = s.fma(k, s.splat(LN_2_HIGH), s.add(f, y));

    let y = s.select(s.lt(x, s.splat(f32::INFINITY)), y, x); // infinity and NaN
    let y = s.select(s.eq(x, s.zero()), s.splat(f32::NEG_INFINITY), y);
    s.select(s.lt(x, s.zero()), s.splat(f32::NAN), y)
}

/// `ln(1 + x)`, exact near 0.
#[inline(always)]
pub fn ln_1p<S: Simd>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    let sum = s.add(one, x);
    // What rounding cut off from the sum, led through the derivative of the logarithm (Kahan's correction).
    let lost = s.div(s.sub(x, s.sub(sum, one)), sum);
    let regular = s.both(s.lt(s.zero(), sum), s.lt(sum, s.splat(f32::INFINITY)));
    let y = s.add(ln(s, sum), s.select(regular, lost, s.zero()));
    s.copy_sign(y, x)
}

/// The hyperbolic tangent, never beyond -1 or 1.
#[inline(always)]
pub fn tanh<S: Simd>(s: S, x: S::F) -> S::F {
    let a = s.min(s.splat(10.0), s.abs(x));
    s.copy_sign(in_pieces(s, &TANH, a, true), x)
}

/// `1 / (1 + e^-x)`, from 0 to 1; exact in both tails.
#[inline(always)]
pub fn sigmoid<S: Simd>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    let e = exp_of_negative(s, s.neg(s.abs(x)));
    s.div(s.select(s.lt(x, s.zero()), e, one), s.add(one, e))
}

/// `ln(1 + e^x)`
#[inline(always)]
pub fn softplus<S: Simd>(s: S, x: S::F) -> S::F {
    let e = exp_of_negative(s, s.neg(s.abs(x)));
    s.add(s.max(s.zero(), x), ln_1p(s, e))
}

/// The chance that a standard normal number is below `x`, and the density there: `e^(-x^2 / 2) / sqrt(2 pi)`.
#[inline(always)]
pub fn normal<S: Simd>(s: S, x: S::F) -> (S::F, S::F) {
    const INVERSE_SQRT_TAU: f32 = 0.398_942_3;
    // Both are 0 in f32 from 14.5 on.
    let a = s.min(s.splat(14.9), s.abs(x));
    let square = s.mul(a, a);
    let excess = s.neg_fma(a, a, square);
    // a^2 = -2 n ln(2) + r, what rounding added taken away again.
    let n = whole(s, square, -0.5 * std::f32::consts::LOG2_E);
    let r = s.fma(n, s.splat(2.0 * LN_2_HIGH), square);
    let r = s.sub(s.fma(n, s.splat(2.0 * LN_2_LOW), r), excess);
    let slope = s.fma(r, polynomial(s, r, EXP_OF_MINUS_HALF), s.splat(-0.5));
    let e = s.scale(s.fma(r, slope, s.splat(1.0)), n);
    let beyond = s.mul(e, in_pieces(s, &NORMAL_TAIL, a, false));
    let below = s.select(s.lt(x, s.zero()), beyond, s.sub(s.splat(1.0), beyond));
    (below, s.mul(s.splat(INVERSE_SQRT_TAU), e))
}

#[cfg(test)]
mod tests;
