//! Rows turned into sparse probabilities.
//!
//! Martins and Astudillo, "From Softmax to Sparsemax", 2016: `y = max(x - t, 0)` with t such that the row sums to 1.

use crate::kernels::softmax::{each_row, each_row_of, largest};
use crate::real::Real;

/// `x = sparsemax(x)` of each row of `width` elements: the nearest point of the probability simplex.
pub fn sparsemax<F: Real>(x: &mut [F], width: usize) {
    each_row(x, width, |x| {
        for row in x.chunks_exact_mut(width) {
            let threshold = F::of(simplex_threshold(row));
            for x in row {
                *x = (*x - threshold).maximum(F::ZERO);
            }
        }
    });
}

/// The threshold t, found without sorting by dropping what lies below it until nothing does: Michelot, "A finite
/// algorithm for finding the projection of a point onto the canonical simplex of R^n", 1986. NaN for a row with NaN or
/// plus infinity.
fn simplex_threshold<F: Real>(row: &[F]) -> f64 {
    let (mut threshold, mut support) = (f64::NEG_INFINITY, usize::MAX);
    // Far below the largest nothing can be in the support; without this, minus infinity would spoil the sum.
    let floor = largest(row).f64() - 1.0;
    loop {
        let (mut sum, mut count) = (0.0, 0);
        for x in row.iter().map(|x| x.f64()) {
            if x >= floor && x > threshold {
                sum += x;
                count += 1;
            }
        }
        if count == 0 {
            return f64::NAN;
        }
        if count == support {
            return threshold;
        }
        (threshold, support) = ((sum - 1.0) / count as f64, count);
    }
}

/// `dy = dx` of [`sparsemax`] that gave `y`: on the support, dy less its mean there; 0 elsewhere.
pub fn sparsemax_backward<F: Real>(y: &[F], dy: &mut [F], width: usize) {
    each_row_of(y, dy, width, |y, dy| {
        for (y, dy) in y.chunks_exact(width).zip(dy.chunks_exact_mut(width)) {
            let (mut sum, mut count) = (0.0, 0.0);
            for (_, dy) in y.iter().zip(&*dy).filter(|(y, _)| **y > F::ZERO) {
                sum += dy.f64();
                count += 1.0;
            }
            let mean = F::of(sum / count);
            for (&y, dy) in y.iter().zip(dy) {
                *dy = if y > F::ZERO { *dy - mean } else { F::ZERO };
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_numbers() {
        let mut x = [0.5, 0.3, -0.2, 3.0, 1.0, 1.0, f64::NEG_INFINITY, 0.0, 0.25];
        sparsemax(&mut x, 3);
        let expected = [0.6, 0.4, 0.0, 1.0, 0.0, 0.0, 0.0, 0.375, 0.625];
        for (x, expected) in x.iter().zip(expected) {
            assert!((x - expected).abs() < 1e-15, "{x} {expected}");
        }
    }

    #[test]
    fn threshold_is_that_of_the_sorted_definition() {
        for n in 1..60 {
            let row: Vec<f64> = (0..n).map(|i| ((i * 37 % 59) as f64) / 20.0).collect();
            let mut sorted = row.clone();
            sorted.sort_by(|a, b| b.total_cmp(a));
            let (mut sum, mut threshold) = (0.0, 0.0);
            for (k, x) in sorted.iter().enumerate() {
                sum += x;
                let candidate = (sum - 1.0) / (k + 1) as f64;
                if *x > candidate {
                    threshold = candidate;
                }
            }
            assert!((simplex_threshold(&row) - threshold).abs() < 1e-14);
        }
    }

    #[test]
    fn gradient_is_centred_on_the_support() {
        let mut dy = [1.0_f32, 3.0, 5.0];
        sparsemax_backward(&[0.6, 0.4, 0.0], &mut dy, 3);
        assert_eq!(dy, [-1.0, 1.0, 0.0]);
    }

    #[test]
    fn broken_rows_become_nan() {
        for bad in [f32::NAN, f32::INFINITY] {
            let mut x = [0.0, bad, 1.0];
            sparsemax(&mut x, 3);
            assert!(x.iter().all(|x| x.is_nan()) || x[1].is_nan());
        }
    }
}
