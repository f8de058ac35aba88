//! What training needs beside the graph. An outline: losses, metrics and optimizers come in next.

use serde_json::Value;

use crate::arena::Arena;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::placed::Placed;
use crate::plan::{OutputUse, Plan};
use crate::real::Real;
use crate::runner::Sizes;

/// Losses, metrics and optimizer of a model.
#[derive(Debug)]
pub struct Training<F>(F);

#[allow(missing_docs, unused)]
impl<F: Real> Training<F> {
    pub fn new(config: &Value, graph: &Graph<F>) -> Result<Self> {
        Err(Error::config("training", "an outline"))
    }
    pub fn place(&mut self, graph: &Graph<F>, placed: &Placed<F>) -> Result<()> {
        Ok(())
    }
    pub fn uses(
        &mut self,
        graph: &Graph<F>,
        outputs: &[&[usize]],
        sizes: &Sizes,
    ) -> Result<Vec<OutputUse>> {
        Ok(vec![])
    }
    pub fn penalty(&self, weights: &[F]) -> f64 {
        0.0
    }
    pub fn losses(
        &mut self,
        graph: &Graph<F>,
        plan: &Plan,
        arena: &mut Arena<F>,
        train: bool,
    ) -> Result<()> {
        Ok(())
    }
    pub fn add_weight_penalties(&self, weights: &[F], grads: &mut Arena<F>) {}
    pub fn count(&mut self, penalty: f64) {}
    pub fn update(&mut self, weights: &mut [F], grads: &mut Arena<F>) -> Result<()> {
        Ok(())
    }
    pub fn results(&self) -> Vec<(String, f64)> {
        vec![]
    }
    pub fn reset_metrics(&mut self) {}
}
