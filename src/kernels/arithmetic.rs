//! One formula, two ways to compute it: 16 lanes of `f32` at once, or one `f64` for checks and tight comparisons.

use crate::kernels::math;
use crate::kernels::simd::Simd;

/// What formulas of element-wise functions are made of.
///
/// Bounds come first: `min(bound, x)` and `max(bound, x)` keep a NaN in `x`, and comparisons with NaN are false.
pub trait Arithmetic: Copy {
    /// A number, or one in each lane.
    type V: Copy;
    /// A truth value, or one in each lane.
    type M: Copy;

    /// The constant nearest to `x`.
    fn of(self, x: f64) -> Self::V;
    /// `a + b`
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b`
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, rounded once
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `-a`
    fn neg(self, a: Self::V) -> Self::V;
    /// `|a|`
    fn abs(self, a: Self::V) -> Self::V;
    /// The square root.
    fn sqrt(self, a: Self::V) -> Self::V;
    /// `if bound < x { bound } else { x }`
    fn min(self, bound: Self::V, x: Self::V) -> Self::V;
    /// `if bound > x { bound } else { x }`
    fn max(self, bound: Self::V, x: Self::V) -> Self::V;
    /// `a < b`
    fn lt(self, a: Self::V, b: Self::V) -> Self::M;
    /// `a <= b`
    fn le(self, a: Self::V, b: Self::V) -> Self::M;
    /// `a` where `m` holds, else `b`.
    fn select(self, m: Self::M, a: Self::V, b: Self::V) -> Self::V;
    /// `e^x`
    fn exp(self, x: Self::V) -> Self::V;
    /// `e^x - 1`
    fn expm1(self, x: Self::V) -> Self::V;
    /// `ln(1 + x)`
    fn ln_1p(self, x: Self::V) -> Self::V;
    /// The hyperbolic tangent.
    fn tanh(self, x: Self::V) -> Self::V;
    /// `1 / (1 + e^-x)`
    fn sigmoid(self, x: Self::V) -> Self::V;
    /// The chance that a standard normal number is below `x`, and the density there.
    fn normal(self, x: Self::V) -> (Self::V, Self::V);

    /// `x` between constants; NaN stays.
    #[inline(always)]
    fn clamp(self, x: Self::V, low: f64, high: f64) -> Self::V {
        self.max(self.of(low), self.min(self.of(high), x))
    }
}

/// 16 lanes of `f32`.
#[derive(Debug, Clone, Copy)]
pub struct Lanes<S>(pub S);

impl<S: Simd> Arithmetic for Lanes<S> {
    type V = S::F;
    type M = S::M;

    #[inline(always)]
    fn of(self, x: f64) -> S::F {
        self.0.splat(x as f32)
    }
    #[inline(always)]
    fn add(self, a: S::F, b: S::F) -> S::F {
        self.0.add(a, b)
    }
    #[inline(always)]
    fn sub(self, a: S::F, b: S::F) -> S::F {
        self.0.sub(a, b)
    }
    #[inline(always)]
    fn mul(self, a: S::F, b: S::F) -> S::F {
        self.0.mul(a, b)
    }
    #[inline(always)]
    fn div(self, a: S::F, b: S::F) -> S::F {
        self.0.div(a, b)
    }
    #[inline(always)]
    fn fma(self, a: S::F, b: S::F, c: S::F) -> S::F {
        self.0.fma(a, b, c)
    }
    #[inline(always)]
    fn neg(self, a: S::F) -> S::F {
        self.0.neg(a)
    }
    #[inline(always)]
    fn abs(self, a: S::F) -> S::F {
        self.0.abs(a)
    }
    #[inline(always)]
    fn sqrt(self, a: S::F) -> S::F {
        self.0.sqrt(a)
    }
    #[inline(always)]
    fn min(self, bound: S::F, x: S::F) -> S::F {
        self.0.min(bound, x)
    }
    #[inline(always)]
    fn max(self, bound: S::F, x: S::F) -> S::F {
        self.0.max(bound, x)
    }
    #[inline(always)]
    fn lt(self, a: S::F, b: S::F) -> S::M {
        self.0.lt(a, b)
    }
    #[inline(always)]
    fn le(self, a: S::F, b: S::F) -> S::M {
        self.0.le(a, b)
    }
    #[inline(always)]
    fn select(self, m: S::M, a: S::F, b: S::F) -> S::F {
        self.0.select(m, a, b)
    }
    #[inline(always)]
    fn exp(self, x: S::F) -> S::F {
        math::exp(self.0, x)
    }
    #[inline(always)]
    fn expm1(self, x: S::F) -> S::F {
        math::expm1(self.0, x)
    }
    #[inline(always)]
    fn ln_1p(self, x: S::F) -> S::F {
        math::ln_1p(self.0, x)
    }
    #[inline(always)]
    fn tanh(self, x: S::F) -> S::F {
        math::tanh(self.0, x)
    }
    #[inline(always)]
    fn sigmoid(self, x: S::F) -> S::F {
        math::sigmoid(self.0, x)
    }
    #[inline(always)]
    fn normal(self, x: S::F) -> (S::F, S::F) {
        math::normal(self.0, x)
    }
}

/// One `f64`, by the C library.
#[derive(Debug, Clone, Copy)]
pub struct Double;

impl Arithmetic for Double {
    type V = f64;
    type M = bool;

    fn of(self, x: f64) -> f64 {
        x
    }
    fn add(self, a: f64, b: f64) -> f64 {
        a + b
    }
    fn sub(self, a: f64, b: f64) -> f64 {
        a - b
    }
    fn mul(self, a: f64, b: f64) -> f64 {
        a * b
    }
    fn div(self, a: f64, b: f64) -> f64 {
        a / b
    }
    fn fma(self, a: f64, b: f64, c: f64) -> f64 {
        a.mul_add(b, c)
    }
    fn neg(self, a: f64) -> f64 {
        -a
    }
    fn abs(self, a: f64) -> f64 {
        a.abs()
    }
    fn sqrt(self, a: f64) -> f64 {
        a.sqrt()
    }
    fn min(self, bound: f64, x: f64) -> f64 {
        if bound < x { bound } else { x }
    }
    fn max(self, bound: f64, x: f64) -> f64 {
        if bound > x { bound } else { x }
    }
    fn lt(self, a: f64, b: f64) -> bool {
        a < b
    }
    fn le(self, a: f64, b: f64) -> bool {
        a <= b
    }
    fn select(self, m: bool, a: f64, b: f64) -> f64 {
        if m { a } else { b }
    }
    fn exp(self, x: f64) -> f64 {
        x.exp()
    }
    fn expm1(self, x: f64) -> f64 {
        x.exp_m1()
    }
    fn ln_1p(self, x: f64) -> f64 {
        x.ln_1p()
    }
    fn tanh(self, x: f64) -> f64 {
        x.tanh()
    }
    fn sigmoid(self, x: f64) -> f64 {
        let e = (-x.abs()).exp();
        if x < 0.0 {
            e / (1.0 + e)
        } else {
            1.0 / (1.0 + e)
        }
    }
    fn normal(self, x: f64) -> (f64, f64) {
        const SQRT_TAU: f64 = 2.506_628_274_631_000_7;
        let below = 0.5 * erfc(-std::f64::consts::FRAC_1_SQRT_2 * x);
        (below, (-0.5 * x * x).exp() / SQRT_TAU)
    }
}

// SAFETY: this is the C99 function of the platform's mathematics library, which std links for its own; it takes and
// gives a double and touches nothing else, so it is safe for every argument.
unsafe extern "C" {
    /// `1 - erf(x)` of one `f64`.
    safe fn erfc(x: f64) -> f64;
}
