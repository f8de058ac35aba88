//! Activations made of exponentials, logarithms and roots.
//!
//! Where a factor tends to 0 faster than the other to infinity, the other is kept finite, so that the limit comes out and not NaN.

use super::pointwise::Pointwise;
use crate::kernels::arithmetic::Arithmetic;

/// The largest finite `f32`: bound of what may meet a factor 0, in either precision.
const FINITE: f64 = f32::MAX as f64;

/// `e^x`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exponential;

impl Pointwise for Exponential {
    #[inline(always)]
    fn value<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        a.exp(x)
    }
    #[inline(always)]
    fn slope<A: Arithmetic>(self, _: A, y: A::V) -> A::V {
        y
    }
}

/// `1 / (1 + e^-x)`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sigmoid;

impl Pointwise for Sigmoid {
    #[inline(always)]
    fn value<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        a.sigmoid(x)
    }
    #[inline(always)]
    fn slope<A: Arithmetic>(self, a: A, y: A::V) -> A::V {
        a.mul(y, a.sub(a.of(1.0), y))
    }
}

/// The hyperbolic tangent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tanh;

impl Pointwise for Tanh {
    #[inline(always)]
    fn value<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        a.tanh(x)
    }
    #[inline(always)]
    fn slope<A: Arithmetic>(self, a: A, y: A::V) -> A::V {
        let one = a.of(1.0);
        a.mul(a.sub(one, y), a.add(one, y))
    }
}

/// `x - tanh(x)`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TanhShrink;

impl Pointwise for TanhShrink {
    fn slope_takes_input(self) -> bool {
        true
    }
    #[inline(always)]
    fn value<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        a.sub(x, a.tanh(x))
    }
    #[inline(always)]
    fn slope<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        let t = a.tanh(x);
        a.mul(t, t)
    }
}

/// `scale * x` above 0, `scale * alpha * (e^(x / width) - 1)` else: elu, selu and celu.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Elu {
    alpha: f64,
    width: f64,
    scale: f64,
}

impl Elu {
    /// Clevert et al., "Fast and Accurate Deep Network Learning by Exponential Linear Units", 2016.
    pub const fn plain(alpha: f64) -> Self {
        Self {
            alpha,
            width: 1.0,
            scale: 1.0,
        }
    }

    /// Barron, "Continuously Differentiable Exponential Linear Units", 2017.
    pub const fn celu(alpha: f64) -> Self {
        Self {
            alpha,
            width: alpha,
            scale: 1.0,
        }
    }

    /// Klambauer et al., "Self-Normalizing Neural Networks", 2017.
    pub const SELU: Self = Self {
        alpha: 1.673_263_242_354_377_3,
        width: 1.0,
        scale: 1.050_700_987_355_480_5,
    };

    #[inline(always)]
    fn scaled<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        if self.width == 1.0 {
            x
        } else {
            a.div(x, a.of(self.width))
        }
    }
}

impl Pointwise for Elu {
    fn slope_takes_input(self) -> bool {
        // The sign of the output is the sign of the input only then.
        self.alpha <= 0.0
    }
    #[inline(always)]
    fn value<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        let zero = a.of(0.0);
        let e = a.expm1(self.scaled(a, a.min(zero, x)));
        let below = a.mul(a.of(self.scale * self.alpha), e);
        a.select(a.lt(zero, x), a.mul(a.of(self.scale), x), below)
    }
    #[inline(always)]
    fn slope<A: Arithmetic>(self, a: A, v: A::V) -> A::V {
        let zero = a.of(0.0);
        let at_zero = self.scale * self.alpha / self.width;
        let below = if self.slope_takes_input() {
            let e = a.exp(self.scaled(a, a.min(zero, v)));
            a.mul(a.of(at_zero), e)
        } else {
            a.fma(v, a.of(1.0 / self.width), a.of(at_zero))
        };
        a.select(a.lt(zero, v), a.of(self.scale), below)
    }
}

/// `ln(1 + e^x)`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Softplus;

impl Pointwise for Softplus {
    #[inline(always)]
    fn value<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        let e = a.exp(a.neg(a.abs(x)));
        a.add(a.max(a.of(0.0), x), a.ln_1p(e))
    }
    #[inline(always)]
    fn slope<A: Arithmetic>(self, a: A, y: A::V) -> A::V {
        // sigmoid(x) = 1 - e^-y
        a.neg(a.expm1(a.neg(y)))
    }
}

/// `-ln(1 + e^-x)`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogSigmoid;

impl Pointwise for LogSigmoid {
    #[inline(always)]
    fn value<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        a.neg(Softplus.value(a, a.neg(x)))
    }
    #[inline(always)]
    fn slope<A: Arithmetic>(self, a: A, y: A::V) -> A::V {
        // 1 - sigmoid(x) = 1 - e^y
        a.neg(a.expm1(y))
    }
}

/// `x / (1 + |x|)`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Softsign;

impl Pointwise for Softsign {
    #[inline(always)]
    fn value<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        let x = a.clamp(x, -FINITE, FINITE);
        a.div(x, a.add(a.of(1.0), a.abs(x)))
    }
    #[inline(always)]
    fn slope<A: Arithmetic>(self, a: A, y: A::V) -> A::V {
        let rest = a.sub(a.of(1.0), a.abs(y));
        a.mul(rest, rest)
    }
}

/// `x * sigmoid(x)`: Elfwing et al., "Sigmoid-Weighted Linear Units", 2018.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Silu;

impl Pointwise for Silu {
    fn slope_takes_input(self) -> bool {
        true
    }
    #[inline(always)]
    fn value<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        a.mul(a.max(a.of(-FINITE), x), a.sigmoid(x))
    }
    #[inline(always)]
    fn slope<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        // s + x s (1 - s)
        let (s, one) = (a.sigmoid(x), a.of(1.0));
        let x = a.clamp(x, -FINITE, FINITE);
        a.mul(s, a.fma(x, a.sub(one, s), one))
    }
}

/// `x * tanh(ln(1 + e^x))`: Misra, "Mish: A Self Regularized Non-Monotonic Activation Function", 2019.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mish;

/// From here on `tanh(ln(1 + e^x))` is 1 in either precision, and its square's square is finite in `f32`.
const MISH_END: f64 = 20.0;

impl Pointwise for Mish {
    fn slope_takes_input(self) -> bool {
        true
    }
    #[inline(always)]
    fn value<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        // tanh(ln(1 + e)) = w / (w + 2) with w = e (e + 2)
        let two = a.of(2.0);
        let e = a.exp(a.min(a.of(MISH_END), x));
        let w = a.mul(e, a.add(e, two));
        a.mul(a.max(a.of(-FINITE), x), a.div(w, a.add(w, two)))
    }
    #[inline(always)]
    fn slope<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        // t + x 4 e (1 + e) / (w + 2)^2
        let (one, two) = (a.of(1.0), a.of(2.0));
        let x = a.clamp(x, -FINITE, MISH_END);
        let e = a.exp(x);
        let w = a.mul(e, a.add(e, two));
        let d = a.add(w, two);
        let rise = a.div(a.mul(a.of(4.0), a.mul(e, a.add(one, e))), a.mul(d, d));
        a.fma(x, rise, a.div(w, d))
    }
}

/// `(x + sqrt(x^2 + b)) / 2`: Barron, "Squareplus: A Softplus-Like Algebraic Rectifier", 2021.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Squareplus {
    /// Width of the bend.
    pub b: f64,
}

/// From here on `x^2` would overflow in `f32`, and any `b` worth its name is lost beside it.
const SQUARE_END: f64 = 1e18;

impl Pointwise for Squareplus {
    #[inline(always)]
    fn value<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        let (zero, half) = (a.of(0.0), a.of(0.5));
        let root = a.sqrt(a.fma(x, x, a.of(self.b)));
        let above = a.mul(half, a.add(x, root));
        // The same with the difference of nearly equal numbers turned into a sum.
        let below = a.div(a.of(0.5 * self.b), a.sub(root, x));
        let y = a.select(a.lt(x, zero), below, above);
        a.select(a.lt(a.of(SQUARE_END), a.abs(x)), a.max(zero, x), y)
    }
    #[inline(always)]
    fn slope<A: Arithmetic>(self, a: A, y: A::V) -> A::V {
        // x = y - b / (4 y), so f' = 1 / (1 + b / (4 y^2)); for b = 0 this is relu.
        let zero = a.of(0.0);
        let r = a.div(a.of(0.5 * self.b.sqrt()), y);
        let slope = a.div(a.of(1.0), a.fma(r, r, a.of(1.0)));
        a.select(a.le(y, zero), zero, slope)
    }
}

/// `x * P(Z <= x)` for a standard normal Z: Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gelu;

impl Pointwise for Gelu {
    fn slope_takes_input(self) -> bool {
        true
    }
    #[inline(always)]
    fn value<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        let (share_below, _) = a.normal(x);
        a.mul(a.max(a.of(-FINITE), x), share_below)
    }
    #[inline(always)]
    fn slope<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        self.value_and_slope(a, x).1
    }
    #[inline(always)]
    fn value_and_slope<A: Arithmetic>(self, a: A, x: A::V) -> (A::V, A::V) {
        // From 40 on the density is 0 in either precision.
        let (share_below, density) = a.normal(x);
        let value = a.mul(a.max(a.of(-FINITE), x), share_below);
        let slope = a.fma(a.clamp(x, -40.0, 40.0), density, share_below);
        (value, slope)
    }
}

/// GELU with its tanh approximation: `x * sigmoid(2 u)` with `u = sqrt(2 / pi) (x + 0.044715 x^3)`, of the same paper.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GeluTanh;

const CUBIC: f64 = 0.044_715;
/// `2 sqrt(2 / pi)`
const GELU_SCALE: f64 = 1.595_769_121_605_730_7;

impl Pointwise for GeluTanh {
    fn slope_takes_input(self) -> bool {
        true
    }
    #[inline(always)]
    fn value<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        a.mul(a.max(a.of(-FINITE), x), gelu_gate(a, x))
    }
    #[inline(always)]
    fn slope<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        // s + x s (1 - s) (2 u)'; beyond 16 the second term is 0 in either precision but for its rounding.
        let (one, s) = (a.of(1.0), gelu_gate(a, x));
        let near = a.clamp(x, -16.0, 16.0);
        let square = a.mul(near, near);
        let rise = a.mul(a.of(GELU_SCALE), a.fma(a.of(3.0 * CUBIC), square, one));
        let bend = a.mul(a.mul(s, a.sub(one, s)), a.mul(near, rise));
        a.add(s, bend)
    }
}

#[inline(always)]
fn gelu_gate<A: Arithmetic>(a: A, x: A::V) -> A::V {
    let square = a.mul(x, x);
    let u = a.mul(x, a.fma(a.of(CUBIC), square, a.of(1.0)));
    a.sigmoid(a.mul(a.of(GELU_SCALE), u))
}
