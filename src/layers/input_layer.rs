//! The entrance of a graph: data with a known shape, batch and time perhaps unknown.

use serde::Deserialize;

use super::Configured;
use crate::error::{Error, Result};
use crate::layer::{Backward, Forward, Layer};
use crate::real::Real;
use crate::shape::Shape;

/// A place where data enter. It has no inputs and computes nothing: the runner writes the data to its output.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputLayer {
    /// All axes, the batch first; `null` where unknown.
    shape: Vec<Option<usize>>,
}

impl Configured for InputLayer {
    fn validate(&self) -> Result<()> {
        if self.shape.is_empty() {
            return Err(Error::config("a shape with a batch axis", "()"));
        }
        Ok(())
    }
}

impl<F: Real> Layer<F> for InputLayer {
    fn kind(&self) -> &'static str {
        "InputLayer"
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        if !inputs.is_empty() {
            return Err(Error::shape("no inputs", format!("{}", inputs.len())));
        }
        Ok(vec![Shape::new(self.shape.clone())])
    }

    fn forward(&self, _: Forward<'_, F>) -> Result<()> {
        Ok(())
    }

    fn backward(&self, _: Backward<'_, F>) -> Result<()> {
        Ok(())
    }
}
