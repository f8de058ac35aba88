//! Loops over slices. They know no layer, no graph and no Python.

pub mod activation;
pub mod arithmetic;
pub mod attention;
pub mod batch_norm;
pub mod broadcast;
pub mod contract;
pub mod conv;
pub mod cross_entropy;
pub mod denormals;
pub mod dropout;
pub mod exponentials;
pub mod gather;
pub mod gemm;
pub mod math;
pub mod norm;
pub mod optimizer;
pub mod permute;
pub mod pool;
pub mod recurrent;
pub mod reduce;
pub(crate) mod scratch;
pub mod simd;
pub mod softmax;
pub mod sparsemax;
