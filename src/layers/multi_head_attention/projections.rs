//! The projections: each is a matrix product of rows of `inputs` numbers to rows of `outputs`.

use super::MultiHeadAttention;
use crate::kernels::gemm::{Epilogue, Gemm, Matrix, MatrixMut, Operand, gemm};
use crate::kernels::reduce::column_sums;
use crate::layer::{Backward, Forward, Grad};
use crate::real::Real;

/// A projection, in the order of its weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Query,
    Key,
    Gate,
    Value,
    Output,
}

impl MultiHeadAttention {
    /// The projections there are.
    pub(super) fn parts(&self) -> impl Iterator<Item = Part> {
        let parts = [
            Part::Query,
            Part::Key,
            Part::Gate,
            Part::Value,
            Part::Output,
        ];
        let use_gate = self.use_gate;
        parts
            .into_iter()
            .filter(move |&part| use_gate || part != Part::Gate)
    }

    /// The number of the kernel of a projection among the weights; its bias is the next.
    pub(super) fn kernel(&self, part: Part) -> usize {
        let place = self.parts().take_while(|&other| other != part).count();
        place * if self.use_bias { 2 } else { 1 }
    }

    /// The input a projection reads.
    pub(super) fn input_of(&self, part: Part) -> usize {
        match part {
            Part::Query | Part::Gate | Part::Output => 0,
            Part::Value => 1,
            Part::Key => {
                if self.has_key {
                    2
                } else {
                    1
                }
            }
        }
    }

    /// `y = x W + b`.
    pub(super) fn project<F: Real>(&self, cx: &Forward<'_, F>, part: Part, x: &[F], y: &mut [F]) {
        let weight = self.kernel(part);
        let kernel = cx.param(weight);
        let outputs = self.outputs_of(part, cx.output_shape(0), cx.input_shape(0).len());
        let inputs = kernel.len() / outputs;
        let bias = self.use_bias.then(|| cx.param(weight + 1));
        gemm(
            Gemm::nn(y.len() / outputs, outputs, inputs),
            Matrix::new(x, inputs),
            Operand::Plain(Matrix::new(kernel, outputs)),
            F::ZERO,
            MatrixMut::new(y, outputs),
            Epilogue { bias, relu: false },
        );
    }

    /// Numbers in a row of a projection's output.
    fn outputs_of(&self, part: Part, output: &[usize], query_rank: usize) -> usize {
        match part {
            Part::Query | Part::Key => self.num_heads * self.key_dim,
            Part::Gate | Part::Value => self.num_heads * self.value_dim(),
            Part::Output => output[query_rank - 1..].iter().product(),
        }
    }

    /// `dW = x^T dy` and `db = sum of the rows of dy`.
    pub(super) fn weights_backward<F: Real>(
        &self,
        cx: &mut Backward<'_, F>,
        part: Part,
        x: &[F],
        dy: &[F],
    ) {
        let weight = self.kernel(part);
        let outputs = self.outputs_of(part, cx.output_shape(0), cx.input_shape(0).len());
        let inputs = cx.param(weight).len() / outputs;
        if let Some(grad) = cx.grad_param(weight) {
            gemm(
                Gemm::tn(inputs, outputs, dy.len() / outputs),
                Matrix::new(x, inputs),
                Operand::Plain(Matrix::new(dy, outputs)),
                grad.beta(),
                MatrixMut::new(grad.values, outputs),
                Epilogue::default(),
            );
        }
        if self.use_bias
            && let Some(grad) = cx.grad_param(weight + 1)
        {
            column_sums(dy, outputs, grad.values, grad.accumulate);
        }
    }

    /// `dx = dy W^T`.
    pub(super) fn input_backward<F: Real>(
        &self,
        cx: &Backward<'_, F>,
        part: Part,
        dy: &[F],
        dx: &mut [F],
        accumulate: bool,
    ) {
        let kernel = cx.param(self.kernel(part));
        let outputs = self.outputs_of(part, cx.output_shape(0), cx.input_shape(0).len());
        let inputs = kernel.len() / outputs;
        gemm(
            Gemm::nt(dy.len() / outputs, inputs, outputs),
            Matrix::new(dy, outputs),
            Operand::Plain(Matrix::new(kernel, outputs)),
            if accumulate { F::ONE } else { F::ZERO },
            MatrixMut::new(dx, inputs),
            Epilogue::default(),
        );
    }

    /// Both for a projection of an input; further ones of the same input add to its gradient.
    pub(super) fn part_backward<F: Real>(
        &self,
        cx: &mut Backward<'_, F>,
        part: Part,
        dy: &[F],
        grad: &mut Option<Grad<'_, F>>,
    ) {
        self.weights_backward(cx, part, cx.input(self.input_of(part)), dy);
        if let Some(grad) = grad {
            self.input_backward(cx, part, dy, grad.values, grad.accumulate);
            grad.accumulate = true;
        }
    }

    pub(super) fn clear_weights<F: Real>(&self, cx: &mut Backward<'_, F>, part: Part) {
        let weight = self.kernel(part);
        for i in weight..weight + if self.use_bias { 2 } else { 1 } {
            if let Some(mut grad) = cx.grad_param(i) {
                grad.clear();
            }
        }
    }
}
