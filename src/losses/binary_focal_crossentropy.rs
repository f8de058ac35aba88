//! Binary focal cross-entropy: `mean(w (1 - p_t)^gamma bce)`, `p_t = t p + (1 - t)(1 - p)`: what is right already counts
//! little (Lin et al., Focal Loss for Dense Object Detection, 2017). With class balancing `w = t alpha + (1 - t)(1 - alpha)`.

use serde::Deserialize;

use super::binary_crossentropy::{along, means_over, smooth};
use super::pointwise::{self, Pointwise};
use super::{EPSILON, Loss, check_smoothing};
use crate::error::Result;
use crate::kernels::activation::Activation;
use crate::real::Real;

const KIND: &str = "BinaryFocalCrossentropy";

/// `values[i]` = mean over `axis` of `w (1 - p_t)^gamma bce`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BinaryFocalCrossentropy {
    /// Whether classes are weighed by `alpha`.
    pub apply_class_balancing: bool,
    /// The weight of class 1; class 0 has `1 - alpha`.
    pub alpha: f64,
    /// How little counts what is right: 0 is plain cross-entropy.
    pub gamma: f64,
    /// Whether predictions are what goes into the sigmoid.
    pub from_logits: bool,
    /// How far targets are moved from 0 and 1 towards 1/2.
    pub label_smoothing: f64,
    /// The axis of the mean.
    pub axis: i64,
}

impl Default for BinaryFocalCrossentropy {
    fn default() -> Self {
        Self {
            apply_class_balancing: false,
            alpha: 0.25,
            gamma: 2.0,
            from_logits: false,
            label_smoothing: 0.0,
            axis: -1,
        }
    }
}

/// The numbers of the loss in `F`.
struct Focus<F> {
    /// `w = base + slope t`.
    base: F,
    slope: F,
    gamma: F,
    smoothing: F,
}

impl<F: Real> Focus<F> {
    /// `w`, the smoothed target and `1 - p_t`.
    #[inline(always)]
    fn parts(&self, target: F, p: F) -> (F, F, F) {
        let t = smooth(target, self.smoothing);
        let wrong = t * (F::ONE - p) + (F::ONE - t) * p;
        (self.base + self.slope * t, t, wrong)
    }

    /// `gamma (1 - p_t)^(gamma - 1)`: 0 for gamma = 0, and where nothing is wrong, which for gamma below 1 has no slope.
    #[inline(always)]
    fn steepness(&self, wrong: F) -> F {
        if self.gamma == F::ZERO || (wrong == F::ZERO && self.gamma < F::ONE) {
            F::ZERO
        } else {
            self.gamma * wrong.powf(self.gamma - F::ONE)
        }
    }
}

/// On probabilities, which Keras keeps within `[1e-7, 1 - 1e-7]` in the logarithms alone.
struct OnProbabilities<F>(Focus<F>);

/// On logits.
struct OnLogits<F>(Focus<F>);

impl<F: Real> Pointwise<F> for OnProbabilities<F> {
    const KIND: &'static str = KIND;

    #[inline(always)]
    fn value(&self, target: F, p: F) -> F {
        let (weight, t, wrong) = self.0.parts(target, p);
        weight * wrong.powf(self.0.gamma) * entropy(t, p)
    }

    // d p_t / d p = 2 t - 1.
    #[inline(always)]
    fn slope(&self, target: F, p: F) -> F {
        let (weight, t, wrong) = self.0.parts(target, p);
        let towards = F::ONE - F::of(2.0) * t;
        let clipped = p < F::of(EPSILON) || p > F::ONE - F::of(EPSILON);
        let steep = if clipped {
            F::ZERO
        } else {
            (p - t) / (p * (F::ONE - p))
        };
        weight
            * (self.0.steepness(wrong) * towards * entropy(t, p) + wrong.powf(self.0.gamma) * steep)
    }
}

/// `-(t log p + (1 - t) log(1 - p))`.
#[inline(always)]
fn entropy<F: Real>(t: F, p: F) -> F {
    let p = p.maximum(F::of(EPSILON)).minimum(F::ONE - F::of(EPSILON));
    -(t * p.ln() + (F::ONE - t) * (F::ONE - p).ln())
}

impl<F: Real> Pointwise<F> for OnLogits<F> {
    const KIND: &'static str = KIND;

    #[inline(always)]
    fn value(&self, target: F, x: F) -> F {
        let (weight, t, wrong) = self.0.parts(target, sigmoid(x));
        weight * wrong.powf(self.0.gamma) * entropy_of_logit(t, x)
    }

    #[inline(always)]
    fn slope(&self, target: F, x: F) -> F {
        let p = sigmoid(x);
        let (weight, t, wrong) = self.0.parts(target, p);
        let towards = (F::ONE - F::of(2.0) * t) * p * sigmoid(-x);
        // Where nothing is wrong, `towards` is 0 and beats any steepness.
        let first = if towards == F::ZERO {
            F::ZERO
        } else {
            self.0.steepness(wrong) * towards * entropy_of_logit(t, x)
        };
        weight * (first + wrong.powf(self.0.gamma) * (p - t))
    }
}

#[inline(always)]
fn sigmoid<F: Real>(x: F) -> F {
    let e = (-x.abs()).exp();
    let above = F::ONE / (F::ONE + e);
    if x >= F::ZERO { above } else { e * above }
}

/// `max(x, 0) - x t + log(1 + e^-|x|)`.
#[inline(always)]
fn entropy_of_logit<F: Real>(t: F, x: F) -> F {
    x.maximum(F::ZERO) - x * t + (-x.abs()).exp().ln_1p()
}

impl BinaryFocalCrossentropy {
    /// The same, or an error if a field is out of range.
    pub(super) fn checked(self) -> Result<Self> {
        check_smoothing(KIND, self.label_smoothing)?;
        Ok(self)
    }

    fn focus<F: Real>(&self) -> Focus<F> {
        let (base, slope) = if self.apply_class_balancing {
            (1.0 - self.alpha, 2.0 * self.alpha - 1.0)
        } else {
            (1.0, 0.0)
        };
        Focus {
            base: F::of(base),
            slope: F::of(slope),
            gamma: F::of(self.gamma),
            smoothing: F::of(self.label_smoothing),
        }
    }
}

impl<F: Real> Loss<F> for BinaryFocalCrossentropy {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn check(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        means_over(self.axis, target, prediction).map_err(|e| e.at(KIND))
    }

    fn forward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        values: &mut [F],
    ) -> Result<()> {
        let along = along(self.axis, prediction.len(), values.len(), shape)?;
        if self.from_logits {
            pointwise::forward(&OnLogits(self.focus()), target, prediction, along, values)
        } else {
            let op = OnProbabilities(self.focus());
            pointwise::forward(&op, target, prediction, along, values)
        }
    }

    fn backward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        scale: &[F],
        grad: &mut [F],
    ) -> Result<()> {
        let along = along(self.axis, prediction.len(), scale.len(), shape)?;
        if self.from_logits {
            let op = OnLogits(self.focus());
            pointwise::backward(&op, target, prediction, along, scale, grad)
        } else {
            let op = OnProbabilities(self.focus());
            pointwise::backward(&op, target, prediction, along, scale, grad)
        }
    }

    fn on_logits(&self, activation: &Activation) -> Option<Box<dyn Loss<F>>> {
        (!self.from_logits && matches!(activation, Activation::Sigmoid)).then(|| {
            Box::new(Self {
                from_logits: true,
                ..*self
            }) as Box<dyn Loss<F>>
        })
    }
}
