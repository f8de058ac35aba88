//! The few operations that matrix products need, for both number types, over raw memory.

use std::slice::{from_raw_parts, from_raw_parts_mut};

use super::{LANES, Simd};
use crate::real::Real;

/// Vectors of 64 bytes: 16 lanes of `f32` or 8 of `f64`.
pub trait Lanes<T>: Copy {
    /// A vector.
    type V: Copy;
    /// Lanes in a vector.
    const WIDTH: usize = 64 / size_of::<T>();

    /// `x` in every lane.
    fn fill(self, x: T) -> Self::V;
    /// Reads a vector.
    ///
    /// # Safety
    /// `from` points to [`Lanes::WIDTH`] readable numbers.
    unsafe fn read(self, from: *const T) -> Self::V;
    /// Writes a vector.
    ///
    /// # Safety
    /// `to` points to [`Lanes::WIDTH`] writable numbers.
    unsafe fn write(self, to: *mut T, v: Self::V);
    /// Reads the first `n` lanes; the others are 0.
    ///
    /// # Safety
    /// `from` points to `min(n, WIDTH)` readable numbers.
    unsafe fn read_first(self, from: *const T, n: usize) -> Self::V;
    /// Writes the first `n` lanes.
    ///
    /// # Safety
    /// `to` points to `min(n, WIDTH)` writable numbers.
    unsafe fn write_first(self, to: *mut T, n: usize, v: Self::V);
    /// Asks for the cache line at `at`, which need not be readable.
    #[inline(always)]
    fn ask(self, _at: *const T) {}
    /// `a + b`
    fn plus(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, rounded once
    fn times_plus(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `if a > b { a } else { b }`: `b` if either is NaN.
    fn larger(self, a: Self::V, b: Self::V) -> Self::V;
    /// The sum of the lanes, the upper half added to the lower one until one is left.
    #[inline(always)]
    fn total(self, a: Self::V) -> T
    where
        T: Real,
    {
        let mut lanes = [T::ZERO; LANES];
        // SAFETY: no vector has more lanes.
        unsafe { self.write(lanes.as_mut_ptr(), a) };
        let mut half = Self::WIDTH / 2;
        while half > 0 {
            for i in 0..half {
                lanes[i] += lanes[i + half];
            }
            half /= 2;
        }
        lanes[0]
    }
}

impl<S: Simd> Lanes<f32> for S {
    type V = S::F;

    #[inline(always)]
    fn fill(self, x: f32) -> S::F {
        Simd::splat(self, x)
    }
    #[inline(always)]
    unsafe fn read(self, from: *const f32) -> S::F {
        // SAFETY: the caller vouches for 16 numbers; an array of them needs no other alignment.
        self.load(unsafe { &*from.cast::<[f32; LANES]>() })
    }
    #[inline(always)]
    unsafe fn write(self, to: *mut f32, v: S::F) {
        // SAFETY: as in `read`.
        self.store(unsafe { &mut *to.cast::<[f32; LANES]>() }, v);
    }
    #[inline(always)]
    unsafe fn read_first(self, from: *const f32, n: usize) -> S::F {
        // SAFETY: the caller vouches for that many numbers.
        self.load_partial(unsafe { from_raw_parts(from, n.min(LANES)) })
    }
    #[inline(always)]
    unsafe fn write_first(self, to: *mut f32, n: usize, v: S::F) {
        // SAFETY: the caller vouches for that many places.
        self.store_partial(unsafe { from_raw_parts_mut(to, n.min(LANES)) }, v);
    }
    #[inline(always)]
    fn ask(self, at: *const f32) {
        Simd::prefetch(self, at);
    }
    #[inline(always)]
    fn plus(self, a: S::F, b: S::F) -> S::F {
        Simd::add(self, a, b)
    }
    #[inline(always)]
    fn times_plus(self, a: S::F, b: S::F, c: S::F) -> S::F {
        Simd::fma(self, a, b, c)
    }
    #[inline(always)]
    fn larger(self, a: S::F, b: S::F) -> S::F {
        Simd::max(self, a, b)
    }
    #[inline(always)]
    fn total(self, a: S::F) -> f32 {
        Simd::sum(self, a)
    }
}
