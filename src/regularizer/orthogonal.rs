//! A penalty on rows or columns of a matrix that are not at right angles.
//!
//! ```text
//! u_i = w_i / |w_i|        penalty = factor * mean over pairs i < j of |u_i u_j|
//! dw_i = factor / pairs * (sum over j of sign(u_i u_j) u_j - u_i * sum over j of |u_i u_j|) / |w_i|
//! ```

use serde::Deserialize;

use crate::kernels::gemm::{Epilogue, Gemm, Matrix, MatrixMut, Operand, gemm};
use crate::kernels::scratch::with_scratch;
use crate::real::Real;

/// The shortest length that is divided by, as in Keras.
const SHORTEST: f64 = 1e-7;

/// Which vectors of a matrix are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vectors {
    /// Its rows.
    #[default]
    Rows,
    /// Its columns.
    Columns,
}

/// The penalty.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Orthogonal {
    /// The weight of the mean.
    pub factor: f64,
    mode: Vectors,
}

impl Default for Orthogonal {
    fn default() -> Self {
        Self {
            factor: 0.01,
            mode: Vectors::Rows,
        }
    }
}

/// A matrix whose vectors have length 1, and their products.
struct Angles<'a, F> {
    units: &'a mut [F],
    products: &'a mut [F],
    /// One over the length of each vector.
    inverses: &'a mut [F],
}

impl Orthogonal {
    /// What a matrix costs.
    pub fn penalty<F: Real>(&self, [rows, columns]: [usize; 2], values: &[F]) -> f64 {
        let count = self.count(rows, columns);
        if count < 2 {
            return 0.0;
        }
        self.with_angles([rows, columns], values, |angles| {
            let above = |i: usize| &angles.products[i * count + i + 1..(i + 1) * count];
            let sum: f64 = (0..count)
                .flat_map(above)
                .map(|product| product.f64().abs())
                .sum();
            self.factor * sum / pairs(count)
        })
    }

    /// Adds `factor` times the gradient of the penalty.
    pub fn add_gradient<F: Real>(
        &self,
        [rows, columns]: [usize; 2],
        values: &[F],
        factor: f64,
        grad_values: &mut [F],
    ) {
        let count = self.count(rows, columns);
        if count < 2 {
            return;
        }
        let factor = F::of(factor * self.factor / pairs(count));
        self.with_angles([rows, columns], values, |angles| {
            let Angles {
                units,
                products,
                inverses,
            } = angles;
            with_scratch(values.len() + count, |room: &mut [F]| {
                let (pulls, sums) = room.split_at_mut(values.len());
                for (i, (row, sum)) in products.chunks_exact_mut(count).zip(&mut *sums).enumerate()
                {
                    row[i] = F::ZERO;
                    *sum = row.iter().fold(F::ZERO, |sum, product| sum + product.abs());
                    row.iter_mut().for_each(|product| *product = sign(*product));
                }
                let (signs, units) = (Matrix::new(products, count), Matrix::new(units, columns));
                let (shape, a, b) = match self.mode {
                    Vectors::Rows => (Gemm::nn(rows, columns, rows), signs, units),
                    Vectors::Columns => (Gemm::nn(rows, columns, columns), units, signs),
                };
                multiply(shape, a, b, MatrixMut::new(pulls, columns));
                for (i, ((grad, &pull), &unit)) in grad_values
                    .iter_mut()
                    .zip(&*pulls)
                    .zip(units.values)
                    .enumerate()
                {
                    let v = self.vector(i, columns);
                    *grad += factor * inverses[v] * (pull - unit * sums[v]);
                }
            });
        });
    }

    fn with_angles<F: Real, R>(
        &self,
        [rows, columns]: [usize; 2],
        values: &[F],
        work: impl FnOnce(Angles<'_, F>) -> R,
    ) -> R {
        let count = self.count(rows, columns);
        with_scratch(values.len() + count * count + count, |room: &mut [F]| {
            let (units, room) = room.split_at_mut(values.len());
            let (products, inverses) = room.split_at_mut(count * count);
            inverses.fill(F::ZERO);
            for (i, &w) in values.iter().enumerate() {
                inverses[self.vector(i, columns)] += w * w;
            }
            for inverse in &mut *inverses {
                *inverse = F::ONE / inverse.sqrt().maximum(F::of(SHORTEST));
            }
            for (i, (unit, &w)) in units.iter_mut().zip(values).enumerate() {
                *unit = w * inverses[self.vector(i, columns)];
            }
            let shape = match self.mode {
                Vectors::Rows => Gemm::nt(rows, rows, columns),
                Vectors::Columns => Gemm::tn(columns, columns, rows),
            };
            let vectors = Matrix::new(&*units, columns);
            multiply(shape, vectors, vectors, MatrixMut::new(products, count));
            work(Angles {
                units,
                products,
                inverses,
            })
        })
    }

    /// How many vectors there are.
    fn count(&self, rows: usize, columns: usize) -> usize {
        match self.mode {
            Vectors::Rows => rows,
            Vectors::Columns => columns,
        }
    }

    /// The vector that element `i` belongs to.
    fn vector(&self, i: usize, columns: usize) -> usize {
        match self.mode {
            Vectors::Rows => i / columns,
            Vectors::Columns => i % columns,
        }
    }
}

fn pairs(count: usize) -> f64 {
    count as f64 * (count - 1) as f64 / 2.0
}

fn sign<F: Real>(x: F) -> F {
    F::of_usize(usize::from(x > F::ZERO)) - F::of_usize(usize::from(x < F::ZERO))
}

fn multiply<F: Real>(shape: Gemm, a: Matrix<'_, F>, b: Matrix<'_, F>, c: MatrixMut<'_, F>) {
    gemm(shape, a, Operand::Plain(b), F::ZERO, c, Epilogue::default());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows (3, 0), (4, 4), (0, -2): their angles' cosines are sqrt(1/2), 0 and -sqrt(1/2).
    const VALUES: [f64; 6] = [3.0, 0.0, 4.0, 4.0, 0.0, -2.0];

    fn columns() -> Orthogonal {
        Orthogonal {
            factor: 0.3,
            mode: Vectors::Columns,
        }
    }

    #[test]
    fn the_penalty_is_the_mean_cosine_of_pairs() {
        let rows = Orthogonal::default().penalty([3, 2], &VALUES);
        assert!((rows - 0.01 * 2.0 * 0.5f64.sqrt() / 3.0).abs() < 1e-15);
        let columns = columns().penalty([3, 2], &VALUES);
        assert!((columns - 0.3 * 16.0 / (5.0 * 20f64.sqrt())).abs() < 1e-15);
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_penalty() {
        for regularizer in [Orthogonal::default(), columns()] {
            let values = [3.0, 0.5, 4.0, 4.0, 0.3, -2.0];
            let mut grads = [1.0; 6];
            regularizer.add_gradient([3, 2], &values, 2.0, &mut grads);
            for i in 0..6 {
                let at = |step: f64| {
                    let mut moved = values;
                    moved[i] += step;
                    regularizer.penalty([3, 2], &moved)
                };
                let slope = (at(1e-6) - at(-1e-6)) / 2e-6;
                assert!((grads[i] - 1.0 - 2.0 * slope).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn one_vector_and_vectors_of_zeros_cost_nothing() {
        let regularizer = Orthogonal::default();
        assert_eq!(regularizer.penalty([1, 3], &[1.0f32, 2.0, 3.0]), 0.0);
        assert_eq!(regularizer.penalty([2, 2], &[0.0f32; 4]), 0.0);
        let mut grads = [0.0f32; 4];
        regularizer.add_gradient([2, 2], &[0.0, 0.0, 1.0, 2.0], 1.0, &mut grads);
        assert_eq!(grads, [0.0; 4]);
    }
}
