//! Muon (Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024): the momentum of a matrix, all its
//! singular values brought near 1 by Newton and Schulz's iteration.
//!
//! ```text
//! m = momentum m + g      X = (g + momentum m, or m) / |X|      X = a X + (b A + c A A) X,  A = X X^T, ns_steps times
//! w -= lr rms_rate sqrt(max(rows, columns)) X
//! ```
//! All that is no matrix, embeddings, and layers that are left out learn by Adam.

use serde::Deserialize;

use super::{Adam, Optimizer, Segment, Slots, Step};
use crate::error::{Error, Result};
use crate::kernels::gemm::{Epilogue, Gemm, Matrix, MatrixMut, Operand, gemm};
use crate::kernels::optimizer::{Rule, square_sum, update, zip_apply};
use crate::kernels::scratch::with_scratch;
use crate::real::Real;

/// Momentum made orthogonal for matrices, Adam for the rest.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Muon {
    /// The share of Adam's mean of the gradients that is kept.
    pub adam_beta_1: f64,
    /// The share of Adam's mean of squares that is kept.
    pub adam_beta_2: f64,
    /// The weight decay where Adam is used.
    pub adam_weight_decay: Option<f64>,
    /// Added to Adam's divisor.
    pub epsilon: f64,
    /// Words in the names of weights that learn by Adam.
    pub exclude_layers: Option<Vec<String>>,
    /// Whether embeddings learn by Adam.
    pub exclude_embeddings: bool,
    /// The coefficients of the iteration.
    pub muon_a: f64,
    /// See `muon_a`.
    pub muon_b: f64,
    /// See `muon_a`.
    pub muon_c: f64,
    /// Adam's learning rate as a multiple of Muon's.
    pub adam_lr_ratio: f64,
    /// The share of the momentum that is kept.
    pub momentum: f64,
    /// How often the iteration is applied.
    pub ns_steps: usize,
    /// Whether to look a step ahead.
    pub nesterov: bool,
    /// The root mean square of a step of a square matrix at learning rate 1; none leaves it as it comes.
    pub rms_rate: Option<f64>,
}

impl Default for Muon {
    fn default() -> Self {
        Self {
            adam_beta_1: 0.9,
            adam_beta_2: 0.999,
            adam_weight_decay: Some(0.004),
            epsilon: 1e-7,
            exclude_layers: None,
            exclude_embeddings: true,
            muon_a: 3.4445,
            muon_b: -4.775,
            muon_c: 2.0315,
            adam_lr_ratio: 1.0,
            momentum: 0.95,
            ns_steps: 5,
            nesterov: true,
            rms_rate: Some(0.2),
        }
    }
}

#[derive(Clone, Copy)]
struct Gather<F>(F);

impl<F: Real> Rule<F, 1> for Gather<F> {
    #[inline(always)]
    fn step(&self, w: F, g: F, [m]: &mut [F; 1]) -> F {
        *m += g + *m * (self.0 - F::ONE);
        w
    }
}

impl Muon {
    pub(super) fn checked(self) -> Result<Self> {
        for word in self.exclude_layers.iter().flatten() {
            if word.is_empty() || word.contains(|c: char| "^$*+?()[]{}|\\".contains(c)) {
                let got = format!("{word:?}");
                return Err(
                    Error::config("exclude_layers as parts of names of weights", got)
                        .remedy("Name the layers one by one: patterns are not supported.")
                        .at("Muon"),
                );
            }
        }
        Ok(self)
    }

    fn is_adams(&self, weight: &Segment) -> bool {
        let mut words = self.exclude_layers.iter().flatten();
        weight.shape.len() != 2
            || (self.exclude_embeddings && weight.name.to_lowercase().contains("embedding"))
            || words.any(|word| weight.name.contains(word))
    }

    /// `x` with its singular values near 1. `other` and the two squares are room.
    fn orthogonalize<'a, F: Real>(
        &self,
        (rows, columns): (usize, usize),
        mut x: &'a mut [F],
        mut other: &'a mut [F],
        (square, fourth): (&mut [F], &mut [F]),
    ) {
        let side = rows.min(columns);
        let norm = F::of(square_sum(x).sqrt()) + F::of(1e-7);
        x.iter_mut().for_each(|x| *x /= norm);
        let (a, b, c) = (F::of(self.muon_a), F::of(self.muon_b), F::of(self.muon_c));
        fn plain<F>(values: &[F], ld: usize) -> Operand<'_, F> {
            Operand::Plain(Matrix::new(values, ld))
        }
        for _ in 0..self.ns_steps {
            // The smaller of X X^T and X^T X; multiplied from its side, both give the same.
            let whole = Matrix::new(&*x, columns);
            let shape = if rows <= columns {
                Gemm::nt(side, side, columns)
            } else {
                Gemm::tn(side, side, rows)
            };
            let to = MatrixMut::new(&mut *square, side);
            gemm(
                shape,
                whole,
                Operand::Plain(whole),
                F::ZERO,
                to,
                Epilogue::default(),
            );
            let to = MatrixMut::new(&mut *fourth, side);
            let left = Matrix::new(&*square, side);
            let shape = Gemm::nn(side, side, side);
            gemm(
                shape,
                left,
                plain(&*square, side),
                F::ZERO,
                to,
                Epilogue::default(),
            );
            zip_apply(fourth, square, |fourth, square| b * square + c * fourth);
            other.copy_from_slice(x);
            let to = MatrixMut::new(&mut *other, columns);
            if rows <= columns {
                let left = Matrix::new(&*fourth, side);
                let shape = Gemm::nn(rows, columns, side);
                gemm(
                    shape,
                    left,
                    Operand::Plain(whole),
                    a,
                    to,
                    Epilogue::default(),
                );
            } else {
                let shape = Gemm::nn(rows, columns, side);
                gemm(
                    shape,
                    whole,
                    plain(&*fourth, side),
                    a,
                    to,
                    Epilogue::default(),
                );
            }
            std::mem::swap(&mut x, &mut other);
        }
        if self.ns_steps % 2 == 1 {
            other.copy_from_slice(x); // back to where the caller looks
        }
    }
}

impl<F: Real> Optimizer<F> for Muon {
    fn kind(&self) -> &'static str {
        "Muon"
    }

    fn slots(&self, weight: &Segment) -> Slots {
        if self.is_adams(weight) {
            Slots::Elementwise(&["momentum", "velocity"])
        } else {
            Slots::Elementwise(&["momentum"])
        }
    }

    fn weight_decay(&self, weight: &Segment, shared: Option<f64>) -> Option<f64> {
        if self.is_adams(weight) {
            self.adam_weight_decay
        } else {
            shared
        }
    }

    fn update(
        &self,
        step: &Step<F>,
        weight: &Segment,
        weights: &mut [F],
        grads: &[F],
        slots: &mut [F],
    ) {
        let &[rows, columns] = weight.shape.as_slice() else {
            return self.adam_update(step, weight, weights, grads, slots);
        };
        if self.is_adams(weight) || rows.min(columns) == 0 {
            return self.adam_update(step, weight, weights, grads, slots);
        }
        let momentum = F::of(self.momentum);
        update::<F, 1>(Gather(momentum), step.common, weights, grads, slots);
        let (len, squares) = (rows * columns, rows.min(columns).pow(2));
        with_scratch(2 * (len + squares), |room: &mut [F]| {
            let (x, room) = room.split_at_mut(len);
            let (other, room) = room.split_at_mut(len);
            let (square, fourth) = room.split_at_mut(squares);
            x.copy_from_slice(slots);
            if self.nesterov {
                let common = step.common;
                zip_apply(x, grads, |m, g| common.gradient(g) + momentum * m);
            }
            self.orthogonalize((rows, columns), x, other, (square, fourth));
            let adjusted = self
                .rms_rate
                .map_or(1.0, |rate| rate * (rows.max(columns) as f64).sqrt());
            let rate = F::of(step.learning_rate * adjusted);
            zip_apply(weights, x, |w, x| w - rate * x);
        });
    }
}

impl Muon {
    fn adam_update<F: Real>(
        &self,
        step: &Step<F>,
        weight: &Segment,
        weights: &mut [F],
        grads: &[F],
        slots: &mut [F],
    ) {
        let adam = Adam {
            beta_1: self.adam_beta_1,
            beta_2: self.adam_beta_2,
            epsilon: self.epsilon,
            ..Adam::default()
        };
        let step = Step {
            learning_rate: step.learning_rate * self.adam_lr_ratio,
            ..*step
        };
        adam.update(&step, weight, weights, grads, slots);
    }
}
