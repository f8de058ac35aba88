//! The number types the engine is generic over: `f32` with tuned kernels, `f64` for checks and tight comparisons.

use std::fmt::{Debug, Display};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use bytemuck::Pod;

/// A floating-point number the engine computes with. Implemented by `f32` and `f64` alone.
///
/// Kernels that have a tuned `f32` form ask [`Real::as_f32`] whether they may take it; everything else is generic.
pub trait Real:
    Pod
    + Debug
    + Display
    + Default
    + PartialOrd
    + Send
    + Sync
    + Sum
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
{
    /// `0`.
    const ZERO: Self;
    /// `1`.
    const ONE: Self;
    /// Positive infinity.
    const INFINITY: Self;
    /// The difference between 1 and the next larger number.
    const EPSILON: Self;
    /// The largest integer up to which every integer is exact: `2^24` or `2^53`.
    const MAX_INTEGER: u64;
    /// numpy's name of the type.
    const DTYPE: &'static str;

    /// The nearest number to `x`.
    fn of(x: f64) -> Self;
    /// The nearest number to `n`.
    fn of_usize(n: usize) -> Self {
        Self::of(n as f64)
    }
    /// This number as `f64`, exactly.
    fn f64(self) -> f64;
    /// This slice as `f32`, or `None` if it is not.
    fn as_f32(slice: &[Self]) -> Option<&[f32]>;
    /// This slice as mutable `f32`, or `None` if it is not.
    fn as_f32_mut(slice: &mut [Self]) -> Option<&mut [f32]>;
    /// This slice as `f64`, or `None` if it is not.
    fn as_f64(slice: &[Self]) -> Option<&[f64]>;
    /// This slice as mutable `f64`, or `None` if it is not.
    fn as_f64_mut(slice: &mut [Self]) -> Option<&mut [f64]>;

    /// `|self|`.
    fn abs(self) -> Self;
    /// `e^self`.
    fn exp(self) -> Self;
    /// `e^self - 1`, exact near 0.
    fn exp_m1(self) -> Self;
    /// The natural logarithm.
    fn ln(self) -> Self;
    /// `ln(1 + self)`, exact near 0.
    fn ln_1p(self) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
    /// `self` raised to `exponent`.
    fn powf(self, exponent: Self) -> Self;
    /// `self` raised to an integer.
    fn powi(self, exponent: i32) -> Self;
    /// `self * a + b`, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// The nearest integer not above `self`.
    fn floor(self) -> Self;
    /// The larger of both; NaN if either is NaN, so that a broken number is seen instead of lost.
    fn maximum(self, other: Self) -> Self;
    /// The smaller of both; NaN if either is NaN.
    fn minimum(self, other: Self) -> Self;
    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// Not a number.
    fn is_nan(self) -> bool;
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const INFINITY: Self = f32::INFINITY;
    const EPSILON: Self = f32::EPSILON;
    const MAX_INTEGER: u64 = 1 << 24;
    const DTYPE: &'static str = "float32";

    #[inline(always)]
    fn of(x: f64) -> Self {
        x as f32
    }
    #[inline(always)]
    fn f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn as_f32(slice: &[Self]) -> Option<&[f32]> {
        Some(slice)
    }
    #[inline(always)]
    fn as_f32_mut(slice: &mut [Self]) -> Option<&mut [f32]> {
        Some(slice)
    }
    #[inline(always)]
    fn as_f64(_: &[Self]) -> Option<&[f64]> {
        None
    }
    #[inline(always)]
    fn as_f64_mut(_: &mut [Self]) -> Option<&mut [f64]> {
        None
    }
    #[inline(always)]
    fn abs(self) -> Self {
        f32::abs(self)
    }
    #[inline(always)]
    fn exp(self) -> Self {
        f32::exp(self)
    }
    #[inline(always)]
    fn exp_m1(self) -> Self {
        f32::exp_m1(self)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        f32::ln(self)
    }
    #[inline(always)]
    fn ln_1p(self) -> Self {
        f32::ln_1p(self)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        f32::tanh(self)
    }
    #[inline(always)]
    fn powf(self, exponent: Self) -> Self {
        f32::powf(self, exponent)
    }
    #[inline(always)]
    fn powi(self, exponent: i32) -> Self {
        f32::powi(self, exponent)
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        f32::mul_add(self, a, b)
    }
    #[inline(always)]
    fn floor(self) -> Self {
        f32::floor(self)
    }
    #[inline(always)]
    fn maximum(self, other: Self) -> Self {
        if self > other || self.is_nan() {
            self
        } else {
            other
        }
    }
    #[inline(always)]
    fn minimum(self, other: Self) -> Self {
        if self < other || self.is_nan() {
            self
        } else {
            other
        }
    }
    #[inline(always)]
    fn is_finite(self) -> bool {
        f32::is_finite(self)
    }
    #[inline(always)]
    fn is_nan(self) -> bool {
        f32::is_nan(self)
    }
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const INFINITY: Self = f64::INFINITY;
    const EPSILON: Self = f64::EPSILON;
    const MAX_INTEGER: u64 = 1 << 53;
    const DTYPE: &'static str = "float64";

    #[inline(always)]
    fn of(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn as_f32(_: &[Self]) -> Option<&[f32]> {
        None
    }
    #[inline(always)]
    fn as_f32_mut(_: &mut [Self]) -> Option<&mut [f32]> {
        None
    }
    #[inline(always)]
    fn as_f64(slice: &[Self]) -> Option<&[f64]> {
        Some(slice)
    }
    #[inline(always)]
    fn as_f64_mut(slice: &mut [Self]) -> Option<&mut [f64]> {
        Some(slice)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        f64::abs(self)
    }
    #[inline(always)]
    fn exp(self) -> Self {
        f64::exp(self)
    }
    #[inline(always)]
    fn exp_m1(self) -> Self {
        f64::exp_m1(self)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        f64::ln(self)
    }
    #[inline(always)]
    fn ln_1p(self) -> Self {
        f64::ln_1p(self)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        f64::tanh(self)
    }
    #[inline(always)]
    fn powf(self, exponent: Self) -> Self {
        f64::powf(self, exponent)
    }
    #[inline(always)]
    fn powi(self, exponent: i32) -> Self {
        f64::powi(self, exponent)
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        f64::mul_add(self, a, b)
    }
    #[inline(always)]
    fn floor(self) -> Self {
        f64::floor(self)
    }
    #[inline(always)]
    fn maximum(self, other: Self) -> Self {
        if self > other || self.is_nan() {
            self
        } else {
            other
        }
    }
    #[inline(always)]
    fn minimum(self, other: Self) -> Self {
        if self < other || self.is_nan() {
            self
        } else {
            other
        }
    }
    #[inline(always)]
    fn is_finite(self) -> bool {
        f64::is_finite(self)
    }
    #[inline(always)]
    fn is_nan(self) -> bool {
        f64::is_nan(self)
    }
}
