//! How a weight starts: Keras's initializers.
//!
//! The Glorot, He and LeCun families are [`VarianceScaling`] with three settings each
//! (Glorot & Bengio 2010; He et al. 2015; LeCun et al. 1998).

mod fill;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::identifier::{Identifier, Known};

/// How a weight starts. Read from a name or a Keras config.
///
/// ```
/// use lamina::init::Initializer;
/// let init: Initializer = serde_json::from_str("\"glorot_uniform\"").unwrap();
/// assert!(matches!(init, Initializer::VarianceScaling(_)));
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub enum Initializer {
    /// Every element the same value; zeros and ones too.
    Constant(f64),
    /// `gain` on the diagonal of a matrix, 0 elsewhere.
    Identity(f64),
    /// A normal distribution.
    RandomNormal(Normal),
    /// A normal distribution without what lies beyond two standard deviations.
    TruncatedNormal(Normal),
    /// A uniform distribution.
    RandomUniform(Uniform),
    /// A distribution whose variance follows from the number of inputs and outputs.
    VarianceScaling(VarianceScaling),
    /// Orthonormal rows or columns (Saxe et al., 2013).
    Orthogonal(Orthogonal),
    /// The bias of an LSTM's four gates: ones for the second, the forget gate, and this for the others, so that what is
    /// in the cell stays there at first (Jozefowicz et al., 2015). Keras's `unit_forget_bias`; it has no name of its own.
    ForgetBias(Box<Initializer>),
}

/// Mean and spread of a normal distribution.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Normal {
    /// The mean.
    pub mean: f64,
    /// The standard deviation, before truncation.
    pub stddev: f64,
    /// Draws that depend on this alone; otherwise on the seed of the model.
    pub seed: Option<i64>,
}

/// Bounds of a uniform distribution.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Uniform {
    /// The smallest value drawn.
    pub minval: f64,
    /// Values drawn lie below this.
    pub maxval: f64,
    /// Draws that depend on this alone; otherwise on the seed of the model.
    pub seed: Option<i64>,
}

/// Variance `scale / n`, where `n` counts inputs, outputs or their mean.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VarianceScaling {
    /// The factor of the variance.
    pub scale: f64,
    /// What `n` counts.
    pub mode: FanMode,
    /// The shape of the distribution.
    pub distribution: Distribution,
    /// Draws that depend on this alone; otherwise on the seed of the model.
    pub seed: Option<i64>,
    /// The axes whose sizes multiply to the number of inputs, if not Keras's rule.
    pub input_axes: Option<Vec<i64>>,
    /// The axes whose sizes multiply to the number of outputs, if not Keras's rule.
    pub output_axes: Option<Vec<i64>>,
}

/// What the variance of [`VarianceScaling`] is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FanMode {
    /// The number of inputs.
    FanIn,
    /// The number of outputs.
    FanOut,
    /// The mean of both.
    FanAvg,
}

/// The shape of the distribution of [`VarianceScaling`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Normal without what lies beyond two standard deviations, widened to keep the variance.
    #[serde(alias = "normal")]
    TruncatedNormal,
    /// Normal.
    UntruncatedNormal,
    /// Uniform.
    Uniform,
}

/// A matrix with orthonormal rows or columns.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Orthogonal {
    /// What the matrix is multiplied with.
    pub gain: f64,
    /// Draws that depend on this alone; otherwise on the seed of the model.
    pub seed: Option<i64>,
}

impl Default for Normal {
    fn default() -> Self {
        Self {
            mean: 0.0,
            stddev: 0.05,
            seed: None,
        }
    }
}

impl Default for Uniform {
    fn default() -> Self {
        Self {
            minval: -0.05,
            maxval: 0.05,
            seed: None,
        }
    }
}

impl Default for VarianceScaling {
    fn default() -> Self {
        Self {
            scale: 1.0,
            mode: FanMode::FanIn,
            distribution: Distribution::TruncatedNormal,
            seed: None,
            input_axes: None,
            output_axes: None,
        }
    }
}

impl Default for Orthogonal {
    fn default() -> Self {
        Self {
            gain: 1.0,
            seed: None,
        }
    }
}

/// The initializers by name.
pub const KNOWN: &[Known] = &[
    Known::with("Zeros", &["zero"]),
    Known::with("Ones", &["one"]),
    Known::new("Constant"),
    Known::with("Identity", &["IdentityInitializer"]),
    Known::with("RandomNormal", &["normal"]),
    Known::with("RandomUniform", &["uniform"]),
    Known::new("TruncatedNormal"),
    Known::new("VarianceScaling"),
    Known::new("GlorotNormal"),
    Known::new("GlorotUniform"),
    Known::new("HeNormal"),
    Known::new("HeUniform"),
    Known::new("LecunNormal"),
    Known::new("LecunUniform"),
    Known::with("Orthogonal", &["OrthogonalInitializer"]),
];

/// What the named members of the [`VarianceScaling`] family leave open.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScalingFields {
    #[serde(default)]
    seed: Option<i64>,
    #[serde(default)]
    input_axes: Option<Vec<i64>>,
    #[serde(default)]
    output_axes: Option<Vec<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConstantFields {
    #[serde(default)]
    value: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityFields {
    #[serde(default = "one")]
    gain: f64,
}

fn one() -> f64 {
    1.0
}

impl Default for Initializer {
    fn default() -> Self {
        Self::zeros()
    }
}

impl Initializer {
    /// All zeros, as Keras starts every bias.
    pub fn zeros() -> Self {
        Self::Constant(0.0)
    }

    /// All ones.
    pub fn ones() -> Self {
        Self::Constant(1.0)
    }

    /// With the fans of these axes, unless they were given: Keras counts so for kernels of more axes than two.
    pub fn with_axes(&self, inputs: Vec<i64>, outputs: Vec<i64>) -> Self {
        let mut initializer = self.clone();
        if let Self::VarianceScaling(scaling) = &mut initializer
            && (scaling.input_axes.is_none() || scaling.output_axes.is_none())
        {
            scaling.input_axes = Some(inputs);
            scaling.output_axes = Some(outputs);
        }
        initializer
    }

    /// Glorot's uniform distribution, as Keras starts most kernels.
    pub fn glorot_uniform() -> Self {
        Self::VarianceScaling(VarianceScaling {
            mode: FanMode::FanAvg,
            distribution: Distribution::Uniform,
            ..VarianceScaling::default()
        })
    }

    /// Orthonormal rows or columns, as Keras starts recurrent kernels.
    pub fn orthogonal() -> Self {
        Self::Orthogonal(Orthogonal::default())
    }

    fn scaling(
        id: &Identifier,
        scale: f64,
        mode: FanMode,
        distribution: Distribution,
    ) -> Result<Self> {
        let ScalingFields {
            seed,
            input_axes,
            output_axes,
        } = id.fields()?;
        Ok(Self::VarianceScaling(VarianceScaling {
            scale,
            mode,
            distribution,
            seed,
            input_axes,
            output_axes,
        }))
    }
}

impl TryFrom<Value> for Initializer {
    type Error = Error;

    fn try_from(value: Value) -> Result<Self> {
        use Distribution::{TruncatedNormal, Uniform};
        use FanMode::{FanAvg, FanIn};
        let id = Identifier::parse("initializer", &value, KNOWN)?;
        Ok(match id.class_name {
            "Zeros" => id.no_fields().map(|()| Self::zeros())?,
            "Ones" => id.no_fields().map(|()| Self::ones())?,
            "Constant" => Self::Constant(id.fields::<ConstantFields>()?.value),
            "Identity" => Self::Identity(id.fields::<IdentityFields>()?.gain),
            "RandomNormal" => Self::RandomNormal(id.fields()?),
            "RandomUniform" => Self::RandomUniform(id.fields()?),
            "TruncatedNormal" => Self::TruncatedNormal(id.fields()?),
            "GlorotNormal" => Self::scaling(&id, 1.0, FanAvg, TruncatedNormal)?,
            "GlorotUniform" => Self::scaling(&id, 1.0, FanAvg, Uniform)?,
            "HeNormal" => Self::scaling(&id, 2.0, FanIn, TruncatedNormal)?,
            "HeUniform" => Self::scaling(&id, 2.0, FanIn, Uniform)?,
            "LecunNormal" => Self::scaling(&id, 1.0, FanIn, TruncatedNormal)?,
            "LecunUniform" => Self::scaling(&id, 1.0, FanIn, Uniform)?,
            "Orthogonal" => Self::Orthogonal(id.fields()?),
            _ => {
                let scaling: VarianceScaling = id.fields()?;
                if scaling.scale.is_nan() || scaling.scale <= 0.0 {
                    return Err(
                        Error::config("scale > 0", format!("scale={}", scaling.scale))
                            .at("VarianceScaling"),
                    );
                }
                Self::VarianceScaling(scaling)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_and_configs_are_read() {
        let read = |v: Value| Initializer::try_from(v).unwrap();
        assert_eq!(read(json!("zeros")), Initializer::Constant(0.0));
        assert_eq!(read(json!("GlorotUniform")), Initializer::glorot_uniform());
        assert_eq!(
            read(json!({"class_name": "RandomNormal", "config": {"stddev": 2.0, "seed": 7}})),
            Initializer::RandomNormal(Normal {
                mean: 0.0,
                stddev: 2.0,
                seed: Some(7)
            })
        );
        assert_eq!(
            read(json!({"class_name": "VarianceScaling", "config": {"distribution": "normal"}})),
            Initializer::VarianceScaling(VarianceScaling::default())
        );
    }

    #[test]
    fn wrong_scale_is_refused() {
        let value = json!({"class_name": "VarianceScaling", "config": {"scale": 0.0}});
        let error = Initializer::try_from(value).unwrap_err();
        assert_eq!(
            error.to_string(),
            "VarianceScaling: expected scale > 0, got scale=0"
        );
    }
}
