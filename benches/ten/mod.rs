//! The ten networks of `benches/python/workloads.py`.

use lamina::graph::Graph;
use serde_json::json;

use crate::nets::Net;

/// A network to train.
pub struct Workload {
    /// w1 to w10.
    pub id: &'static str,
    /// What it is.
    pub name: &'static str,
    /// Samples in a batch.
    pub batch: usize,
    /// Sizes of a sample.
    pub input: &'static [usize],
    /// Its inputs are ids below this.
    pub vocabulary: Option<usize>,
    /// Classes to tell apart; 0 for numbers to hit.
    pub classes: usize,
    /// Keras's name of the optimizer.
    pub optimizer: &'static str,
    /// Operations of the products of a step, as `workloads.py` counts them.
    pub flops: f64,
}

/// All of them. The operations are those that `flops()` of `workloads.py` gives.
pub const TEN: [Workload; 10] = [
    Workload {
        id: "w1",
        name: "mlp-tiny",
        batch: 32,
        input: &[64],
        vocabulary: None,
        classes: 10,
        optimizer: "Adam",
        flops: 0.001434e9,
    },
    Workload {
        id: "w2",
        name: "mlp-mnist",
        batch: 128,
        input: &[784],
        vocabulary: None,
        classes: 10,
        optimizer: "Adam",
        flops: 0.410780e9,
    },
    Workload {
        id: "w3",
        name: "mlp-wide",
        batch: 256,
        input: &[1024],
        vocabulary: None,
        classes: 0,
        optimizer: "SGD",
        flops: 36.507222e9,
    },
    Workload {
        id: "w4",
        name: "cnn-mnist",
        batch: 64,
        input: &[28, 28, 1],
        vocabulary: None,
        classes: 10,
        optimizer: "Adam",
        flops: 4.580180e9,
    },
    Workload {
        id: "w5",
        name: "cnn-cifar",
        batch: 64,
        input: &[32, 32, 3],
        vocabulary: None,
        classes: 10,
        optimizer: "SGD",
        flops: 58.436026e9,
    },
    Workload {
        id: "w6",
        name: "lstm-seq",
        batch: 32,
        input: &[100, 64],
        vocabulary: None,
        classes: 10,
        optimizer: "Adam",
        flops: 1.677967e9,
    },
    Workload {
        id: "w7",
        name: "bigru",
        batch: 32,
        input: &[50, 40],
        vocabulary: None,
        classes: 10,
        optimizer: "Adam",
        flops: 3.971973e9,
    },
    Workload {
        id: "w8",
        name: "char-lm",
        batch: 64,
        input: &[64],
        vocabulary: Some(96),
        classes: 96,
        optimizer: "Adam",
        flops: 8.657043e9,
    },
    Workload {
        id: "w9",
        name: "transformer-lm",
        batch: 16,
        input: &[128],
        vocabulary: Some(96),
        classes: 96,
        optimizer: "AdamW",
        flops: 10.619978e9,
    },
    Workload {
        id: "w10",
        name: "resnet-18",
        batch: 32,
        input: &[32, 32, 3],
        vocabulary: None,
        classes: 10,
        optimizer: "SGD",
        flops: 106.527916e9,
    },
];

impl Workload {
    /// The graph of the network.
    pub fn graph(&self) -> Graph<f32> {
        let mut net = Net::default();
        let x = net.input(self.input);
        let y = match self.id {
            "w1" => mlp(&mut net, x, &[64, 64, 10], "relu", 0.0),
            "w2" => mlp(&mut net, x, &[512, 512, 10], "relu", 0.2),
            "w3" => mlp(&mut net, x, &[4096, 4096, 1024], "gelu", 0.0),
            "w4" => cnn_mnist(&mut net, x),
            "w5" => cnn_cifar(&mut net, x),
            "w6" => {
                let last = net.call("LSTM", json!({"units": 128}), &[x]);
                dense(&mut net, last, 10, "linear")
            }
            "w7" => bigru(&mut net, x),
            "w8" => {
                let x = embedding(&mut net, x, 96, 64);
                let all = json!({"units": 256, "return_sequences": true});
                let x = net.call("LSTM", all, &[x]);
                dense(&mut net, x, 96, "linear")
            }
            "w9" => transformer(&mut net, x),
            _ => resnet(&mut net, x),
        };
        net.graph(y, true)
    }

    /// Sizes of the targets of a batch: a class for each sample or each step, or numbers.
    pub fn target(&self) -> Vec<usize> {
        match self.vocabulary {
            Some(_) => vec![self.batch, self.input[0]],
            None if self.classes > 0 => vec![self.batch],
            None => vec![self.batch, 1024],
        }
    }
}

fn dense(net: &mut Net, x: usize, units: usize, activation: &str) -> usize {
    let config = json!({"units": units, "activation": activation});
    net.call("Dense", config, &[x])
}

fn dropout(net: &mut Net, x: usize, rate: f64) -> usize {
    if rate > 0.0 {
        net.call("Dropout", json!({"rate": rate}), &[x])
    } else {
        x
    }
}

fn embedding(net: &mut Net, ids: usize, count: usize, width: usize) -> usize {
    let config = json!({"input_dim": count, "output_dim": width});
    net.call("Embedding", config, &[ids])
}

fn mlp(net: &mut Net, mut x: usize, units: &[usize; 3], activation: &str, rate: f64) -> usize {
    for &units in &units[..2] {
        let hidden = dense(net, x, units, activation);
        x = dropout(net, hidden, rate);
    }
    dense(net, x, units[2], "linear")
}

/// A convolution and its batch normalization.
fn conv(net: &mut Net, x: usize, filters: usize, size: usize, stride: usize) -> usize {
    let config = json!({
        "filters": filters,
        "kernel_size": [size, size],
        "strides": [stride, stride],
        "padding": "same",
        "use_bias": false,
    });
    let x = net.call("Conv2D", config, &[x]);
    let config = json!({"momentum": 0.9, "epsilon": 1e-5});
    net.call("BatchNormalization", config, &[x])
}

fn relu(net: &mut Net, x: usize) -> usize {
    net.call("Activation", json!({"activation": "relu"}), &[x])
}

fn block(net: &mut Net, x: usize, filters: usize, stride: usize) -> usize {
    let x = conv(net, x, filters, 3, stride);
    relu(net, x)
}

fn halve(net: &mut Net, x: usize) -> usize {
    net.call("MaxPooling2D", json!({"pool_size": [2, 2]}), &[x])
}

fn classes(net: &mut Net, x: usize) -> usize {
    let x = net.call("GlobalAveragePooling2D", json!({}), &[x]);
    dense(net, x, 10, "linear")
}

fn cnn_mnist(net: &mut Net, mut x: usize) -> usize {
    for filters in [32, 64] {
        let config = json!({"filters": filters, "kernel_size": [3, 3], "activation": "relu"});
        x = net.call("Conv2D", config, &[x]);
    }
    x = halve(net, x);
    x = dropout(net, x, 0.25);
    x = net.call("Flatten", json!({}), &[x]);
    x = dense(net, x, 128, "relu");
    x = dropout(net, x, 0.5);
    dense(net, x, 10, "linear")
}

fn cnn_cifar(net: &mut Net, mut x: usize) -> usize {
    for filters in [64, 128, 256] {
        for _ in 0..2 {
            x = block(net, x, filters, 1);
        }
        if filters < 256 {
            x = halve(net, x);
        }
    }
    classes(net, x)
}

/// Two directions over `x`; all outputs, or the last of each.
fn both_ways(net: &mut Net, x: usize, all: bool) -> usize {
    let [ahead, back] = [false, true].map(|back| {
        let config = json!({"units": 128, "return_sequences": all, "go_backwards": back});
        net.call("GRU", config, &[x])
    });
    let back = if all {
        net.call("Reverse", json!({}), &[back])
    } else {
        back
    };
    net.call("Concatenate", json!({}), &[ahead, back])
}

fn bigru(net: &mut Net, x: usize) -> usize {
    let x = both_ways(net, x, true);
    let x = both_ways(net, x, false);
    dense(net, x, 10, "linear")
}

fn transformer(net: &mut Net, tokens: usize) -> usize {
    let places = net.input(&[128]);
    let (tokens, places) = (
        embedding(net, tokens, 96, 128),
        embedding(net, places, 128, 128),
    );
    let norm = |net: &mut Net, x| net.call("LayerNormalization", json!({"epsilon": 1e-5}), &[x]);
    let mut x = net.call("Add", json!({}), &[tokens, places]);
    for _ in 0..4 {
        let y = norm(net, x);
        let config = json!({"num_heads": 4, "key_dim": 32, "use_causal_mask": true});
        let y = net.call("MultiHeadAttention", config, &[y, y]);
        x = net.call("Add", json!({}), &[x, y]);
        let y = norm(net, x);
        let y = dense(net, y, 512, "gelu");
        let y = dense(net, y, 128, "linear");
        x = net.call("Add", json!({}), &[x, y]);
    }
    let x = norm(net, x);
    dense(net, x, 96, "linear")
}

fn resnet(net: &mut Net, x: usize) -> usize {
    let (mut x, mut channels) = (block(net, x, 64, 1), 64);
    for (filters, stride) in [
        (64, 1),
        (64, 1),
        (128, 2),
        (128, 1),
        (256, 2),
        (256, 1),
        (512, 2),
        (512, 1),
    ] {
        let y = block(net, x, filters, stride);
        let y = conv(net, y, filters, 3, 1);
        if stride != 1 || channels != filters {
            x = conv(net, x, filters, 1, stride);
        }
        let sum = net.call("Add", json!({}), &[y, x]);
        (x, channels) = (relu(net, sum), filters);
    }
    classes(net, x)
}
