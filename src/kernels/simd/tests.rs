//! Every operation of every level against the scalar one, bit by bit.

use super::*;

/// Two vectors of awkward numbers, and every result of the trait on them as bits.
struct Everything([f32; LANES], [f32; LANES]);

impl Kernel for Everything {
    type Output = Vec<(&'static str, Vec<u32>)>;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Output {
        let (a, b) = (s.load(&self.0), s.load(&self.1));
        let c = s.splat(0.1);
        let (one, zero) = (s.splat(1.0), s.zero());
        let mask = |m| s.select(m, one, zero);
        let ints = (s.bits(a), s.bits(b));
        let exponent = s.max(s.splat(-200.0), s.min(s.splat(128.0), s.round(a)));
        let exponent = s.select(s.is_nan(a), zero, exponent);
        let floats = [
            ("add", s.add(a, b)),
            ("sub", s.sub(a, b)),
            ("mul", s.mul(a, b)),
            ("div", s.div(a, b)),
            ("fma", s.fma(a, b, c)),
            ("neg_fma", s.neg_fma(a, b, c)),
            ("min", s.min(a, b)),
            ("max", s.max(a, b)),
            ("sqrt", s.sqrt(s.abs(a))),
            ("floor", s.floor(a)),
            ("round", s.round(a)),
            ("neg", s.neg(a)),
            ("copy_sign", s.copy_sign(a, b)),
            ("lt", mask(s.lt(a, b))),
            ("le", mask(s.le(a, b))),
            ("eq", mask(s.eq(a, b))),
            ("gt", mask(s.gt(a, b))),
            ("ge", mask(s.ge(a, b))),
            ("nan", mask(s.is_nan(a))),
            ("both", mask(s.both(s.lt(a, b), s.lt(zero, a)))),
            ("either", mask(s.either(s.lt(a, b), s.lt(zero, a)))),
            ("to_i32", s.floats(s.to_i32(a))),
            ("to_f32", s.to_f32(ints.0)),
            ("add_i32", s.floats(s.add_i32(ints.0, ints.1))),
            ("sub_i32", s.floats(s.sub_i32(ints.0, ints.1))),
            ("and_i32", s.floats(s.and_i32(ints.0, ints.1))),
            ("or_i32", s.floats(s.or_i32(ints.0, ints.1))),
            ("high", s.floats(s.mul_wide_u32(ints.0, 0xD251_1F53).0)),
            ("low", s.floats(s.mul_wide_u32(ints.0, 0xD251_1F53).1)),
            ("xor_i32", s.floats(s.xor_i32(ints.0, ints.1))),
            ("shl_i32", s.floats(s.shl_i32(ints.0, 5))),
            ("shr_i32", s.floats(s.shr_i32(ints.0, 5))),
            ("shr_u32", s.floats(s.shr_u32(ints.0, 5))),
            ("eq_i32", mask(s.eq_i32(ints.0, ints.1))),
            ("gt_i32", mask(s.gt_i32(ints.0, ints.1))),
            (
                "shuffle",
                s.shuffle(
                    a,
                    s.or_i32(
                        s.and_i32(ints.0, s.splat_i32(7)),
                        s.bits(s.load(&std::array::from_fn(|i| f32::from_bits(i as u32 & 8)))),
                    ),
                ),
            ),
            ("exp2i", s.exp2i(s.splat_i32(-126))),
            (
                "look_up",
                s.look_up(&[0.5, -1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], ints.0),
            ),
            ("scale", s.scale(s.splat(1.9), exponent)),
        ];
        let mut all: Vec<_> = floats
            .into_iter()
            .map(|(name, v)| {
                let mut lanes = [0.0; LANES];
                s.store(&mut lanes, v);
                // The sign and payload of a NaN that an operation makes is the CPU's affair.
                let bits = |x: f32| if x.is_nan() { 0x7fc0_0000 } else { x.to_bits() };
                (name, lanes.map(bits).to_vec())
            })
            .collect();
        for n in 0..=LANES {
            let mut lanes = [9.0; LANES];
            s.store_partial(&mut lanes[..n], s.load_partial(&self.0[..n]));
            all.push(("partial", lanes.map(f32::to_bits).to_vec()));
            s.store(&mut lanes, s.load_partial(&self.0[..n]));
            all.push(("filled", lanes.map(f32::to_bits).to_vec()));
        }
        let finite = s.select(s.lt(s.abs(a), s.splat(1e9)), a, c);
        let folds = [s.sum(finite), s.max_lane(finite), s.min_lane(finite)];
        all.push(("folds", folds.map(f32::to_bits).to_vec()));
        let any = [
            s.any(s.lt(a, b)),
            s.any(s.lt(a, a)),
            s.any(s.not(s.eq(a, a))),
        ];
        all.push(("any", any.map(u32::from).to_vec()));
        all
    }
}

#[test]
fn every_level_gives_the_bits_of_the_scalar_one() {
    let awkward = [
        0.0,
        -0.0,
        1.0,
        -1.5,
        2.5,
        -3.5,
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        1e-40,
        -3.3e38,
        3e9,
        -2_147_483_648.0,
        0.1,
        -0.3,
        7.0e-3,
    ];
    for turn in 0..LANES {
        let mut other = awkward;
        other.rotate_left(turn);
        let expected = Everything(awkward, other).run(scalar::Scalar);
        for level in available() {
            let got = with_isa(level, || dispatch(Everything(awkward, other)));
            for (expected, got) in expected.iter().zip(got) {
                assert_eq!(*expected, got, "{level:?}, turn {turn}");
            }
        }
    }
}

#[test]
fn sum_folds_halves() {
    struct Sum([f32; LANES]);
    impl Kernel for Sum {
        type Output = f32;
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> f32 {
            s.sum(s.load(&self.0))
        }
    }
    // 1e8 + 1 is 1e8 in f32: only where lanes 0 and 8 cancel first is the 1 of lane 4 kept.
    let mut lanes = [0.0; LANES];
    (lanes[0], lanes[8], lanes[4]) = (1e8, -1e8, 1.0);
    for level in available() {
        assert_eq!(with_isa(level, || dispatch(Sum(lanes))), 1.0);
    }
}

#[test]
fn transposing_swaps_rows_and_lanes() {
    struct Transpose;
    impl Kernel for Transpose {
        type Output = Vec<f32>;
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> Vec<f32> {
            let mut rows = [s.zero(); LANES];
            for (i, row) in rows.iter_mut().enumerate() {
                *row = s.load(&std::array::from_fn(|j| (16 * i + j) as f32));
            }
            s.transpose(&mut rows);
            let mut all = vec![0.0; LANES * LANES];
            for (to, row) in all.as_chunks_mut().0.iter_mut().zip(rows) {
                s.store(to, row);
            }
            all
        }
    }
    for level in available() {
        let got = with_isa(level, || dispatch(Transpose));
        let fits = |(at, &x): (usize, &f32)| x as usize == at % 16 * 16 + at / 16;
        assert!(got.iter().enumerate().all(fits), "{level:?}: {got:?}");
    }
}

#[test]
fn dispatch_runs_the_level_that_is_set() {
    struct Which;
    impl Kernel for Which {
        type Output = Isa;
        #[inline(always)]
        fn run<S: Simd>(self, _: S) -> Isa {
            S::ISA
        }
    }
    for level in available() {
        assert_eq!(with_isa(level, || dispatch(Which)), level);
    }
}
