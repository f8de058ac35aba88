//! How configs name activations, as Keras does: `null`, a name, or a name with parameters.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::{Activation, HardShrink, LeakyRelu, Relu, SoftShrink, Squareplus, Threshold};
use crate::error::{Error, Result};
use crate::identifier::nearest;

/// The names, in the order of the alphabet.
const NAMES: [&str; 30] = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "tanh",
    "tanh_shrink",
    "threshold",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoParameters {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Axis {
    #[serde(default = "last_axis")]
    axis: i64,
}

fn last_axis() -> i64 {
    -1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Alpha {
    #[serde(default = "one")]
    alpha: f64,
}

fn one() -> f64 {
    1.0
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Approximate {
    #[serde(default)]
    approximate: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReluParameters {
    #[serde(default)]
    negative_slope: f64,
    #[serde(default)]
    max_value: Option<f64>,
    #[serde(default)]
    threshold: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LeakyReluParameters {
    #[serde(default = "leaky_slope")]
    negative_slope: f64,
}

fn leaky_slope() -> f64 {
    0.2
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gap {
    #[serde(default = "half")]
    threshold: f64,
}

fn half() -> f64 {
    0.5
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SquareplusParameters {
    #[serde(default = "four")]
    b: f64,
}

fn four() -> f64 {
    4.0
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ThresholdParameters {
    threshold: f64,
    default_value: f64,
}

impl Activation {
    /// Reads `null` (linear), a name (`"relu"`; `swish` and `hard_swish` are silu and hard_silu), or a name with
    /// parameters (`{"name": "leaky_relu", "negative_slope": 0.1}`), defaults as in Keras.
    ///
    /// # Errors
    /// [`Error::Config`] naming the nearest valid name, or the parameter that is unknown or cannot be.
    pub fn from_config(config: &Value) -> Result<Self> {
        match config {
            Value::Null => Ok(Self::Linear),
            Value::String(name) => Self::named(name, &Map::new()),
            Value::Object(object) => match object.get("name") {
                Some(Value::String(name)) => {
                    let mut parameters = object.clone();
                    parameters.shift_remove("name");
                    Self::named(name, &parameters)
                }
                _ => Err(refused(config)),
            },
            _ => Err(refused(config)),
        }
    }

    fn named(name: &str, parameters: &Map<String, Value>) -> Result<Self> {
        let name = match name {
            "swish" => "silu",
            "hard_swish" => "hard_silu",
            name => name,
        };
        let plain =
            |activation| read::<NoParameters>(name, parameters).map(|NoParameters {}| activation);
        let rows = |activation| match read::<Axis>(name, parameters)?.axis {
            -1 => Ok(activation),
            axis => Err(wrong(
                name,
                "axis = -1, the last one",
                format!("axis = {axis}"),
            )),
        };
        Ok(match name {
            "celu" => {
                let alpha = finite(name, "alpha", read::<Alpha>(name, parameters)?.alpha)?;
                if alpha == 0.0 {
                    return Err(wrong(name, "alpha other than 0", "alpha = 0".into()));
                }
                Self::Celu { alpha }
            }
            "elu" => Self::Elu {
                alpha: finite(name, "alpha", read::<Alpha>(name, parameters)?.alpha)?,
            },
            "exponential" => plain(Self::Exponential)?,
            "gelu" => Self::Gelu {
                approximate: read::<Approximate>(name, parameters)?.approximate,
            },
            "glu" => rows(Self::Glu)?,
            "hard_shrink" => Self::HardShrink(HardShrink {
                threshold: gap(name, parameters)?,
            }),
            "hard_sigmoid" => plain(Self::HardSigmoid)?,
            "hard_silu" => plain(Self::HardSilu)?,
            "hard_tanh" => plain(Self::HardTanh)?,
            "leaky_relu" => {
                let slope = read::<LeakyReluParameters>(name, parameters)?.negative_slope;
                Self::LeakyRelu(LeakyRelu {
                    negative_slope: finite(name, "negative_slope", slope)?,
                })
            }
            "linear" => plain(Self::Linear)?,
            "log_sigmoid" => plain(Self::LogSigmoid)?,
            "log_softmax" => rows(Self::LogSoftmax)?,
            "mish" => plain(Self::Mish)?,
            "relu" => Self::Relu(relu(read(name, parameters)?)?),
            "relu6" => plain(Self::Relu6)?,
            "selu" => plain(Self::Selu)?,
            "sigmoid" => plain(Self::Sigmoid)?,
            "silu" => plain(Self::Silu)?,
            "soft_shrink" => Self::SoftShrink(SoftShrink {
                threshold: gap(name, parameters)?,
            }),
            "softmax" => rows(Self::Softmax)?,
            "softplus" => plain(Self::Softplus)?,
            "softsign" => plain(Self::Softsign)?,
            "sparse_plus" => plain(Self::SparsePlus)?,
            "sparse_sigmoid" => plain(Self::SparseSigmoid)?,
            "sparsemax" => rows(Self::Sparsemax)?,
            "squareplus" => {
                let b = read::<SquareplusParameters>(name, parameters)?.b;
                Self::Squareplus(Squareplus {
                    b: not_negative(name, "b", b)?,
                })
            }
            "tanh" => plain(Self::Tanh)?,
            "tanh_shrink" => plain(Self::TanhShrink)?,
            "threshold" => {
                let p = read::<ThresholdParameters>(name, parameters)?;
                Self::Threshold(Threshold {
                    threshold: finite(name, "threshold", p.threshold)?,
                    default_value: finite(name, "default_value", p.default_value)?,
                })
            }
            unknown => {
                let error = Error::config("the name of an activation", format!("{unknown:?}"));
                return Err(match nearest(unknown, NAMES) {
                    Some(name) => error.remedy(format!("Did you mean {name:?}?")),
                    None => error,
                });
            }
        })
    }

    /// Keras's name of the function.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Celu { .. } => "celu",
            Self::Elu { .. } => "elu",
            Self::Exponential => "exponential",
            Self::Gelu { .. } => "gelu",
            Self::Glu => "glu",
            Self::HardShrink(_) => "hard_shrink",
            Self::HardSigmoid => "hard_sigmoid",
            Self::HardSilu => "hard_silu",
            Self::HardTanh => "hard_tanh",
            Self::LeakyRelu(_) => "leaky_relu",
            Self::Linear => "linear",
            Self::LogSigmoid => "log_sigmoid",
            Self::LogSoftmax => "log_softmax",
            Self::Mish => "mish",
            Self::Relu(_) => "relu",
            Self::Relu6 => "relu6",
            Self::Selu => "selu",
            Self::Sigmoid => "sigmoid",
            Self::Silu => "silu",
            Self::SoftShrink(_) => "soft_shrink",
            Self::Softmax => "softmax",
            Self::Softplus => "softplus",
            Self::Softsign => "softsign",
            Self::SparsePlus => "sparse_plus",
            Self::SparseSigmoid => "sparse_sigmoid",
            Self::Sparsemax => "sparsemax",
            Self::Squareplus(_) => "squareplus",
            Self::Tanh => "tanh",
            Self::TanhShrink => "tanh_shrink",
            Self::Threshold(_) => "threshold",
        }
    }

    /// The config this activation is read from: its name alone where all parameters have their defaults.
    pub fn to_config(&self) -> Value {
        let name = self.name();
        if Self::named(name, &Map::new()).is_ok_and(|plain| plain == *self) {
            return json!(name);
        }
        match self {
            Self::Celu { alpha } | Self::Elu { alpha } => json!({"name": name, "alpha": alpha}),
            Self::Gelu { approximate } => json!({"name": name, "approximate": approximate}),
            Self::HardShrink(HardShrink { threshold })
            | Self::SoftShrink(SoftShrink { threshold }) => {
                json!({"name": name, "threshold": threshold})
            }
            Self::LeakyRelu(LeakyRelu { negative_slope }) => {
                json!({"name": name, "negative_slope": negative_slope})
            }
            Self::Relu(relu) => json!({
                "name": name,
                "negative_slope": relu.negative_slope,
                "max_value": relu.max_value,
                "threshold": relu.threshold,
            }),
            Self::Squareplus(Squareplus { b }) => json!({"name": name, "b": b}),
            Self::Threshold(t) => json!({
                "name": name,
                "threshold": t.threshold,
                "default_value": t.default_value,
            }),
            _ => json!(name),
        }
    }
}

fn read<T: DeserializeOwned>(name: &str, parameters: &Map<String, Value>) -> Result<T> {
    serde_json::from_value(Value::Object(parameters.clone()))
        .map_err(|error| wrong(name, "its own parameters", error.to_string()))
}

fn gap(name: &str, parameters: &Map<String, Value>) -> Result<f64> {
    finite(name, "threshold", read::<Gap>(name, parameters)?.threshold)
}

fn relu(p: ReluParameters) -> Result<Relu> {
    Ok(Relu {
        negative_slope: finite("relu", "negative_slope", p.negative_slope)?,
        max_value: match p.max_value {
            Some(most) => Some(not_negative("relu", "max_value", most)?),
            None => None,
        },
        threshold: finite("relu", "threshold", p.threshold)?,
    })
}

fn finite(name: &str, parameter: &str, value: f64) -> Result<f64> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(wrong(
            name,
            &format!("a finite {parameter}"),
            value.to_string(),
        ))
    }
}

fn not_negative(name: &str, parameter: &str, value: f64) -> Result<f64> {
    if value >= 0.0 && value.is_finite() {
        Ok(value)
    } else {
        Err(wrong(
            name,
            &format!("{parameter} of at least 0"),
            value.to_string(),
        ))
    }
}

fn wrong(name: &str, expected: &str, got: String) -> Error {
    Error::config(format!("{name} with {expected}"), got)
}

fn refused(config: &Value) -> Error {
    Error::config(
        "an activation as null, a name or {\"name\": …, parameters}",
        config.to_string(),
    )
}

impl<'de> Deserialize<'de> for Activation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let config = Value::deserialize(deserializer)?;
        Self::from_config(&config).map_err(D::Error::custom)
    }
}

impl Serialize for Activation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_config().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_and_written() {
        for name in NAMES {
            let config = match name {
                "threshold" => json!({"name": name, "threshold": 1.0, "default_value": 2.0}),
                _ => json!(name),
            };
            let activation = Activation::from_config(&config).unwrap();
            assert_eq!(activation.name(), name);
            assert_eq!(activation.to_config(), config);
        }
    }

    #[test]
    fn null_aliases_and_parameters_are_read() {
        let read = |config: Value| Activation::from_config(&config).unwrap();
        assert_eq!(read(Value::Null), Activation::Linear);
        assert_eq!(read(json!("swish")), Activation::Silu);
        assert_eq!(read(json!("hard_swish")), Activation::HardSilu);
        assert_eq!(
            read(json!({"name": "leaky_relu", "negative_slope": 0.1})),
            Activation::LeakyRelu(LeakyRelu {
                negative_slope: 0.1
            })
        );
        assert_eq!(
            read(json!({"name": "softmax", "axis": -1})),
            Activation::Softmax
        );
        let capped =
            json!({"name": "relu", "negative_slope": 0.0, "max_value": 6.0, "threshold": 1.0});
        assert_eq!(read(capped.clone()).to_config(), capped);
    }

    #[test]
    fn wrong_configs_are_worded() {
        let cases = [
            (
                json!("rellu"),
                "expected the name of an activation, got \"rellu\". Did you mean \"relu\"?",
            ),
            (
                json!({"name": "softmax", "axis": 1}),
                "expected softmax with axis = -1, the last one, got axis = 1",
            ),
            (
                json!({"name": "relu", "max_value": -1.0}),
                "expected relu with max_value of at least 0, got -1",
            ),
            (
                json!(3),
                "expected an activation as null, a name or {\"name\": …, parameters}, got 3",
            ),
        ];
        for (config, text) in cases {
            let error = Activation::from_config(&config).unwrap_err();
            assert_eq!(error.to_string(), text);
        }
        for config in [
            json!("threshold"),
            json!({"name": "tanh", "alpha": 1.0}),
            json!({"name": "celu", "alpha": 0.0}),
            json!({"alpha": 0.0}),
        ] {
            assert!(Activation::from_config(&config).is_err(), "{config}");
        }
    }
}
