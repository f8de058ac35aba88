//! Threads, instruction sets, shuffling: what belongs to the process and not to a model.

use pyo3::prelude::*;

use super::arrays::{Indices, indices};
use crate::kernels::simd;
use crate::layers::KINDS;
use crate::parallel;

/// The number of threads that kernels use.
#[pyfunction]
pub fn num_threads() -> usize {
    parallel::num_threads()
}

/// Sets the number of threads; `None` goes back to the environment's and the machine's.
#[pyfunction]
#[pyo3(signature = (threads=None))]
pub fn set_num_threads(threads: Option<usize>) -> PyResult<()> {
    Ok(parallel::set_num_threads(threads)?)
}

/// The instruction set in use: "scalar", "avx2", "avx512" or "neon".
#[pyfunction]
pub fn isa() -> &'static str {
    simd::isa().name()
}

/// The kinds of layers the engine has.
#[pyfunction]
pub fn layer_kinds() -> Vec<&'static str> {
    KINDS.to_vec()
}

/// The order of `n` rows in an epoch: a function of seed and epoch alone.
#[pyfunction]
pub fn permutation<'py>(
    py: Python<'py>,
    n: usize,
    seed: u64,
    epoch: u64,
) -> PyResult<Indices<'py>> {
    let order = py.detach(|| crate::rng::permutation(n, seed, epoch))?;
    Ok(indices(py, order))
}

/// Refuses settings in the environment that make no sense, at import and not in the middle of the night.
pub fn check_environment() -> PyResult<()> {
    parallel::threads_from_env()?;
    simd::isa_from_env()?;
    Ok(())
}
