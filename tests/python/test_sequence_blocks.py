"""Stacks of recurrent layers, cells and transformer blocks are what they are made of."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.errors import ConfigError, ShapeError
from layer_cases import MASK, numbers


@pytest.mark.parametrize("kind", [layers.SimpleRNN, layers.LSTM, layers.GRU])
def test_a_stack_is_its_layers_one_behind_the_other(kind):
    stack = kind(3, num_layers=2, return_sequences=True)
    x = numbers(2, 4, 5).astype("float32")
    found = stack(x, mask=MASK)
    apart = [kind(3, return_sequences=True) for _ in range(2)]
    for one, weights in zip(apart, np.array_split(np.arange(6), 2), strict=True):
        one.build((None, 4, 5 if one is apart[0] else 3))
        one.set_weights([stack.get_weights()[i] for i in weights])
    np.testing.assert_array_equal(apart[1](apart[0](x, mask=MASK), mask=MASK), found)


def test_a_cell_keeps_the_weights_of_the_rnn_around_it():
    cell = layers.LSTMCell(3)
    rnn = layers.RNN(cell)
    x = numbers(2, 2, 5).astype("float32")
    expected = rnn(x)
    assert cell.kernel.shape == (5, 12)
    states = cell.get_initial_state(2)
    for step in range(2):
        output, states = cell(x[:, step], states)
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-6)


def test_a_stateful_stack_goes_on_where_it_ended():
    stack = layers.LSTM(3, num_layers=2, stateful=True)
    x = numbers(2, 4, 5).astype("float32")
    first = stack(x)
    assert not np.array_equal(stack(x), first)
    stack.reset_state()
    np.testing.assert_array_equal(stack(x), first)


def test_a_decoder_sees_nothing_that_comes_later():
    decoder = layers.TransformerDecoder(8, 2)
    x = numbers(1, 4, 6).astype("float32")
    before = decoder(x)
    x[:, 3] = 9.0
    np.testing.assert_array_equal(decoder(x)[:, :3], before[:, :3])


def test_an_encoder_learns():
    x = layers.Input((6, 8))
    y = layers.TransformerEncoder(16, 2)(x + layers.SinePositionEncoding()(x))
    model = lamina.Model(x, layers.Dense(1)(layers.Flatten()(y)))
    model.compile(lamina.optimizers.Adam(0.01), "mse")
    data = numbers(64, 6, 8).astype("float32")
    losses = model.fit(data, data[:, 0, :1], epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: layers.LSTM(2, num_layers=0), "LSTM: expected num_layers of at least 1, got 0"),
        (lambda: layers.RNN(layers.Dense(2)), "expected SimpleRNNCell, LSTMCell or GRUCell"),
        (lambda: layers.StackedRNNCells([]), "expected a list of cells, got"),
        (lambda: layers.TimeDistributed(3), "expected a layer that is not stateful, got 3"),
        (lambda: layers.TransformerEncoder(0, 2), "expected intermediate_dim of at least 1, got 0"),
        (lambda: layers.GroupQueryAttention(2, 3, 2), "a multiple of num_key_value_heads, got 3"),
        (lambda: layers.ReversibleEmbedding(4, 2, reverse_dtype="float16"), "reverse_dtype to be"),
    ],
)
def test_what_cannot_be_is_refused(make, text):
    with pytest.raises(ConfigError, match=text):
        make()


def test_features_that_the_heads_do_not_divide_are_refused():
    with pytest.raises(ShapeError, match="expected features that num_heads=4 divides"):
        layers.TransformerEncoder(8, 4)(np.zeros((1, 2, 6)))


def test_too_few_states_for_a_stack_are_refused():
    with pytest.raises(ConfigError, match="expected 4 initial states for 2 layers, got 2"):
        layers.LSTM(2, num_layers=2)(np.zeros((1, 3, 2)), [np.zeros((1, 2))] * 2)
