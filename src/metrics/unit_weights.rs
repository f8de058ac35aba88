//! How much each unit of a batch counts: sample weights and masks, spread over the units.

use super::Batch;
use crate::error::Result;
use crate::losses::{Kept, Reduction};
use crate::real::Real;

/// The weights of the units of one batch, in a buffer that is kept from batch to batch.
#[derive(Debug)]
pub(super) struct UnitWeights<F>(Vec<F>);

impl<F> Default for UnitWeights<F> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<F: Real> UnitWeights<F> {
    /// The weight of each of the units of this shape, 0 where it is masked or its target is `ignored`; `None` if all weigh 1.
    pub fn of(
        &mut self,
        units: &[usize],
        batch: &Batch<'_, F>,
        ignored: Option<F>,
    ) -> Result<Option<&[F]>> {
        if batch.weights.is_none() && batch.mask.is_none() && ignored.is_none() {
            return Ok(None);
        }
        let total = units.iter().product();
        self.0.resize(total, F::ZERO);
        let kept = Kept::new(total, batch.mask, batch.target, ignored)?;
        Reduction::Sum.weigh(units, batch.weights, kept, &mut self.0)?;
        Ok(Some(&self.0))
    }
}

/// Weight `i`, as `f64`.
#[inline]
pub(super) fn weight_at<F: Real>(weights: Option<&[F]>, i: usize) -> f64 {
    weights.map_or(1.0, |weights| weights[i].f64())
}
