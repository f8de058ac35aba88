//! Polynomials in eight pieces: no exponential, no division, and few terms, since every piece is short.
//!
//! The pieces of `0..15` begin at 0, 1/2, 1, 2, 3, 5, 7 and 11: where `1 + a` is a power of two or one and a half times
//! one, so that three bits of `1 + a` tell the piece. Each is a polynomial of the distance from its beginning, fitted as
//! in [`super`]; the first coefficients are the values there, rounded, and make up most of the errors.

use crate::kernels::simd::Simd;

/// A coefficient in each row: of the pieces from 1, 2, 3, 5, 7, 11, 0 and 1/2, the order of their bits.
type Pieces = [[f32; 8]; 8];

/// The hyperbolic tangent up to 10, where it is 1: error 5.2e-8. Near 0 it is `a + …` with nothing but `a` rounded.
pub(super) const TANH: Pieces = [
    [
        0.761_594_1,
        0.964_027_6,
        0.995_054_8,
        0.999_909_2,
        0.999_998_33,
        1.0,
        0.0,
        0.462_117_17,
    ],
    [
        0.419_978_53,
        0.070_650_645,
        0.009_863_916,
        0.000_180_694_42,
        3.512_417e-6,
        0.0,
        1.0,
        0.786_446,
    ],
    [
        -0.319_922_8,
        -0.068_108_62,
        -0.009_793_215,
        -0.000_174_312_01,
        -4.290_934_6e-6,
        0.0,
        -3.639_792e-6,
        -0.363_369_23,
    ],
    [
        0.104_079_51,
        0.042_120_915,
        0.006_376_985,
        0.000_098_559_94,
        4.080_651_7e-6,
        0.0,
        -0.333_195_1,
        -0.095_014_79,
    ],
    [
        0.026_329_726,
        -0.017_998_666,
        -0.002_956_501_7,
        -0.000_026_737_313,
        -2.787_474_4e-6,
        0.0,
        -0.001_737_302_6,
        0.169_797_05,
    ],
    [
        -0.044_869_19,
        0.005_149_430_6,
        0.000_960_112_26,
        -2.927_929_5e-6,
        1.172_478_5e-6,
        0.0,
        0.143_212_29,
        -0.043_985_8,
    ],
    [
        0.020_559_74,
        -0.000_822_782_34,
        -0.000_195_115_27,
        3.959_198_2e-6,
        -2.636_330_7e-7,
        0.0,
        -0.027_226_662,
        -0.022_668_83,
    ],
    [
        -0.003_722_062_3,
        0.000_036_242_604,
        0.000_018_370_454,
        -7.454_648e-7,
        2.406_741_3e-8,
        0.0,
        -0.022_265_133,
        0.011_467_376,
    ],
];

/// `e^(a^2 / 2)` times the chance that a standard normal number is beyond `a`, up to 15: error 3.6e-8.
pub(super) const NORMAL_TAIL: Pieces = [
    [
        0.261_578_3,
        0.168_102,
        0.121_513_95,
        0.076_919_3,
        0.055_893_48,
        0.035_974_89,
        0.5,
        0.349_618_82,
    ],
    [
        -0.137_363_88,
        -0.062_737_81,
        -0.034_400_314,
        -0.014_345_629,
        -0.007_687_848_5,
        -0.003_218_501_8,
        -0.398_942_26,
        -0.224_130_56,
    ],
    [
        0.062_104_58,
        0.021_305_42,
        0.009_154_848,
        0.002_594_256_3,
        0.001_038_785_8,
        0.000_285_747_34,
        0.249_999_09,
        0.118_705_11,
    ],
    [
        -0.025_063_869,
        -0.006_661_019,
        -0.002_304_119_3,
        -0.000_453_411_43,
        -0.000_137_505_46,
        -0.000_025_198_342,
        -0.132_965_49,
        -0.054_084_525,
    ],
    [
        0.009_165_924,
        0.001_852_072_1,
        0.000_542_711_47,
        0.000_073_661_17,
        0.000_017_430_046,
        2.209_310_9e-6,
        0.062_376_916,
        0.018_180_07,
    ],
    [
        -0.002_963_088_2,
        -0.000_363_722_44,
        -0.000_112_420_95,
        -9.455_366e-6,
        -1.949_287e-6,
        -1.881_538_5e-7,
        -0.026_056_19,
        0.004_737_111,
    ],
    [
        0.000_748_576_83,
        -1.152_805_7e-6,
        0.000_017_384_862,
        5.608_959e-7,
        1.603_362_3e-7,
        1.357_933_9e-8,
        0.009_074_385,
        -0.016_307_88,
    ],
    [
        -0.000_104_532_664,
        0.000_018_165_46,
        -1.398_417_7e-6,
        2.970_321_4e-8,
        -6.724_890_4e-9,
        -5.610_761e-10,
        -0.001_946_811_6,
        0.010_184_405,
    ],
];

/// The function at `a`, from 0 to 15 or NaN. With `near_zero` all digits of a small `a` count; else those do that
/// `1 + a` keeps.
#[inline(always)]
pub(super) fn in_pieces<S: Simd>(s: S, pieces: &Pieces, a: S::F, near_zero: bool) -> S::F {
    const HALF_OCTAVE: u32 = 22;
    let place = s.bits(s.add(a, s.splat(1.0)));
    let piece = s.shr_i32(place, HALF_OCTAVE);
    let begin = s.floats(s.and_i32(place, s.splat_i32(-1 << HALF_OCTAVE)));
    let d = if near_zero {
        s.sub(a, s.sub(begin, s.splat(1.0)))
    } else {
        s.sub(s.floats(place), begin)
    };
    let [rest @ .., last] = pieces;
    let mut sum = s.look_up(last, piece);
    for row in rest.iter().rev() {
        sum = s.fma(sum, d, s.look_up(row, piece));
    }
    sum
}
