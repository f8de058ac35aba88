//! NEON, which is part of the baseline of AArch64: four registers are a vector.

use std::arch::aarch64::*;
use std::arch::asm;
use std::array::from_fn;

use super::{Isa, Kernel, LANES, Lanes, Simd};

/// AArch64.
#[derive(Clone, Copy)]
pub(super) struct Neon;

type Floats = [float32x4_t; 4];
type Ints = [int32x4_t; 4];
type Masks = [uint32x4_t; 4];
type Doubles = [float64x2_t; 4];

/// A function of its own, so that the registers are the kernel's alone.
fn compiled<K: Kernel>(s: Neon, kernel: K) -> K::Output {
    kernel.run(s)
}

/// `f` of each register.
#[inline(always)]
fn each<A: Copy, R>(a: [A; 4], f: impl Fn(A) -> R) -> [R; 4] {
    [f(a[0]), f(a[1]), f(a[2]), f(a[3])]
}

/// `f` of each register of `a` and the one of `b`.
#[inline(always)]
fn zip<A: Copy, B: Copy, R>(a: [A; 4], b: [B; 4], f: impl Fn(A, B) -> R) -> [R; 4] {
    [f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2]), f(a[3], b[3])]
}

/// `if a > b { a } else { b }`, which `fmax` is not for NaN.
#[inline(always)]
fn larger(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    // SAFETY: the baseline has the instructions.
    unsafe { vbslq_f32(vcgtq_f32(a, b), a, b) }
}

/// `if a < b { a } else { b }`, which `fmin` is not for NaN.
#[inline(always)]
fn smaller(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    // SAFETY: the baseline has the instructions.
    unsafe { vbslq_f32(vcltq_f32(a, b), a, b) }
}

/// Folds the lanes as [`Simd::sum`] says.
#[inline(always)]
fn fold(a: Floats, f: impl Fn(float32x4_t, float32x4_t) -> float32x4_t) -> f32 {
    // SAFETY: the baseline has the instructions.
    unsafe {
        let a = f(f(a[0], a[2]), f(a[1], a[3]));
        let a = f(a, vextq_f32::<2>(a, a));
        vgetq_lane_f32::<0>(f(a, vdupq_laneq_f32::<1>(a)))
    }
}

/// Where the bytes of number `index & 7` are in a table of 8.
#[inline(always)]
fn bytes_of(index: int32x4_t) -> uint8x16_t {
    // SAFETY: the baseline has the instructions.
    unsafe {
        let index = vandq_u32(vreinterpretq_u32_s32(index), vdupq_n_u32(7));
        let four_times = vmulq_u32(index, vdupq_n_u32(0x0404_0404));
        vreinterpretq_u8_u32(vaddq_u32(four_times, vdupq_n_u32(0x0302_0100)))
    }
}

/// The number of a table of 8 at each index, of which the three lowest bits count.
#[inline(always)]
fn from_8(table: [float32x4_t; 2], index: int32x4_t) -> float32x4_t {
    // SAFETY: the baseline has the instructions.
    unsafe {
        let [low, high] = table;
        let table = uint8x16x2_t(vreinterpretq_u8_f32(low), vreinterpretq_u8_f32(high));
        vreinterpretq_f32_u8(vqtbl2q_u8(table, bytes_of(index)))
    }
}

/// Transposes 4 x 4.
#[inline(always)]
fn transpose_4(rows: Floats) -> Floats {
    // SAFETY: the baseline has the instructions.
    unsafe {
        let pairs = |a, b| vreinterpretq_f64_f32(vtrn1q_f32(a, b));
        let other_pairs = |a, b| vreinterpretq_f64_f32(vtrn2q_f32(a, b));
        let [a, b, c, d] = rows;
        let (even, odd) = (pairs(a, b), other_pairs(a, b));
        let (even_below, odd_below) = (pairs(c, d), other_pairs(c, d));
        [
            vreinterpretq_f32_f64(vzip1q_f64(even, even_below)),
            vreinterpretq_f32_f64(vzip1q_f64(odd, odd_below)),
            vreinterpretq_f32_f64(vzip2q_f64(even, even_below)),
            vreinterpretq_f32_f64(vzip2q_f64(odd, odd_below)),
        ]
    }
}

/// The first `n` of 4 numbers, and zeros.
///
/// # Safety
/// `from` points to `min(n, 4)` readable numbers.
#[inline(always)]
unsafe fn read_4(from: *const f32, n: usize) -> float32x4_t {
    // SAFETY: the baseline has the instructions; the caller vouches for the numbers.
    unsafe {
        let zero = vdupq_n_f32(0.0);
        let two = || vcombine_f32(vld1_f32(from), vdup_n_f32(0.0));
        match n {
            0 => zero,
            1 => vld1q_lane_f32::<0>(from, zero),
            2 => two(),
            3 => vld1q_lane_f32::<2>(from.add(2), two()),
            _ => vld1q_f32(from),
        }
    }
}

/// Writes the first `n` of 4 numbers.
///
/// # Safety
/// `to` points to `min(n, 4)` writable numbers.
#[inline(always)]
unsafe fn write_4(to: *mut f32, n: usize, v: float32x4_t) {
    // SAFETY: the baseline has the instructions; the caller vouches for the places.
    unsafe {
        match n {
            0 => {}
            1 => vst1q_lane_f32::<0>(to, v),
            2 => vst1_f32(to, vget_low_f32(v)),
            3 => {
                vst1_f32(to, vget_low_f32(v));
                vst1q_lane_f32::<2>(to.add(2), v);
            }
            _ => vst1q_f32(to, v),
        }
    }
}

/// A function of its own: tails are read in many places, and with many branches.
///
/// # Safety
/// `from` points to `min(n, 16)` readable numbers.
#[inline(never)]
unsafe fn read_first_f32(from: *const f32, n: usize) -> Floats {
    // SAFETY: as the caller vouches.
    from_fn(|r| unsafe { read_4(from.wrapping_add(4 * r), n.saturating_sub(4 * r)) })
}

/// # Safety
/// `to` points to `min(n, 16)` writable numbers.
#[inline(never)]
unsafe fn write_first_f32(to: *mut f32, n: usize, v: Floats) {
    for (r, v) in v.into_iter().enumerate() {
        // SAFETY: as the caller vouches.
        unsafe { write_4(to.wrapping_add(4 * r), n.saturating_sub(4 * r), v) }
    }
}

/// # Safety
/// `from` points to `min(n, 8)` readable numbers.
#[inline(never)]
unsafe fn read_first_f64(from: *const f64, n: usize) -> Doubles {
    from_fn(|r| {
        let from = from.wrapping_add(2 * r);
        // SAFETY: the baseline has the instructions; the caller vouches for the numbers.
        unsafe {
            match n.saturating_sub(2 * r) {
                0 => vdupq_n_f64(0.0),
                1 => vld1q_lane_f64::<0>(from, vdupq_n_f64(0.0)),
                _ => vld1q_f64(from),
            }
        }
    })
}

/// # Safety
/// `to` points to `min(n, 8)` writable numbers.
#[inline(never)]
unsafe fn write_first_f64(to: *mut f64, n: usize, v: Doubles) {
    for (r, v) in v.into_iter().enumerate() {
        let to = to.wrapping_add(2 * r);
        // SAFETY: the baseline has the instructions; the caller vouches for the places.
        unsafe {
            match n.saturating_sub(2 * r) {
                0 => return,
                1 => vst1q_lane_f64::<0>(to, v),
                _ => vst1q_f64(to, v),
            }
        }
    }
}

impl Simd for Neon {
    type F = Floats;
    type I = Ints;
    type M = Masks;
    const ISA: Isa = Isa::Neon;

    #[inline]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        compiled(self, kernel)
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Floats {
        // SAFETY: the baseline has the instructions.
        unsafe { [vdupq_n_f32(x); 4] }
    }
    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Floats {
        let from = from.as_ptr();
        // SAFETY: the baseline has the instructions; the array has 16 lanes.
        each([0, 4, 8, 12], |lane| unsafe { vld1q_f32(from.add(lane)) })
    }
    #[inline(always)]
    fn load_partial(self, from: &[f32]) -> Floats {
        // SAFETY: no more is read than the slice has.
        unsafe { read_first_f32(from.as_ptr(), from.len()) }
    }
    #[inline(always)]
    fn store(self, to: &mut [f32; LANES], v: Floats) {
        let to = to.as_mut_ptr();
        zip([0, 4, 8, 12], v, |lane, v| {
            // SAFETY: the baseline has the instructions; the array has 16 lanes.
            unsafe { vst1q_f32(to.add(lane), v) }
        });
    }
    #[inline(always)]
    fn store_partial(self, to: &mut [f32], v: Floats) {
        // SAFETY: no more is written than the slice has.
        unsafe { write_first_f32(to.as_mut_ptr(), to.len(), v) }
    }
    #[inline(always)]
    fn prefetch(self, from: *const f32) {
        // SAFETY: a hint, which reads nothing and never faults.
        unsafe {
            asm!("prfm pldl1keep, [{}]", in(reg) from, options(nostack, preserves_flags, readonly));
        }
    }

    #[inline(always)]
    fn add(self, a: Floats, b: Floats) -> Floats {
        // SAFETY: the baseline has the instructions.
        zip(a, b, |a, b| unsafe { vaddq_f32(a, b) })
    }
    #[inline(always)]
    fn sub(self, a: Floats, b: Floats) -> Floats {
        // SAFETY: the baseline has the instructions.
        zip(a, b, |a, b| unsafe { vsubq_f32(a, b) })
    }
    #[inline(always)]
    fn mul(self, a: Floats, b: Floats) -> Floats {
        // SAFETY: the baseline has the instructions.
        zip(a, b, |a, b| unsafe { vmulq_f32(a, b) })
    }
    #[inline(always)]
    fn div(self, a: Floats, b: Floats) -> Floats {
        // SAFETY: the baseline has the instructions.
        zip(a, b, |a, b| unsafe { vdivq_f32(a, b) })
    }
    #[inline(always)]
    fn fma(self, a: Floats, b: Floats, c: Floats) -> Floats {
        // SAFETY: the baseline has the instructions.
        zip(zip(a, b, |a, b| (a, b)), c, |(a, b), c| unsafe {
            vfmaq_f32(c, a, b)
        })
    }
    #[inline(always)]
    fn neg_fma(self, a: Floats, b: Floats, c: Floats) -> Floats {
        // SAFETY: the baseline has the instructions.
        zip(zip(a, b, |a, b| (a, b)), c, |(a, b), c| unsafe {
            vfmsq_f32(c, a, b)
        })
    }
    #[inline(always)]
    fn min(self, a: Floats, b: Floats) -> Floats {
        zip(a, b, smaller)
    }
    #[inline(always)]
    fn max(self, a: Floats, b: Floats) -> Floats {
        zip(a, b, larger)
    }
    #[inline(always)]
    fn sqrt(self, a: Floats) -> Floats {
        // SAFETY: the baseline has the instructions.
        each(a, |a| unsafe { vsqrtq_f32(a) })
    }
    #[inline(always)]
    fn floor(self, a: Floats) -> Floats {
        // SAFETY: the baseline has the instructions.
        each(a, |a| unsafe { vrndmq_f32(a) })
    }
    #[inline(always)]
    fn round(self, a: Floats) -> Floats {
        // SAFETY: the baseline has the instructions.
        each(a, |a| unsafe { vrndnq_f32(a) })
    }

    #[inline(always)]
    fn lt(self, a: Floats, b: Floats) -> Masks {
        // SAFETY: the baseline has the instructions.
        zip(a, b, |a, b| unsafe { vcltq_f32(a, b) })
    }
    #[inline(always)]
    fn le(self, a: Floats, b: Floats) -> Masks {
        // SAFETY: the baseline has the instructions.
        zip(a, b, |a, b| unsafe { vcleq_f32(a, b) })
    }
    #[inline(always)]
    fn eq(self, a: Floats, b: Floats) -> Masks {
        // SAFETY: the baseline has the instructions.
        zip(a, b, |a, b| unsafe { vceqq_f32(a, b) })
    }
    #[inline(always)]
    fn select(self, m: Masks, a: Floats, b: Floats) -> Floats {
        // SAFETY: the baseline has the instructions.
        zip(m, zip(a, b, |a, b| (a, b)), |m, (a, b)| unsafe {
            vbslq_f32(m, a, b)
        })
    }
    #[inline(always)]
    fn both(self, a: Masks, b: Masks) -> Masks {
        // SAFETY: the baseline has the instructions.
        zip(a, b, |a, b| unsafe { vandq_u32(a, b) })
    }
    #[inline(always)]
    fn either(self, a: Masks, b: Masks) -> Masks {
        // SAFETY: the baseline has the instructions.
        zip(a, b, |a, b| unsafe { vorrq_u32(a, b) })
    }
    #[inline(always)]
    fn not(self, a: Masks) -> Masks {
        // SAFETY: the baseline has the instructions.
        each(a, |a| unsafe { vmvnq_u32(a) })
    }
    #[inline(always)]
    fn any(self, m: Masks) -> bool {
        // SAFETY: the baseline has the instructions.
        unsafe { vmaxvq_u32(vorrq_u32(vorrq_u32(m[0], m[1]), vorrq_u32(m[2], m[3]))) != 0 }
    }

    #[inline(always)]
    fn bits(self, a: Floats) -> Ints {
        // SAFETY: the baseline has the instructions.
        each(a, |a| unsafe { vreinterpretq_s32_f32(a) })
    }
    #[inline(always)]
    fn floats(self, a: Ints) -> Floats {
        // SAFETY: the baseline has the instructions.
        each(a, |a| unsafe { vreinterpretq_f32_s32(a) })
    }
    #[inline(always)]
    fn to_i32(self, a: Floats) -> Ints {
        // SAFETY: the baseline has the instructions. They saturate, which is right below the range only.
        each(a, |a| unsafe {
            let fits = vcltq_f32(a, vdupq_n_f32(2_147_483_648.0));
            vbslq_s32(fits, vcvtnq_s32_f32(a), vdupq_n_s32(i32::MIN))
        })
    }
    #[inline(always)]
    fn to_f32(self, a: Ints) -> Floats {
        // SAFETY: the baseline has the instructions.
        each(a, |a| unsafe { vcvtq_f32_s32(a) })
    }
    #[inline(always)]
    fn splat_i32(self, n: i32) -> Ints {
        // SAFETY: the baseline has the instructions.
        unsafe { [vdupq_n_s32(n); 4] }
    }
    #[inline(always)]
    fn add_i32(self, a: Ints, b: Ints) -> Ints {
        // SAFETY: the baseline has the instructions.
        zip(a, b, |a, b| unsafe { vaddq_s32(a, b) })
    }
    #[inline(always)]
    fn sub_i32(self, a: Ints, b: Ints) -> Ints {
        // SAFETY: the baseline has the instructions.
        zip(a, b, |a, b| unsafe { vsubq_s32(a, b) })
    }
    #[inline(always)]
    fn mul_wide_u32(self, a: Ints, n: u32) -> (Ints, Ints) {
        // SAFETY: the baseline has the instructions.
        let wide = each(a, |a| unsafe {
            let a = vreinterpretq_u32_s32(a);
            let low = vmull_n_u32(vget_low_u32(a), n);
            let high = vmull_high_n_u32(a, n);
            (vreinterpretq_s32_u64(low), vreinterpretq_s32_u64(high))
        });
        (
            // SAFETY: the baseline has the instructions.
            each(wide, |(low, high)| unsafe { vuzp2q_s32(low, high) }),
            // SAFETY: as above.
            each(wide, |(low, high)| unsafe { vuzp1q_s32(low, high) }),
        )
    }
    #[inline(always)]
    fn and_i32(self, a: Ints, b: Ints) -> Ints {
        // SAFETY: the baseline has the instructions.
        zip(a, b, |a, b| unsafe { vandq_s32(a, b) })
    }
    #[inline(always)]
    fn or_i32(self, a: Ints, b: Ints) -> Ints {
        // SAFETY: the baseline has the instructions.
        zip(a, b, |a, b| unsafe { vorrq_s32(a, b) })
    }
    #[inline(always)]
    fn xor_i32(self, a: Ints, b: Ints) -> Ints {
        // SAFETY: the baseline has the instructions.
        zip(a, b, |a, b| unsafe { veorq_s32(a, b) })
    }
    #[inline(always)]
    fn shl_i32(self, a: Ints, n: u32) -> Ints {
        // SAFETY: the baseline has the instructions.
        each(a, |a| unsafe { vshlq_s32(a, vdupq_n_s32(n as i32)) })
    }
    #[inline(always)]
    fn shr_i32(self, a: Ints, n: u32) -> Ints {
        // SAFETY: the baseline has the instructions, which take a shift to the right as a negative one.
        each(a, |a| unsafe { vshlq_s32(a, vdupq_n_s32(-(n as i32))) })
    }
    #[inline(always)]
    fn shr_u32(self, a: Ints, n: u32) -> Ints {
        // SAFETY: as above.
        each(a, |a| unsafe {
            let a = vreinterpretq_u32_s32(a);
            vreinterpretq_s32_u32(vshlq_u32(a, vdupq_n_s32(-(n as i32))))
        })
    }
    #[inline(always)]
    fn eq_i32(self, a: Ints, b: Ints) -> Masks {
        // SAFETY: the baseline has the instructions.
        zip(a, b, |a, b| unsafe { vceqq_s32(a, b) })
    }
    #[inline(always)]
    fn gt_i32(self, a: Ints, b: Ints) -> Masks {
        // SAFETY: the baseline has the instructions.
        zip(a, b, |a, b| unsafe { vcgtq_s32(a, b) })
    }

    #[inline(always)]
    fn look_up(self, table: &[f32; 8], index: Ints) -> Floats {
        let from = table.as_ptr();
        // SAFETY: the baseline has the instructions; the array has 8 numbers.
        let table = unsafe { [vld1q_f32(from), vld1q_f32(from.add(4))] };
        each(index, |index| from_8(table, index))
    }

    #[inline(always)]
    fn sum(self, a: Floats) -> f32 {
        // SAFETY: the baseline has the instructions.
        fold(a, |a, b| unsafe { vaddq_f32(a, b) })
    }
    #[inline(always)]
    fn max_lane(self, a: Floats) -> f32 {
        fold(a, larger)
    }
    #[inline(always)]
    fn min_lane(self, a: Floats) -> f32 {
        fold(a, smaller)
    }

    #[inline(always)]
    fn shuffle(self, a: Floats, from: Ints) -> Floats {
        let (low, high) = ([a[0], a[1]], [a[2], a[3]]);
        [
            from_8(low, from[0]),
            from_8(low, from[1]),
            from_8(high, from[2]),
            from_8(high, from[3]),
        ]
    }
    #[inline(always)]
    fn transpose(self, rows: &mut [Floats; LANES]) {
        let from = *rows;
        for block in 0..4 {
            for r in 0..4 {
                let column = from_fn(|i| from[4 * r + i][block]);
                for (i, part) in transpose_4(column).into_iter().enumerate() {
                    rows[4 * block + i][r] = part;
                }
            }
        }
    }
}

impl Lanes<f64> for Neon {
    type V = Doubles;

    #[inline(always)]
    fn fill(self, x: f64) -> Doubles {
        // SAFETY: the baseline has the instructions.
        unsafe { [vdupq_n_f64(x); 4] }
    }
    #[inline(always)]
    unsafe fn read(self, from: *const f64) -> Doubles {
        // SAFETY: the baseline has the instructions; the caller vouches for the pointer.
        each([0, 2, 4, 6], |lane| unsafe { vld1q_f64(from.add(lane)) })
    }
    #[inline(always)]
    unsafe fn write(self, to: *mut f64, v: Doubles) {
        zip([0, 2, 4, 6], v, |lane, v| {
            // SAFETY: the baseline has the instructions; the caller vouches for the pointer.
            unsafe { vst1q_f64(to.add(lane), v) }
        });
    }
    #[inline(always)]
    unsafe fn read_first(self, from: *const f64, n: usize) -> Doubles {
        // SAFETY: the caller vouches for the pointer.
        unsafe { read_first_f64(from, n) }
    }
    #[inline(always)]
    unsafe fn write_first(self, to: *mut f64, n: usize, v: Doubles) {
        // SAFETY: the caller vouches for the pointer.
        unsafe { write_first_f64(to, n, v) }
    }
    #[inline(always)]
    fn plus(self, a: Doubles, b: Doubles) -> Doubles {
        // SAFETY: the baseline has the instructions.
        zip(a, b, |a, b| unsafe { vaddq_f64(a, b) })
    }
    #[inline(always)]
    fn times_plus(self, a: Doubles, b: Doubles, c: Doubles) -> Doubles {
        // SAFETY: the baseline has the instructions.
        zip(zip(a, b, |a, b| (a, b)), c, |(a, b), c| unsafe {
            vfmaq_f64(c, a, b)
        })
    }
    #[inline(always)]
    fn larger(self, a: Doubles, b: Doubles) -> Doubles {
        // SAFETY: the baseline has the instructions.
        zip(a, b, |a, b| unsafe { vbslq_f64(vcgtq_f64(a, b), a, b) })
    }
}
