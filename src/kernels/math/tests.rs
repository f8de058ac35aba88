//! Every function against the C library in double precision, over all of `f32`.

use super::*;
use crate::kernels::arithmetic::{Arithmetic, Double};
use crate::kernels::simd::{Kernel, LANES, available, dispatch, with_isa};

#[derive(Debug, Clone, Copy)]
enum Function {
    Exp,
    Expm1,
    Ln,
    Ln1p,
    Tanh,
    Sigmoid,
    Softplus,
    NormalShare,
    NormalDensity,
}
use Function::*;

const ALL: [Function; 9] = [
    Exp,
    Expm1,
    Ln,
    Ln1p,
    Tanh,
    Sigmoid,
    Softplus,
    NormalShare,
    NormalDensity,
];

impl Function {
    fn exact(self, x: f64) -> f64 {
        match self {
            Exp => x.exp(),
            Expm1 => x.exp_m1(),
            Ln => x.ln(),
            Ln1p => x.ln_1p(),
            Tanh => x.tanh(),
            Sigmoid if x < 0.0 => x.exp() / (1.0 + x.exp()),
            Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            NormalShare => Double.normal(x).0,
            NormalDensity => Double.normal(x).1,
        }
    }
}

struct Apply<'a>(Function, &'a mut [f32; LANES]);

impl Kernel for Apply<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let x = s.load(self.1);
        let y = match self.0 {
            Exp => exp(s, x),
            Expm1 => expm1(s, x),
            Ln => ln(s, x),
            Ln1p => ln_1p(s, x),
            Tanh => tanh(s, x),
            Sigmoid => sigmoid(s, x),
            Softplus => softplus(s, x),
            NormalShare => normal(s, x).0,
            NormalDensity => normal(s, x).1,
        };
        s.store(self.1, y);
    }
}

fn applied(function: Function, mut x: [f32; LANES]) -> [f32; LANES] {
    dispatch(Apply(function, &mut x));
    x
}

fn one(function: Function, x: f32) -> f32 {
    applied(function, [x; LANES])[5]
}

/// The error in units of the last place of the nearest `f32`.
fn ulps(got: f32, exact: f64) -> f64 {
    let near = exact as f32;
    if got == near || got.is_nan() && near.is_nan() {
        return 0.0;
    }
    if !near.is_finite() || !got.is_finite() {
        return f64::INFINITY;
    }
    let exponent = (near.abs().to_bits() >> 23).max(1) as i32 - 127 - 23;
    (f64::from(got) - exact).abs() / 2f64.powi(exponent)
}

/// The greatest error over every `step`-th bit pattern, and where it is.
fn worst(function: Function, step: usize) -> (f64, f32) {
    let (mut worst, mut place) = (0.0, 0.0);
    for first in (0..1usize << 32).step_by(step * LANES) {
        let x: [f32; LANES] = std::array::from_fn(|i| f32::from_bits((first + i * step) as u32));
        for (x, y) in x.into_iter().zip(applied(function, x)) {
            let error = ulps(y, function.exact(f64::from(x)));
            if error > worst {
                (worst, place) = (error, x);
            }
        }
    }
    (worst, place)
}

fn assert_within_4_ulp(step: usize) {
    let worst: Vec<_> = ALL.map(|f| (f, worst(f, step))).to_vec();
    println!("{worst:?}");
    let bad: Vec<_> = worst.iter().filter(|(_, (e, _))| *e > 4.0).collect();
    assert!(bad.is_empty(), "{bad:?}");
}

#[test]
fn every_function_is_within_4_ulp_over_all_exponents() {
    assert_within_4_ulp(2003);
}

#[test]
#[ignore = "all 2^32 inputs: minutes"]
fn every_function_is_within_4_ulp_for_every_float() {
    assert_within_4_ulp(1);
}

#[test]
fn ends_of_the_range_are_exact() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    let cases = [
        (Exp, -inf, 0.0),
        (Exp, inf, inf),
        (Exp, 0.0, 1.0),
        (Exp, 88.722_84, inf),
        (Expm1, -inf, -1.0),
        (Expm1, inf, inf),
        (Ln, 0.0, -inf),
        (Ln, -0.0, -inf),
        (Ln, inf, inf),
        (Ln, 1.0, 0.0),
        (Ln1p, -1.0, -inf),
        (Ln1p, inf, inf),
        (Tanh, -inf, -1.0),
        (Tanh, inf, 1.0),
        (Sigmoid, -inf, 0.0),
        (Sigmoid, inf, 1.0),
        (Sigmoid, 0.0, 0.5),
        (Softplus, -inf, 0.0),
        (Softplus, inf, inf),
        (NormalShare, -inf, 0.0),
        (NormalShare, inf, 1.0),
        (NormalShare, 0.0, 0.5),
        (NormalDensity, -inf, 0.0),
        (NormalDensity, inf, 0.0),
    ];
    for (function, x, expected) in cases {
        let y = one(function, x);
        assert!(y == expected, "{function:?}({x}) = {y}, not {expected}");
    }
    assert!(one(Exp, 88.722_83).is_finite());
    for function in ALL {
        assert!(one(function, nan).is_nan(), "{function:?}");
    }
    for (function, x) in [(Ln, -1.0), (Ln, -inf), (Ln1p, -1.5), (Ln1p, -inf)] {
        assert!(one(function, x).is_nan(), "{function:?}({x})");
    }
    for function in [Expm1, Ln1p, Tanh] {
        assert!(one(function, -0.0).is_sign_negative(), "{function:?}(-0)");
    }
}

#[test]
fn tails_do_not_leave_the_range() {
    for bits in (0..=u32::MAX).step_by(16 * 3001) {
        let x: [f32; LANES] = std::array::from_fn(|i| f32::from_bits(bits.wrapping_add(i as u32)));
        for (function, low, high) in [
            (Tanh, -1.0, 1.0),
            (Sigmoid, 0.0, 1.0),
            (NormalShare, 0.0, 1.0),
        ] {
            let inside = |y: &f32| y.is_nan() || (low..=high).contains(y);
            assert!(applied(function, x).iter().all(inside), "{function:?}");
        }
    }
}

#[test]
fn every_level_gives_the_same_bits() {
    let inputs: Vec<[f32; LANES]> = (0..=u32::MAX)
        .step_by(1_000_003)
        .map(|bits| std::array::from_fn(|i| f32::from_bits(bits.wrapping_add(i as u32 * 977))))
        .collect();
    let on = |isa| {
        with_isa(isa, || {
            let bits = |f, &x| applied(f, x).map(|y| if y.is_nan() { 0 } else { y.to_bits() });
            ALL.map(|f| inputs.iter().map(|x| bits(f, x)).collect::<Vec<_>>())
        })
    };
    let mut levels = available();
    let first = levels.next().map(on);
    for level in levels {
        assert!(first == Some(on(level)), "{}", level.name());
    }
}
