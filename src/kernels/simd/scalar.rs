//! The plain level: what every CPU has, and the meaning the other levels must match.

use super::{Isa, Kernel, LANES, Lanes, Simd};

/// 16 lanes as arrays.
#[derive(Clone, Copy)]
pub(super) struct Scalar;

type F = [f32; LANES];
type I = [i32; LANES];
type M = [bool; LANES];

#[inline(always)]
fn zip<A: Copy, B: Copy, R>(a: [A; LANES], b: [B; LANES], f: impl Fn(A, B) -> R) -> [R; LANES] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

/// What takes many instructions here is a function of its own: this level is for x86-64 without AVX2 and FMA, where each
/// fused multiply-add is a call anyway, and a twin for tests on AArch64. Inlined everywhere it would be a tenth of the
/// library.
#[inline(never)]
fn called<A, R>(a: A, f: impl Fn(A) -> R) -> R {
    f(a)
}

#[inline(always)]
fn fold(mut a: F, f: impl Fn(f32, f32) -> f32) -> f32 {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            a[i] = f(a[i], a[i + half]);
        }
    }
    a[0]
}

#[inline(always)]
fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

impl Simd for Scalar {
    type F = F;
    type I = I;
    type M = M;
    const ISA: Isa = Isa::Scalar;

    #[inline]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }

    #[inline(always)]
    fn splat(self, x: f32) -> F {
        [x; LANES]
    }
    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> F {
        *from
    }
    #[inline(always)]
    fn load_partial(self, from: &[f32]) -> F {
        called(from, |from| {
            let mut lanes = [0.0; LANES];
            for (lane, &x) in lanes.iter_mut().zip(from) {
                *lane = x;
            }
            lanes
        })
    }
    #[inline(always)]
    fn store(self, to: &mut [f32; LANES], v: F) {
        *to = v;
    }
    #[inline(always)]
    fn store_partial(self, to: &mut [f32], v: F) {
        called((to, v), |(to, v)| {
            for (to, x) in to.iter_mut().zip(v) {
                *to = x;
            }
        });
    }

    #[inline(always)]
    fn add(self, a: F, b: F) -> F {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: F, b: F) -> F {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: F, b: F) -> F {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: F, b: F) -> F {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn fma(self, a: F, b: F, c: F) -> F {
        called((a, b, c), |(a, b, c)| {
            std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
        })
    }
    #[inline(always)]
    fn neg_fma(self, a: F, b: F, c: F) -> F {
        called((a, b, c), |(a, b, c)| {
            std::array::from_fn(|i| (-a[i]).mul_add(b[i], c[i]))
        })
    }
    #[inline(always)]
    fn min(self, a: F, b: F) -> F {
        called((a, b), |(a, b)| zip(a, b, smaller))
    }
    #[inline(always)]
    fn max(self, a: F, b: F) -> F {
        called((a, b), |(a, b)| zip(a, b, larger))
    }
    #[inline(always)]
    fn sqrt(self, a: F) -> F {
        a.map(f32::sqrt)
    }
    #[inline(always)]
    fn floor(self, a: F) -> F {
        called(a, |a| a.map(f32::floor))
    }
    #[inline(always)]
    fn round(self, a: F) -> F {
        called(a, |a| a.map(f32::round_ties_even))
    }

    #[inline(always)]
    fn lt(self, a: F, b: F) -> M {
        called((a, b), |(a, b)| zip(a, b, |a, b| a < b))
    }
    #[inline(always)]
    fn le(self, a: F, b: F) -> M {
        called((a, b), |(a, b)| zip(a, b, |a, b| a <= b))
    }
    #[inline(always)]
    fn eq(self, a: F, b: F) -> M {
        called((a, b), |(a, b)| zip(a, b, |a, b| a == b))
    }
    #[inline(always)]
    fn select(self, m: M, a: F, b: F) -> F {
        called((m, a, b), |(m, a, b)| {
            std::array::from_fn(|i| if m[i] { a[i] } else { b[i] })
        })
    }
    #[inline(always)]
    fn both(self, a: M, b: M) -> M {
        called((a, b), |(a, b)| zip(a, b, |a, b| a & b))
    }
    #[inline(always)]
    fn either(self, a: M, b: M) -> M {
        called((a, b), |(a, b)| zip(a, b, |a, b| a | b))
    }
    #[inline(always)]
    fn not(self, a: M) -> M {
        a.map(|a| !a)
    }
    #[inline(always)]
    fn any(self, m: M) -> bool {
        m.contains(&true)
    }

    #[inline(always)]
    fn bits(self, a: F) -> I {
        a.map(|x| x.to_bits() as i32)
    }
    #[inline(always)]
    fn floats(self, a: I) -> F {
        a.map(|n| f32::from_bits(n as u32))
    }
    #[inline(always)]
    fn to_i32(self, a: F) -> I {
        called(a, |a| {
            a.map(|x| {
                let fits = (-2_147_483_648.0..2_147_483_648.0).contains(&x);
                if fits {
                    x.round_ties_even() as i32
                } else {
                    i32::MIN
                }
            })
        })
    }
    #[inline(always)]
    fn to_f32(self, a: I) -> F {
        a.map(|n| n as f32)
    }
    #[inline(always)]
    fn splat_i32(self, n: i32) -> I {
        [n; LANES]
    }
    #[inline(always)]
    fn add_i32(self, a: I, b: I) -> I {
        zip(a, b, i32::wrapping_add)
    }
    #[inline(always)]
    fn sub_i32(self, a: I, b: I) -> I {
        zip(a, b, i32::wrapping_sub)
    }
    #[inline(always)]
    fn and_i32(self, a: I, b: I) -> I {
        zip(a, b, |a, b| a & b)
    }
    #[inline(always)]
    fn or_i32(self, a: I, b: I) -> I {
        zip(a, b, |a, b| a | b)
    }
    #[inline(always)]
    fn xor_i32(self, a: I, b: I) -> I {
        zip(a, b, |a, b| a ^ b)
    }
    #[inline(always)]
    fn mul_wide_u32(self, a: I, n: u32) -> (I, I) {
        let wide = |a: i32| u64::from(a as u32) * u64::from(n);
        called(a, |a| {
            (a.map(|a| (wide(a) >> 32) as i32), a.map(|a| wide(a) as i32))
        })
    }
    #[inline(always)]
    fn shl_i32(self, a: I, n: u32) -> I {
        a.map(|a| a << n)
    }
    #[inline(always)]
    fn shr_i32(self, a: I, n: u32) -> I {
        a.map(|a| a >> n)
    }
    #[inline(always)]
    fn shr_u32(self, a: I, n: u32) -> I {
        a.map(|a| ((a as u32) >> n) as i32)
    }
    #[inline(always)]
    fn eq_i32(self, a: I, b: I) -> M {
        called((a, b), |(a, b)| zip(a, b, |a, b| a == b))
    }
    #[inline(always)]
    fn gt_i32(self, a: I, b: I) -> M {
        called((a, b), |(a, b)| zip(a, b, |a, b| a > b))
    }

    #[inline(always)]
    fn look_up(self, table: &[f32; 8], index: I) -> F {
        called((table, index), |(table, index)| {
            index.map(|n| table[(n & 7) as usize])
        })
    }

    #[inline(always)]
    fn sum(self, a: F) -> f32 {
        called(a, |a| fold(a, |a, b| a + b))
    }
    #[inline(always)]
    fn max_lane(self, a: F) -> f32 {
        called(a, |a| fold(a, larger))
    }
    #[inline(always)]
    fn min_lane(self, a: F) -> f32 {
        called(a, |a| fold(a, smaller))
    }

    #[inline(always)]
    fn shuffle(self, a: F, from: I) -> F {
        from.map(|at| a[at as usize % LANES])
    }
    #[inline(always)]
    fn transpose(self, rows: &mut [F; LANES]) {
        called(rows, |rows| {
            let from = *rows;
            for (i, row) in rows.iter_mut().enumerate() {
                *row = from.map(|row| row[i]);
            }
        });
    }
}

impl Lanes<f64> for Scalar {
    type V = [f64; 8];

    #[inline(always)]
    fn fill(self, x: f64) -> [f64; 8] {
        [x; 8]
    }
    #[inline(always)]
    unsafe fn read(self, from: *const f64) -> [f64; 8] {
        // SAFETY: the caller vouches for 8 numbers; arrays of them need no other alignment.
        unsafe { from.cast::<[f64; 8]>().read() }
    }
    #[inline(always)]
    unsafe fn write(self, to: *mut f64, v: [f64; 8]) {
        // SAFETY: as in `read`.
        unsafe { to.cast::<[f64; 8]>().write(v) }
    }
    #[inline(always)]
    unsafe fn read_first(self, from: *const f64, n: usize) -> [f64; 8] {
        // SAFETY: only lanes below `n` are read, for which the caller vouches.
        std::array::from_fn(|i| if i < n { unsafe { *from.add(i) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn write_first(self, to: *mut f64, n: usize, v: [f64; 8]) {
        for (i, x) in v.into_iter().enumerate().take(n) {
            // SAFETY: the caller vouches for the first `n` places.
            unsafe { *to.add(i) = x }
        }
    }
    #[inline(always)]
    fn plus(self, a: [f64; 8], b: [f64; 8]) -> [f64; 8] {
        std::array::from_fn(|i| a[i] + b[i])
    }
    #[inline(always)]
    fn times_plus(self, a: [f64; 8], b: [f64; 8], c: [f64; 8]) -> [f64; 8] {
        called((a, b, c), |(a, b, c)| {
            std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
        })
    }
    #[inline(always)]
    fn larger(self, a: [f64; 8], b: [f64; 8]) -> [f64; 8] {
        std::array::from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }
}
