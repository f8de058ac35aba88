//! Sums of exponentials over one row, the heart of every cross-entropy: `sum_k e^(x[k] - m)`, m the largest.
//!
//! The sum has a term 1, so it neither overflows nor vanishes. A row with NaN gives NaN.

use crate::kernels::math;
use crate::kernels::simd::{Kernel, LANES, Simd, dispatch};
use crate::kernels::softmax::{largest, largest_lane, load_or};
use crate::real::Real;

/// The largest element `m` of a row and `sum_k e^(x[k] - m)`.
pub fn largest_and_sum<F: Real>(x: &[F]) -> (F, F) {
    if let Some(x) = F::as_f32(x) {
        let (largest, sum) = dispatch(Sum(x));
        return (F::of(f64::from(largest)), F::of(f64::from(sum)));
    }
    let largest = largest(x);
    (largest, x.iter().map(|&x| (x - largest).exp()).sum())
}

/// `out[k] = e^(x[k] - m)`; returns their sum.
///
/// # Panics
/// If `out` is not as long as `x`.
pub fn exponentials<F: Real>(x: &[F], out: &mut [F]) -> F {
    assert_eq!(x.len(), out.len(), "a result for each element");
    if let (Some(x), Some(out)) = (F::as_f32(x), F::as_f32_mut(out)) {
        return F::of(f64::from(dispatch(Exponentials(x, out))));
    }
    let largest = largest(x);
    for (&x, e) in x.iter().zip(out.iter_mut()) {
        *e = (x - largest).exp();
    }
    out.iter().copied().sum()
}

struct Sum<'a>(&'a [f32]);

impl Kernel for Sum<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> (f32, f32) {
        let largest = largest_lane(s, self.0);
        let m = s.splat(largest);
        let (body, tail) = self.0.as_chunks::<LANES>();
        // Lanes beyond the end are e^-infinity = 0.
        let mut sum = s.zero();
        if !tail.is_empty() {
            sum = math::exp_of_negative(s, s.sub(load_or(s, tail, f32::NEG_INFINITY), m));
        }
        for x in body {
            sum = s.add(sum, math::exp_of_negative(s, s.sub(s.load(x), m)));
        }
        (largest, s.sum(sum))
    }
}

struct Exponentials<'a>(&'a [f32], &'a mut [f32]);

impl Kernel for Exponentials<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let m = s.splat(largest_lane(s, self.0));
        let (body, tail) = self.0.as_chunks::<LANES>();
        let (out, out_tail) = self.1.as_chunks_mut::<LANES>();
        let mut sum = s.zero();
        if !tail.is_empty() {
            sum = math::exp_of_negative(s, s.sub(load_or(s, tail, f32::NEG_INFINITY), m));
            s.store_partial(out_tail, sum);
        }
        for (x, out) in body.iter().zip(out) {
            let e = math::exp_of_negative(s, s.sub(s.load(x), m));
            s.store(out, e);
            sum = s.add(sum, e);
        }
        s.sum(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::{available, with_isa};

    #[test]
    fn sums_are_those_of_f64_for_any_length_and_level() {
        for isa in available() {
            with_isa(isa, || {
                for len in [1, 2, 10, 15, 16, 17, 96, 100] {
                    let x: Vec<f32> = (0..len)
                        .map(|i| ((i * 37) % 19) as f32 * 1.5 - 9.0)
                        .collect();
                    let exact: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
                    let (largest, sum) = largest_and_sum(&x);
                    let (wanted_largest, wanted) = largest_and_sum(&exact);
                    assert_eq!(f64::from(largest), wanted_largest);
                    assert!(
                        (f64::from(sum) / wanted - 1.0).abs() < 1e-6,
                        "{isa:?} {len}"
                    );
                    let mut out = vec![f32::NAN; len];
                    assert_eq!(exponentials(&x, &mut out), sum, "the same sum, bit for bit");
                    let total: f64 = out.iter().map(|&e| f64::from(e)).sum();
                    assert!((total / wanted - 1.0).abs() < 1e-6, "{isa:?} {len}");
                }
            });
        }
    }

    #[test]
    fn extreme_rows_stay_finite_and_nan_is_seen() {
        assert_eq!(largest_and_sum(&[1e30f32, -1e30, 0.0]), (1e30, 1.0));
        assert!(largest_and_sum(&[1.0f32, f32::NAN, 0.0]).1.is_nan());
    }
}
