//! The convolutions, over one, two or three axes between batch and channels.
//!
//! The sums and their gradients are in [`crate::kernels::conv`]. With `z` the sums, `y = f(z)` and the gradient `dy` of the
//! loss by `y`: `dz = dy * f'(z)`, and the bias's gradient is the sum of dz over all places.

mod depthwise;
mod ending;
mod lstm;
mod ordinary;
mod separable;
mod setting;
mod transposed;

pub use depthwise::DepthwiseConvolution;
pub use lstm::ConvolvedLstm;
pub use ordinary::Convolution;
pub use separable::SeparableConvolution;
pub use transposed::TransposedConvolution;
