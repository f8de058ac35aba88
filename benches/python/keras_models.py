"""The ten workloads in the words of Keras: the same code for Keras and for lamina."""

from __future__ import annotations

from typing import Any

import numpy as np
from workloads import RESNET, WORKLOADS


def _conv(k: Any, x: Any, filters: int, size: int = 3, strides: int = 1) -> Any:
    """A convolution and its batch normalization."""
    layer = k.layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)
    return k.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(layer(x))


def _conv_block(k: Any, x: Any, filters: int, strides: int = 1) -> Any:
    return k.layers.Activation("relu")(_conv(k, x, filters, strides=strides))


def _resnet(k: Any, x: Any) -> Any:
    x, channels = _conv_block(k, x, 64), 64
    for filters, stride in RESNET:
        short = x
        y = _conv(k, _conv_block(k, x, filters, stride), filters)
        if stride != 1 or channels != filters:
            short = _conv(k, short, filters, 1, stride)
        x, channels = k.layers.Activation("relu")(k.layers.Add()([y, short])), filters
    return k.layers.Dense(10)(k.layers.GlobalAveragePooling2D()(x))


def _outputs(k: Any, key: str, x: Any) -> Any:
    layers, dense, dropout = k.layers, k.layers.Dense, k.layers.Dropout
    match key:
        case "w1":
            return dense(10)(dense(64, "relu")(dense(64, "relu")(x)))
        case "w2":
            x = dropout(0.2)(dense(512, "relu")(x))
            return dense(10)(dropout(0.2)(dense(512, "relu")(x)))
        case "w3":
            return dense(1024)(dense(4096, "gelu")(dense(4096, "gelu")(x)))
        case "w4":
            x = layers.Conv2D(32, 3, activation="relu")(x)
            x = layers.Conv2D(64, 3, activation="relu")(x)
            x = dropout(0.25)(layers.MaxPooling2D(2)(x))
            x = dropout(0.5)(dense(128, "relu")(layers.Flatten()(x)))
            return dense(10)(x)
        case "w5":
            for filters in (64, 128, 256):
                x = _conv_block(k, _conv_block(k, x, filters), filters)
                x = layers.MaxPooling2D(2)(x) if filters < 256 else x
            return dense(10)(layers.GlobalAveragePooling2D()(x))
        case "w6":
            return dense(10)(layers.LSTM(128)(x))
        case "w7":
            x = layers.Bidirectional(layers.GRU(128, return_sequences=True))(x)
            return dense(10)(layers.Bidirectional(layers.GRU(128))(x))
        case "w8":
            x = layers.Embedding(96, 64)(x)
            return dense(96)(layers.LSTM(256, return_sequences=True)(x))
        case _:
            return _resnet(k, x)


def _transformer(k: Any) -> Any:
    layers, dense = k.layers, k.layers.Dense
    tokens, places = k.Input((128,), dtype="int32"), k.Input((128,), dtype="int32")
    x = layers.Add()([layers.Embedding(96, 128)(tokens), layers.Embedding(128, 128)(places)])
    for _ in range(4):
        y = layers.LayerNormalization(epsilon=1e-5)(x)
        x = layers.Add()([x, layers.MultiHeadAttention(4, 32)(y, y, use_causal_mask=True)])
        y = dense(512, "gelu")(layers.LayerNormalization(epsilon=1e-5)(x))
        x = layers.Add()([x, dense(128)(y)])
    x = dense(96)(layers.LayerNormalization(epsilon=1e-5)(x))
    return k.Model([tokens, places], x)


def model(k: Any, key: str) -> Any:
    """The model of a workload in `k`, which is Keras or lamina, compiled."""
    work = WORKLOADS[key]
    if key == "w9":
        net = _transformer(k)
    else:
        inputs = k.Input(work.x, dtype="int32" if work.vocabulary else None)
        net = k.Model(inputs, _outputs(k, key, inputs))
    loss = k.losses.SparseCategoricalCrossentropy(from_logits=True) if work.classes else "mse"
    match work.optimizer:
        case "adam":
            optimizer = k.optimizers.Adam(1e-3, epsilon=1e-8)
        case "adamw":
            optimizer = k.optimizers.AdamW(1e-3, weight_decay=0.01, epsilon=1e-8)
        case _:
            optimizer = k.optimizers.SGD(0.01, momentum=0.9)
    net.compile(optimizer, loss)
    return net


def inputs(key: str, x: np.ndarray) -> Any:
    """The data as the model takes them: the transformer gets the places beside the tokens."""
    if key != "w9":
        return x
    return [x, np.tile(np.arange(128, dtype=np.int32), (len(x), 1))]
