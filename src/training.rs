//! stub
use crate::{
    arena::Arena,
    error::Result,
    graph::Graph,
    placed::Placed,
    plan::{OutputUse, Plan},
    real::Real,
    runner::Sizes,
};
/// stub
#[derive(Debug)]
pub struct Training<F>(F);
#[allow(missing_docs, unused)]
impl<F: Real> Training<F> {
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
}
