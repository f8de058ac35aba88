//! The way back from vectors to a number for each id: `logits = x E^T`, of ReversibleEmbedding.
//!
//! With a soft cap c: `y = c tanh(logits / c)`, so `dlogits = dy (1 - (y / c)^2)`.

use super::Embedding;
use crate::kernels::broadcast::{Aligned, fold, map};
use crate::kernels::gemm::{Epilogue, Gemm, Matrix, MatrixMut, Operand, gemm};
use crate::layer::{Backward, Forward};
use crate::real::Real;

impl<const REVERSIBLE: bool> Embedding<REVERSIBLE> {
    /// The number of the weight that leads back; a table of its own lies the other way round.
    fn reverse_weight(&self) -> usize {
        usize::from(!self.tie_weights)
    }

    pub(super) fn reverse_forward<F: Real>(&self, cx: &mut Forward<'_, F>) {
        let (ids, width, rows) = (
            self.input_dim,
            self.output_dim,
            cx.input(0).len() / self.output_dim,
        );
        let shape = Gemm {
            trans_b: self.tie_weights,
            ..Gemm::nn(rows, ids, width)
        };
        let ld = if self.tie_weights { width } else { ids };
        let y = cx.output(0);
        gemm(
            shape,
            Matrix::new(cx.input(0), width),
            Operand::Plain(Matrix::new(cx.param(self.reverse_weight()), ld)),
            F::ZERO,
            MatrixMut::new(y, ids),
            Epilogue::default(),
        );
        if let Some(cap) = self.logit_soft_cap {
            let cap = F::of(cap);
            map(y, |logit| (logit / cap).tanh() * cap);
        }
    }

    pub(super) fn reverse_backward<F: Real>(&self, cx: &mut Backward<'_, F>) {
        let Some(dy) = cx.grad_output_mut(0) else {
            return;
        };
        let (ids, width, rows) = (
            self.input_dim,
            self.output_dim,
            cx.input(0).len() / self.output_dim,
        );
        if let Some(cap) = self.logit_soft_cap {
            let (cap, len) = (F::of(cap), [dy.len()]);
            let same = Aligned::new(&len, &len);
            fold(dy, cx.output(0), same, |dy, y| {
                dy * (F::ONE - (y / cap) * (y / cap))
            });
        }
        let x = Matrix::new(cx.input(0), width);
        let logits = Matrix::new(&*dy, ids);
        if let Some(grad) = cx.grad_param(self.reverse_weight()) {
            let (shape, a, b, ld) = match self.tie_weights {
                true => (Gemm::tn(ids, width, rows), logits, x, width),
                false => (Gemm::tn(width, ids, rows), x, logits, ids),
            };
            let (beta, to) = (grad.beta(), MatrixMut::new(grad.values, ld));
            gemm(shape, a, Operand::Plain(b), beta, to, Epilogue::default());
        }
        if !self.tie_weights
            && let Some(mut grad) = cx.grad_param(0)
        {
            grad.clear();
        }
        if let Some(grad) = cx.grad_input(0) {
            let shape = Gemm {
                trans_b: !self.tie_weights,
                ..Gemm::nn(rows, width, ids)
            };
            let ld = if self.tie_weights { width } else { ids };
            let kernel = Operand::Plain(Matrix::new(cx.param(self.reverse_weight()), ld));
            let (beta, to) = (grad.beta(), MatrixMut::new(grad.values, width));
            gemm(shape, logits, kernel, beta, to, Epilogue::default());
        }
    }
}
