//! Rectifiers as layers with settings: ReLU, LeakyReLU, ELU. The formulas are in [`crate::kernels::activation`].

use serde::Deserialize;

use super::Configured;
use super::activation::Applies;
use crate::error::{Error, Result};
use crate::kernels::activation::{Activation, LeakyRelu, Relu};

/// `x` above the threshold, at most `max_value`; `negative_slope * (x - threshold)` below.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReLU {
    #[serde(default)]
    max_value: Option<f64>,
    #[serde(default)]
    negative_slope: f64,
    #[serde(default)]
    threshold: f64,
}

/// `x` above 0, `negative_slope * x` below.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeakyReLU {
    #[serde(default = "leaky_slope")]
    negative_slope: f64,
}

fn leaky_slope() -> f64 {
    0.3
}

/// `x` above 0, `alpha * (e^x - 1)` below.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elu {
    #[serde(default = "one")]
    alpha: f64,
}

fn one() -> f64 {
    1.0
}

fn not_negative(name: &str, value: f64) -> Result<()> {
    if value >= 0.0 {
        return Ok(());
    }
    Err(Error::config(
        format!("`{name}` to be at least 0"),
        value.to_string(),
    ))
}

impl Configured for ReLU {
    fn validate(&self) -> Result<()> {
        not_negative("max_value", self.max_value.unwrap_or(0.0))?;
        not_negative("negative_slope", self.negative_slope)?;
        not_negative("threshold", self.threshold)
    }
}

impl Configured for LeakyReLU {
    fn validate(&self) -> Result<()> {
        not_negative("negative_slope", self.negative_slope)
    }
}

impl Configured for Elu {}

impl Applies for ReLU {
    const KIND: &'static str = "ReLU";

    fn function(&self) -> Activation {
        Activation::Relu(Relu {
            negative_slope: self.negative_slope,
            max_value: self.max_value,
            threshold: self.threshold,
        })
    }
}

impl Applies for LeakyReLU {
    const KIND: &'static str = "LeakyReLU";

    fn function(&self) -> Activation {
        Activation::LeakyRelu(LeakyRelu {
            negative_slope: self.negative_slope,
        })
    }
}

impl Applies for Elu {
    const KIND: &'static str = "ELU";

    fn function(&self) -> Activation {
        Activation::Elu { alpha: self.alpha }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Array, Case, assert_close, check_gradients};

    fn case(kind: &'static str, config: Value) -> Case {
        Case {
            kind,
            config,
            inputs: vec![Array::new(&[2, 2], &[-2.0, -0.5, 1.0, 8.0])],
            ..Case::default()
        }
    }

    #[test]
    fn each_has_its_slope_below_and_its_limit_above() {
        for (kind, config, expected) in [
            ("ReLU", json!({}), [0.0, 0.0, 1.0, 8.0]),
            ("ReLU", json!({"max_value": 6}), [0.0, 0.0, 1.0, 6.0]),
            (
                "ReLU",
                json!({"negative_slope": 0.5, "threshold": 2}),
                [-2.0, -1.25, -0.5, 8.0],
            ),
            ("LeakyReLU", json!({}), [-0.6, -0.15, 1.0, 8.0]),
            (
                "ELU",
                json!({"alpha": 2}),
                [2.0 * (-2f64).exp_m1(), 2.0 * (-0.5f64).exp_m1(), 1.0, 8.0],
            ),
        ] {
            let case = case(kind, config);
            assert_close::<f64>(&case.outputs::<f64>().unwrap()[0].values, &expected, 1e-12);
            assert_close::<f64>(&case.outputs::<f32>().unwrap()[0].values, &expected, 1e-6);
            check_gradients(&case);
        }
    }

    #[test]
    fn negative_settings_are_refused() {
        for name in ["max_value", "negative_slope", "threshold"] {
            assert_eq!(
                case("ReLU", json!({name: -1})).error(),
                format!("ReLU \"relu\": expected `{name}` to be at least 0, got -1")
            );
        }
        assert_eq!(
            case("LeakyReLU", json!({"negative_slope": -0.1})).error(),
            "LeakyReLU \"leakyrelu\": expected `negative_slope` to be at least 0, got -0.1"
        );
    }
}
