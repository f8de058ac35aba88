"""Every layer that PyTorch has, too, in both libraries: the table of `layers.py`.

A row is the shape of the input with its batch, channels last, then the layer in lamina and in
PyTorch. Sizes are of the order of those in the ten workloads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

ROWS = (128, 512)
WORDS = (16, 128, 128)
SEQUENCE = (32, 100, 64)
IMAGE = (32, 32, 32, 64)
VOLUME = (4, 16, 16, 16, 32)


@dataclass(frozen=True)
class Case:
    """One layer in one configuration."""

    inputs: tuple[tuple[int, ...], ...]
    """The shape of each input."""
    lamina: Callable[[Any], Any]
    """The layer, given the module `lamina.layers`."""
    torch: Callable[[Any], Any]
    """A module or a function, given the module `layer_torch`; channels come first."""
    channels_first: bool = False
    """Whether PyTorch takes the channels first."""
    ids: int = 0
    """Inputs are ids below this; 0: numbers."""


def _case(
    shape: tuple[int, ...], lamina: Any, torch: Any, *, inputs: int = 1, ids: int = 0
) -> Case:
    return Case((shape,) * inputs, lamina, torch, len(shape) > 3, ids)


def _sequence(lamina: Any, torch: Any) -> Case:
    """A layer that slides along sequences."""
    return Case((SEQUENCE,), lamina, torch, channels_first=True)


_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "elu": lambda t: t.nn.ELU(),
    "gelu": lambda t: t.nn.GELU(),
    "hard_sigmoid": lambda t: t.nn.Hardsigmoid(),
    "leaky_relu": lambda t: t.nn.LeakyReLU(0.2),
    "log_softmax": lambda t: t.nn.LogSoftmax(-1),
    "mish": lambda t: t.nn.Mish(),
    "relu": lambda t: t.nn.ReLU(),
    "relu6": lambda t: t.nn.ReLU6(),
    "selu": lambda t: t.nn.SELU(),
    "sigmoid": lambda t: t.nn.Sigmoid(),
    "softmax": lambda t: t.nn.Softmax(-1),
    "softplus": lambda t: t.nn.Softplus(),
    "softsign": lambda t: t.nn.Softsign(),
    "swish": lambda t: t.nn.SiLU(),
    "tanh": lambda t: t.nn.Tanh(),
}

CASES: dict[str, Case] = {
    **{
        f"Activation {name}": _case((128, 4096), lambda k, n=name: k.Activation(n), torch)
        for name, torch in _ACTIVATIONS.items()
    },
    "AdaptiveAveragePooling1D": _sequence(
        lambda k: k.AdaptiveAveragePooling1D(7),
        lambda t: t.nn.AdaptiveAvgPool1d(7),
    ),
    "AdaptiveAveragePooling2D": _case(
        IMAGE, lambda k: k.AdaptiveAveragePooling2D(7), lambda t: t.nn.AdaptiveAvgPool2d(7)
    ),
    "AdaptiveAveragePooling3D": _case(
        VOLUME, lambda k: k.AdaptiveAveragePooling3D(7), lambda t: t.nn.AdaptiveAvgPool3d(7)
    ),
    "AdaptiveMaxPooling1D": _sequence(
        lambda k: k.AdaptiveMaxPooling1D(7), lambda t: t.nn.AdaptiveMaxPool1d(7)
    ),
    "AdaptiveMaxPooling2D": _case(
        IMAGE, lambda k: k.AdaptiveMaxPooling2D(7), lambda t: t.nn.AdaptiveMaxPool2d(7)
    ),
    "AdaptiveMaxPooling3D": _case(
        VOLUME, lambda k: k.AdaptiveMaxPooling3D(7), lambda t: t.nn.AdaptiveMaxPool3d(7)
    ),
    "Add": _case(IMAGE, lambda k: k.Add(), lambda t: t.torch.add, inputs=2),
    "AlphaDropout": _case(ROWS, lambda k: k.AlphaDropout(0.2), lambda t: t.nn.AlphaDropout(0.2)),
    "Attention": _case(
        WORDS, lambda k: k.Attention(), lambda t: lambda q, v: t.plain_attention(q, v), inputs=2
    ),
    "AveragePooling1D": _sequence(lambda k: k.AveragePooling1D(2), lambda t: t.nn.AvgPool1d(2)),
    "AveragePooling2D": _case(IMAGE, lambda k: k.AveragePooling2D(2), lambda t: t.nn.AvgPool2d(2)),
    "AveragePooling2D 3x3 same": _case(
        IMAGE,
        lambda k: k.AveragePooling2D(3, 1, "same"),
        lambda t: t.nn.AvgPool2d(3, 1, 1, count_include_pad=False),
    ),
    "AveragePooling3D": _case(VOLUME, lambda k: k.AveragePooling3D(2), lambda t: t.nn.AvgPool3d(2)),
    "BatchNormalization rows": _case(
        ROWS, lambda k: k.BatchNormalization(), lambda t: t.nn.BatchNorm1d(512)
    ),
    "BatchNormalization image": _case(
        IMAGE, lambda k: k.BatchNormalization(), lambda t: t.nn.BatchNorm2d(64)
    ),
    "Bidirectional GRU": _case(
        (32, 50, 40),
        lambda k: k.Bidirectional(k.GRU(128, return_sequences=True)),
        lambda t: t.Recurrent(t.nn.GRU, 40, 128, bidirectional=True),
    ),
    "Bidirectional LSTM": _case(
        (32, 50, 40),
        lambda k: k.Bidirectional(k.LSTM(128, return_sequences=True)),
        lambda t: t.Recurrent(t.nn.LSTM, 40, 128, bidirectional=True),
    ),
    "Concatenate": _case(
        IMAGE,
        lambda k: k.Concatenate(),
        lambda t: lambda a, b: t.torch.cat([a, b], 1),
        inputs=2,
    ),
    "Conv1D 3": _sequence(lambda k: k.Conv1D(128, 3), lambda t: t.nn.Conv1d(64, 128, 3)),
    "Conv1D 3 causal dilated": _sequence(
        lambda k: k.Conv1D(64, 3, padding="causal", dilation_rate=4),
        lambda t: t.nn.Sequential(
            t.nn.ConstantPad1d((8, 0), 0.0), t.nn.Conv1d(64, 64, 3, dilation=4)
        ),
    ),
    "Conv2D 1x1": _case(IMAGE, lambda k: k.Conv2D(128, 1), lambda t: t.nn.Conv2d(64, 128, 1)),
    "Conv2D 3x3": _case(
        IMAGE, lambda k: k.Conv2D(64, 3, padding="same"), lambda t: t.nn.Conv2d(64, 64, 3, 1, 1)
    ),
    "Conv2D 3x3 1 channel": _case(
        (64, 28, 28, 1), lambda k: k.Conv2D(32, 3), lambda t: t.nn.Conv2d(1, 32, 3)
    ),
    "Conv2D 3x3 3 channels": _case(
        (64, 32, 32, 3), lambda k: k.Conv2D(64, 3), lambda t: t.nn.Conv2d(3, 64, 3)
    ),
    "Conv2D 3x3 strided": _case(
        IMAGE, lambda k: k.Conv2D(128, 3, 2), lambda t: t.nn.Conv2d(64, 128, 3, 2)
    ),
    "Conv2D 3x3 dilated": _case(
        IMAGE,
        lambda k: k.Conv2D(64, 3, dilation_rate=2),
        lambda t: t.nn.Conv2d(64, 64, 3, dilation=2),
    ),
    "Conv2D 3x3 8 groups": _case(
        IMAGE, lambda k: k.Conv2D(64, 3, groups=8), lambda t: t.nn.Conv2d(64, 64, 3, groups=8)
    ),
    "Conv2D 5x5": _case(
        (32, 16, 16, 64), lambda k: k.Conv2D(64, 5), lambda t: t.nn.Conv2d(64, 64, 5)
    ),
    "Conv2D 7x7 strided": _case(
        (8, 112, 112, 3), lambda k: k.Conv2D(64, 7, 2), lambda t: t.nn.Conv2d(3, 64, 7, 2)
    ),
    "Conv3D": _case(
        VOLUME, lambda k: k.Conv3D(32, 3, padding="same"), lambda t: t.nn.Conv3d(32, 32, 3, 1, 1)
    ),
    "Conv1DTranspose": _sequence(
        lambda k: k.Conv1DTranspose(64, 4, 2), lambda t: t.nn.ConvTranspose1d(64, 64, 4, 2)
    ),
    "Conv2DTranspose": _case(
        (32, 16, 16, 64),
        lambda k: k.Conv2DTranspose(64, 4, 2),
        lambda t: t.nn.ConvTranspose2d(64, 64, 4, 2),
    ),
    "Conv3DTranspose": _case(
        (4, 8, 8, 8, 32),
        lambda k: k.Conv3DTranspose(32, 4, 2),
        lambda t: t.nn.ConvTranspose3d(32, 32, 4, 2),
    ),
    "Cropping1D": _sequence(lambda k: k.Cropping1D(2), lambda t: t.nn.ZeroPad1d(-2)),
    "Cropping2D": _case(IMAGE, lambda k: k.Cropping2D(2), lambda t: t.nn.ZeroPad2d(-2)),
    "Cropping3D": _case(VOLUME, lambda k: k.Cropping3D(2), lambda t: t.nn.ZeroPad3d(-2)),
    **{
        f"Dense {name}": _case(
            ROWS,
            lambda k, n=name: k.Dense(512, n),
            lambda t, torch=torch: t.nn.Sequential(t.nn.Linear(512, 512), torch(t)),
        )
        for name, torch in _ACTIVATIONS.items()
        if name in ("gelu", "relu", "sigmoid", "softmax", "swish", "tanh")
    },
    "Dense": _case(ROWS, lambda k: k.Dense(512), lambda t: t.nn.Linear(512, 512)),
    "Dense small": _case((32, 64), lambda k: k.Dense(64), lambda t: t.nn.Linear(64, 64)),
    "Dense to 10": _case((128, 512), lambda k: k.Dense(10), lambda t: t.nn.Linear(512, 10)),
    "Dense wide": _case((256, 1024), lambda k: k.Dense(4096), lambda t: t.nn.Linear(1024, 4096)),
    "Dense sequences": _case(WORDS, lambda k: k.Dense(512), lambda t: t.nn.Linear(128, 512)),
    "DepthwiseConv1D": _sequence(
        lambda k: k.DepthwiseConv1D(3), lambda t: t.nn.Conv1d(64, 64, 3, groups=64)
    ),
    "DepthwiseConv2D": _case(
        IMAGE,
        lambda k: k.DepthwiseConv2D(3, padding="same"),
        lambda t: t.nn.Conv2d(64, 64, 3, 1, 1, groups=64),
    ),
    "DepthwiseConv2D strided": _case(
        IMAGE,
        lambda k: k.DepthwiseConv2D(3, 2),
        lambda t: t.nn.Conv2d(64, 64, 3, 2, groups=64),
    ),
    "DepthwiseConv2D 5x5": _case(
        IMAGE,
        lambda k: k.DepthwiseConv2D(5, padding="same"),
        lambda t: t.nn.Conv2d(64, 64, 5, 1, 2, groups=64),
    ),
    "Dot": _case(WORDS, lambda k: k.Dot(2), lambda t: lambda a, b: a @ b.transpose(1, 2), inputs=2),
    "Dropout": _case(IMAGE, lambda k: k.Dropout(0.2), lambda t: t.nn.Dropout(0.2)),
    "ELU": _case(IMAGE, lambda k: k.ELU(), lambda t: t.nn.ELU()),
    "Embedding": _case(
        (64, 64), lambda k: k.Embedding(96, 64), lambda t: t.nn.Embedding(96, 64), ids=96
    ),
    "Embedding large": _case(
        (64, 128),
        lambda k: k.Embedding(20000, 128),
        lambda t: t.nn.Embedding(20000, 128),
        ids=20000,
    ),
    "GlobalAveragePooling1D": _sequence(
        lambda k: k.GlobalAveragePooling1D(), lambda t: t.nn.AdaptiveAvgPool1d(1)
    ),
    "GlobalAveragePooling2D": _case(
        IMAGE, lambda k: k.GlobalAveragePooling2D(), lambda t: t.nn.AdaptiveAvgPool2d(1)
    ),
    "GlobalAveragePooling3D": _case(
        VOLUME, lambda k: k.GlobalAveragePooling3D(), lambda t: t.nn.AdaptiveAvgPool3d(1)
    ),
    "GlobalMaxPooling1D": _sequence(
        lambda k: k.GlobalMaxPooling1D(), lambda t: lambda x: x.amax(2)
    ),
    "GlobalMaxPooling2D": _case(
        IMAGE, lambda k: k.GlobalMaxPooling2D(), lambda t: lambda x: x.amax((2, 3))
    ),
    "GlobalMaxPooling3D": _case(
        VOLUME, lambda k: k.GlobalMaxPooling3D(), lambda t: lambda x: x.amax((2, 3, 4))
    ),
    "GroupNormalization": _case(
        IMAGE, lambda k: k.GroupNormalization(8), lambda t: t.nn.GroupNorm(8, 64)
    ),
    "GroupQueryAttention": _case(
        WORDS,
        lambda k: k.GroupQueryAttention(16, 8, 2),
        lambda t: t.GroupQueryAttention(128, 16, 8, 2),
        inputs=2,
    ),
    "GRU": _case(
        (32, 100, 64),
        lambda k: k.GRU(128, return_sequences=True),
        lambda t: t.Recurrent(t.nn.GRU, 64, 128),
    ),
    "LayerNormalization": _case(
        WORDS, lambda k: k.LayerNormalization(), lambda t: t.nn.LayerNorm(128)
    ),
    "LayerNormalization wide": _case(
        (256, 4096), lambda k: k.LayerNormalization(), lambda t: t.nn.LayerNorm(4096)
    ),
    "LeakyReLU": _case(IMAGE, lambda k: k.LeakyReLU(), lambda t: t.nn.LeakyReLU(0.3)),
    "LSTM": _case(
        (32, 100, 64),
        lambda k: k.LSTM(128, return_sequences=True),
        lambda t: t.Recurrent(t.nn.LSTM, 64, 128),
    ),
    "LSTM 256": _case(
        (64, 64, 64),
        lambda k: k.LSTM(256, return_sequences=True),
        lambda t: t.Recurrent(t.nn.LSTM, 64, 256),
    ),
    "Maximum": _case(IMAGE, lambda k: k.Maximum(), lambda t: t.torch.maximum, inputs=2),
    "MaxPooling1D": _sequence(lambda k: k.MaxPooling1D(2), lambda t: t.nn.MaxPool1d(2)),
    "MaxPooling2D": _case(IMAGE, lambda k: k.MaxPooling2D(2), lambda t: t.nn.MaxPool2d(2)),
    "MaxPooling2D 3x3 strided": _case(
        IMAGE, lambda k: k.MaxPooling2D(3, 2), lambda t: t.nn.MaxPool2d(3, 2)
    ),
    "MaxPooling3D": _case(VOLUME, lambda k: k.MaxPooling3D(2), lambda t: t.nn.MaxPool3d(2)),
    "MultiHeadAttention": _case(
        WORDS,
        lambda k: k.MultiHeadAttention(4, 32),
        lambda t: t.GroupQueryAttention(128, 32, 4, 4),
        inputs=2,
    ),
    "MultiHeadAttention long": _case(
        (2, 512, 128),
        lambda k: k.MultiHeadAttention(4, 32),
        lambda t: t.GroupQueryAttention(128, 32, 4, 4),
        inputs=2,
    ),
    "Multiply": _case(IMAGE, lambda k: k.Multiply(), lambda t: t.torch.mul, inputs=2),
    "Permute": _case(
        WORDS,
        lambda k: k.Permute((2, 1)),
        lambda t: lambda x: x.transpose(1, 2).contiguous(),
    ),
    "PReLU shared": _case(IMAGE, lambda k: k.PReLU(shared_axes=(1, 2)), lambda t: t.nn.PReLU(64)),
    "RMSNormalization": _case(WORDS, lambda k: k.RMSNormalization(), lambda t: t.nn.RMSNorm(128)),
    "SeparableConv1D": _sequence(
        lambda k: k.SeparableConv1D(128, 3), lambda t: t.separable(t.nn.Conv1d, 64, 128)
    ),
    "SeparableConv2D": _case(
        IMAGE, lambda k: k.SeparableConv2D(128, 3), lambda t: t.separable(t.nn.Conv2d, 64, 128)
    ),
    "SimpleRNN": _case(
        (32, 100, 64),
        lambda k: k.SimpleRNN(128, return_sequences=True),
        lambda t: t.Recurrent(t.nn.RNN, 64, 128),
    ),
    "Softmax": _case((128, 1000), lambda k: k.Softmax(), lambda t: t.nn.Softmax(-1)),
    "SpatialDropout1D": _sequence(lambda k: k.SpatialDropout1D(0.2), lambda t: t.nn.Dropout1d(0.2)),
    "SpatialDropout2D": _case(
        IMAGE, lambda k: k.SpatialDropout2D(0.2), lambda t: t.nn.Dropout2d(0.2)
    ),
    "SpatialDropout3D": _case(
        VOLUME, lambda k: k.SpatialDropout3D(0.2), lambda t: t.nn.Dropout3d(0.2)
    ),
    "SpectralNormalization Conv2D": _case(
        (32, 16, 16, 64),
        lambda k: k.SpectralNormalization(k.Conv2D(64, 3)),
        lambda t: t.nn.utils.parametrizations.spectral_norm(t.nn.Conv2d(64, 64, 3)),
    ),
    "SpectralNormalization Dense": _case(
        ROWS,
        lambda k: k.SpectralNormalization(k.Dense(512)),
        lambda t: t.nn.utils.parametrizations.spectral_norm(t.nn.Linear(512, 512)),
    ),
    "TransformerEncoder": _case(
        WORDS,
        lambda k: k.TransformerEncoder(512, 4, dropout=0.1),
        lambda t: t.nn.TransformerEncoderLayer(128, 4, 512, 0.1, batch_first=True),
    ),
    "UnitNormalization": _case(
        WORDS, lambda k: k.UnitNormalization(), lambda t: lambda x: t.F.normalize(x, dim=-1)
    ),
    "UpSampling1D": _sequence(lambda k: k.UpSampling1D(2), lambda t: t.nn.Upsample(scale_factor=2)),
    "UpSampling2D nearest": _case(
        (32, 16, 16, 64), lambda k: k.UpSampling2D(2), lambda t: t.nn.Upsample(scale_factor=2)
    ),
    "UpSampling2D bilinear": _case(
        (32, 16, 16, 64),
        lambda k: k.UpSampling2D(2, interpolation="bilinear"),
        lambda t: t.nn.Upsample(scale_factor=2, mode="bilinear"),
    ),
    "UpSampling3D": _case(
        (4, 8, 8, 8, 32), lambda k: k.UpSampling3D(2), lambda t: t.nn.Upsample(scale_factor=2)
    ),
    "ZeroPadding1D": _sequence(lambda k: k.ZeroPadding1D(2), lambda t: t.nn.ZeroPad1d(2)),
    "ZeroPadding2D": _case(IMAGE, lambda k: k.ZeroPadding2D(2), lambda t: t.nn.ZeroPad2d(2)),
    "ZeroPadding3D": _case(VOLUME, lambda k: k.ZeroPadding3D(2), lambda t: t.nn.ZeroPad3d(2)),
}


def arrays(key: str) -> list[np.ndarray]:
    """Inputs for a layer: the same in every run."""
    case, random = CASES[key], np.random.default_rng(0)
    if case.ids:
        return [random.integers(0, case.ids, shape, np.int32) for shape in case.inputs]
    return [random.standard_normal(shape, np.float32) for shape in case.inputs]
