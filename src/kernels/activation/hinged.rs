//! Activations made of straight pieces and parabolas. At a kink the derivative is that of Keras on JAX where it defines one.

use super::pointwise::Pointwise;
use crate::kernels::arithmetic::Arithmetic;

/// `clamp(x if x > threshold else 0, ..max_value) - negative_slope * max(threshold - x, 0)`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Relu {
    /// Slope below the threshold.
    pub negative_slope: f64,
    /// The largest value, if there is one.
    pub max_value: Option<f64>,
    /// Where the function leaves 0.
    pub threshold: f64,
}

impl Relu {
    /// `max(x, 0)`
    pub const PLAIN: Self = Self {
        negative_slope: 0.0,
        max_value: None,
        threshold: 0.0,
    };
}

impl Pointwise for Relu {
    fn slope_takes_input(self) -> bool {
        // The sign of the output is the sign of the input only then.
        !(self.threshold == 0.0 && self.negative_slope >= 0.0 && self.max_value != Some(0.0))
    }

    #[inline(always)]
    fn value<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        let zero = a.of(0.0);
        let mut y = if self.threshold == 0.0 {
            a.max(zero, x)
        } else {
            // NaN is not below the threshold, so it stays.
            a.select(a.le(x, a.of(self.threshold)), zero, x)
        };
        if let Some(most) = self.max_value {
            y = a.clamp(y, 0.0, most);
        }
        if self.negative_slope != 0.0 {
            let below = a.max(zero, a.sub(a.of(self.threshold), x));
            y = a.fma(a.of(-self.negative_slope), below, y);
        }
        y
    }

    #[inline(always)]
    fn slope<A: Arithmetic>(self, a: A, v: A::V) -> A::V {
        let (one, below) = (a.of(1.0), a.of(self.negative_slope));
        // At 0 itself leaky_relu has slope 1 on JAX, relu has 0.
        let leaky = self.negative_slope != 0.0 && self.max_value.is_none() && self.threshold == 0.0;
        let low = a.of(self.threshold);
        let is_below = if leaky { a.lt(v, low) } else { a.le(v, low) };
        let mut above = one;
        if let Some(most) = self.max_value {
            above = a.select(a.lt(v, a.of(most)), one, a.of(0.0));
            above = a.select(a.lt(v, a.of(0.0)), a.of(0.0), above);
        }
        a.select(is_below, below, above)
    }
}

/// `x` where `x >= 0`, else `negative_slope * x`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeakyRelu {
    /// Slope below 0.
    pub negative_slope: f64,
}

impl Pointwise for LeakyRelu {
    fn slope_takes_input(self) -> bool {
        self.negative_slope <= 0.0
    }

    #[inline(always)]
    fn value<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        let below = a.mul(a.of(self.negative_slope), x);
        a.select(a.lt(x, a.of(0.0)), below, x)
    }

    #[inline(always)]
    fn slope<A: Arithmetic>(self, a: A, v: A::V) -> A::V {
        a.select(a.lt(v, a.of(0.0)), a.of(self.negative_slope), a.of(1.0))
    }
}

/// `clamp(x + shift, low, low + width) / divisor`: relu6, hard_sigmoid, hard_tanh and sparse_sigmoid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ramp {
    shift: f64,
    width: f64,
    divisor: f64,
    low: f64,
}

impl Ramp {
    /// `clamp(x, 0, 6)`
    pub const RELU6: Self = Self::new(0.0, 6.0, 1.0, 0.0);
    /// `clamp(x + 3, 0, 6) / 6`
    pub const HARD_SIGMOID: Self = Self::new(3.0, 6.0, 6.0, 0.0);
    /// `clamp(x, -1, 1)`
    pub const HARD_TANH: Self = Self::new(0.0, 2.0, 1.0, -1.0);
    /// `clamp(x + 1, 0, 2) / 2`
    pub const SPARSE_SIGMOID: Self = Self::new(1.0, 2.0, 2.0, 0.0);

    const fn new(shift: f64, width: f64, divisor: f64, low: f64) -> Self {
        Self {
            shift,
            width,
            divisor,
            low,
        }
    }
}

impl Pointwise for Ramp {
    #[inline(always)]
    fn value<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        let x = a.add(x, a.of(self.shift));
        let y = a.clamp(x, self.low, self.low + self.width);
        if self.divisor == 1.0 {
            y
        } else {
            a.mul(y, a.of(1.0 / self.divisor))
        }
    }

    #[inline(always)]
    fn slope<A: Arithmetic>(self, a: A, y: A::V) -> A::V {
        let (low, high) = (self.low, (self.low + self.width) / self.divisor);
        let inside = a.select(a.lt(y, a.of(high)), a.of(1.0 / self.divisor), a.of(0.0));
        a.select(a.le(y, a.of(low)), a.of(0.0), inside)
    }
}

/// `x * hard_sigmoid(x)`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HardSilu;

impl Pointwise for HardSilu {
    fn slope_takes_input(self) -> bool {
        true
    }

    #[inline(always)]
    fn value<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        // From below -3 on the gate is 0: minus infinity must not meet it.
        a.mul(a.max(a.of(-3.0), x), Ramp::HARD_SIGMOID.value(a, x))
    }

    #[inline(always)]
    fn slope<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        let middle = a.fma(x, a.of(1.0 / 3.0), a.of(0.5));
        let y = a.select(a.lt(x, a.of(3.0)), middle, a.of(1.0));
        a.select(a.le(x, a.of(-3.0)), a.of(0.0), y)
    }
}

/// `x` where `|x| > threshold`, else 0
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HardShrink {
    /// Half the width of the gap.
    pub threshold: f64,
}

impl Pointwise for HardShrink {
    fn slope_takes_input(self) -> bool {
        true
    }

    #[inline(always)]
    fn value<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        a.select(a.le(a.abs(x), a.of(self.threshold)), a.of(0.0), x)
    }

    #[inline(always)]
    fn slope<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        a.select(a.le(a.abs(x), a.of(self.threshold)), a.of(0.0), a.of(1.0))
    }
}

/// `x - threshold` above the threshold, `x + threshold` below its negative, else 0
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SoftShrink {
    /// Half the width of the gap.
    pub threshold: f64,
}

impl Pointwise for SoftShrink {
    fn slope_takes_input(self) -> bool {
        true
    }

    #[inline(always)]
    fn value<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        let (low, high) = (a.of(-self.threshold), a.of(self.threshold));
        let y = a.select(a.lt(x, low), a.add(x, high), a.of(0.0));
        // NaN is neither below nor at the threshold, so it stays.
        a.select(a.le(x, high), y, a.sub(x, high))
    }

    #[inline(always)]
    fn slope<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        let (low, high) = (a.of(-self.threshold), a.of(self.threshold));
        let below = a.select(a.lt(x, low), a.of(1.0), a.of(0.0));
        a.select(a.le(x, high), below, a.of(1.0))
    }
}

/// `x` where `x > threshold`, else `default_value`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// Where the value stops being the default.
    pub threshold: f64,
    /// The value below.
    pub default_value: f64,
}

impl Pointwise for Threshold {
    fn slope_takes_input(self) -> bool {
        true
    }

    #[inline(always)]
    fn value<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        let below = a.le(x, a.of(self.threshold));
        a.select(below, a.of(self.default_value), x)
    }

    #[inline(always)]
    fn slope<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        a.select(a.le(x, a.of(self.threshold)), a.of(0.0), a.of(1.0))
    }
}

/// 0 below -1, `x` above 1, `(x + 1)^2 / 4` between
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SparsePlus;

impl Pointwise for SparsePlus {
    #[inline(always)]
    fn value<A: Arithmetic>(self, a: A, x: A::V) -> A::V {
        let half = a.mul(a.of(0.5), a.add(x, a.of(1.0)));
        let y = a.select(a.lt(x, a.of(1.0)), a.mul(half, half), x);
        a.select(a.le(x, a.of(-1.0)), a.of(0.0), y)
    }

    #[inline(always)]
    fn slope<A: Arithmetic>(self, a: A, y: A::V) -> A::V {
        // (x + 1) / 2 is the root of the output.
        a.min(a.of(1.0), a.sqrt(y))
    }
}
