//! Layers that change nothing: Identity, and ActivityRegularization, whose penalty the runner adds to the loss.

use serde::Deserialize;

use super::Configured;
use super::activation::Applies;
use crate::error::{Error, Result};
use crate::kernels::activation::Activation;

/// The input as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {}

/// The input as it is; `l1 * sum(|x|) + l2 * sum(x^2)` is added to the loss as the layer's activity regularizer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivityRegularization {
    #[serde(default)]
    l1: f64,
    #[serde(default)]
    l2: f64,
}

impl Configured for Identity {}

impl Configured for ActivityRegularization {
    fn validate(&self) -> Result<()> {
        if self.l1.is_finite() && self.l2.is_finite() {
            return Ok(());
        }
        let got = format!("{} and {}", self.l1, self.l2);
        Err(Error::config("finite numbers `l1` and `l2`", got))
    }
}

impl Applies for Identity {
    const KIND: &'static str = "Identity";

    fn function(&self) -> Activation {
        Activation::Linear
    }
}

impl Applies for ActivityRegularization {
    const KIND: &'static str = "ActivityRegularization";

    fn function(&self) -> Activation {
        Activation::Linear
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Array, Case, check_gradients};

    #[test]
    fn the_input_passes() {
        for kind in ["Identity", "ActivityRegularization"] {
            let case = Case {
                kind,
                config: json!({}),
                inputs: vec![Array::random(&[2, 3], 1)],
                ..Case::default()
            };
            let outputs = case.outputs::<f64>().unwrap();
            assert_eq!(outputs[0].values, case.inputs[0].values);
            check_gradients(&case);
        }
    }
}
