//! lamina: layers, training and inference of small and medium neural networks on a CPU.
//!
//! The way of the data: a [`graph::Graph`] of layers and calls, a plan of memory for one batch size and mode,
//! and a runner that executes whole training steps. `docs/architecture.md` tells who may import whom.

pub mod arena;
pub mod checkpoint;
pub mod config;
pub mod constraint;
pub mod error;
pub mod execute;
pub mod graph;
pub mod identifier;
pub mod init;
pub mod kernels;
pub mod layer;
pub mod layers;
pub mod losses;
pub mod metrics;
pub mod named_layer;
pub mod optimizers;
pub mod parallel;
pub mod param;
pub mod placed;
pub mod plan;
pub mod real;
pub mod regularizer;
pub mod rng;
pub mod runner;
pub mod shape;
#[doc(hidden)]
pub mod testing;
pub mod training;
pub mod variables;

#[cfg(feature = "python")]
mod python;

pub use error::{Error, Result};
pub use real::Real;
pub use shape::Shape;
