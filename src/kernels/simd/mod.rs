//! Vectors of 16 `f32` lanes on every instruction set, and the choice of the set at run time.
//!
//! A kernel is written once against [`Simd`] and compiled once per level:
//!
//! ```
//! use lamina::kernels::simd::{dispatch, Kernel, Simd, LANES};
//!
//! /// `y += a * x`
//! struct Axpy<'a>(f32, &'a [f32], &'a mut [f32]);
//!
//! impl Kernel for Axpy<'_> {
//!     type Output = ();
//!     #[inline(always)] // without it the body is compiled for the baseline CPU
//!     fn run<S: Simd>(self, s: S) {
//!         let a = s.splat(self.0);
//!         let (x, x_tail) = self.1.as_chunks::<LANES>();
//!         let (y, y_tail) = self.2.as_chunks_mut::<LANES>();
//!         for (x, y) in x.iter().zip(y) {
//!             s.store(y, s.fma(a, s.load(x), s.load(y)));
//!         }
//!         let tail = s.fma(a, s.load_partial(x_tail), s.load_partial(y_tail));
//!         s.store_partial(y_tail, tail);
//!     }
//! }
//!
//! let (x, mut y) = (vec![1.0; 21], vec![2.0; 21]);
//! dispatch(Axpy(3.0, &x, &mut y));
//! assert_eq!(y, vec![5.0; 21]);
//! ```
//!
//! Rules for kernels: `run`, and every function and closure it calls with a vector, is `#[inline(always)]`; a big body that
//! is called in a loop goes through [`Simd::vectorize`] and so becomes a function of its own. Plain loops in `run` (over
//! `f64`, say) are compiled for the level too, so `dispatch` is also the way to vectorise generic code; there
//! `mul_add` is one instruction, while on the scalar level it is a call.
//!
//! Every operation is rounded as IEEE 754 asks and every reduction folds the same 16 lanes in the same order, so all
//! levels give the same bits.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod isa;
mod lanes;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

pub use isa::{Isa, available, isa, isa_from_env, with_isa};
pub use lanes::Lanes;

/// Lanes in a vector, on every level.
pub const LANES: usize = 16;

/// 16 lanes of `f32`, their comparisons and their bits as `i32`.
///
/// A value of an implementing type proves that the CPU has the level's instructions.
/// "Partial" reads and writes take the first `min(16, len)` lanes of a slice and never touch memory beyond it.
pub trait Simd: Lanes<f64> + Copy + Send + Sync + 'static {
    /// 16 floats.
    type F: Copy;
    /// 16 signed integers.
    type I: Copy;
    /// 16 truth values.
    type M: Copy;
    /// The level.
    const ISA: Isa;

    /// Runs `kernel` in a function of its own, compiled for this level.
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output;

    /// `x` in every lane.
    fn splat(self, x: f32) -> Self::F;
    /// Reads 16 lanes.
    fn load(self, from: &[f32; LANES]) -> Self::F;
    /// Reads what there is; the other lanes are 0.
    fn load_partial(self, from: &[f32]) -> Self::F;
    /// Writes 16 lanes.
    fn store(self, to: &mut [f32; LANES], v: Self::F);
    /// Writes as many lanes as there is room for.
    fn store_partial(self, to: &mut [f32], v: Self::F);
    /// Writes 16 lanes to memory past the caches, where the level can: numbers that nobody asks for soon would drive
    /// others out of them. Other threads see them after [`Simd::end_stream`].
    ///
    /// # Safety
    /// `to` is aligned to 64 bytes.
    #[inline(always)]
    unsafe fn stream(self, to: &mut [f32; LANES], v: Self::F) {
        self.store(to, v);
    }
    /// Ends the writing with [`Simd::stream`].
    #[inline(always)]
    fn end_stream(self) {}
    /// Asks for the cache line at `from`, which need not be readable.
    #[inline(always)]
    fn prefetch(self, _from: *const f32) {}

    /// `a + b`
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a - b`
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b`
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a / b`, correctly rounded
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b + c`, rounded once
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `c - a * b`, rounded once
    fn neg_fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `if a < b { a } else { b }`: **b** if either is NaN, so `min(bound, x)` keeps a NaN in `x`.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// `if a > b { a } else { b }`: **b** if either is NaN, so `max(bound, x)` keeps a NaN in `x`.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// The square root, correctly rounded.
    fn sqrt(self, a: Self::F) -> Self::F;
    /// The nearest integer not above `a`.
    fn floor(self, a: Self::F) -> Self::F;
    /// The nearest integer, ties to even.
    fn round(self, a: Self::F) -> Self::F;

    /// `a < b`; false for NaN.
    fn lt(self, a: Self::F, b: Self::F) -> Self::M;
    /// `a <= b`; false for NaN.
    fn le(self, a: Self::F, b: Self::F) -> Self::M;
    /// `a == b`; false for NaN.
    fn eq(self, a: Self::F, b: Self::F) -> Self::M;
    /// `a` where `m` holds, else `b`.
    fn select(self, m: Self::M, a: Self::F, b: Self::F) -> Self::F;
    /// Both.
    fn both(self, a: Self::M, b: Self::M) -> Self::M;
    /// At least one.
    fn either(self, a: Self::M, b: Self::M) -> Self::M;
    /// Not.
    fn not(self, a: Self::M) -> Self::M;
    /// Whether `m` holds in any lane.
    fn any(self, m: Self::M) -> bool;

    /// The lanes' bits.
    fn bits(self, a: Self::F) -> Self::I;
    /// The floats with these bits.
    fn floats(self, a: Self::I) -> Self::F;
    /// The nearest integers, ties to even; `i32::MIN` for NaN and what does not fit.
    fn to_i32(self, a: Self::F) -> Self::I;
    /// The nearest floats.
    fn to_f32(self, a: Self::I) -> Self::F;
    /// `n` in every lane.
    fn splat_i32(self, n: i32) -> Self::I;
    /// `a + b`, wrapping.
    fn add_i32(self, a: Self::I, b: Self::I) -> Self::I;
    /// `a - b`, wrapping.
    fn sub_i32(self, a: Self::I, b: Self::I) -> Self::I;
    /// The upper and the lower half of the 64 bits of `a * n`, both without sign.
    fn mul_wide_u32(self, a: Self::I, n: u32) -> (Self::I, Self::I);
    /// Bitwise and.
    fn and_i32(self, a: Self::I, b: Self::I) -> Self::I;
    /// Bitwise or.
    fn or_i32(self, a: Self::I, b: Self::I) -> Self::I;
    /// Bitwise exclusive or.
    fn xor_i32(self, a: Self::I, b: Self::I) -> Self::I;
    /// `a << n`
    fn shl_i32(self, a: Self::I, n: u32) -> Self::I;
    /// `a >> n`, the sign kept.
    fn shr_i32(self, a: Self::I, n: u32) -> Self::I;
    /// `a >> n`, filled with zeros.
    fn shr_u32(self, a: Self::I, n: u32) -> Self::I;
    /// `a == b`
    fn eq_i32(self, a: Self::I, b: Self::I) -> Self::M;
    /// `a > b`
    fn gt_i32(self, a: Self::I, b: Self::I) -> Self::M;

    /// The number of `table` at each index, of which the three lowest bits count.
    fn look_up(self, table: &[f32; 8], index: Self::I) -> Self::F;

    /// The sum of the lanes: lane i + lane i+8, then i + i+4, i + i+2, i + i+1.
    fn sum(self, a: Self::F) -> f32;
    /// The largest lane, folded as in [`Simd::sum`] with `max(low, high)`.
    fn max_lane(self, a: Self::F) -> f32;
    /// The smallest lane, folded as in [`Simd::sum`] with `min(low, high)`.
    fn min_lane(self, a: Self::F) -> f32;

    /// Lane `from[i]` in each lane i; it is one of the same half, so that both agree in the bit of 8.
    fn shuffle(self, a: Self::F, from: Self::I) -> Self::F;
    /// Lane j of row i goes to lane i of row j.
    fn transpose(self, rows: &mut [Self::F; LANES]);

    /// `0` in every lane.
    #[inline(always)]
    fn zero(self) -> Self::F {
        self.splat(0.0)
    }
    /// `-a`, of NaN and 0 too.
    #[inline(always)]
    fn neg(self, a: Self::F) -> Self::F {
        self.floats(self.xor_i32(self.bits(a), self.splat_i32(i32::MIN)))
    }
    /// `|a|`
    #[inline(always)]
    fn abs(self, a: Self::F) -> Self::F {
        self.floats(self.and_i32(self.bits(a), self.splat_i32(i32::MAX)))
    }
    /// `|a|` with the sign of `sign`.
    #[inline(always)]
    fn copy_sign(self, a: Self::F, sign: Self::F) -> Self::F {
        let magnitude = self.and_i32(self.bits(a), self.splat_i32(i32::MAX));
        let sign = self.and_i32(self.bits(sign), self.splat_i32(i32::MIN));
        self.floats(self.or_i32(magnitude, sign))
    }
    /// `a > b`; false for NaN.
    #[inline(always)]
    fn gt(self, a: Self::F, b: Self::F) -> Self::M {
        self.lt(b, a)
    }
    /// `a >= b`; false for NaN.
    #[inline(always)]
    fn ge(self, a: Self::F, b: Self::F) -> Self::M {
        self.le(b, a)
    }
    /// Whether `a` is NaN.
    #[inline(always)]
    fn is_nan(self, a: Self::F) -> Self::M {
        self.not(self.eq(a, a))
    }
    /// `2^n` for `n` in `-126..=127`. Multiply twice to reach beyond.
    #[inline(always)]
    fn exp2i(self, n: Self::I) -> Self::F {
        self.floats(self.shl_i32(self.add_i32(n, self.splat_i32(127)), 23))
    }
    /// `a * 2^n`, rounded once, for `a` from 1/2 to 2 and a whole `n` from -200 to 128.
    #[inline(always)]
    fn scale(self, a: Self::F, n: Self::F) -> Self::F {
        // In two factors: the power alone may be out of range.
        let n = self.to_i32(n);
        let half = self.shr_i32(n, 1);
        let a = self.mul(a, self.exp2i(half));
        self.mul(a, self.exp2i(self.sub_i32(n, half)))
    }
}

/// Work that is compiled once for every level.
pub trait Kernel {
    /// What it gives.
    type Output;
    /// Does it. Must be `#[inline(always)]`.
    fn run<S: Simd>(self, s: S) -> Self::Output;
}

/// Runs `kernel` on the level in use.
#[inline]
pub fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    match isa() {
        // SAFETY: `isa` gives only levels whose instructions were detected on this CPU.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { avx512::Avx512::new() }.vectorize(kernel),
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { avx2::Avx2::new() }.vectorize(kernel),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => neon::Neon.vectorize(kernel),
        _ => scalar::Scalar.vectorize(kernel),
    }
}

#[cfg(test)]
mod tests;
