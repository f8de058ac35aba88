//! A matrix turned over, for products that are cheaper the other way round.

use super::Matrix;
use crate::kernels::simd::{Kernel, LANES, Simd, dispatch};
use crate::parallel;
use crate::real::Real;

/// Writes the transpose of `from` to `to`: rows of `width` numbers, one for each column of `from`.
pub(super) fn transpose<F: Real>(from: Matrix<'_, F>, width: usize, to: &mut [F]) {
    parallel::for_each_chunk_mut(to, LANES * width, |chunk, to| {
        let values = &from.values[chunk * LANES..];
        if let (Some(values), Some(to)) = (F::as_f32(values), F::as_f32_mut(to)) {
            let from = Matrix::new(values, from.ld);
            return dispatch(Squares { from, width, to });
        }
        for (j, row) in to.chunks_exact_mut(width).enumerate() {
            for (i, to) in row.iter_mut().enumerate() {
                *to = values[i * from.ld + j];
            }
        }
    });
}

/// [`transpose`] of up to [`LANES`] columns of `f32`, in squares.
struct Squares<'a> {
    from: Matrix<'a, f32>,
    width: usize,
    to: &'a mut [f32],
}

impl Kernel for Squares<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Matrix { values, ld } = self.from;
        let columns = self.to.len() / self.width;
        let mut square = [s.zero(); LANES];
        for first in (0..self.width).step_by(LANES) {
            let rows = LANES.min(self.width - first);
            for (i, row) in square[..rows].iter_mut().enumerate() {
                *row = s.load_partial(&values[(first + i) * ld..][..columns]);
            }
            s.transpose(&mut square);
            for (j, row) in square[..columns].iter().enumerate() {
                s.store_partial(&mut self.to[j * self.width + first..][..rows], *row);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::{available, with_isa};

    fn turned<F: Real>(rows: usize, columns: usize) {
        let ld = columns + 3;
        let from: Vec<F> = (0..rows * ld).map(|i| F::of(i as f64)).collect();
        let mut to = vec![F::ZERO; rows * columns];
        transpose(Matrix::new(&from, ld), rows, &mut to);
        for (at, &got) in to.iter().enumerate() {
            assert_eq!(
                got,
                from[at % rows * ld + at / rows],
                "{rows} x {columns} at {at}"
            );
        }
    }

    #[test]
    fn rows_become_columns_on_every_level() {
        for level in available() {
            with_isa(level, || {
                for (rows, columns) in [(1, 1), (16, 16), (5, 40), (33, 7), (70, 50)] {
                    turned::<f32>(rows, columns);
                    turned::<f64>(rows, columns);
                }
            });
        }
    }
}
