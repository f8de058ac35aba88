//! Elementary functions of 16 `f32` lanes, the same bits on every level.
//!
//! Each is within 4 ulp of the true value over all of `f32`, right at 0, infinities and NaN, and denormal where the
//! true value is (while [`super::denormals`] does not flush). The methods are the classical ones: the argument is
//! reduced exactly with a constant split in two (Cody and Waite, "Software Manual for the Elementary Functions", 1980),
//! the rest is a polynomial whose greatest relative error was made as small as its degree allows (Remez; found with
//! Lawson's reweighted least squares on Chebyshev nodes). The comment at each polynomial tells interval and error.

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
/// `erf(x) / x - 1` as a polynomial of `x^2` for `|x| < 0.95`: error 6.1e-10.
const ERF: [f32; 7] = [
    0.128_379_17,
    -0.376_126_32,
    0.112_836_64,
    -0.026_857_706,
    0.005_196_952_3,
    -0.000_809_770_37,
    8.185_094e-5,
];
/// `(1 + 2 t) e^(t^2) erfc(t)` as a polynomial of `(t - 2) / (t + 2)` for t from 0 to 10.1: error 1.3e-8. The variable
/// is that of Shepherd and Laframboise, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x", 1981.
const ERFC: [f32; 10] = [
    1.276_978_4,
    -0.092_763_98,
    -0.166_031_42,
    0.164_055_45,
    -0.054_204_3,
    -0.008_059_875,
    0.008_631_682,
    0.001_313_523_5,
    -0.001_229_928_5,
    -0.000_400_577_64,
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

/// `x = n ln(2) + r` with a whole n: gives n and `e^r - 1`.
#[inline(always)]
fn reduced_expm1<S: Simd>(s: S, x: S::F) -> (S::F, S::F) {
    let n = s.round(s.mul(x, s.splat(std::f32::consts::LOG2_E)));
    let r = s.neg_fma(n, s.splat(LN_2_HIGH), x);
    let r = s.neg_fma(n, s.splat(LN_2_LOW), r);
    (n, s.fma(s.mul(r, r), polynomial(s, r, EXP), r))
}

/// `e^x`
#[inline(always)]
pub fn exp<S: Simd>(s: S, x: S::F) -> S::F {
    let (n, p) = reduced_expm1(s, clamp(s, x, -104.0, 89.0));
    // 2^n in two factors: n reaches from -150 (a result below the least denormal) to 128 (infinity).
    let n = s.to_i32(n);
    let half = s.shr_i32(n, 1);
    let p = s.mul(s.add(s.splat(1.0), p), s.exp2i(half));
    s.mul(p, s.exp2i(s.sub_i32(n, half)))
}

/// `e^x - 1`, exact near 0.
#[inline(always)]
pub fn expm1<S: Simd>(s: S, x: S::F) -> S::F {
    let (n, p) = reduced_expm1(s, clamp(s, x, -20.0, 89.0));
    // 2^n (p + 1) - 1 = 2 (p t + (t - 1/2)) with t = 2^(n-1), which is finite for n = 128 too.
    let t = s.exp2i(s.sub_i32(s.to_i32(n), s.splat_i32(1)));
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
    // (e^2a - 1) / (e^2a + 1), which is 1 in f32 from 9.02 on.
    let a = s.min(s.splat(10.0), s.abs(x));
    let e = expm1(s, s.add(a, a));
    s.copy_sign(s.div(e, s.add(e, s.splat(2.0))), x)
}

/// `1 / (1 + e^-x)`, from 0 to 1; exact in both tails.
#[inline(always)]
pub fn sigmoid<S: Simd>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    let e = exp(s, s.neg(s.abs(x)));
    s.div(s.select(s.lt(x, s.zero()), e, one), s.add(one, e))
}

/// `ln(1 + e^x)`
#[inline(always)]
pub fn softplus<S: Simd>(s: S, x: S::F) -> S::F {
    let e = exp(s, s.neg(s.abs(x)));
    s.add(s.max(s.zero(), x), ln_1p(s, e))
}

/// `erfc(t)` for `t >= 0`.
#[inline(always)]
fn erfc_of_positive<S: Simd>(s: S, t: S::F) -> S::F {
    let t = s.min(s.splat(10.1), t);
    let (one, two) = (s.splat(1.0), s.splat(2.0));
    let q = s.div(s.sub(t, two), s.add(t, two));
    let p = s.div(polynomial(s, q, ERFC), s.fma(two, t, one));
    let square = s.mul(t, t);
    // e^-(square + rest) = e^-square (1 - rest), since rest is below 2^-18.
    let rest = s.fma(t, t, s.neg(square));
    let p = s.neg_fma(rest, p, p);
    s.mul(exp(s, s.neg(square)), p)
}

/// `erf(a)` for `0 <= a < 0.95`.
#[inline(always)]
fn erf_of_small<S: Simd>(s: S, a: S::F) -> S::F {
    s.fma(polynomial(s, s.mul(a, a), ERF), a, a)
}

/// The error function.
#[inline(always)]
pub fn erf<S: Simd>(s: S, x: S::F) -> S::F {
    let a = s.abs(x);
    let tail = s.sub(s.splat(1.0), erfc_of_positive(s, a));
    let y = s.select(s.lt(a, s.splat(0.95)), erf_of_small(s, a), tail);
    s.copy_sign(y, x)
}

/// `1 - erf(x)`, exact in the tail.
#[inline(always)]
pub fn erfc<S: Simd>(s: S, x: S::F) -> S::F {
    let a = s.abs(x);
    let near = s.sub(s.splat(1.0), erf_of_small(s, a));
    let y = s.select(s.lt(a, s.splat(0.7)), near, erfc_of_positive(s, a));
    s.select(s.lt(x, s.zero()), s.sub(s.splat(2.0), y), y)
}

#[cfg(test)]
mod tests;
