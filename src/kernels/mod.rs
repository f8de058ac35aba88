//! Loops over slices. They know no layer, no graph and no Python.

pub mod broadcast;
pub mod denormals;
pub mod gather;
pub mod simd;
