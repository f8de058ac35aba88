//! Generalized cross-entropy: `(1 - p[label]^q) / q`, between cross-entropy (q to 0) and mean absolute error (q = 1),
//! which bears wrong labels (Zhang and Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks with
//! Noisy Labels, 2018).

use serde::Deserialize;

use super::alignment::{Along, class, label_units};
use super::line::{self, Line};
use super::sparse_categorical_crossentropy::labels_within;
use super::{Loss, sizes_agree};
use crate::error::{Error, Result};
use crate::real::Real;

const KIND: &str = "CategoricalGeneralizedCrossEntropy";

/// `values[i] = (1 - p[label]^q) / q`, the classes along the last axis.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CategoricalGeneralizedCrossEntropy {
    /// The exponent, between 0 and 1.
    pub q: f64,
}

impl Default for CategoricalGeneralizedCrossEntropy {
    fn default() -> Self {
        Self { q: 0.5 }
    }
}

impl CategoricalGeneralizedCrossEntropy {
    /// The same, or an error if `q` is out of range.
    pub(super) fn checked(self) -> Result<Self> {
        if self.q > 0.0 && self.q < 1.0 {
            return Ok(self);
        }
        Err(Error::config("q between 0 and 1", format!("q={}", self.q)).at(KIND))
    }
}

impl<F: Real> Loss<F> for CategoricalGeneralizedCrossEntropy {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn check(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        label_units(target, prediction, -1).map_err(|e| e.at(KIND))
    }

    fn validate(&self, target: &[F], shape: &[usize]) -> Result<()> {
        labels_within(target, Along::new(shape, -1)?.len, None).map_err(|e| e.at(KIND))
    }

    fn forward(
        &self,
        target: &[F],
        prediction: &[F],
        shape: &[usize],
        values: &mut [F],
    ) -> Result<()> {
        sizes_agree(KIND, target.len(), values.len())?;
        let q = F::of(self.q);
        line::map(Along::new(shape, -1)?, values, |index, at| {
            match class(target[index], at.len) {
                Some(class) => (F::ONE - Line::new(prediction, at).get(class).powf(q)) / q,
                None => F::of(f64::NAN),
            }
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
        sizes_agree(KIND, target.len(), scale.len())?;
        let q = F::of(self.q);
        line::for_each_mut(
            Along::new(shape, -1)?,
            grad_prediction,
            |index, at, grad| {
                grad.each(|_, g| *g = F::ZERO);
                if let Some(class) = class(target[index], at.len) {
                    let p = Line::new(prediction, at).get(class);
                    *grad.get_mut(class) = -scale[index] * p.powf(q - F::ONE);
                }
            },
        );
        Ok(())
    }
}
