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
pub mod alpha_dropout;
pub mod attention;
pub mod batch_normalization;
pub mod borders;
pub mod concatenate;
pub mod convolution;
mod data_format;
pub mod dense;
pub mod dot;
pub mod dropout;
pub mod einsum_dense;
pub mod embedding;
pub mod flatten;
pub mod group_normalization;
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
pub mod normalization;
pub mod pooling;
pub mod position;
pub mod prelu;
pub mod rearranging;
pub mod rectifiers;
pub mod recurrent;
pub mod reshape;
pub mod reverse;
pub mod scaled_rows;
pub mod simple_rnn;
mod sliding;
pub mod softmax;
pub mod spatial_dropout;
pub mod spectral_normalization;
pub mod time;
mod turn;
pub mod up_sampling;

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
    "AdaptiveAveragePooling1D" => pooling::AdaptiveAveragePooling<1>,
    "AdaptiveAveragePooling2D" => pooling::AdaptiveAveragePooling<2>,
    "AdaptiveAveragePooling3D" => pooling::AdaptiveAveragePooling<3>,
    "AdaptiveMaxPooling1D" => pooling::AdaptiveMaxPooling<1>,
    "AdaptiveMaxPooling2D" => pooling::AdaptiveMaxPooling<2>,
    "AdaptiveMaxPooling3D" => pooling::AdaptiveMaxPooling<3>,
    "Add" => merging::Add,
    "AdditiveAttention" => attention::Attention<true>,
    "Attention" => attention::Attention<false>,
    "AlphaDropout" => alpha_dropout::AlphaDropout,
    "Average" => merging::Average,
    "AveragePooling1D" => pooling::AveragePooling<1>,
    "AveragePooling2D" => pooling::AveragePooling<2>,
    "AveragePooling3D" => pooling::AveragePooling<3>,
    "BatchNormalization" => batch_normalization::BatchNormalization,
    "Concatenate" => concatenate::Concatenate,
    "Conv1D" => convolution::Convolution<1>,
    "Conv1DTranspose" => convolution::TransposedConvolution<1>,
    "Conv2D" => convolution::Convolution<2>,
    "Conv2DTranspose" => convolution::TransposedConvolution<2>,
    "Conv3D" => convolution::Convolution<3>,
    "Conv3DTranspose" => convolution::TransposedConvolution<3>,
    "ConvLSTM1D" => convolution::ConvolvedLstm<1>,
    "ConvLSTM2D" => convolution::ConvolvedLstm<2>,
    "ConvLSTM3D" => convolution::ConvolvedLstm<3>,
    "Cropping1D" => borders::Cropping<1>,
    "Cropping2D" => borders::Cropping<2>,
    "Cropping3D" => borders::Cropping<3>,
    "Dense" => dense::Dense,
    "DepthwiseConv1D" => convolution::DepthwiseConvolution<1>,
    "DepthwiseConv2D" => convolution::DepthwiseConvolution<2>,
    "Dot" => dot::Dot,
    "Dropout" => dropout::Dropout,
    "ELU" => rectifiers::Elu,
    "EinsumDense" => einsum_dense::EinsumDense,
    "Embedding" => embedding::Embedding<false>,
    "Flatten" => flatten::Flatten,
    "FoldTime" => time::FoldTime,
    "GRU" => gru::Gru,
    "GaussianDropout" => noise::GaussianDropout,
    "GaussianNoise" => noise::GaussianNoise,
    "GroupNormalization" => group_normalization::GroupNormalization,
    "GroupedAttention" => grouped_attention::GroupedAttention,
    "GlobalAveragePooling1D" => pooling::GlobalAveragePooling<1>,
    "GlobalAveragePooling2D" => pooling::GlobalAveragePooling<2>,
    "GlobalAveragePooling3D" => pooling::GlobalAveragePooling<3>,
    "GlobalMaxPooling1D" => pooling::GlobalMaxPooling<1>,
    "GlobalMaxPooling2D" => pooling::GlobalMaxPooling<2>,
    "GlobalMaxPooling3D" => pooling::GlobalMaxPooling<3>,
    "Identity" => identity::Identity,
    "InputLayer" => input_layer::InputLayer,
    "LSTM" => lstm::Lstm,
    "LayerNormalization" => layer_normalization::LayerNormalization,
    "LeakyReLU" => rectifiers::LeakyReLU,
    "Masking" => masking::Masking,
    "MaxPooling1D" => pooling::MaxPooling<1>,
    "MaxPooling2D" => pooling::MaxPooling<2>,
    "MaxPooling3D" => pooling::MaxPooling<3>,
    "Maximum" => merging::Maximum,
    "Minimum" => merging::Minimum,
    "MultiHeadAttention" => multi_head_attention::MultiHeadAttention,
    "Multiply" => merging::Multiply,
    "Normalization" => normalization::Normalization,
    "PReLU" => prelu::PReLU,
    "Permute" => rearranging::Permute,
    "RMSNormalization" => scaled_rows::RmsNormalization,
    "ReLU" => rectifiers::ReLU,
    "RepeatVector" => rearranging::RepeatVector,
    "Rescaling" => rearranging::Rescaling,
    "Reshape" => reshape::Reshape,
    "Reverse" => reverse::Reverse,
    "RotaryEmbedding" => position::RotaryEmbedding,
    "SeparableConv1D" => convolution::SeparableConvolution<1>,
    "SeparableConv2D" => convolution::SeparableConvolution<2>,
    "ReversibleEmbedding" => embedding::Embedding<true>,
    "SimpleRNN" => simple_rnn::SimpleRnn,
    "SinePositionEncoding" => position::SinePositionEncoding,
    "Softmax" => softmax::Softmax,
    "SpatialDropout1D" => spatial_dropout::SpatialDropout<1>,
    "SpatialDropout2D" => spatial_dropout::SpatialDropout<2>,
    "SpatialDropout3D" => spatial_dropout::SpatialDropout<3>,
    "SpectralNormalization" => spectral_normalization::SpectralNormalization<F>,
    "Subtract" => merging::Subtract,
    "UnitNormalization" => scaled_rows::UnitNormalization,
    "UpSampling1D" => up_sampling::UpSampling<1>,
    "UpSampling2D" => up_sampling::UpSampling<2>,
    "UpSampling3D" => up_sampling::UpSampling<3>,
    "ZeroPadding1D" => borders::ZeroPadding<1>,
    "ZeroPadding2D" => borders::ZeroPadding<2>,
    "ZeroPadding3D" => borders::ZeroPadding<3>,
    "UnfoldTime" => time::UnfoldTime,
}
