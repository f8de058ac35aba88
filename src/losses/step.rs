//! The loss of one output in a step: values, the one number, and the gradient, in as few passes as the loss allows.

use super::{Loss, LossFn, Reduction, Weights};
use crate::error::{Error, Result};
use crate::real::Real;

/// What a loss is taken on.
#[derive(Debug, Clone, Copy)]
pub struct Operands<'a, F> {
    /// What the predictions ought to be.
    pub target: &'a [F],
    /// The predictions.
    pub prediction: &'a [F],
    /// Their shape.
    pub shape: &'a [usize],
    /// The shape of the losses.
    pub units: &'a [usize],
    /// Weights of samples or units.
    pub weights: Option<Weights<'a, F>>,
    /// 0 for units that do not count.
    pub mask: Option<&'a [F]>,
}

impl<F: Real> LossFn<F> {
    /// The loss of a batch by `maths`, which is this loss or the same on logits. `values` and `scale` are overwritten, and
    /// `grad` with `factor` times the derivative of the loss by the predictions.
    ///
    /// # Errors
    /// Targets that cannot be, and weights or a mask that do not fit.
    pub fn step(
        &self,
        maths: &dyn Loss<F>,
        on: Operands<'_, F>,
        factor: f64,
        (values, scale): (&mut [F], &mut [F]),
        grad: Option<&mut [F]>,
    ) -> Result<f64> {
        let Operands {
            target,
            prediction,
            shape,
            units,
            weights,
            mask,
        } = on;
        maths.validate(target, shape)?;
        if self.reduction == Reduction::None {
            // Refused before: training needs one number.
            return Err(Error::config("a loss with a reduction", "reduction=None"));
        }
        if self.loss.counts_only_positive() {
            // The values say which units count.
            maths.forward(target, prediction, shape, values)?;
        }
        let kept = self.kept(target, values, mask)?;
        let divisor = self.reduction.weigh(units, weights, kept, scale)?;
        // As Keras's divide_no_nan: no weight at all is no loss, not NaN.
        let over = if divisor == 0.0 { 0.0 } else { 1.0 / divisor };
        let slope = F::of(over * factor);
        match grad {
            None => maths.forward(target, prediction, shape, values)?,
            Some(grad) => {
                let weighted = (&*scale, slope);
                if !maths.forward_backward(target, prediction, shape, weighted, values, grad)? {
                    maths.forward(target, prediction, shape, values)?;
                    let loss = weighted_sum(scale, values);
                    scale.iter_mut().for_each(|scale| *scale *= slope);
                    maths.backward(target, prediction, shape, scale, grad)?;
                    return Ok(loss * over);
                }
            }
        }
        Ok(weighted_sum(scale, values) * over)
    }
}

/// `sum_i weights[i] * values[i]` in f64, in lanes and always in the same order.
fn weighted_sum<F: Real>(weights: &[F], values: &[F]) -> f64 {
    const LANES: usize = 8;
    let (weights, weights_rest) = weights.as_chunks::<LANES>();
    let (values, values_rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (w, v) in weights.iter().zip(values) {
        for lane in 0..LANES {
            lanes[lane] += w[lane].f64() * v[lane].f64();
        }
    }
    let rest = weights_rest.iter().zip(values_rest);
    lanes.iter().sum::<f64>() + rest.map(|(w, v)| w.f64() * v.f64()).sum::<f64>()
}
