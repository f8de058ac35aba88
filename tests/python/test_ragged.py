"""Sequences of different lengths: each as if it came alone, without steps for padding."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.errors import ConfigError, ShapeError
from lamina.utils import Ragged

RNG = np.random.default_rng(5)
LENGTHS = [3, 7, 5, 3, 9, 5, 3, 7, 7, 5, 4, 9, 3, 5]
SEQUENCES = [RNG.normal(size=(n, 4)).astype("float32") for n in LENGTHS]
TARGETS = np.array([row.mean() for row in SEQUENCES], "float32")


def attention():
    inputs = lamina.Input((None, 4))
    return lamina.Model(inputs, layers.MultiHeadAttention(2, 3)(inputs, inputs))


def stack(*inner):
    return lamina.Sequential([lamina.Input((None, 4)), *inner])


MODELS = {
    "LSTM": lambda: stack(layers.LSTM(5)),
    "GRU": lambda: stack(layers.GRU(6, return_sequences=True), layers.GRU(3)),
    "SimpleRNN": lambda: stack(layers.SimpleRNN(5, return_sequences=True), layers.Dense(2)),
    "Bidirectional": lambda: stack(layers.Bidirectional(layers.LSTM(4, return_sequences=True))),
    "attention": attention,
    "Conv1D": lambda: stack(layers.Conv1D(6, 3, activation="relu"), layers.LSTM(3)),
    "Dense": lambda: stack(layers.LayerNormalization(), layers.Dense(7, activation="tanh")),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MODELS)
def test_predict_gives_the_bits_of_each_sequence_alone(name, dtype):
    lamina.config.set_floatx(dtype)
    try:
        lamina.utils.set_random_seed(1)
        model = MODELS[name]()
    finally:
        lamina.config.set_floatx("float32")
    together = model.predict(SEQUENCES, verbose=0, batch_size=3)
    assert isinstance(together, list) == (None in model.output_shape[1:])
    for row, sequence in zip(together, SEQUENCES, strict=True):
        np.testing.assert_array_equal(row, model.predict(sequence[np.newaxis], verbose=0)[0])


@pytest.mark.parametrize("units", [16, 40, 130])
def test_large_batches_give_the_same_bits_too(units):
    rng = np.random.default_rng(0)
    sequences = [rng.normal(size=(n, 4)) for n in rng.integers(3, 6, 150)]
    lamina.utils.set_random_seed(1)
    model = stack(layers.LSTM(units, return_sequences=True), layers.GRU(units), layers.Dense(9))
    together = model.predict(sequences, verbose=0, batch_size=64)
    for row, sequence in zip(together, sequences, strict=True):
        np.testing.assert_array_equal(row, model.predict(sequence[np.newaxis], verbose=0)[0])


def regressor():
    lamina.utils.set_random_seed(1)
    model = stack(layers.LSTM(8), layers.Dense(1))
    model.compile(lamina.optimizers.Adam(0.02), "mse", metrics=["mae"])
    return model


def test_it_learns_and_the_seed_tells_the_order():
    runs = [regressor() for _ in range(3)]
    losses = [
        model.fit(SEQUENCES, TARGETS, 2, 60, verbose=0, shuffle=shuffle).history["loss"]
        for model, shuffle in zip(runs, (True, True, False), strict=True)
    ]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]
    assert losses[0][-1] < losses[0][0] / 10


def test_evaluate_is_the_mean_over_the_sequences():
    model = regressor()
    alone = [
        model.evaluate(x[np.newaxis], y[np.newaxis], verbose=0)
        for x, y in zip(SEQUENCES, TARGETS, strict=True)
    ]
    together = model.evaluate(SEQUENCES, TARGETS, verbose=0, batch_size=3)
    np.testing.assert_allclose(together, np.mean(alone, axis=0), rtol=1e-6)


def test_batches_hold_one_length_and_each_sequence_comes_once_an_epoch():
    seen = []

    class Watch(lamina.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)

    model = regressor()
    model.fit(SEQUENCES, TARGETS, 2, verbose=0, callbacks=[Watch()])
    assert len(seen) == sum(-(-LENGTHS.count(n) // 2) for n in set(LENGTHS))


def test_masked_padding_gives_the_same_training():
    padded = np.zeros((len(LENGTHS), 9, 4), "float32")
    for row, sequence in zip(padded, SEQUENCES, strict=True):
        row[: len(sequence)] = sequence
    lamina.utils.set_random_seed(1)
    masked = lamina.Sequential([lamina.Input((9, 4)), layers.Masking(), layers.LSTM(8)])
    masked.add(layers.Dense(1))
    masked.compile(lamina.optimizers.SGD(0.1), "mse")
    ours = regressor()
    ours.compile(lamina.optimizers.SGD(0.1), "mse")
    ours.set_weights(masked.get_weights())
    same = [i for i, n in enumerate(LENGTHS) if n == 5]
    masked.fit(padded[same], TARGETS[same], 4, 3, verbose=0, shuffle=False)
    ours.fit([SEQUENCES[i] for i in same], TARGETS[same], 4, 3, verbose=0, shuffle=False)
    for a, b in zip(ours.get_weights(), masked.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_targets_and_weights_of_each_step_are_ragged_too():
    lamina.utils.set_random_seed(1)
    model = stack(layers.LSTM(8, return_sequences=True), layers.Dense(1))
    model.compile(lamina.optimizers.Adam(0.02), "mse")
    steps = [np.cumsum(row[:, :1], axis=0) for row in SEQUENCES]
    weights = [np.linspace(0, 1, n) for n in LENGTHS]
    history = model.fit(SEQUENCES, steps, 4, 80, verbose=0, sample_weight=weights).history["loss"]
    assert history[-1] < history[0] / 5
    same = model.evaluate(
        Ragged(SEQUENCES), Ragged(steps), sample_weight=Ragged(weights), verbose=0
    )
    assert same == model.evaluate(SEQUENCES, steps, sample_weight=weights, verbose=0)


def test_lists_of_ids_are_sequences():
    lamina.utils.set_random_seed(1)
    ids = [[1, 2, 3], [4], [2, 2], [5, 6, 1, 1], [3]]
    model = lamina.Sequential([lamina.Input((None,)), layers.Embedding(9, 4), layers.LSTM(3)])
    together = model.predict(ids, verbose=0)
    for row, sequence in zip(together, ids, strict=True):
        np.testing.assert_array_equal(row, model.predict(np.array([sequence]), verbose=0)[0])


def test_sequences_of_one_length_are_a_case_of_it():
    model = regressor()
    same = [SEQUENCES[0], SEQUENCES[3]]
    np.testing.assert_array_equal(
        model.predict(same, verbose=0), model.predict(np.stack(same), verbose=0)
    )
    np.testing.assert_array_equal(
        model.predict(same[:1], verbose=0), model.predict(np.stack(same[:1]), verbose=0)
    )


def test_padded_sequences_with_their_lengths():
    padded = lamina.utils.pad_sequences(SEQUENCES, padding="post", dtype="float32")
    model = regressor()
    np.testing.assert_array_equal(
        model.predict(Ragged(padded, lengths=LENGTHS), verbose=0),
        model.predict(SEQUENCES, verbose=0),
    )


def test_several_inputs_some_of_them_ragged():
    lamina.utils.set_random_seed(1)
    inputs = {"series": lamina.Input((None, 4)), "table": lamina.Input((2,))}
    state = layers.GRU(3)(inputs["series"])
    model = lamina.Model(inputs, layers.Dense(1)(layers.concatenate([state, inputs["table"]])))
    model.compile("adam", "mse")
    table = RNG.normal(size=(len(LENGTHS), 2))
    data = {"series": Ragged(SEQUENCES), "table": table}
    together = model.predict(data, verbose=0, batch_size=2)
    for i, row in enumerate(together):
        one = {"series": SEQUENCES[i][np.newaxis], "table": table[i : i + 1]}
        np.testing.assert_array_equal(row, model.predict(one, verbose=0)[0])
    model.fit(data, TARGETS, verbose=0, validation_split=0.3)


def test_validation_steps_and_resuming_work(tmp_path):
    def fit(extra=()):
        model = regressor()
        model.fit(
            SEQUENCES,
            TARGETS,
            2,
            6,
            verbose=0,
            steps_per_epoch=4,
            validation_data=(SEQUENCES, TARGETS),
            callbacks=list(extra),
        )
        return model

    class PowerCut(lamina.callbacks.Callback):
        batches = 0

        def on_train_batch_end(self, batch, logs=None):
            self.batches += 1
            if self.batches == 8:
                raise RuntimeError("no power")

    whole = fit()
    backup = lamina.callbacks.BackupAndRestore(tmp_path, save_freq=1)
    with pytest.raises(RuntimeError):
        fit([backup, PowerCut()])
    for a, b in zip(fit([backup]).get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_unbuilt_model_takes_them():
    lamina.utils.set_random_seed(1)
    model = lamina.Sequential([layers.LSTM(3), layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(SEQUENCES, TARGETS, verbose=0)
    assert model.input_shape == (None, None, 4)


@pytest.mark.parametrize(
    ("mistake", "kind", "message"),
    [
        (lambda: Ragged([]), ConfigError, "expected at least one sequence, got none"),
        (
            lambda: Ragged([np.ones((2, 3)), np.ones((2, 4))]),
            ShapeError,
            r"differ in their lengths only, got shapes \(2, 3\) and \(2, 4\)",
        ),
        (
            lambda: Ragged(np.ones((2, 3)), lengths=[1, 4]),
            ShapeError,
            r"expected 2 lengths from 0 to 3, got \[1, 4\]",
        ),
        (
            lambda: regressor().predict_on_batch(Ragged(SEQUENCES)),
            ShapeError,
            "expected sequences of one length here. fit, evaluate and predict take",
        ),
        (
            lambda: regressor().fit(Ragged(SEQUENCES), TARGETS[:3]),
            ShapeError,
            "expected the same number of samples in x, y and sample_weight, got 14, 3",
        ),
        (
            lambda: lamina.Sequential([lamina.Input((5, 4)), layers.LSTM(2)]).predict(SEQUENCES),
            ShapeError,
            "expected",
        ),
    ],
)
def test_mistakes_are_errors(mistake, kind, message):
    with pytest.raises(kind, match=message):
        mistake()
