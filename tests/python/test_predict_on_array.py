"""Predictions of one array: the short way, the long way, and many threads at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import lamina as keras
from lamina import layers


def _model(units: int = 8) -> keras.Model:
    keras.utils.set_random_seed(0)
    x = keras.Input((6,))
    return keras.Model(x, layers.Dense(3, "softmax")(layers.Dense(units, "relu")(x)))


def _data(rows: int) -> np.ndarray:
    return np.random.default_rng(rows).standard_normal((rows, 6), dtype=np.float32)


@pytest.mark.parametrize("rows", [1, 2, 7, 33])
def test_all_ways_to_predict_give_the_same_bits(rows: int) -> None:
    model, x = _model(), _data(rows)
    expected = model.predict(x, batch_size=rows, verbose=0)
    wide = np.zeros((rows, 12), np.float32)
    wide[:, ::2] = x
    unaligned = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(x.shape)
    ways = [x, x.astype(np.float64), np.asfortranarray(x), wide[:, ::2], unaligned, x.tolist()]
    for way in ways:
        np.testing.assert_array_equal(model(way), expected)
        np.testing.assert_array_equal(model(way, training=False), expected)
        np.testing.assert_array_equal(model.predict_on_batch(way), expected)
        np.testing.assert_array_equal(model.predict(way, verbose=0), expected)
        np.testing.assert_array_equal(model.predict(way, rows, verbose=0), expected)


def test_large_arrays_which_all_threads_copy_give_the_same_bits() -> None:
    x = keras.Input((40, 50))
    model = keras.Model(x, layers.Rescaling(2.0)(x))
    data = np.random.default_rng(0).random((33, 40, 50), np.float32)
    for time in range(2):  # the second time nothing is to be made ready
        for found in (
            model.predict_on_batch(data),
            model(data, training=False),
            model.predict(data, 64, verbose=0),
            model.predict(data, 20, verbose=0),
        ):
            np.testing.assert_array_equal(found, data * 2, err_msg=f"time {time}")
            found[:] = 0  # the caller's alone


def test_predict_still_refuses_a_wrong_batch_size_and_calls_callbacks() -> None:
    model, x = _model(), _data(3)
    model(x)
    for wrong in (0, -1, 2.5):
        with pytest.raises(keras.errors.ConfigError, match="batch_size from 1"):
            model.predict(x, wrong, verbose=0)  # type: ignore[arg-type]
    seen: list[int] = []
    told = keras.callbacks.LambdaCallback(on_predict_batch_end=lambda n, logs: seen.append(n))
    model.predict(x, 2, verbose=0, callbacks=[told])
    model.predict(x, verbose=0, callbacks=told)
    assert seen == [0, 1, 0]


def test_the_result_belongs_to_the_caller() -> None:
    model, x = _model(), _data(2)
    first = model(x)
    kept = first.copy()
    model(x + 1)
    np.testing.assert_array_equal(first, kept)
    first[:] = 0
    np.testing.assert_array_equal(model(x), kept)


def test_a_wrong_array_is_refused_the_short_way_too() -> None:
    model = _model()
    model(_data(1))
    with pytest.raises(keras.errors.ShapeError, match=r"expected .*6"):
        model(np.zeros((2, 5), np.float32))
    with pytest.raises(keras.errors.DataError, match="at least one sample"):
        model.predict_on_batch(np.zeros((0, 6), np.float32))


def test_new_weights_and_new_training_are_seen() -> None:
    model, x = _model(), _data(4)
    before = model(x)
    model.set_weights([w * 2 for w in model.get_weights()])
    doubled = model(x)
    assert not np.array_equal(before, doubled)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, np.zeros(4), verbose=0)
    trained = model(x)
    assert not np.array_equal(doubled, trained)
    np.testing.assert_array_equal(trained, model.predict(x, verbose=0))


def test_a_stateful_model_goes_on_from_where_it_was() -> None:
    x = keras.Input(batch_shape=(2, 3, 4))
    model = keras.Model(x, layers.GRU(5, stateful=True)(x))
    data = np.ones((2, 3, 4), np.float32)
    first, second = model(data), model(data)
    assert not np.array_equal(first, second)
    model.reset_states()
    np.testing.assert_array_equal(model(data), first)


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_many_threads_predict_with_one_model_at_once(threads: int) -> None:
    keras.config.set_num_threads(threads)
    try:
        small, large = _model(), _model(1 << 15)  # one on the calling thread, one on all
        cases = [
            (model, x, model.predict(x, verbose=0))
            for model in (small, large)
            for x in map(_data, (1, 2, 5, 31))
        ]

        def work(number: int) -> bool:
            return all(
                np.array_equal(model(x), expected)
                for model, x, expected in (cases[number:] + cases[:number]) * 10
            )

        with ThreadPoolExecutor(6) as pool:
            assert all(pool.map(work, range(len(cases))))
    finally:
        keras.config.set_num_threads(None)


def test_predictions_go_on_while_the_model_is_trained() -> None:
    model, x = _model(), _data(64)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model(x)
    with ThreadPoolExecutor(3) as pool:
        fit = pool.submit(model.fit, x, np.zeros(64), epochs=20, batch_size=4, verbose=0)
        outputs = [pool.submit(model, x) for _ in range(50)]
        assert all(np.isfinite(output.result()).all() for output in outputs)
        fit.result()
    np.testing.assert_array_equal(model(x), model.predict(x, batch_size=64, verbose=0))
