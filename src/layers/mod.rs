//! The layers, one file each, and the registry that makes one from its kind and configuration.
//!
//! A new layer is a file here, its line in `pub mod`, and its line in the registry.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::parse;
use crate::error::{Error, Result};
use crate::layer::Layer;
use crate::real::Real;

pub mod input_layer;

/// A layer whose fields are its configuration.
pub trait Configured: DeserializeOwned {
    /// Refuses values that no input can make right: zero units, a rate outside [0, 1).
    fn validate(&self) -> Result<()> {
        Ok(())
    }
}

fn make<F: Real, L: Layer<F> + Configured + 'static>(config: &Value) -> Result<Arc<dyn Layer<F>>> {
    let layer: L = parse(config)?;
    layer.validate()?;
    Ok(Arc::new(layer))
}

macro_rules! registry {
    ($($kind:literal => $layer:ty,)*) => {
        /// The kinds of layers there are.
        pub const KINDS: &[&str] = &[$($kind),*];

        /// The layer of this kind with this configuration.
        pub fn create<F: Real>(kind: &str, config: &Value) -> Result<Arc<dyn Layer<F>>> {
            match kind {
                $($kind => make::<F, $layer>(config),)*
                _ => Err(Error::config("a kind of layer", format!("{kind:?}"))),
            }
        }
    };
}

registry! {
    "InputLayer" => input_layer::InputLayer,
}
