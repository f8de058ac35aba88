//! Losses of margins: predictions should be on the right side by at least 1.
//!
//! Binary targets are -1 and 1; if a batch holds only 0 and 1 they are read as -1 and 1, as Keras does.

use serde::Deserialize;

use super::alignment::Along;
use super::line::{self, Line};
use super::pointwise::{self, Pointwise};
use super::{Loss, mean_lines, sizes_agree};
use crate::error::Result;
use crate::real::Real;

/// `mean(max(1 - t p, 0))` over the last axis, or of its square.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hinge {
    /// Takes the square of what is missing (Keras's `SquaredHinge`).
    pub squared: bool,
}

/// `max(max_k((1 - t[k]) p[k]) - sum_k(t[k] p[k]) + 1, 0)` along the last axis, for one-hot targets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoricalHinge {}

/// `max(1 - (scale t + shift) p, 0)`, or its square.
struct Margin<F> {
    scale: F,
    shift: F,
    squared: bool,
}

impl<F: Real> Margin<F> {
    fn new(target: &[F], squared: bool) -> Self {
        let binary = target.iter().all(|&t| t == F::ZERO || t == F::ONE);
        let (scale, shift) = if binary { (2.0, -1.0) } else { (1.0, 0.0) };
        Self {
            scale: F::of(scale),
            shift: F::of(shift),
            squared,
        }
    }
}

impl<F: Real> Pointwise<F> for Margin<F> {
    const KIND: &'static str = "Hinge";

    #[inline(always)]
    fn value(&self, target: F, p: F) -> F {
        let missing = (F::ONE - (self.scale * target + self.shift) * p).maximum(F::ZERO);
        if self.squared {
            missing * missing
        } else {
            missing
        }
    }

    #[inline(always)]
    fn slope(&self, target: F, p: F) -> F {
        let side = self.scale * target + self.shift;
        let missing = F::ONE - side * p;
        if missing <= F::ZERO {
            F::ZERO
        } else if self.squared {
            F::of(-2.0) * missing * side
        } else {
            -side
        }
    }
}

impl Hinge {
    fn name(self) -> &'static str {
        if self.squared {
            "SquaredHinge"
        } else {
            "Hinge"
        }
    }
}

impl<F: Real> Loss<F> for Hinge {
    fn kind(&self) -> &'static str {
        self.name()
    }

    fn check(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        mean_lines(self.name(), target, prediction)
    }

    fn forward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        values: &mut [F],
    ) -> Result<()> {
        let along = Along::values(prediction.len(), values.len(), shape)?;
        let margin = Margin::new(target, self.squared);
        pointwise::forward(&margin, target, prediction, along, values)
    }

    fn backward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        scale: &[F],
        grad_prediction: &mut [F],
    ) -> Result<()> {
        let along = Along::values(prediction.len(), scale.len(), shape)?;
        let margin = Margin::new(target, self.squared);
        pointwise::backward(&margin, target, prediction, along, scale, grad_prediction)
    }
}

/// What is missing to the margin, and the class that is the strongest of the wrong ones.
fn missing<F: Real>(t: Line<'_, F>, p: Line<'_, F>, classes: usize) -> (F, usize) {
    let (mut right, mut wrong, mut strongest) = (F::ZERO, -F::INFINITY, 0);
    for k in 0..classes {
        right += t.get(k) * p.get(k);
        let other = (F::ONE - t.get(k)) * p.get(k);
        if other > wrong {
            (wrong, strongest) = (other, k);
        }
    }
    (wrong - right + F::ONE, strongest)
}

impl<F: Real> Loss<F> for CategoricalHinge {
    fn kind(&self) -> &'static str {
        "CategoricalHinge"
    }

    fn check(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        mean_lines("CategoricalHinge", target, prediction)
    }

    fn forward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        values: &mut [F],
    ) -> Result<()> {
        sizes_agree("CategoricalHinge", target.len(), prediction.len())?;
        let along = Along::values(prediction.len(), values.len(), shape)?;
        line::map(along, values, |_, at| {
            let (t, p) = (Line::new(target, at), Line::new(prediction, at));
            missing(t, p, at.len).0.maximum(F::ZERO)
        });
        Ok(())
    }

    fn backward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        scale: &[F],
        grad_prediction: &mut [F],
    ) -> Result<()> {
        sizes_agree("CategoricalHinge", target.len(), prediction.len())?;
        let along = Along::values(prediction.len(), scale.len(), shape)?;
        line::for_each_mut(along, grad_prediction, |index, at, grad| {
            let (t, p, scale) = (
                Line::new(target, at),
                Line::new(prediction, at),
                scale[index],
            );
            let (missing, strongest) = missing(t, p, at.len);
            if missing <= F::ZERO {
                return grad.each(|_, g| *g = F::ZERO);
            }
            grad.each(|k, g| *g = -scale * t.get(k));
            *grad.get_mut(strongest) += scale * (F::ONE - t.get(strongest));
        });
        Ok(())
    }
}
