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
use crate::shape::Shape;

pub mod activation;
pub mod attention;
pub mod batch_normalization;
pub mod concatenate;
pub mod convolution;
mod data_format;
pub mod dense;
pub mod dot;
pub mod dropout;
pub mod einsum_dense;
pub mod embedding;
pub mod flatten;
pub mod global_pooling2d;
pub mod grouped_attention;
pub mod gru;
pub mod identity;
pub mod input_layer;
pub mod layer_normalization;
pub mod lstm;
pub mod masking;
pub mod merging;
pub mod multi_head_attention;
pub mod noise;
pub mod pooling2d;
pub mod prelu;
pub mod rearranging;
pub mod rectifiers;
pub mod recurrent;
pub mod reshape;
pub mod reverse;
pub mod simple_rnn;
mod sliding;
pub mod spatial_dropout;

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

/// The input of a layer that takes one.
pub(crate) fn only_input(inputs: &[Shape]) -> Result<&Shape> {
    match inputs {
        [input] => Ok(input),
        _ => Err(Error::shape("one input", inputs.len().to_string())),
    }
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
    "Activation" => activation::Activation,
    "ActivityRegularization" => identity::ActivityRegularization,
    "Add" => merging::Add,
    "AdditiveAttention" => attention::Attention<true>,
    "Attention" => attention::Attention<false>,
    "Average" => merging::Average,
    "AveragePooling2D" => pooling2d::AveragePooling2D,
    "BatchNormalization" => batch_normalization::BatchNormalization,
    "Concatenate" => concatenate::Concatenate,
    "Conv1D" => convolution::Convolution<1>,
    "Conv1DTranspose" => convolution::TransposedConvolution<1>,
    "Conv2D" => convolution::Convolution<2>,
    "Conv2DTranspose" => convolution::TransposedConvolution<2>,
    "Conv3D" => convolution::Convolution<3>,
    "Conv3DTranspose" => convolution::TransposedConvolution<3>,
    "Dense" => dense::Dense,
    "DepthwiseConv1D" => convolution::DepthwiseConvolution<1>,
    "DepthwiseConv2D" => convolution::DepthwiseConvolution<2>,
    "Dot" => dot::Dot,
    "Dropout" => dropout::Dropout,
    "ELU" => rectifiers::Elu,
    "EinsumDense" => einsum_dense::EinsumDense,
    "Embedding" => embedding::Embedding<false>,
    "Flatten" => flatten::Flatten,
    "GRU" => gru::Gru,
    "GaussianDropout" => noise::GaussianDropout,
    "GaussianNoise" => noise::GaussianNoise,
    "GlobalAveragePooling2D" => global_pooling2d::GlobalAveragePooling2D,
    "GroupedAttention" => grouped_attention::GroupedAttention,
    "Identity" => identity::Identity,
    "InputLayer" => input_layer::InputLayer,
    "LSTM" => lstm::Lstm,
    "LayerNormalization" => layer_normalization::LayerNormalization,
    "LeakyReLU" => rectifiers::LeakyReLU,
    "Masking" => masking::Masking,
    "MaxPooling2D" => pooling2d::MaxPooling2D,
    "Maximum" => merging::Maximum,
    "Minimum" => merging::Minimum,
    "MultiHeadAttention" => multi_head_attention::MultiHeadAttention,
    "Multiply" => merging::Multiply,
    "PReLU" => prelu::PReLU,
    "Permute" => rearranging::Permute,
    "ReLU" => rectifiers::ReLU,
    "RepeatVector" => rearranging::RepeatVector,
    "Rescaling" => rearranging::Rescaling,
    "Reshape" => reshape::Reshape,
    "Reverse" => reverse::Reverse,
    "SeparableConv1D" => convolution::SeparableConvolution<1>,
    "SeparableConv2D" => convolution::SeparableConvolution<2>,
    "ReversibleEmbedding" => embedding::Embedding<true>,
    "SimpleRNN" => simple_rnn::SimpleRnn,
    "SpatialDropout1D" => spatial_dropout::SpatialDropout<1>,
    "SpatialDropout2D" => spatial_dropout::SpatialDropout<2>,
    "SpatialDropout3D" => spatial_dropout::SpatialDropout<3>,
    "Subtract" => merging::Subtract,
}
