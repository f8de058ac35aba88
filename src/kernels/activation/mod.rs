//! The 30 activation functions of Keras, forward and backward, over slices.
//!
//! Formulas are those of Keras 3 on JAX. Unlike there, NaN is never replaced by a number, and a product whose limit at
//! infinity is 0 (silu, mish, gelu, hard_silu) is 0 there and not NaN.

mod config;
mod glu;
mod hinged;
mod pointwise;
mod smooth;

use crate::kernels::arithmetic::Double;
use crate::kernels::broadcast::{Aligned, fold};
use crate::kernels::softmax::{
    log_softmax, log_softmax_backward, log_softmax_of, softmax, softmax_backward, softmax_of,
};
use crate::kernels::sparsemax::{sparsemax, sparsemax_backward};
use crate::parallel::{for_each_chunk_mut, for_each_chunk_mut2};
use crate::real::Real;

pub use hinged::{HardShrink, HardSilu, LeakyRelu, Ramp, Relu, SoftShrink, SparsePlus, Threshold};
pub use pointwise::{Pointwise, gradients, slopes, values, values_and_slopes, values_of};
pub use smooth::{
    Elu, Exponential, Gelu, GeluTanh, LogSigmoid, Mish, Sigmoid, Silu, Softplus, Softsign,
    Squareplus, Tanh, TanhShrink,
};

/// Elements one chunk holds.
const CHUNK: usize = 1 << 13;

/// An activation function with its parameters. Read from Keras's config: a name or `{"name": …, parameters}`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum Activation {
    /// `x`
    #[default]
    Linear,
    /// `max(x, 0)` and its variants.
    Relu(Relu),
    /// `clamp(x, 0, 6)`
    Relu6,
    /// `x` above 0, `negative_slope * x` below.
    LeakyRelu(LeakyRelu),
    /// `x` above 0, `alpha (e^x - 1)` below.
    Elu {
        /// The limit at minus infinity is its negative.
        alpha: f64,
    },
    /// elu scaled so that layers normalise themselves.
    Selu,
    /// `x` above 0, `alpha (e^(x / alpha) - 1)` below.
    Celu {
        /// The limit at minus infinity is its negative.
        alpha: f64,
    },
    /// `x P(Z <= x)` for a standard normal Z.
    Gelu {
        /// Take the tanh approximation.
        approximate: bool,
    },
    /// `e^x`
    Exponential,
    /// `1 / (1 + e^-x)`
    Sigmoid,
    /// `clamp(x + 3, 0, 6) / 6`
    HardSigmoid,
    /// `clamp(x + 1, 0, 2) / 2`
    SparseSigmoid,
    /// `ln(sigmoid(x))`
    LogSigmoid,
    /// `x sigmoid(x)`
    Silu,
    /// `x hard_sigmoid(x)`
    HardSilu,
    /// The hyperbolic tangent.
    Tanh,
    /// `clamp(x, -1, 1)`
    HardTanh,
    /// `x - tanh(x)`
    TanhShrink,
    /// `x` where `|x|` is above the threshold, else 0.
    HardShrink(HardShrink),
    /// `x` drawn towards 0 by the threshold.
    SoftShrink(SoftShrink),
    /// `x` above the threshold, else a default.
    Threshold(Threshold),
    /// `x tanh(softplus(x))`
    Mish,
    /// `ln(1 + e^x)`
    Softplus,
    /// `x / (1 + |x|)`
    Softsign,
    /// `(x + sqrt(x^2 + b)) / 2`
    Squareplus(Squareplus),
    /// 0, a parabola, `x`.
    SparsePlus,
    /// Probabilities of each row.
    Softmax,
    /// Their logarithms.
    LogSoftmax,
    /// Sparse probabilities of each row.
    Sparsemax,
    /// The first half of each row times the sigmoid of the second.
    Glu,
}

/// Something to be done with the function of one number behind an activation.
trait Visitor {
    type Output;
    fn visit(self, function: impl Pointwise) -> Self::Output;
}

impl Activation {
    /// Calls `visitor` with the function of one number; `None` for linear and those over rows.
    fn visit<V: Visitor>(self, visitor: V) -> Option<V::Output> {
        Some(match self {
            Self::Linear | Self::Softmax | Self::LogSoftmax | Self::Sparsemax | Self::Glu => {
                return None;
            }
            Self::Relu(relu) => visitor.visit(relu),
            Self::Relu6 => visitor.visit(Ramp::RELU6),
            Self::LeakyRelu(leaky) => visitor.visit(leaky),
            Self::Elu { alpha } => visitor.visit(Elu::plain(alpha)),
            Self::Selu => visitor.visit(Elu::SELU),
            Self::Celu { alpha } => visitor.visit(Elu::celu(alpha)),
            Self::Gelu { approximate: false } => visitor.visit(Gelu),
            Self::Gelu { approximate: true } => visitor.visit(GeluTanh),
            Self::Exponential => visitor.visit(Exponential),
            Self::Sigmoid => visitor.visit(Sigmoid),
            Self::HardSigmoid => visitor.visit(Ramp::HARD_SIGMOID),
            Self::SparseSigmoid => visitor.visit(Ramp::SPARSE_SIGMOID),
            Self::LogSigmoid => visitor.visit(LogSigmoid),
            Self::Silu => visitor.visit(Silu),
            Self::HardSilu => visitor.visit(HardSilu),
            Self::Tanh => visitor.visit(Tanh),
            Self::HardTanh => visitor.visit(Ramp::HARD_TANH),
            Self::TanhShrink => visitor.visit(TanhShrink),
            Self::HardShrink(shrink) => visitor.visit(shrink),
            Self::SoftShrink(shrink) => visitor.visit(shrink),
            Self::Threshold(threshold) => visitor.visit(threshold),
            Self::Mish => visitor.visit(Mish),
            Self::Softplus => visitor.visit(Softplus),
            Self::Softsign => visitor.visit(Softsign),
            Self::Squareplus(squareplus) => visitor.visit(squareplus),
            Self::SparsePlus => visitor.visit(SparsePlus),
        })
    }

    /// Whether the derivative takes the input; otherwise the output is enough, and the input may be overwritten.
    pub fn needs_input(&self) -> bool {
        struct NeedsInput;
        impl Visitor for NeedsInput {
            type Output = bool;
            fn visit(self, function: impl Pointwise) -> bool {
                function.slope_takes_input()
            }
        }
        *self == Self::Glu || self.visit(NeedsInput).unwrap_or(false)
    }

    /// Whether an element of the output depends on its whole row: the last axis.
    pub fn is_rowwise(&self) -> bool {
        use Activation::{Glu, LogSoftmax, Softmax, Sparsemax};
        matches!(self, Softmax | LogSoftmax | Sparsemax | Glu)
    }

    /// Whether the output has the shape of the input, so that the in-place forms can be used: all but glu.
    pub fn keeps_shape(&self) -> bool {
        *self != Self::Glu
    }

    /// Size of the last axis of the output for one of `last`; `None` if glu meets an odd one.
    pub fn output_len(&self, last: usize) -> Option<usize> {
        match self {
            Self::Glu => last.is_multiple_of(2).then_some(last / 2),
            _ => Some(last),
        }
    }

    /// `y = f(x)`, with `last_axis` the size of the last axis of `x`.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn forward<F: Real>(&self, x: &[F], y: &mut [F], last_axis: usize) {
        if *self == Self::Glu {
            return glu::forward(x, y, last_axis / 2);
        }
        assert_eq!(x.len(), y.len(), "an output for each input");
        match self {
            Self::Linear => for_each_chunk_mut(y, CHUNK, |index, y| {
                y.copy_from_slice(&x[index * CHUNK..][..y.len()]);
            }),
            Self::Softmax => softmax_of(x, y, last_axis),
            Self::LogSoftmax => log_softmax_of(x, y, last_axis),
            Self::Sparsemax => {
                y.copy_from_slice(x);
                sparsemax(y, last_axis);
            }
            _ => for_each_chunk_mut(y, CHUNK, |index, y| {
                self.apply_to(&x[index * CHUNK..][..y.len()], y);
            }),
        }
    }

    /// `y = f(y)`, with `last_axis` the size of the last axis.
    ///
    /// # Panics
    /// For glu, which changes the shape.
    pub fn forward_in_place<F: Real>(&self, y: &mut [F], last_axis: usize) {
        match self {
            Self::Linear => {}
            Self::Softmax => softmax(y, last_axis),
            Self::LogSoftmax => log_softmax(y, last_axis),
            Self::Sparsemax => sparsemax(y, last_axis),
            Self::Glu => unreachable!("glu is not done in place: keeps_shape() is false"),
            _ => for_each_chunk_mut(y, CHUNK, |_, y| self.apply(y)),
        }
    }

    /// `y = f(x)` and `x = f'(x)`, which [`Activation::multiply_slopes`] takes: for those that need their input for the
    /// derivative and keep the shape.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn forward_with_slopes<F: Real>(&self, x: &mut [F], y: &mut [F]) {
        struct Both<'a, F>(&'a mut [F], &'a mut [F]);
        impl<F: Real> Visitor for Both<'_, F> {
            type Output = ();
            fn visit(self, function: impl Pointwise) {
                values_and_slopes(function, self.0, self.1);
            }
        }
        debug_assert!(self.saves_slopes());
        for_each_chunk_mut2((x, CHUNK), (y, CHUNK), |_, x, y| {
            self.visit(Both(x, y));
        });
    }

    /// Whether a layer keeps the slopes from forward to backward; otherwise the output is enough, or the shape changes.
    pub fn saves_slopes(&self) -> bool {
        self.needs_input() && self.keeps_shape()
    }

    /// `dy = dy * slopes`
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn multiply_slopes<F: Real>(slopes: &[F], dy: &mut [F]) {
        assert_eq!(slopes.len(), dy.len(), "a slope for each gradient");
        let same = [dy.len()];
        fold(dy, slopes, Aligned::new(&same, &same), |dy, slope| {
            dy * slope
        });
    }

    /// `dx = dy * f'`, or added to `dx` if `accumulate`; `dy` is used up. `x` may be left out unless
    /// [`Activation::needs_input`]; `y` is not read if it is needed. `last_axis` is the size of the last axis of `x`.
    ///
    /// # Panics
    /// If the lengths do not fit, or `x` is needed and missing.
    pub fn backward<F: Real>(
        &self,
        x: Option<&[F]>,
        y: &[F],
        dy: &mut [F],
        dx: &mut [F],
        accumulate: bool,
        last_axis: usize,
    ) {
        if *self == Self::Glu {
            let x = x.expect("glu needs its input");
            return glu::backward(x, dy, dx, accumulate, last_axis / 2);
        }
        assert_eq!(dx.len(), dy.len(), "a gradient for each output");
        let is_pointwise = !self.is_rowwise() && *self != Self::Linear;
        let of = if is_pointwise {
            self.slope_argument(x, y)
        } else {
            self.backward_in_place(x, y, dy, last_axis);
            y
        };
        for_each_chunk_mut2((dx, CHUNK), (dy, CHUNK), |index, dx, dy| {
            let of = is_pointwise.then(|| &of[index * CHUNK..][..dy.len()]);
            match (of, accumulate) {
                (Some(of), false) => self.multiply_to(of, dy, dx),
                (None, false) => dx.copy_from_slice(dy),
                (of, true) => {
                    if let Some(of) = of {
                        self.multiply(of, dy);
                    }
                    dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx += *dy);
                }
            }
        });
    }

    /// `dy = dy * f'`: the gradient by the input takes the place of that by the output. See [`Activation::backward`].
    ///
    /// # Panics
    /// For glu, which changes the shape, and as [`Activation::backward`].
    pub fn backward_in_place<F: Real>(
        &self,
        x: Option<&[F]>,
        y: &[F],
        dy: &mut [F],
        last_axis: usize,
    ) {
        match self {
            Self::Linear => {}
            Self::Softmax => softmax_backward(y, dy, last_axis),
            Self::LogSoftmax => log_softmax_backward(y, dy, last_axis),
            Self::Sparsemax => sparsemax_backward(y, dy, last_axis),
            Self::Glu => unreachable!("glu is not done in place: keeps_shape() is false"),
            _ => {
                let of = self.slope_argument(x, y);
                for_each_chunk_mut(dy, CHUNK, |index, dy| {
                    self.multiply(&of[index * CHUNK..][..dy.len()], dy);
                });
            }
        }
    }

    /// What the slope takes: the input or the output.
    fn slope_argument<'a, F>(&self, x: Option<&'a [F]>, y: &'a [F]) -> &'a [F] {
        if self.needs_input() {
            x.expect("this activation needs its input")
        } else {
            y
        }
    }

    /// `x = f(x)` on this thread; not for those over rows.
    fn apply<F: Real>(&self, x: &mut [F]) {
        struct Apply<'a, F>(&'a mut [F]);
        impl<F: Real> Visitor for Apply<'_, F> {
            type Output = ();
            fn visit(self, function: impl Pointwise) {
                values(function, self.0);
            }
        }
        self.visit(Apply(x));
    }

    /// `y = f(x)` on this thread; not for those over rows.
    fn apply_to<F: Real>(&self, x: &[F], y: &mut [F]) {
        struct Apply<'a, F>(&'a [F], &'a mut [F]);
        impl<F: Real> Visitor for Apply<'_, F> {
            type Output = ();
            fn visit(self, function: impl Pointwise) {
                values_of(function, self.0, self.1);
            }
        }
        self.visit(Apply(x, y));
    }

    /// `dx = dy * f'` on this thread; not for those over rows.
    fn multiply_to<F: Real>(&self, of: &[F], dy: &[F], dx: &mut [F]) {
        struct Multiply<'a, F>(&'a [F], &'a [F], &'a mut [F]);
        impl<F: Real> Visitor for Multiply<'_, F> {
            type Output = ();
            fn visit(self, function: impl Pointwise) {
                gradients(function, self.0, self.1, self.2);
            }
        }
        self.visit(Multiply(of, dy, dx));
    }

    /// `grad *= f'` on this thread; not for those over rows.
    fn multiply<F: Real>(&self, of: &[F], grad: &mut [F]) {
        struct Multiply<'a, F>(&'a [F], &'a mut [F]);
        impl<F: Real> Visitor for Multiply<'_, F> {
            type Output = ();
            fn visit(self, function: impl Pointwise) {
                slopes(function, self.0, self.1);
            }
        }
        self.visit(Multiply(of, grad));
    }

    /// `f(x)` of one number, in double precision.
    ///
    /// # Panics
    /// For those over rows.
    pub fn value(&self, x: f64) -> f64 {
        struct Value(f64);
        impl Visitor for Value {
            type Output = f64;
            fn visit(self, function: impl Pointwise) -> f64 {
                function.value(Double, self.0)
            }
        }
        assert!(!self.is_rowwise(), "a function of one number");
        self.visit(Value(x)).unwrap_or(x)
    }
}

#[cfg(test)]
mod tests;
