//! How every convolution ends: `y = activation(sums + bias)`.

use crate::error::{Error, Result};
use crate::kernels::activation::{Activation, Relu};
use crate::kernels::gemm::Epilogue;
use crate::kernels::reduce::column_sums;
use crate::layer::{Backward, Forward, Mode};
use crate::layers::data_format::DataFormat;
use crate::real::Real;
use crate::shape::{Shape, checked_elements};

/// Bias and activation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending<'a> {
    pub activation: &'a Activation,
    /// Which of the weights is the bias.
    pub bias: Option<usize>,
    /// Which of the saved buffers keeps the sums, if one does.
    pub saved: usize,
    /// The sums come with the ReLU done, if the epilogue asks for it.
    pub fused: bool,
}

impl Ending<'_> {
    /// Refuses activations that change the shape or go along another axis than the user's last one.
    pub fn check(&self, data_format: DataFormat) -> Result<()> {
        if !self.activation.keeps_shape() {
            let got = format!("{:?}", self.activation.name());
            return Err(Error::config("an activation that keeps the shape", got)
                .remedy("Put an Activation layer behind."));
        }
        data_format.check_activation(self.activation)
    }

    /// The length of the buffer for the sums: kept where the derivative cannot be had from the output.
    pub fn sums(&self, output: &Shape, mode: Mode) -> Result<Option<usize>> {
        (mode.backward && self.activation.needs_input())
            .then(|| checked_elements(&output.sizes()?))
            .transpose()
    }

    /// Lets `add_up` write the sums with the epilogue done, and activates them.
    pub fn forward<F: Real>(
        &self,
        cx: &mut Forward<'_, F>,
        add_up: impl FnOnce(Epilogue<'_, F>, &mut [F]),
    ) {
        let width = cx.output_shape(0).last().copied().unwrap_or(1);
        let activation = if cx.defers_activation() {
            &Activation::Linear
        } else {
            self.activation
        };
        let relu = self.fused && *activation == Activation::Relu(Relu::PLAIN);
        let epilogue = Epilogue {
            bias: self.bias.map(|bias| cx.param(bias)),
            relu,
        };
        let output = cx.output(0);
        if cx.num_saved() > self.saved && !cx.defers_activation() {
            let sums = cx.saved(self.saved);
            add_up(epilogue, sums);
            activation.forward(sums, output, width);
        } else {
            add_up(epilogue, output);
            if !relu {
                activation.forward_in_place(output, width);
            }
        }
    }

    /// The gradient by the sums, in the memory of that by the output; gives the bias its own. `None` if nothing is wanted.
    pub fn backward<'a, F: Real>(&self, cx: &mut Backward<'a, F>) -> Option<&'a [F]> {
        let dz = cx.grad_output_mut(0)?;
        let width = cx.output_shape(0).last().copied().unwrap_or(1);
        if !cx.defers_activation() {
            let kept = self.activation.needs_input();
            let sums = kept.then(|| &*cx.saved(self.saved));
            self.activation
                .backward_in_place(sums, cx.output(0), dz, width);
        }
        if let Some(bias) = self.bias.and_then(|bias| cx.grad_param(bias)) {
            column_sums(dz, width, bias.values, bias.accumulate);
        }
        Some(dz)
    }
}
