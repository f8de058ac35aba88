//! `lamina._core`: what Python sees of the engine. Exports only.

mod activations;
mod arrays;
mod enter;
mod error;
mod files;
mod layer;
mod losses;
mod metrics;
mod optimizers;
mod runner;
mod settings;
mod weights;

use pyo3::prelude::*;

/// The engine of lamina. Private: use the package `lamina`.
#[pymodule]
mod _core {
    #[pymodule_export]
    use super::activations::activation;
    #[pymodule_export]
    use super::files::{load_file, save_file};
    #[pymodule_export]
    use super::layer::Layer;
    #[pymodule_export]
    use super::losses::loss;
    #[pymodule_export]
    use super::metrics::Metric;
    #[pymodule_export]
    use super::optimizers::{Optimizer, schedule};
    #[pymodule_export]
    use super::runner::Runner;
    #[pymodule_export]
    use super::settings::{isa, layer_kinds, num_threads, permutation, set_num_threads};
    #[pymodule_export]
    use super::weights::{check, constrain, initialize, penalty};

    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        super::settings::check_environment()
    }
}
