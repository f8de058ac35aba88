//! Products of a matrix and a vector, which read the matrix once and so are as fast as memory is.
//!
//! Parts depend on sizes alone, so the bits depend neither on the number of threads nor on the level.

use std::ops::Range;

use super::each::{each_row, each_with};
use super::norm::lane_sum;
use super::reduce::{COLUMNS, RowTerm, fold_rows};
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::parallel::{for_each_chunk_mut, sum_chunks};
use crate::real::Real;

/// Elements of a matrix in one chunk of rows, at least.
const CHUNK: usize = 1 << 14;

/// `y = matrix x`, the matrix in rows as long as `x`.
///
/// # Panics
/// If the matrix has not as many rows as `y` is long.
pub fn matrix_times<F: Real>(matrix: &[F], x: &[F], y: &mut [F]) {
    assert_eq!(matrix.len(), x.len() * y.len(), "a row for each result");
    let rows = CHUNK.div_ceil(x.len().max(1));
    for_each_chunk_mut(y, rows, |index, y| {
        let matrix = &matrix[index * rows * x.len()..][..y.len() * x.len()];
        dispatch(Rows { matrix, x, y });
    });
}

struct Rows<'a, F> {
    matrix: &'a [F],
    x: &'a [F],
    y: &'a mut [F],
}

impl<F: Real> Kernel for Rows<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let width = self.x.len();
        for (i, y) in self.y.iter_mut().enumerate() {
            let row = &self.matrix[i * width..][..width];
            *y = lane_sum(row, self.x, |w, x| w * x);
        }
    }
}

/// `y = matrix' x`, the matrix in rows as long as `y`.
///
/// # Panics
/// If the matrix has not as many rows as `x` is long.
pub fn transposed_times<F: Real>(matrix: &[F], x: &[F], y: &mut [F]) {
    struct Weighted<'a, F>(&'a [F], &'a [F], usize);
    impl<F: Real> RowTerm<F, 1> for Weighted<'_, F> {
        #[inline(always)]
        fn add(&self, row: usize, columns: Range<usize>, [sums]: &mut [[F; COLUMNS]; 1]) {
            let (x, weight) = (&self.0[row * self.2..][columns], self.1[row]);
            each_with(sums, x, |sum, x| sum + weight * x);
        }
    }
    assert_eq!(matrix.len(), x.len() * y.len(), "a weight for each row");
    let width = y.len();
    fold_rows(&Weighted(matrix, x, width), x.len(), width, [y], false);
}

/// The sum of the products, in double precision.
///
/// # Panics
/// If the lengths differ.
pub fn dot<F: Real>(a: &[F], b: &[F]) -> f64 {
    struct Products<'a, F>(&'a [F], &'a [F]);
    impl<F: Real> Kernel for Products<'_, F> {
        type Output = f64;
        #[inline(always)]
        fn run<S: Simd>(self, _: S) -> f64 {
            lane_sum(self.0, self.1, |a: F, b: F| a.f64() * b.f64())
        }
    }
    assert_eq!(a.len(), b.len(), "pairs");
    sum_chunks(a.len(), CHUNK, |range| {
        dispatch(Products(&a[range.clone()], &b[range]))
    })
}

/// `matrix = (matrix - v u') / divisor`, the matrix in rows as long as `u`.
///
/// # Panics
/// If the matrix has not as many rows as `v` is long.
pub fn subtract_outer<F: Real>(matrix: &mut [F], v: &[F], u: &[F], divisor: F) {
    struct Outer<'a, F>(&'a mut [F], &'a [F], &'a [F], F);
    impl<F: Real> Kernel for Outer<'_, F> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, _: S) {
            let Self(matrix, v, u, factor) = self;
            each_row(matrix, u.len(), |row, matrix| {
                let v = v[row];
                each_with(matrix, u, |w, u| (w - v * u) * factor);
            });
        }
    }
    assert_eq!(matrix.len(), v.len() * u.len(), "an element for each pair");
    let (rows, factor) = (CHUNK.div_ceil(u.len().max(1)), F::ONE / divisor);
    for_each_chunk_mut(matrix, (rows * u.len()).max(1), |index, part| {
        dispatch(Outer(part, &v[index * rows..], u, factor));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_the_definition() {
        for (rows, columns) in [(1, 1), (3, 5), (17, 33), (300, 70)] {
            let number = |i: usize| ((i * 7919) % 101) as f64 / 50.0 - 1.0;
            let matrix: Vec<f64> = (0..rows * columns).map(number).collect();
            let v: Vec<f64> = (0..rows).map(number).collect();
            let u: Vec<f64> = (0..columns).map(number).collect();
            let (mut by_rows, mut by_columns) = (vec![9.0; rows], vec![9.0; columns]);
            matrix_times(&matrix, &u, &mut by_rows);
            transposed_times(&matrix, &v, &mut by_columns);
            for (i, &y) in by_rows.iter().enumerate() {
                let exact: f64 = (0..columns).map(|j| matrix[i * columns + j] * u[j]).sum();
                assert!((y - exact).abs() < 1e-12);
            }
            for (j, &y) in by_columns.iter().enumerate() {
                let exact: f64 = (0..rows).map(|i| matrix[i * columns + j] * v[i]).sum();
                assert!((y - exact).abs() < 1e-12);
            }
            let exact: f64 = by_rows.iter().zip(&v).map(|(a, b)| a * b).sum();
            assert!((dot(&by_rows, &v) - exact).abs() < 1e-12);
            let mut rest = matrix.clone();
            subtract_outer(&mut rest, &v, &u, 2.0);
            for (i, &w) in rest.iter().enumerate() {
                let exact = (matrix[i] - v[i / columns] * u[i % columns]) / 2.0;
                assert!((w - exact).abs() < 1e-14);
            }
        }
    }
}
