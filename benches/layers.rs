//! Every layer alone, forward and backward, on one thread: a row each.
//!
//! Those made of products show GFLOP/s and the fraction of the FMA peak measured in the same run, the others how many
//! input numbers they take a second. Convolutions and recurrent layers have benches of their own with more sizes.

mod nets;
mod peak;
mod rows;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use lamina::layers::KINDS;
use rows::{Machine, Row, measure};
use serde_json::{Value, json};

const IMAGES: [usize; 4] = [32, 28, 28, 32];
const VOLUMES: [usize; 5] = [4, 8, 16, 16, 16];
const SEQUENCES: [usize; 3] = [32, 64, 64];
const ROWS: [usize; 2] = [256, 512];

/// Kind, configuration, sizes of the input, operations of products forward. Backward takes twice as many.
fn table() -> Vec<(&'static str, Value, &'static [usize], usize)> {
    let conv = 2 * 32 * 28 * 28 * 9 * 32 * 32;
    let heads = 2 * 32 * (4 * 64 * 64 * 64 + 2 * 64 * 64 * 64);
    let step = 2 * 32 * 64 * (64 + 64) * 64;
    let same = json!({"filters": 32, "kernel_size": [3, 3], "padding": "same"});
    vec![
        ("Activation", json!({"activation": "relu"}), &ROWS, 0),
        ("Activation", json!({"activation": "gelu"}), &ROWS, 0),
        ("Activation", json!({"activation": "tanh"}), &ROWS, 0),
        ("Activation", json!({"activation": "softmax"}), &ROWS, 0),
        (
            "ActivityRegularization",
            json!({"l1": 0.1, "l2": 0.1}),
            &ROWS,
            0,
        ),
        (
            "AdaptiveAveragePooling1D",
            json!({"output_size": 7}),
            &SEQUENCES,
            0,
        ),
        (
            "AdaptiveAveragePooling2D",
            json!({"output_size": 7}),
            &IMAGES,
            0,
        ),
        (
            "AdaptiveAveragePooling3D",
            json!({"output_size": 7}),
            &VOLUMES,
            0,
        ),
        (
            "AdaptiveMaxPooling1D",
            json!({"output_size": 7}),
            &SEQUENCES,
            0,
        ),
        (
            "AdaptiveMaxPooling2D",
            json!({"output_size": 7}),
            &IMAGES,
            0,
        ),
        (
            "AdaptiveMaxPooling3D",
            json!({"output_size": 7}),
            &VOLUMES,
            0,
        ),
        ("Add", json!({}), &ROWS, 0),
        (
            "AdditiveAttention",
            json!({}),
            &SEQUENCES,
            2 * 32 * 64 * 64 * 64,
        ),
        ("Attention", json!({}), &SEQUENCES, 4 * 32 * 64 * 64 * 64),
        ("AlphaDropout", json!({"rate": 0.5}), &ROWS, 0),
        ("Average", json!({}), &ROWS, 0),
        ("AveragePooling1D", json!({"pool_size": 2}), &SEQUENCES, 0),
        ("AveragePooling2D", json!({"pool_size": 2}), &IMAGES, 0),
        ("AveragePooling3D", json!({"pool_size": 2}), &VOLUMES, 0),
        ("BatchNormalization", json!({}), &IMAGES, 0),
        ("Concatenate", json!({}), &ROWS, 0),
        (
            "Conv1D",
            json!({"filters": 64, "kernel_size": 3, "padding": "causal"}),
            &SEQUENCES,
            2 * 32 * 64 * 3 * 64 * 64,
        ),
        (
            "Conv1DTranspose",
            json!({"filters": 64, "kernel_size": 4, "strides": 2}),
            &SEQUENCES,
            2 * 32 * 64 * 4 * 64 * 64,
        ),
        ("Conv2D", same, &IMAGES, conv),
        (
            "Conv2DTranspose",
            json!({"filters": 32, "kernel_size": 4, "strides": 2, "padding": "same"}),
            &IMAGES,
            2 * 32 * 28 * 28 * 16 * 32 * 32,
        ),
        (
            "Conv3D",
            json!({"filters": 16, "kernel_size": 3, "padding": "same"}),
            &VOLUMES,
            2 * 4 * 8 * 16 * 16 * 27 * 16 * 16,
        ),
        (
            "Conv3DTranspose",
            json!({"filters": 16, "kernel_size": 2, "strides": 2}),
            &VOLUMES,
            2 * 4 * 8 * 16 * 16 * 8 * 16 * 16,
        ),
        (
            "ConvLSTM1D",
            json!({"filters": 32, "kernel_size": 3, "padding": "same"}),
            &IMAGES,
            2 * 32 * 28 * 28 * 3 * (32 + 32) * 4 * 32,
        ),
        (
            "ConvLSTM2D",
            json!({"filters": 16, "kernel_size": 3, "padding": "same"}),
            &VOLUMES,
            2 * 4 * 8 * 16 * 16 * 9 * (16 + 16) * 4 * 16,
        ),
        (
            "ConvLSTM3D",
            json!({"filters": 8, "kernel_size": 3, "padding": "same"}),
            &[2, 4, 8, 8, 8, 8],
            2 * 2 * 4 * 8 * 8 * 8 * 27 * (8 + 8) * 4 * 8,
        ),
        ("Cropping1D", json!({"cropping": 2}), &SEQUENCES, 0),
        ("Cropping2D", json!({"cropping": 2}), &IMAGES, 0),
        ("Cropping3D", json!({"cropping": 2}), &VOLUMES, 0),
        ("Dense", json!({"units": 512}), &ROWS, 2 * 256 * 512 * 512),
        (
            "Dense",
            json!({"units": 64, "activation": "relu"}),
            &[32, 64],
            2 * 32 * 64 * 64,
        ),
        (
            "DepthwiseConv1D",
            json!({"kernel_size": 5, "padding": "same"}),
            &SEQUENCES,
            2 * 32 * 64 * 5 * 64,
        ),
        (
            "DepthwiseConv2D",
            json!({"kernel_size": 3, "padding": "same"}),
            &IMAGES,
            2 * 32 * 28 * 28 * 9 * 32,
        ),
        (
            "Dot",
            json!({"axes": -1}),
            &SEQUENCES,
            2 * 32 * 64 * 64 * 64,
        ),
        ("Dropout", json!({"rate": 0.5}), &ROWS, 0),
        ("ELU", json!({}), &ROWS, 0),
        (
            "EinsumDense",
            json!({"equation": "abc,cde->abde", "output_shape": [null, 4, 16], "bias_axes": "de"}),
            &SEQUENCES,
            2 * 32 * 64 * 64 * 64,
        ),
        (
            "Embedding",
            json!({"input_dim": 1000, "output_dim": 64}),
            &[32, 64],
            0,
        ),
        ("GRU", json!({"units": 64}), &SEQUENCES, 3 * step),
        ("GaussianDropout", json!({"rate": 0.5}), &ROWS, 0),
        ("GaussianNoise", json!({"stddev": 0.5}), &ROWS, 0),
        ("GlobalAveragePooling1D", json!({}), &SEQUENCES, 0),
        ("GlobalAveragePooling2D", json!({}), &IMAGES, 0),
        ("GlobalAveragePooling3D", json!({}), &VOLUMES, 0),
        ("GlobalMaxPooling1D", json!({}), &SEQUENCES, 0),
        ("GlobalMaxPooling2D", json!({}), &IMAGES, 0),
        ("GlobalMaxPooling3D", json!({}), &VOLUMES, 0),
        ("GroupNormalization", json!({"groups": 8}), &IMAGES, 0),
        (
            "GroupedAttention",
            json!({}),
            &[32, 64, 4, 16],
            4 * 32 * 64 * 64 * 64,
        ),
        ("LSTM", json!({"units": 64}), &SEQUENCES, 4 * step),
        ("LayerNormalization", json!({}), &SEQUENCES, 0),
        ("LeakyReLU", json!({}), &ROWS, 0),
        ("Masking", json!({}), &SEQUENCES, 0),
        ("MaxPooling1D", json!({"pool_size": 2}), &SEQUENCES, 0),
        ("MaxPooling2D", json!({"pool_size": 2}), &IMAGES, 0),
        ("MaxPooling3D", json!({"pool_size": 2}), &VOLUMES, 0),
        ("Maximum", json!({}), &ROWS, 0),
        ("Minimum", json!({}), &ROWS, 0),
        (
            "MultiHeadAttention",
            json!({"num_heads": 4, "key_dim": 16}),
            &SEQUENCES,
            heads,
        ),
        ("Multiply", json!({}), &ROWS, 0),
        (
            "Normalization",
            json!({"mean": 0.5, "variance": 2.0}),
            &ROWS,
            0,
        ),
        ("PReLU", json!({}), &ROWS, 0),
        ("Permute", json!({"dims": [2, 1]}), &SEQUENCES, 0),
        ("RMSNormalization", json!({}), &SEQUENCES, 0),
        ("ReLU", json!({}), &ROWS, 0),
        ("RepeatVector", json!({"n": 16}), &ROWS, 0),
        ("Rescaling", json!({"scale": 0.5}), &ROWS, 0),
        ("Reverse", json!({}), &SEQUENCES, 0),
        (
            "SeparableConv1D",
            json!({"filters": 64, "kernel_size": 5, "padding": "same"}),
            &SEQUENCES,
            2 * 32 * 64 * (5 * 64 + 64 * 64),
        ),
        (
            "SeparableConv2D",
            json!({"filters": 32, "kernel_size": 3, "padding": "same"}),
            &IMAGES,
            2 * 32 * 28 * 28 * (9 * 32 + 32 * 32),
        ),
        (
            "ReversibleEmbedding",
            json!({"input_dim": 1000, "output_dim": 64}),
            &[32, 64],
            0,
        ),
        ("RotaryEmbedding", json!({}), &SEQUENCES, 0),
        ("SinePositionEncoding", json!({}), &SEQUENCES, 0),
        ("SimpleRNN", json!({"units": 64}), &SEQUENCES, step),
        ("SpatialDropout1D", json!({"rate": 0.5}), &SEQUENCES, 0),
        ("SpatialDropout2D", json!({"rate": 0.5}), &IMAGES, 0),
        ("SpatialDropout3D", json!({"rate": 0.5}), &VOLUMES, 0),
        (
            "SpectralNormalization",
            json!({"layer": {"class_name": "Dense", "config": {"units": 512}}}),
            &ROWS,
            2 * 256 * 512 * 512 + 3 * 2 * 512 * 512,
        ),
        ("Softmax", json!({"axis": 1}), &SEQUENCES, 0),
        ("Subtract", json!({}), &ROWS, 0),
        ("UnitNormalization", json!({}), &SEQUENCES, 0),
        ("UpSampling1D", json!({}), &SEQUENCES, 0),
        ("UpSampling2D", json!({}), &IMAGES, 0),
        ("UpSampling3D", json!({}), &VOLUMES, 0),
        (
            "UpSampling2D",
            json!({"interpolation": "bilinear"}),
            &IMAGES,
            0,
        ),
        ("ZeroPadding1D", json!({}), &SEQUENCES, 0),
        ("ZeroPadding2D", json!({}), &IMAGES, 0),
        ("ZeroPadding3D", json!({}), &VOLUMES, 0),
    ]
}

/// Views and inputs do nothing that takes time.
const WITHOUT_WORK: [&str; 6] = [
    "Flatten",
    "FoldTime",
    "Identity",
    "InputLayer",
    "Reshape",
    "UnfoldTime",
];

fn layers(criterion: &mut Criterion) {
    let table = table();
    for kind in KINDS {
        if !WITHOUT_WORK.contains(kind) && !table.iter().any(|row| row.0 == *kind) {
            println!("{kind} has no row in benches/layers.rs");
        }
    }
    let machine = Machine::new(1);
    let mut group = criterion.benchmark_group("layers");
    for (kind, config, input, flops) in table {
        let what = config["activation"]
            .as_str()
            .map_or(String::new(), |a| format!(" {a}"));
        let sizes: Vec<String> = input.iter().map(usize::to_string).collect();
        let row = Row {
            id: format!("{kind}{what} {}", sizes.join("x")),
            kind,
            ids: config["input_dim"].as_u64().map(|n| n as usize),
            config,
            input: input.to_vec(),
            flops: (flops as f64, 2.0 * flops as f64),
        };
        measure(&mut group, &machine, &row);
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(50))
        .measurement_time(Duration::from_millis(200));
    targets = layers
}
criterion_main!(benches);
