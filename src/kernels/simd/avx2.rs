//! AVX2 with FMA: two registers are a vector.

use std::arch::x86_64::*;

use super::{Isa, Kernel, LANES, Lanes, Simd};

/// Proof that the CPU has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

type Floats = [__m256; 2];
type Ints = [__m256i; 2];

impl Avx2 {
    /// # Safety
    /// The CPU has what [`Isa::Avx2`] stands for.
    #[inline(always)]
    pub unsafe fn new() -> Self {
        debug_assert!(super::available().any(|isa| isa == Isa::Avx2));
        Self(())
    }
}

#[target_feature(enable = "avx2,fma")]
fn compiled<K: Kernel>(s: Avx2, kernel: K) -> K::Output {
    kernel.run(s)
}

/// The masks of the first `n` lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn first(n: usize) -> Ints {
    let n = _mm256_set1_epi32(n.min(LANES) as i32);
    let low = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    let high = _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15);
    [_mm256_cmpgt_epi32(n, low), _mm256_cmpgt_epi32(n, high)]
}

/// The masks of the first `n` of 8 `f64` lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn first_f64(n: usize) -> Ints {
    let n = _mm256_set1_epi64x(n.min(8) as i64);
    let (low, high) = (
        _mm256_setr_epi64x(0, 1, 2, 3),
        _mm256_setr_epi64x(4, 5, 6, 7),
    );
    [_mm256_cmpgt_epi64(n, low), _mm256_cmpgt_epi64(n, high)]
}

/// The fold of [`Simd::sum`] from 8 lanes on.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn sum_of_8(a: __m256) -> f32 {
    let a = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
    let a = _mm_add_ps(a, _mm_movehl_ps(a, a));
    _mm_cvtss_f32(_mm_add_ss(a, _mm_movehdup_ps(a)))
}

/// The fold of [`Simd::max_lane`] from 8 lanes on.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn max_lane_of_8(a: __m256) -> f32 {
    let a = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
    let a = _mm_max_ps(a, _mm_movehl_ps(a, a));
    _mm_cvtss_f32(_mm_max_ss(a, _mm_movehdup_ps(a)))
}

/// The fold of [`Simd::min_lane`] from 8 lanes on.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn min_lane_of_8(a: __m256) -> f32 {
    let a = _mm_min_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
    let a = _mm_min_ps(a, _mm_movehl_ps(a, a));
    _mm_cvtss_f32(_mm_min_ss(a, _mm_movehdup_ps(a)))
}

/// Transposes 16 x 16 as four blocks of 8 x 8.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose(rows: &mut [Floats; LANES]) {
    let mut blocks = [[_mm256_setzero_ps(); 8]; 4];
    for i in 0..8 {
        blocks[0][i] = rows[i][0];
        blocks[1][i] = rows[i + 8][0];
        blocks[2][i] = rows[i][1];
        blocks[3][i] = rows[i + 8][1];
    }
    for block in &mut blocks {
        transpose_8(block);
    }
    for i in 0..8 {
        rows[i] = [blocks[0][i], blocks[1][i]];
        rows[i + 8] = [blocks[2][i], blocks[3][i]];
    }
}

/// Transposes 8 x 8: 2 x 2 blocks of numbers, then of pairs, within 128 bits; then 2 x 2 blocks of 128 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose_8(rows: &mut [__m256; 8]) {
    for g in [0, 4] {
        let (a, b) = (rows[g], rows[g + 1]);
        let (c, d) = (rows[g + 2], rows[g + 3]);
        let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
        rows[g] = _mm256_shuffle_ps::<0x44>(ab, cd);
        rows[g + 1] = _mm256_shuffle_ps::<0xee>(ab, cd);
        let (ab, cd) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
        rows[g + 2] = _mm256_shuffle_ps::<0x44>(ab, cd);
        rows[g + 3] = _mm256_shuffle_ps::<0xee>(ab, cd);
    }
    for i in 0..4 {
        let (a, b) = (rows[i], rows[i + 4]);
        rows[i] = _mm256_permute2f128_ps::<0x20>(a, b);
        rows[i + 4] = _mm256_permute2f128_ps::<0x31>(a, b);
    }
}

impl Simd for Avx2 {
    type F = Floats;
    type I = Ints;
    type M = Floats;
    const ISA: Isa = Isa::Avx2;

    #[inline]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: the token proves the instructions.
        unsafe { compiled(self, kernel) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_set1_ps(x); 2] }
    }
    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Floats {
        // SAFETY: the token proves the instructions; the array has 16 lanes.
        unsafe {
            [
                _mm256_loadu_ps(from.as_ptr()),
                _mm256_loadu_ps(from.as_ptr().add(8)),
            ]
        }
    }
    #[inline(always)]
    fn load_partial(self, from: &[f32]) -> Floats {
        // SAFETY: the token proves the instructions; masked lanes are not read.
        unsafe {
            let [low, high] = first(from.len());
            let from = from.as_ptr();
            [
                _mm256_maskload_ps(from, low),
                _mm256_maskload_ps(from.wrapping_add(8), high),
            ]
        }
    }
    #[inline(always)]
    fn store(self, to: &mut [f32; LANES], v: Floats) {
        // SAFETY: the token proves the instructions; the array has 16 lanes.
        unsafe {
            _mm256_storeu_ps(to.as_mut_ptr(), v[0]);
            _mm256_storeu_ps(to.as_mut_ptr().add(8), v[1]);
        }
    }
    #[inline(always)]
    unsafe fn stream(self, to: &mut [f32; LANES], v: Floats) {
        // SAFETY: the token proves the instructions; the caller vouches for the alignment.
        unsafe {
            _mm256_stream_ps(to.as_mut_ptr(), v[0]);
            _mm256_stream_ps(to.as_mut_ptr().add(8), v[1]);
        }
    }
    #[inline(always)]
    fn end_stream(self) {
        // SAFETY: the token proves the instructions.
        unsafe { _mm_sfence() }
    }
    #[inline(always)]
    fn prefetch(self, from: *const f32) {
        // SAFETY: a hint, which does nothing where there is no memory.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }
    #[inline(always)]
    fn store_partial(self, to: &mut [f32], v: Floats) {
        // SAFETY: the token proves the instructions; masked lanes are not written.
        unsafe {
            let [low, high] = first(to.len());
            let to = to.as_mut_ptr();
            _mm256_maskstore_ps(to, low, v[0]);
            _mm256_maskstore_ps(to.wrapping_add(8), high, v[1]);
        }
    }

    #[inline(always)]
    fn add(self, a: Floats, b: Floats) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])] }
    }
    #[inline(always)]
    fn sub(self, a: Floats, b: Floats) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_sub_ps(a[0], b[0]), _mm256_sub_ps(a[1], b[1])] }
    }
    #[inline(always)]
    fn mul(self, a: Floats, b: Floats) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])] }
    }
    #[inline(always)]
    fn div(self, a: Floats, b: Floats) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_div_ps(a[0], b[0]), _mm256_div_ps(a[1], b[1])] }
    }
    #[inline(always)]
    fn min(self, a: Floats, b: Floats) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_min_ps(a[0], b[0]), _mm256_min_ps(a[1], b[1])] }
    }
    #[inline(always)]
    fn max(self, a: Floats, b: Floats) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_max_ps(a[0], b[0]), _mm256_max_ps(a[1], b[1])] }
    }
    #[inline(always)]
    fn fma(self, a: Floats, b: Floats, c: Floats) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe {
            [
                _mm256_fmadd_ps(a[0], b[0], c[0]),
                _mm256_fmadd_ps(a[1], b[1], c[1]),
            ]
        }
    }
    #[inline(always)]
    fn neg_fma(self, a: Floats, b: Floats, c: Floats) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe {
            [
                _mm256_fnmadd_ps(a[0], b[0], c[0]),
                _mm256_fnmadd_ps(a[1], b[1], c[1]),
            ]
        }
    }
    #[inline(always)]
    fn sqrt(self, a: Floats) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_sqrt_ps(a[0]), _mm256_sqrt_ps(a[1])] }
    }
    #[inline(always)]
    fn floor(self, a: Floats) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_floor_ps(a[0]), _mm256_floor_ps(a[1])] }
    }
    #[inline(always)]
    fn round(self, a: Floats) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe {
            [
                _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a[0]),
                _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a[1]),
            ]
        }
    }

    #[inline(always)]
    fn lt(self, a: Floats, b: Floats) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe {
            [
                _mm256_cmp_ps::<_CMP_LT_OQ>(a[0], b[0]),
                _mm256_cmp_ps::<_CMP_LT_OQ>(a[1], b[1]),
            ]
        }
    }
    #[inline(always)]
    fn le(self, a: Floats, b: Floats) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe {
            [
                _mm256_cmp_ps::<_CMP_LE_OQ>(a[0], b[0]),
                _mm256_cmp_ps::<_CMP_LE_OQ>(a[1], b[1]),
            ]
        }
    }
    #[inline(always)]
    fn eq(self, a: Floats, b: Floats) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe {
            [
                _mm256_cmp_ps::<_CMP_EQ_OQ>(a[0], b[0]),
                _mm256_cmp_ps::<_CMP_EQ_OQ>(a[1], b[1]),
            ]
        }
    }
    #[inline(always)]
    fn select(self, m: Floats, a: Floats, b: Floats) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe {
            [
                _mm256_blendv_ps(b[0], a[0], m[0]),
                _mm256_blendv_ps(b[1], a[1], m[1]),
            ]
        }
    }
    #[inline(always)]
    fn both(self, a: Floats, b: Floats) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_and_ps(a[0], b[0]), _mm256_and_ps(a[1], b[1])] }
    }
    #[inline(always)]
    fn either(self, a: Floats, b: Floats) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_or_ps(a[0], b[0]), _mm256_or_ps(a[1], b[1])] }
    }
    #[inline(always)]
    fn not(self, a: Floats) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe {
            let all = _mm256_castsi256_ps(_mm256_set1_epi32(-1));
            [_mm256_xor_ps(a[0], all), _mm256_xor_ps(a[1], all)]
        }
    }
    #[inline(always)]
    fn any(self, m: Floats) -> bool {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_movemask_ps(_mm256_or_ps(m[0], m[1])) != 0 }
    }

    #[inline(always)]
    fn bits(self, a: Floats) -> Ints {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_castps_si256(a[0]), _mm256_castps_si256(a[1])] }
    }
    #[inline(always)]
    fn floats(self, a: Ints) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_castsi256_ps(a[0]), _mm256_castsi256_ps(a[1])] }
    }
    #[inline(always)]
    fn to_i32(self, a: Floats) -> Ints {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_cvtps_epi32(a[0]), _mm256_cvtps_epi32(a[1])] }
    }
    #[inline(always)]
    fn to_f32(self, a: Ints) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_cvtepi32_ps(a[0]), _mm256_cvtepi32_ps(a[1])] }
    }
    #[inline(always)]
    fn splat_i32(self, n: i32) -> Ints {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_set1_epi32(n); 2] }
    }
    #[inline(always)]
    fn add_i32(self, a: Ints, b: Ints) -> Ints {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_add_epi32(a[0], b[0]), _mm256_add_epi32(a[1], b[1])] }
    }
    #[inline(always)]
    fn sub_i32(self, a: Ints, b: Ints) -> Ints {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_sub_epi32(a[0], b[0]), _mm256_sub_epi32(a[1], b[1])] }
    }
    #[inline(always)]
    fn and_i32(self, a: Ints, b: Ints) -> Ints {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_and_si256(a[0], b[0]), _mm256_and_si256(a[1], b[1])] }
    }
    #[inline(always)]
    fn or_i32(self, a: Ints, b: Ints) -> Ints {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_or_si256(a[0], b[0]), _mm256_or_si256(a[1], b[1])] }
    }
    #[inline(always)]
    fn xor_i32(self, a: Ints, b: Ints) -> Ints {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_xor_si256(a[0], b[0]), _mm256_xor_si256(a[1], b[1])] }
    }
    #[inline(always)]
    fn mul_wide_u32(self, a: Ints, n: u32) -> (Ints, Ints) {
        // SAFETY: the token proves the instructions.
        unsafe {
            // As on the level above, for each half of the lanes.
            let n = _mm256_set1_epi32(n as i32);
            let wide = |a| {
                let even = _mm256_mul_epu32(a, n);
                let odd = _mm256_mul_epu32(_mm256_srli_epi64::<32>(a), n);
                (
                    _mm256_blend_epi32::<0xAA>(_mm256_srli_epi64::<32>(even), odd),
                    _mm256_blend_epi32::<0xAA>(even, _mm256_slli_epi64::<32>(odd)),
                )
            };
            let ((high_0, low_0), (high_1, low_1)) = (wide(a[0]), wide(a[1]));
            ([high_0, high_1], [low_0, low_1])
        }
    }
    #[inline(always)]
    fn shl_i32(self, a: Ints, n: u32) -> Ints {
        // SAFETY: the token proves the instructions.
        unsafe {
            let n = _mm256_set1_epi32(n as i32);
            [_mm256_sllv_epi32(a[0], n), _mm256_sllv_epi32(a[1], n)]
        }
    }
    #[inline(always)]
    fn shr_i32(self, a: Ints, n: u32) -> Ints {
        // SAFETY: the token proves the instructions.
        unsafe {
            let n = _mm256_set1_epi32(n as i32);
            [_mm256_srav_epi32(a[0], n), _mm256_srav_epi32(a[1], n)]
        }
    }
    #[inline(always)]
    fn shr_u32(self, a: Ints, n: u32) -> Ints {
        // SAFETY: the token proves the instructions.
        unsafe {
            let n = _mm256_set1_epi32(n as i32);
            [_mm256_srlv_epi32(a[0], n), _mm256_srlv_epi32(a[1], n)]
        }
    }
    #[inline(always)]
    fn eq_i32(self, a: Ints, b: Ints) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe {
            [
                _mm256_castsi256_ps(_mm256_cmpeq_epi32(a[0], b[0])),
                _mm256_castsi256_ps(_mm256_cmpeq_epi32(a[1], b[1])),
            ]
        }
    }
    #[inline(always)]
    fn gt_i32(self, a: Ints, b: Ints) -> Floats {
        // SAFETY: the token proves the instructions.
        unsafe {
            [
                _mm256_castsi256_ps(_mm256_cmpgt_epi32(a[0], b[0])),
                _mm256_castsi256_ps(_mm256_cmpgt_epi32(a[1], b[1])),
            ]
        }
    }

    #[inline(always)]
    fn look_up(self, table: &[f32; 8], index: Ints) -> Floats {
        // SAFETY: the token proves the instructions; the array has 8 numbers.
        unsafe {
            let table = _mm256_loadu_ps(table.as_ptr());
            [
                _mm256_permutevar8x32_ps(table, index[0]),
                _mm256_permutevar8x32_ps(table, index[1]),
            ]
        }
    }

    #[inline(always)]
    fn sum(self, a: Floats) -> f32 {
        // SAFETY: the token proves the instructions.
        unsafe { sum_of_8(_mm256_add_ps(a[0], a[1])) }
    }
    #[inline(always)]
    fn max_lane(self, a: Floats) -> f32 {
        // SAFETY: the token proves the instructions.
        unsafe { max_lane_of_8(_mm256_max_ps(a[0], a[1])) }
    }
    #[inline(always)]
    fn min_lane(self, a: Floats) -> f32 {
        // SAFETY: the token proves the instructions.
        unsafe { min_lane_of_8(_mm256_min_ps(a[0], a[1])) }
    }

    #[inline(always)]
    fn shuffle(self, a: Floats, from: Ints) -> Floats {
        // SAFETY: the token proves the instructions, which take three bits of the places.
        unsafe {
            [
                _mm256_permutevar8x32_ps(a[0], from[0]),
                _mm256_permutevar8x32_ps(a[1], from[1]),
            ]
        }
    }
    #[inline(always)]
    fn transpose(self, rows: &mut [Floats; LANES]) {
        // SAFETY: the token proves the instructions.
        unsafe { transpose(rows) }
    }
}

impl Lanes<f64> for Avx2 {
    type V = [__m256d; 2];

    #[inline(always)]
    fn fill(self, x: f64) -> [__m256d; 2] {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_set1_pd(x); 2] }
    }
    #[inline(always)]
    unsafe fn read(self, from: *const f64) -> [__m256d; 2] {
        // SAFETY: the token proves the instructions; the caller vouches for the pointer.
        unsafe { [_mm256_loadu_pd(from), _mm256_loadu_pd(from.add(4))] }
    }
    #[inline(always)]
    unsafe fn write(self, to: *mut f64, v: [__m256d; 2]) {
        // SAFETY: the token proves the instructions; the caller vouches for the pointer.
        unsafe {
            _mm256_storeu_pd(to, v[0]);
            _mm256_storeu_pd(to.add(4), v[1]);
        }
    }
    #[inline(always)]
    unsafe fn read_first(self, from: *const f64, n: usize) -> [__m256d; 2] {
        // SAFETY: the token proves the instructions; the caller vouches for the pointer.
        unsafe {
            let [low, high] = first_f64(n);
            [
                _mm256_maskload_pd(from, low),
                _mm256_maskload_pd(from.wrapping_add(4), high),
            ]
        }
    }
    #[inline(always)]
    unsafe fn write_first(self, to: *mut f64, n: usize, v: [__m256d; 2]) {
        // SAFETY: the token proves the instructions; the caller vouches for the pointer.
        unsafe {
            let [low, high] = first_f64(n);
            _mm256_maskstore_pd(to, low, v[0]);
            _mm256_maskstore_pd(to.wrapping_add(4), high, v[1]);
        }
    }
    #[inline(always)]
    fn plus(self, a: [__m256d; 2], b: [__m256d; 2]) -> [__m256d; 2] {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_add_pd(a[0], b[0]), _mm256_add_pd(a[1], b[1])] }
    }
    #[inline(always)]
    fn times_plus(self, a: [__m256d; 2], b: [__m256d; 2], c: [__m256d; 2]) -> [__m256d; 2] {
        // SAFETY: the token proves the instructions.
        unsafe {
            [
                _mm256_fmadd_pd(a[0], b[0], c[0]),
                _mm256_fmadd_pd(a[1], b[1], c[1]),
            ]
        }
    }
    #[inline(always)]
    fn larger(self, a: [__m256d; 2], b: [__m256d; 2]) -> [__m256d; 2] {
        // SAFETY: the token proves the instructions.
        unsafe { [_mm256_max_pd(a[0], b[0]), _mm256_max_pd(a[1], b[1])] }
    }
}
