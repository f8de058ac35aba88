"""The table of `test_layer_contract.py`: every layer in several configurations.

A new layer adds its rows here, in alphabetical order, one call of `row` each:

    row((2, 5), lambda: layers.Dense(3, activation="tanh")),

that is, the shape of the input with its batch axis, and how the layer is made. Further:

- several inputs in one list: `row([(2, 3), (2, 3)], ...)`;
- inputs that are no random numbers: an array instead of a shape, such as `ids(7, 2, 4)`;
- arguments of the call: `call={"mask": MASK, "initial_state": [numbers(2, 3)]}`. Floating arrays
  in it have their gradients checked as well, others (ids, masks) do not;
- `training="random"` for layers that draw numbers in training, `"statistics"` for those that look
  at the whole batch, `"state"` for those that only keep something; without it, training and
  inference must agree;
- `rough=True` if the output jumps or has corners everywhere, so that differences are no check.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import golden
from lamina import layers


@dataclass(frozen=True)
class Row:
    """One layer in one configuration, and what to call it on."""

    inputs: Any
    make: Callable[[], Any]
    call: dict[str, Any] = field(default_factory=dict)
    training: str = "same"
    rough: bool = False

    @property
    def label(self) -> str:
        """The layer's repr without its name, and what else the call takes."""
        shown = re.sub(r"(, )?name='[^']*'", "", repr(self.make()))
        return f"{shown} {','.join(self.call)}".strip()


def row(inputs: Any, make: Callable[[], Any], **settings: Any) -> Row:
    """A row; shapes become seeded random numbers."""
    if isinstance(inputs, list):
        arrays = [numbers(*shape, seed=i) for i, shape in enumerate(inputs)]
    else:
        arrays = numbers(*inputs) if isinstance(inputs, tuple) else inputs
    return Row(arrays, make, **settings)


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Seeded numbers, two thirds of them within -1 and 1."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def ids(count: int, *shape: int) -> np.ndarray:
    """Seeded ids from 0 to count - 1."""
    return np.random.default_rng(count).integers(0, count, shape)


MASK = np.array([[True, True, False, True], [False, True, True, False]])
"""A mask for two sequences of four steps."""

ACTIVATIONS = sorted({case.function for case in golden.load("activations")} - {"threshold"})
"""All of Keras's that need no parameter."""

ROWS = [
    *(row((2, 6), lambda name=name: layers.Activation(name)) for name in ACTIVATIONS),
    row((2, 3), lambda: layers.ActivityRegularization()),
    # Its gradients hold those of the penalty, which is no part of the output.
    row((2, 3), lambda: layers.ActivityRegularization(l1=0.1, l2=0.2), rough=True),
    row((2, 7, 3), lambda: layers.AdaptiveAveragePooling1D(3)),
    row((2, 5, 4, 3), lambda: layers.AdaptiveAveragePooling2D((2, 3))),
    row((2, 3, 4, 2, 3), lambda: layers.AdaptiveAveragePooling3D(2)),
    row((2, 3, 5, 4), lambda: layers.AdaptiveAveragePooling2D(3, data_format="channels_first")),
    row((2, 7, 3), lambda: layers.AdaptiveMaxPooling1D(3)),
    row((2, 5, 4, 3), lambda: layers.AdaptiveMaxPooling2D((2, 3))),
    row((2, 3, 4, 2, 3), lambda: layers.AdaptiveMaxPooling3D(2)),
    row((2, 3, 5, 4), lambda: layers.AdaptiveMaxPooling2D(3, data_format="channels_first")),
    row([(2, 3), (2, 3), (2, 3)], lambda: layers.Add()),
    row([(2, 4, 3), (2, 1, 3), (2, 3)], lambda: layers.Add()),
    row([(2, 3, 4), (2, 5, 4)], lambda: layers.AdditiveAttention()),
    row(
        [(2, 4, 3), (2, 4, 2), (2, 4, 3)],
        lambda: layers.AdditiveAttention(use_scale=False),
        call={"mask": [MASK, MASK], "use_causal_mask": True, "return_attention_scores": True},
    ),
    row(
        [(6, 4, 6), (6, 4, 6)],
        lambda: layers.AdditiveAttention(dropout=0.4, seed=1),
        training="random",
    ),
    row([(2, 3, 4), (2, 5, 4)], lambda: layers.Attention()),
    row([(2, 3, 4), (2, 5, 2), (2, 5, 4)], lambda: layers.Attention(use_scale=True)),
    row(
        [(2, 4, 3), (2, 4, 3)],
        lambda: layers.Attention(use_scale=True, score_mode="concat"),
        call={"mask": [MASK, MASK], "use_causal_mask": True, "return_attention_scores": True},
    ),
    row(
        [(6, 4, 6), (6, 4, 6)],
        lambda: layers.Attention(dropout=0.4, seed=1),
        call={"return_attention_scores": True},
        training="random",
    ),
    row((20, 30), lambda: layers.AlphaDropout(0.5), training="random"),
    row((20, 3, 10), lambda: layers.AlphaDropout(0.3, (None, 1, None), 4), training="random"),
    row([(2, 3), (2, 3)], lambda: layers.Average()),
    row([(2, 4, 1), (2, 3)], lambda: layers.Average()),
    row((2, 7, 3), lambda: layers.AveragePooling1D(3, strides=2, padding="same")),
    row((2, 4, 6, 3), lambda: layers.AveragePooling2D(2)),
    row((2, 5, 4, 2), lambda: layers.AveragePooling2D(3, strides=(1, 2), padding="same")),
    row((2, 3, 5, 4), lambda: layers.AveragePooling2D(2, data_format="channels_first")),
    row((2, 5, 4, 3, 2), lambda: layers.AveragePooling3D((2, 3, 1), strides=2)),
    row((6, 3), lambda: layers.BatchNormalization(), training="statistics"),
    row(
        (3, 4, 2, 3),
        lambda: layers.BatchNormalization(axis=1, momentum=0.5, epsilon=0.1),
        training="statistics",
    ),
    row(
        (6, 3), lambda: layers.BatchNormalization(center=False, scale=False), training="statistics"
    ),
    row((2, 4, 3), lambda: layers.Bidirectional(layers.LSTM(2))),
    row(
        (2, 4, 3),
        lambda: layers.Bidirectional(layers.GRU(2, return_sequences=True), merge_mode="mul"),
        call={"mask": MASK},
    ),
    row(
        (2, 4, 3),
        lambda: layers.Bidirectional(
            layers.SimpleRNN(2, return_sequences=True, return_state=True), merge_mode=None
        ),
        call={"initial_state": [numbers(2, 2), numbers(2, 2, seed=1)]},
    ),
    row(
        (2, 4, 3),
        lambda: layers.Bidirectional(
            layers.RNN([layers.GRUCell(2), layers.LSTMCell(3)], return_sequences=True)
        ),
        call={"mask": MASK},
    ),
    row([(2, 4, 3), (2, 4, 2)], lambda: layers.Concatenate()),
    row([(2, 4, 3), (2, 1, 3), (2, 2, 3)], lambda: layers.Concatenate(axis=1)),
    row((2, 7, 3), lambda: layers.Conv1D(4, 3)),
    row((2, 8, 2), lambda: layers.Conv1D(3, 3, strides=2, padding="same", activation="gelu")),
    row((2, 7, 4), lambda: layers.Conv1D(2, 3, padding="causal", dilation_rate=2, groups=2)),
    row((2, 4, 3), lambda: layers.Conv1DTranspose(2, 3, strides=2, output_padding=1)),
    row((2, 4, 3), lambda: layers.Conv1DTranspose(2, 2, dilation_rate=2, activation="gelu")),
    row((2, 5, 6, 2), lambda: layers.Conv2D(3, 3)),
    row((2, 7, 6, 2), lambda: layers.Conv2D(3, (3, 2), strides=2, padding="same")),
    row((2, 7, 6, 2), lambda: layers.Conv2D(2, 3, dilation_rate=2, activation="tanh")),
    row((2, 5, 5, 4), lambda: layers.Conv2D(6, 3, groups=2, use_bias=False, activation="gelu")),
    row((2, 4, 4, 3), lambda: layers.Conv2D(5, 1, padding="same", activation="relu")),
    row((2, 2, 5, 4), lambda: layers.Conv2D(3, 3, data_format="channels_first")),
    row((2, 3, 4, 3), lambda: layers.Conv2DTranspose(2, 3)),
    row((2, 3, 4, 3), lambda: layers.Conv2DTranspose(2, 3, strides=(2, 3), padding="same")),
    row(
        (2, 3, 2, 4),
        lambda: layers.Conv2DTranspose(2, 2, 2, activation="relu", data_format="channels_first"),
    ),
    row((2, 2, 4, 3, 5), lambda: layers.Conv3D(2, 2, data_format="channels_first")),
    row((2, 3, 5, 4, 2), lambda: layers.Conv3D(3, (1, 2, 2), activation="relu")),
    row((2, 5, 4, 4, 2), lambda: layers.Conv3D(3, 3, strides=(2, 1, 2), padding="same")),
    row(
        (2, 5, 3, 3, 4),
        lambda: layers.Conv3D(2, 2, dilation_rate=(2, 1, 1), groups=2, activation="tanh"),
    ),
    row((2, 2, 3, 2, 3), lambda: layers.Conv3DTranspose(2, (2, 3, 1), strides=(2, 1, 2))),
    row((1, 3, 2, 3, 2), lambda: layers.Conv3DTranspose(2, 2, padding="same", use_bias=False)),
    row((2, 4, 5, 2), lambda: layers.ConvLSTM1D(2, 2)),
    row(
        (2, 4, 5, 2),
        lambda: layers.ConvLSTM1D(2, 3, padding="same", return_sequences=True, return_state=True),
        call={"mask": MASK, "initial_state": [numbers(2, 5, 2), numbers(2, 5, 2, seed=1)]},
    ),
    row(
        (2, 3, 6, 2),
        lambda: layers.ConvLSTM1D(3, 2, strides=2, go_backwards=True, activation="softsign"),
    ),
    row((2, 3, 4, 5, 2), lambda: layers.ConvLSTM2D(2, (2, 3))),
    row(
        (2, 3, 4, 5, 2),
        lambda: layers.ConvLSTM2D(2, 3, padding="same", dilation_rate=2, use_bias=False),
    ),
    row(
        (2, 4, 2, 3, 3),
        lambda: layers.ConvLSTM2D(
            2,
            2,
            data_format="channels_first",
            return_sequences=True,
            zero_output_for_mask=True,
            recurrent_activation="hard_sigmoid",
            unit_forget_bias=False,
        ),
        call={"mask": MASK},
    ),
    row((2, 3, 3, 4, 2), lambda: layers.ConvLSTM2D(2, 2, stateful=True, return_state=True)),
    row(
        (8, 4, 4, 4, 2),
        lambda: layers.ConvLSTM2D(2, 2, dropout=0.3, recurrent_dropout=0.3, seed=1),
        training="random",
    ),
    row((2, 2, 2, 3, 2, 1), lambda: layers.ConvLSTM3D(2, 2, return_sequences=True)),
    row(
        (2, 2, 3, 2, 3, 2),
        lambda: layers.ConvLSTM3D(1, (2, 1, 2), strides=(1, 2, 1), padding="same"),
        call={"mask": MASK[:, :2]},
    ),
    row(
        (2, 4, 4, 3, 2),
        lambda: layers.Bidirectional(layers.ConvLSTM2D(2, 2, return_sequences=True)),
        call={"mask": MASK},
    ),
    row((2, 2, 3, 4, 2), lambda: layers.TimeDistributed(layers.ConvLSTM1D(2, 2))),
    row((2, 5, 3), lambda: layers.Cropping1D()),
    row((2, 5, 3), lambda: layers.Cropping1D((0, 2))),
    row((2, 4, 6, 3), lambda: layers.Cropping2D((1, 2))),
    row((2, 3, 4, 6), lambda: layers.Cropping2D(((0, 1), (3, 2)), data_format="channels_first")),
    row((2, 3, 4, 3, 2), lambda: layers.Cropping3D()),
    row((2, 3, 4, 3, 2), lambda: layers.Cropping3D(((0, 1), (2, 1), (0, 0)))),
    row((2, 5), lambda: layers.Dense(3)),
    row((2, 4, 5), lambda: layers.Dense(3, activation="tanh", use_bias=False)),
    row((2, 5), lambda: layers.Dense(3, activation="softmax", kernel_regularizer="l2")),
    row((2, 5), lambda: layers.Dense(3, kernel_constraint="max_norm", bias_initializer="ones")),
    row([(2, 3), (2, 3)], lambda: layers.Dot(1)),
    row([(2, 3, 4), (2, 4, 5)], lambda: layers.Dot((2, 1))),
    row([(2, 4, 3), (2, 5, 3)], lambda: layers.Dot(-1, normalize=True)),
    row([(2, 4, 3), (2, 4)], lambda: layers.Dot(1, normalize=True)),
    row([(2, 2, 3, 2), (2, 3, 4)], lambda: layers.Dot((2, 1))),
    row((2, 7, 3), lambda: layers.DepthwiseConv1D(3, padding="same")),
    row((2, 8, 18), lambda: layers.DepthwiseConv1D(3, 2, depth_multiplier=2, activation="silu")),
    row((2, 5, 6, 3), lambda: layers.DepthwiseConv2D(3)),
    row((2, 7, 6, 20), lambda: layers.DepthwiseConv2D((3, 2), strides=2, padding="same")),
    row(
        (2, 2, 5, 7),
        lambda: layers.DepthwiseConv2D(
            2, dilation_rate=2, depth_multiplier=3, activation="tanh", data_format="channels_first"
        ),
    ),
    row((20, 30), lambda: layers.Dropout(0.5), training="random"),
    row((20, 6, 5), lambda: layers.Dropout(0.4, (None, 1, 5), seed=3), training="random"),
    row((2, 3), lambda: layers.ELU(alpha=0.7)),
    row((2, 3, 4), lambda: layers.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d")),
    row(
        (2, 3, 4),
        lambda: layers.EinsumDense("...x,xyz->...yz", (2, 3), "tanh", bias_axes="z"),
    ),
    row(
        (2, 3, 4, 2),
        lambda: layers.EinsumDense("ab...,bc->ac...", 5, "gelu", "c", kernel_regularizer="l2"),
    ),
    row(
        (2, 3, 4),
        lambda: layers.EinsumDense("abc,bcd->adc", (5, None), "softmax", bias_axes="d"),
    ),
    row((2, 3, 4), lambda: layers.EinsumDense("abc,db->ad", 2, kernel_constraint="max_norm")),
    row(ids(7, 2, 4), lambda: layers.Embedding(7, 3)),
    row(ids(7, 2), lambda: layers.Embedding(7, 3, mask_zero=True, embeddings_regularizer="l1")),
    row((2, 3, 4), lambda: layers.Flatten()),
    row((2,), lambda: layers.Flatten()),
    row((2, 3, 4), lambda: layers.Flatten("channels_first")),
    row((2, 3), lambda: layers.GRUCell(2), call={"states": [numbers(2, 2)]}),
    row((2, 3), lambda: layers.GRUCell(2, reset_after=False), call={"states": [numbers(2, 2)]}),
    row(
        (2, 4, 3),
        lambda: layers.GRU(2, num_layers=2, return_state=True, go_backwards=True),
        call={"mask": MASK},
    ),
    row((2, 4, 3), lambda: layers.GRU(2)),
    row((2, 4, 3), lambda: layers.GRU(2, reset_after=False, return_sequences=True)),
    row(
        (2, 4, 3),
        lambda: layers.GRU(2, activation="relu", go_backwards=True, use_bias=False),
        call={"mask": MASK},
    ),
    row(
        (2, 4, 3),
        lambda: layers.GRU(2, reset_after=False, recurrent_activation="hard_sigmoid"),
        call={"mask": MASK, "initial_state": [numbers(2, 2)]},
    ),
    row((2, 4, 3), lambda: layers.GRU(2, stateful=True, return_state=True)),
    row(
        (8, 4, 3),
        lambda: layers.GRU(4, dropout=0.3, recurrent_dropout=0.3, seed=1),
        training="random",
    ),
    row((20, 30), lambda: layers.GaussianDropout(0.5), training="random"),
    row((20, 30), lambda: layers.GaussianNoise(0.5, seed=3), training="random"),
    row((2, 4, 3), lambda: layers.GlobalAveragePooling1D()),
    row((2, 4, 3), lambda: layers.GlobalAveragePooling1D(keepdims=True), call={"mask": MASK}),
    row((2, 4, 6, 3), lambda: layers.GlobalAveragePooling2D()),
    row((2, 4, 6, 3), lambda: layers.GlobalAveragePooling2D(keepdims=True)),
    row((2, 3, 4, 6), lambda: layers.GlobalAveragePooling2D("channels_first", keepdims=True)),
    row(
        (2, 4, 6),
        lambda: layers.GroupQueryAttention(3, 4, 2),
        call={"value": numbers(2, 4, 6, seed=1), "use_causal_mask": True, "value_mask": MASK},
    ),
    row(
        (2, 4, 6),
        lambda: layers.GroupQueryAttention(2, 2, 1, use_gate=True, use_bias=False),
        call={
            "value": numbers(2, 5, 3),
            "key": numbers(2, 5, 2),
            "attention_mask": numbers(2, 4, 5) < 1,
            "return_attention_scores": True,
        },
    ),
    row(
        (6, 4, 6),
        lambda: layers.GroupQueryAttention(2, 4, 4, dropout=0.4, seed=1, sliding_window=3),
        call={"value": numbers(6, 4, 6, seed=1)},
        training="random",
    ),
    row((2, 2, 3, 2, 4), lambda: layers.GlobalAveragePooling3D()),
    row((2, 4, 3), lambda: layers.GlobalMaxPooling1D()),
    row((2, 3, 4), lambda: layers.GlobalMaxPooling1D("channels_first", keepdims=True)),
    row((2, 4, 6, 3), lambda: layers.GlobalMaxPooling2D(keepdims=True)),
    row((2, 2, 3, 2, 4), lambda: layers.GlobalMaxPooling3D()),
    row((2, 3, 4, 6), lambda: layers.GroupNormalization(2)),
    row((2, 3, 4), lambda: layers.GroupNormalization(-1, axis=1, epsilon=0.1)),
    row((3, 6), lambda: layers.GroupNormalization(1, center=False, scale=False)),
    row((2, 4, 3), lambda: layers.Identity()),
    row(
        (2, 3),
        lambda: layers.LSTMCell(2, activation="relu"),
        call={"states": [numbers(2, 2), numbers(2, 2, seed=1)]},
    ),
    row(
        (2, 4, 3),
        lambda: layers.LSTM(2, num_layers=3, return_sequences=True),
        call={"initial_state": [numbers(2, 2, seed=seed) for seed in range(6)]},
    ),
    row((2, 4, 3), lambda: layers.LSTM(2, num_layers=2, stateful=True)),
    row((8, 4, 3), lambda: layers.LSTM(4, num_layers=2, dropout=0.3, seed=1), training="random"),
    row((2, 4, 3), lambda: layers.LSTM(2)),
    row((2, 4, 3), lambda: layers.LSTM(2, return_sequences=True, return_state=True)),
    row(
        (2, 4, 3),
        lambda: layers.LSTM(2, activation="softsign", go_backwards=True, unit_forget_bias=False),
        call={"mask": MASK},
    ),
    row(
        (2, 4, 3),
        lambda: layers.LSTM(2, use_bias=False, return_sequences=True),
        call={"mask": MASK, "initial_state": [numbers(2, 2), numbers(2, 2, seed=1)]},
    ),
    row((2, 4, 3), lambda: layers.LSTM(2, stateful=True)),
    row(
        (8, 4, 3),
        lambda: layers.LSTM(4, dropout=0.3, recurrent_dropout=0.3, seed=1),
        training="random",
    ),
    row((2, 4, 3), lambda: layers.LayerNormalization()),
    row((2, 4, 3), lambda: layers.LayerNormalization(axis=[1, 2], epsilon=0.1)),
    row((2, 4, 3), lambda: layers.LayerNormalization(axis=1, center=False, scale=False)),
    row((2, 4, 3), lambda: layers.LeakyReLU()),
    row(np.sign(numbers(2, 4, 1)), lambda: layers.Masking(-1.0), rough=True),
    row((2, 7, 3), lambda: layers.MaxPooling1D()),
    row((2, 4, 6, 3), lambda: layers.MaxPooling2D()),
    row((2, 5, 4, 2), lambda: layers.MaxPooling2D(3, strides=(1, 2), padding="same")),
    row((2, 3, 5, 4), lambda: layers.MaxPooling2D(3, padding="same", data_format="channels_first")),
    row((2, 5, 4, 3, 2), lambda: layers.MaxPooling3D((2, 3, 1), strides=1, padding="same")),
    row([(2, 3), (2, 3)], lambda: layers.Maximum()),
    row([(2, 3), (2, 3)], lambda: layers.Minimum()),
    row(
        (2, 4, 6), lambda: layers.MultiHeadAttention(2, 3), call={"value": numbers(2, 4, 6, seed=1)}
    ),
    row(
        (2, 4, 6),
        lambda: layers.MultiHeadAttention(2, 3, value_dim=2, output_shape=5, use_bias=False),
        call={
            "value": numbers(2, 5, 3),
            "key": numbers(2, 5, 2),
            "attention_mask": numbers(2, 4, 5) < 1,
            "return_attention_scores": True,
        },
    ),
    row(
        (2, 4, 6),
        lambda: layers.MultiHeadAttention(2, 2, use_gate=True),
        call={"value": numbers(2, 4, 6, seed=1), "use_causal_mask": True, "value_mask": MASK},
    ),
    row(
        (6, 4, 6),
        lambda: layers.MultiHeadAttention(2, 3, dropout=0.4, seed=1),
        call={"value": numbers(6, 4, 6, seed=1)},
        training="random",
    ),
    row([(2, 3), (2, 3), (2, 3)], lambda: layers.Multiply()),
    row([(2, 4, 3), (2, 1, 3)], lambda: layers.Multiply()),
    row((2, 4, 3), lambda: layers.Normalization()),
    row((2, 4, 3), lambda: layers.Normalization((1, 2), mean=[1, 2, 3], variance=[2, 0.5, 1])),
    row((2, 4, 3), lambda: layers.Normalization(None, mean=0.5, variance=2, invert=True)),
    row((2, 4, 3), lambda: layers.PReLU()),
    row((2, 4, 3, 2), lambda: layers.PReLU("ones", shared_axes=[1, 2])),
    row((2, 4, 3, 2), lambda: layers.Permute((3, 1, 2))),
    row((2, 4, 20), lambda: layers.RMSNormalization()),
    row((2, 4, 3), lambda: layers.RMSNormalization(axis=1, epsilon=0.1)),
    row((2, 4, 3), lambda: layers.RMSNormalization(axis=(1, 2))),
    row((2, 4, 3), lambda: layers.RNN(layers.LSTMCell(2), return_state=True)),
    row(
        (2, 4, 3),
        lambda: layers.RNN(
            [layers.LSTMCell(2), layers.GRUCell(3)], go_backwards=True, return_sequences=True
        ),
        call={"mask": MASK},
    ),
    row(
        (2, 4, 3),
        lambda: layers.RNN(layers.SimpleRNNCell(2), return_state=True),
        call={"initial_state": [numbers(2, 2)]},
    ),
    row((2, 4, 3), lambda: layers.RNN(layers.GRUCell(2), stateful=True)),
    row((2, 4, 3), lambda: layers.ReLU()),
    row((2, 4, 3), lambda: layers.ReLU(max_value=1, negative_slope=0.1, threshold=0.2)),
    row((2, 4), lambda: layers.RepeatVector(3)),
    row((2, 4), lambda: layers.Rescaling(0.5, offset=-1)),
    row((2, 4, 3), lambda: layers.Rescaling([1, 2, 3], offset=[0, 1, 2])),
    row((2, 3, 4), lambda: layers.Reshape((2, 6))),
    row((2, 3, 4), lambda: layers.Reshape((-1, 2, 2))),
    row((2, 7, 3), lambda: layers.SeparableConv1D(4, 3, padding="same")),
    row((2, 8, 3), lambda: layers.SeparableConv1D(2, 3, 2, depth_multiplier=2, use_bias=False)),
    row((2, 5, 6, 3), lambda: layers.SeparableConv2D(4, 3, activation="gelu")),
    row(
        (2, 3, 5, 6),
        lambda: layers.SeparableConv2D(2, 2, dilation_rate=2, data_format="channels_first"),
    ),
    row(ids(7, 2, 4), lambda: layers.ReversibleEmbedding(7, 3, mask_zero=True)),
    row(
        (2, 4, 3),
        lambda: layers.ReversibleEmbedding(7, 3, logit_soft_cap=0.5),
        call={"reverse": True},
    ),
    row((2, 3), lambda: layers.ReversibleEmbedding(7, 3, False), call={"reverse": True}),
    row(ids(7, 2, 4), lambda: layers.ReversibleEmbedding(7, 3, False)),
    row((2, 4, 6), lambda: layers.RotaryEmbedding()),
    row(
        (2, 3, 4, 2),
        lambda: layers.RotaryEmbedding(100, scaling_factor=2.0, sequence_axis=2),
        call={"start_index": 3},
    ),
    row((2, 3), lambda: layers.SimpleRNNCell(2), call={"states": [numbers(2, 2)]}),
    row((2, 4, 3), lambda: layers.SinePositionEncoding()),
    row((2, 4, 6), lambda: layers.SinePositionEncoding(50.0), call={"start_index": 2}),
    row((2, 4, 3), lambda: layers.SimpleRNN(2)),
    row((2, 4, 3), lambda: layers.SimpleRNN(2, return_sequences=True, go_backwards=True)),
    row(
        (2, 4, 3),
        lambda: layers.SimpleRNN(2, return_state=True, use_bias=False, activation="sigmoid"),
        call={"mask": MASK, "initial_state": [numbers(2, 2)]},
    ),
    row((2, 4, 3), lambda: layers.SimpleRNN(2, stateful=True, return_sequences=True)),
    row(
        (8, 4, 3),
        lambda: layers.SimpleRNN(4, dropout=0.3, recurrent_dropout=0.3, seed=1),
        training="random",
    ),
    row((2, 3, 4), lambda: layers.Softmax()),
    row((2, 3, 4), lambda: layers.Softmax(axis=1)),
    row((2, 3, 4), lambda: layers.Softmax([1, 2]), call={"mask": numbers(2, 1, 4) < 0.5}),
    row((20, 6, 10), lambda: layers.SpatialDropout1D(0.5, seed=3), training="random"),
    row((20, 3, 2, 10), lambda: layers.SpatialDropout2D(0.5), training="random"),
    row(
        (20, 10, 3, 2),
        lambda: layers.SpatialDropout2D(0.5, data_format="channels_first"),
        training="random",
    ),
    row((20, 3, 2, 2, 10), lambda: layers.SpatialDropout3D(0.5), training="random"),
    # With so many rounds u and v no longer depend on the kernel, as the gradients suppose.
    row(
        (2, 4),
        lambda: layers.SpectralNormalization(layers.Dense(3, activation="tanh"), 300),
        training="state",
    ),
    row(
        (2, 3, 4, 2),
        lambda: layers.SpectralNormalization(layers.Conv2D(2, 2), 300),
        training="state",
    ),
    row([(2, 3), (2, 3)], lambda: layers.Subtract()),
    row([(2, 4, 3), (2, 3)], lambda: layers.Subtract()),
    row((2, 4, 3), lambda: layers.UpSampling1D(3)),
    row((2, 3, 2, 2), lambda: layers.UpSampling2D((1, 3))),
    *(
        row((2, 3, 2, 2), lambda name=name: layers.UpSampling2D((2, 3), interpolation=name))
        for name in ("bilinear", "bicubic", "lanczos3", "lanczos5")
    ),
    row((2, 2, 3, 2), lambda: layers.UpSampling2D(2, "channels_first", "bilinear")),
    row((2, 2, 3, 2, 2), lambda: layers.UpSampling3D((2, 1, 3))),
    row((2, 4, 3), lambda: layers.ZeroPadding1D((2, 1))),
    row((2, 3, 2, 3), lambda: layers.ZeroPadding2D()),
    row((2, 3, 2, 3), lambda: layers.ZeroPadding2D(((0, 1), (2, 3)), data_format="channels_first")),
    row((2, 2, 3, 2, 2), lambda: layers.ZeroPadding3D((1, 0, 2))),
    row((2, 4, 20), lambda: layers.UnitNormalization()),
    row((2, 4, 3), lambda: layers.UnitNormalization(axis=[1, -1])),
    row(
        (2, 3),
        lambda: layers.StackedRNNCells([layers.LSTMCell(2), layers.GRUCell(4)]),
        call={"states": [[numbers(2, 2), numbers(2, 2, seed=1)], numbers(2, 4)]},
    ),
    row((2, 4, 3), lambda: layers.TimeDistributed(layers.Dense(5, activation="tanh"))),
    row(
        (2, 3, 5, 4, 2),
        lambda: layers.TimeDistributed(layers.Conv2D(3, 3)),
        call={"mask": MASK[:, :3]},
    ),
    row(
        (2, 4, 3, 2),
        lambda: layers.TimeDistributed(layers.LSTM(2)),
        call={"mask": numbers(2, 4, 3) < 1},
    ),
    row(
        (2, 4, 6),
        lambda: layers.TransformerDecoder(5, 2, normalize_first=True),
        call={"encoder_sequence": numbers(2, 3, 4)},
    ),
    row((2, 4, 6), lambda: layers.TransformerDecoder(5, 3, activation="gelu")),
    row((2, 4, 6), lambda: layers.TransformerEncoder(5, 2), call={"padding_mask": MASK}),
    row(
        (6, 4, 6),
        lambda: layers.TransformerEncoder(5, 2, 0.3, "gelu", normalize_first=True),
        training="random",
    ),
]

TESTED_INSIDE = {"InputLayer", "Layer"}
"""Without rows of their own: every row begins with an InputLayer, and Layer only holds others."""
