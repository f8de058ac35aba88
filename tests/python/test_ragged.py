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
    "Conv1D, same": lambda: stack(layers.Conv1D(6, 3, padding="same", strides=2)),
    "Conv1D, causal": lambda: stack(layers.Conv1D(6, 2, padding="causal", dilation_rate=2)),
    "GlobalMaxPooling1D": lambda: stack(layers.Conv1D(6, 2), layers.GlobalMaxPooling1D()),
    "GlobalAveragePooling1D": lambda: stack(layers.GlobalAveragePooling1D(), layers.Dense(3)),
    "MaxPooling1D": lambda: stack(layers.MaxPooling1D(2, padding="same")),
    "AveragePooling1D": lambda: stack(layers.AveragePooling1D(3, 2, padding="same")),
    "AdaptiveMaxPooling1D": lambda: stack(layers.AdaptiveMaxPooling1D(2)),
    "AdaptiveAveragePooling1D": lambda: stack(layers.AdaptiveAveragePooling1D(3), layers.Flatten()),
    "TransformerEncoder": lambda: stack(layers.TransformerEncoder(8, 2)),
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
            r"expected 2 lengths from 1 to 3, got \[1, 4\]",
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


def padded(rows):
    return lamina.utils.pad_sequences(rows, padding="post", dtype="float32", value=9.0)


def test_lengths_of_padded_sequences_are_another_way_to_say_it():
    x = padded(SEQUENCES)
    for name in ("LSTM", "GlobalMaxPooling1D", "SimpleRNN"):
        weights, scores = [], []
        for data, options in ((SEQUENCES, {}), (x, {"lengths": LENGTHS})):
            lamina.utils.set_random_seed(1)
            model = MODELS[name]()
            model.compile("adam", "mse")
            per_step = None in model.output_shape[1:]
            width = model.output_shape[-1]
            y = np.repeat(TARGETS[:, None], width, axis=1)
            y = [row[:, :width] * 2 for row in SEQUENCES] if per_step else y
            y = padded(y) if per_step and options else y
            model.fit(data, y, epochs=2, batch_size=3, verbose=0, **options)
            weights.append(model.get_weights())
            scores.append(model.evaluate(data, y, verbose=0, **options))
            scores.append(model.predict(data, verbose=0, **options)[-1])
        np.testing.assert_equal(weights[0], weights[1])
        np.testing.assert_equal(scores[:2], scores[2:])


def test_lengths_of_several_inputs_are_nested_as_they_are():
    sequence, vector = lamina.Input((None, 4), name="s"), lamina.Input((2,), name="v")
    joined = layers.Concatenate()([layers.LSTM(3)(sequence), vector])
    model = lamina.Model({"s": sequence, "v": vector}, layers.Dense(1)(joined))
    v = RNG.normal(size=(len(LENGTHS), 2)).astype("float32")
    wanted = model.predict({"s": Ragged(SEQUENCES), "v": v}, verbose=0)
    x = {"s": padded(SEQUENCES), "v": v}
    np.testing.assert_array_equal(model.predict(x, verbose=0, lengths={"s": LENGTHS}), wanted)
    model = lamina.Model([sequence, vector], model.outputs[0])
    x = [padded(SEQUENCES), v]
    np.testing.assert_array_equal(model.predict(x, verbose=0, lengths=[LENGTHS, None]), wanted)


LENGTHS_REFUSED = {
    "too few": (LENGTHS[1:], "Ragged: expected 14 lengths from 1 to 9"),
    "negative": ([-1, *LENGTHS[1:]], "Ragged: expected 14 lengths from 1 to 9"),
    "zero": ([0, *LENGTHS[1:]], "Ragged: expected 14 lengths from 1 to 9"),
    "too long": ([10, *LENGTHS[1:]], "Ragged: expected 14 lengths from 1 to 9"),
    "no whole number": ([1.5, *LENGTHS[1:]], "Ragged: expected 14 lengths from 1 to 9"),
    "for two inputs": ([LENGTHS, None], "lengths: expected one entry for each of 1 inputs, got 2"),
    "by name": ({"x": LENGTHS}, "lengths: expected the names of inputs as keys, got x"),
}


@pytest.mark.parametrize("name", LENGTHS_REFUSED)
def test_lengths_that_do_not_fit_are_errors(name):
    lengths, message = LENGTHS_REFUSED[name]
    with pytest.raises((ConfigError, ShapeError), match=message):
        stack(layers.LSTM(2)).predict(padded(SEQUENCES), verbose=0, lengths=lengths)


def test_sequences_need_no_lengths():
    model = stack(layers.LSTM(2))
    for data in (SEQUENCES, Ragged(SEQUENCES)):
        with pytest.raises(ConfigError, match="Nest lengths as the inputs are; sequences need"):
            model.predict(data, verbose=0, lengths=LENGTHS)
