//! How targets and predictions go together along an axis.
//!
//! ```text
//! Pearson:      mean((t - mt) (y - my)) / (st sy)
//! Concordance:  2 mean((t - mt) (y - my)) / (st^2 + sy^2 + (mt - my)^2)
//! ```

use serde::Deserialize;

use super::{Batch, EPSILON, UnitValues};
use crate::error::Result;
use crate::losses::alignment::{Along, align, canonical};
use crate::real::Real;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Fields {
    axis: i64,
}

impl Default for Fields {
    fn default() -> Self {
        Self { axis: -1 }
    }
}

/// The correlation along an axis.
#[derive(Debug)]
pub(super) struct Correlation {
    kind: &'static str,
    axis: i64,
    /// Whether means and scales must agree too.
    concordance: bool,
}

impl Correlation {
    pub fn pearson(Fields { axis }: Fields) -> Self {
        Self {
            kind: "PearsonCorrelation",
            axis,
            concordance: false,
        }
    }

    pub fn concordance(Fields { axis }: Fields) -> Self {
        Self {
            kind: "ConcordanceCorrelation",
            axis,
            concordance: true,
        }
    }
}

impl<F: Real> UnitValues<F> for Correlation {
    fn units(&self, target: &[usize], prediction: &[usize]) -> Result<Vec<usize>> {
        let mut shape = align(target, prediction).map_err(|e| e.at(self.kind))?;
        let axis = canonical(self.axis, shape.len()).map_err(|e| e.at(self.kind))?;
        shape.remove(axis);
        Ok(shape)
    }

    fn fill(&self, batch: &Batch<'_, F>, values: &mut [F]) -> Result<()> {
        let shape = align(batch.target_shape, batch.prediction_shape)?;
        let Along { outer, len, inner } = Along::new(&shape, self.axis)?;
        let n = len as f64;
        for block in 0..outer {
            for i in 0..inner {
                let at = |k: usize| (block * len + k) * inner + i;
                let pairs =
                    (0..len).map(|k| (batch.target[at(k)].f64(), batch.prediction[at(k)].f64()));
                let (sum_t, sum_y) = pairs
                    .clone()
                    .fold((0.0, 0.0), |(a, b), (t, y)| (a + t, b + y));
                let (mean_t, mean_y) = (sum_t / n, sum_y / n);
                let (mut tt, mut yy, mut ty) = (0.0, 0.0, 0.0);
                for (t, y) in pairs {
                    let (t, y) = (t - mean_t, y - mean_y);
                    tt += t * t;
                    yy += y * y;
                    ty += t * y;
                }
                values[block * inner + i] = F::of(if self.concordance {
                    let apart = (mean_t - mean_y) * (mean_t - mean_y);
                    2.0 * ty / n / (tt / n + yy / n + apart + EPSILON)
                } else {
                    ty / (tt.sqrt() * yy.sqrt())
                });
            }
        }
        Ok(())
    }
}
