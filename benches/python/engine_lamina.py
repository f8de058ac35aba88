"""The ten workloads in lamina, in the words of Keras."""

from __future__ import annotations

import numpy as np
from workloads import RESNET, WORKLOADS

import lamina as keras
from lamina import layers
from lamina.layers import Conv2D, Dense, Dropout


def _conv_block(x: object, filters: int) -> object:
    x = Conv2D(filters, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    return layers.Activation("relu")(x)


def _resnet(x: object) -> object:
    x, channels = _conv_block(x, 64), 64
    for filters, stride in RESNET:
        short = x
        y = Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
        y = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(y)
        y = layers.Activation("relu")(y)
        y = Conv2D(filters, 3, padding="same", use_bias=False)(y)
        y = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(y)
        if stride != 1 or channels != filters:
            short = Conv2D(filters, 1, strides=stride, use_bias=False)(short)
            short = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(short)
        x, channels = layers.Activation("relu")(layers.Add()([y, short])), filters
    return Dense(10)(layers.GlobalAveragePooling2D()(x))


def _outputs(key: str, x: object) -> object:
    match key:
        case "w1":
            return Dense(10)(Dense(64, "relu")(Dense(64, "relu")(x)))
        case "w2":
            x = Dropout(0.2)(Dense(512, "relu")(x))
            return Dense(10)(Dropout(0.2)(Dense(512, "relu")(x)))
        case "w3":
            return Dense(1024)(Dense(4096, "gelu")(Dense(4096, "gelu")(x)))
        case "w4":
            x = Conv2D(64, 3, activation="relu")(Conv2D(32, 3, activation="relu")(x))
            x = Dropout(0.25)(layers.MaxPooling2D(2)(x))
            x = Dropout(0.5)(Dense(128, "relu")(layers.Flatten()(x)))
            return Dense(10)(x)
        case "w5":
            for filters in (64, 128, 256):
                x = _conv_block(_conv_block(x, filters), filters)
                x = layers.MaxPooling2D(2)(x) if filters < 256 else x
            return Dense(10)(layers.GlobalAveragePooling2D()(x))
        case "w6":
            return Dense(10)(layers.LSTM(128)(x))
        case "w7":
            x = layers.Bidirectional(layers.GRU(128, return_sequences=True))(x)
            return Dense(10)(layers.Bidirectional(layers.GRU(128))(x))
        case "w8":
            x = layers.Embedding(96, 64)(x)
            return Dense(96)(layers.LSTM(256, return_sequences=True)(x))
        case _:
            return _resnet(x)


def _transformer_model() -> keras.Model:
    tokens = keras.Input((128,), dtype="int32")
    places = keras.Input((128,), dtype="int32")
    x = layers.Add()([layers.Embedding(96, 128)(tokens), layers.Embedding(128, 128)(places)])
    for _ in range(4):
        y = layers.LayerNormalization(epsilon=1e-5)(x)
        y = layers.MultiHeadAttention(4, 32)(y, y, use_causal_mask=True)
        x = layers.Add()([x, y])
        y = Dense(512, "gelu")(layers.LayerNormalization(epsilon=1e-5)(x))
        x = layers.Add()([x, Dense(128)(y)])
    x = Dense(96)(layers.LayerNormalization(epsilon=1e-5)(x))
    return keras.Model([tokens, places], x)


def model(key: str) -> keras.Model:
    """The compiled model of a workload."""
    work = WORKLOADS[key]
    if key == "w9":
        net = _transformer_model()
    else:
        inputs = keras.Input(work.x, dtype="int32" if work.vocabulary else None)
        net = keras.Model(inputs, _outputs(key, inputs))
    sgd = keras.optimizers.SGD(0.01, momentum=0.9)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True) if work.classes else "mse"
    net.compile(keras.optimizers.Adam(1e-3) if work.optimizer == "adam" else sgd, loss)
    return net


class Engine:
    """Steps of a workload: many batches in one call, as `fit` runs them."""

    name = "lamina"

    def __init__(self, key: str, x: np.ndarray, y: np.ndarray, threads: int) -> None:
        keras.config.set_num_threads(threads)
        self.net, self.batch = model(key), WORKLOADS[key].batch
        places = np.tile(np.arange(128, dtype=np.int32), (len(x), 1))
        self.x, self.y = ([x, places] if key == "w9" else x), y
        self.run()

    def run(self) -> None:
        """One pass over the data."""
        self.net.fit(self.x, self.y, batch_size=self.batch, epochs=1, shuffle=False, verbose=0)
