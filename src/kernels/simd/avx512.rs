//! AVX-512: one register is a vector.

use std::arch::x86_64::*;

use super::{Isa, Kernel, LANES, Lanes, Simd, avx2};

/// Proof that the CPU has AVX-512 F, VL, DQ and BW, and AVX2 with FMA.
#[derive(Clone, Copy)]
pub(super) struct Avx512(());

impl Avx512 {
    /// # Safety
    /// The CPU has what [`Isa::Avx512`] stands for.
    #[inline(always)]
    pub unsafe fn new() -> Self {
        debug_assert!(super::available().any(|isa| isa == Isa::Avx512));
        Self(())
    }
}

#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
fn compiled<K: Kernel>(s: Avx512, kernel: K) -> K::Output {
    kernel.run(s)
}

/// The mask of the first `n` lanes.
#[inline(always)]
fn first(n: usize) -> __mmask16 {
    ((1u32 << n.min(LANES)) - 1) as __mmask16
}

/// Transposes 16 x 16: 2 x 2 blocks of numbers, then of pairs, within 128 bits; then 4 x 4 blocks of 128 bits.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(rows: &mut [__m512; LANES]) {
    for g in [0, 4, 8, 12] {
        let (a, b) = (rows[g], rows[g + 1]);
        let (c, d) = (rows[g + 2], rows[g + 3]);
        let (ab, cd) = (_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d));
        rows[g] = _mm512_shuffle_ps::<0x44>(ab, cd);
        rows[g + 1] = _mm512_shuffle_ps::<0xee>(ab, cd);
        let (ab, cd) = (_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d));
        rows[g + 2] = _mm512_shuffle_ps::<0x44>(ab, cd);
        rows[g + 3] = _mm512_shuffle_ps::<0xee>(ab, cd);
    }
    for i in 0..4 {
        let (a, b, c, d) = (rows[i], rows[i + 4], rows[i + 8], rows[i + 12]);
        let ab = _mm512_shuffle_f32x4::<0x44>(a, b);
        let cd = _mm512_shuffle_f32x4::<0x44>(c, d);
        rows[i] = _mm512_shuffle_f32x4::<0x88>(ab, cd);
        rows[i + 4] = _mm512_shuffle_f32x4::<0xdd>(ab, cd);
        let ab = _mm512_shuffle_f32x4::<0xee>(a, b);
        let cd = _mm512_shuffle_f32x4::<0xee>(c, d);
        rows[i + 8] = _mm512_shuffle_f32x4::<0x88>(ab, cd);
        rows[i + 12] = _mm512_shuffle_f32x4::<0xdd>(ab, cd);
    }
}

impl Simd for Avx512 {
    type F = __m512;
    type I = __m512i;
    type M = __mmask16;
    const ISA: Isa = Isa::Avx512;

    #[inline]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: the token proves the instructions.
        unsafe { compiled(self, kernel) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> __m512 {
        // SAFETY: the token proves the instructions; the array has 16 lanes.
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }
    #[inline(always)]
    fn load_partial(self, from: &[f32]) -> __m512 {
        // SAFETY: the token proves the instructions; masked lanes are not read.
        unsafe { _mm512_maskz_loadu_ps(first(from.len()), from.as_ptr()) }
    }
    #[inline(always)]
    fn store(self, to: &mut [f32; LANES], v: __m512) {
        // SAFETY: the token proves the instructions; the array has 16 lanes.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), v) }
    }
    #[inline(always)]
    unsafe fn stream(self, to: &mut [f32; LANES], v: __m512) {
        // SAFETY: the token proves the instructions; the caller vouches for the alignment.
        unsafe { _mm512_stream_ps(to.as_mut_ptr(), v) }
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
    fn store_partial(self, to: &mut [f32], v: __m512) {
        // SAFETY: the token proves the instructions; masked lanes are not written.
        unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), first(to.len()), v) }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_div_ps(a, b) }
    }
    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_min_ps(a, b) }
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn neg_fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_fnmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn sqrt(self, a: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_sqrt_ps(a) }
    }
    #[inline(always)]
    fn floor(self, a: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(a) }
    }
    #[inline(always)]
    fn round(self, a: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
    }

    #[inline(always)]
    fn lt(self, a: __m512, b: __m512) -> __mmask16 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b) }
    }
    #[inline(always)]
    fn le(self, a: __m512, b: __m512) -> __mmask16 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LE_OQ>(a, b) }
    }
    #[inline(always)]
    fn eq(self, a: __m512, b: __m512) -> __mmask16 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b) }
    }
    #[inline(always)]
    fn select(self, m: __mmask16, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_mask_blend_ps(m, b, a) }
    }
    #[inline(always)]
    fn both(self, a: __mmask16, b: __mmask16) -> __mmask16 {
        a & b
    }
    #[inline(always)]
    fn either(self, a: __mmask16, b: __mmask16) -> __mmask16 {
        a | b
    }
    #[inline(always)]
    fn not(self, a: __mmask16) -> __mmask16 {
        !a
    }
    #[inline(always)]
    fn any(self, m: __mmask16) -> bool {
        m != 0
    }

    #[inline(always)]
    fn bits(self, a: __m512) -> __m512i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_castps_si512(a) }
    }
    #[inline(always)]
    fn floats(self, a: __m512i) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_castsi512_ps(a) }
    }
    #[inline(always)]
    fn to_i32(self, a: __m512) -> __m512i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_cvtps_epi32(a) }
    }
    #[inline(always)]
    fn to_f32(self, a: __m512i) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_cvtepi32_ps(a) }
    }
    #[inline(always)]
    fn splat_i32(self, n: i32) -> __m512i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_set1_epi32(n) }
    }
    #[inline(always)]
    fn add_i32(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_add_epi32(a, b) }
    }
    #[inline(always)]
    fn sub_i32(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_sub_epi32(a, b) }
    }
    #[inline(always)]
    fn and_i32(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_and_si512(a, b) }
    }
    #[inline(always)]
    fn or_i32(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_or_si512(a, b) }
    }
    #[inline(always)]
    fn xor_i32(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_xor_si512(a, b) }
    }
    #[inline(always)]
    fn mul_wide_u32(self, a: __m512i, n: u32) -> (__m512i, __m512i) {
        // SAFETY: the token proves the instructions.
        unsafe {
            // Products of the even and of the odd lanes, 64 bits each; their halves go where they belong.
            let n = _mm512_set1_epi32(n as i32);
            let even = _mm512_mul_epu32(a, n);
            let odd = _mm512_mul_epu32(_mm512_srli_epi64::<32>(a), n);
            (
                _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64::<32>(even), odd),
                _mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64::<32>(odd)),
            )
        }
    }
    #[inline(always)]
    fn shl_i32(self, a: __m512i, n: u32) -> __m512i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_sllv_epi32(a, _mm512_set1_epi32(n as i32)) }
    }
    #[inline(always)]
    fn shr_i32(self, a: __m512i, n: u32) -> __m512i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_srav_epi32(a, _mm512_set1_epi32(n as i32)) }
    }
    #[inline(always)]
    fn shr_u32(self, a: __m512i, n: u32) -> __m512i {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_srlv_epi32(a, _mm512_set1_epi32(n as i32)) }
    }
    #[inline(always)]
    fn eq_i32(self, a: __m512i, b: __m512i) -> __mmask16 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_cmpeq_epi32_mask(a, b) }
    }
    #[inline(always)]
    fn gt_i32(self, a: __m512i, b: __m512i) -> __mmask16 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_cmpgt_epi32_mask(a, b) }
    }

    #[inline(always)]
    fn look_up(self, table: &[f32; 8], index: __m512i) -> __m512 {
        // SAFETY: the token proves the instructions; the array has 8 numbers, and twice the same need no fourth bit.
        unsafe {
            let table = _mm512_broadcast_f32x8(_mm256_loadu_ps(table.as_ptr()));
            _mm512_permutexvar_ps(index, table)
        }
    }
    #[inline(always)]
    fn scale(self, a: __m512, n: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_scalef_ps(a, n) }
    }

    #[inline(always)]
    fn sum(self, a: __m512) -> f32 {
        // SAFETY: the token proves the instructions.
        unsafe {
            let (low, high) = (_mm512_castps512_ps256(a), _mm512_extractf32x8_ps::<1>(a));
            avx2::sum_of_8(_mm256_add_ps(low, high))
        }
    }
    #[inline(always)]
    fn max_lane(self, a: __m512) -> f32 {
        // SAFETY: the token proves the instructions.
        unsafe {
            let (low, high) = (_mm512_castps512_ps256(a), _mm512_extractf32x8_ps::<1>(a));
            avx2::max_lane_of_8(_mm256_max_ps(low, high))
        }
    }
    #[inline(always)]
    fn min_lane(self, a: __m512) -> f32 {
        // SAFETY: the token proves the instructions.
        unsafe {
            let (low, high) = (_mm512_castps512_ps256(a), _mm512_extractf32x8_ps::<1>(a));
            avx2::min_lane_of_8(_mm256_min_ps(low, high))
        }
    }

    #[inline(always)]
    fn shuffle(self, a: __m512, from: __m512i) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_permutexvar_ps(from, a) }
    }
    #[inline(always)]
    fn transpose(self, rows: &mut [__m512; LANES]) {
        // SAFETY: the token proves the instructions.
        unsafe { transpose(rows) }
    }
}

impl Lanes<f64> for Avx512 {
    type V = __m512d;

    #[inline(always)]
    fn fill(self, x: f64) -> __m512d {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_set1_pd(x) }
    }
    #[inline(always)]
    unsafe fn read(self, from: *const f64) -> __m512d {
        // SAFETY: the token proves the instructions; the caller vouches for the pointer.
        unsafe { _mm512_loadu_pd(from) }
    }
    #[inline(always)]
    unsafe fn write(self, to: *mut f64, v: __m512d) {
        // SAFETY: the token proves the instructions; the caller vouches for the pointer.
        unsafe { _mm512_storeu_pd(to, v) }
    }
    #[inline(always)]
    unsafe fn read_first(self, from: *const f64, n: usize) -> __m512d {
        // SAFETY: the token proves the instructions; the caller vouches for the pointer.
        unsafe { _mm512_maskz_loadu_pd(first(n) as __mmask8, from) }
    }
    #[inline(always)]
    unsafe fn write_first(self, to: *mut f64, n: usize, v: __m512d) {
        // SAFETY: the token proves the instructions; the caller vouches for the pointer.
        unsafe { _mm512_mask_storeu_pd(to, first(n) as __mmask8, v) }
    }
    #[inline(always)]
    fn ask(self, at: *const f64) {
        Simd::prefetch(self, at.cast());
    }
    #[inline(always)]
    fn plus(self, a: __m512d, b: __m512d) -> __m512d {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_add_pd(a, b) }
    }
    #[inline(always)]
    fn times_plus(self, a: __m512d, b: __m512d, c: __m512d) -> __m512d {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_fmadd_pd(a, b, c) }
    }
    #[inline(always)]
    fn larger(self, a: __m512d, b: __m512d) -> __m512d {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_max_pd(a, b) }
    }
}
