"""Ctrl-C ends fit and predict soon, with weights as after the last finished batch."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.models import Sequential

LIMIT = 0.25
"""Seconds between the signal and the exception that the user sees at most."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


@pytest.fixture(autouse=True)
def heeded():
    """Ctrl-C works: a process in the background of a shell ignores it, and would never end."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def wide_model():
    lamina.utils.set_random_seed(0)
    model = Sequential([layers.Input((64,))] + [layers.Dense(256, "tanh") for _ in range(4)])
    model.add(layers.Dense(1))
    model.compile("sgd", "mse")
    return model


def interrupted(work, after=0.4):
    """Run `work`, send SIGINT meanwhile, return the seconds until KeyboardInterrupt came."""
    sent = []

    def send():
        time.sleep(after)
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            work()
        return time.perf_counter() - sent[0]
    finally:
        thread.join()


@pytest.mark.parametrize("batch_size", [8, 4096])
def test_fit_ends_soon_and_the_model_stays_whole(batch_size):
    x = np.random.default_rng(0).standard_normal((4096, 64)).astype("float32")
    y = x[:, 0]
    model = wide_model()
    waits = []
    for _ in range(3):
        fit = lambda: model.fit(x, y, batch_size=batch_size, epochs=10_000, verbose=0)  # noqa: E731
        waits.append(interrupted(fit))
    assert min(waits) < LIMIT
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    steps = model.optimizer.iterations
    model.fit(x[:64], y[:64], batch_size=32, epochs=1, verbose=0)
    assert model.optimizer.iterations == steps + 2


def test_weights_are_those_after_the_last_finished_batch():
    x = np.random.default_rng(0).standard_normal((2048, 64)).astype("float32")
    y = x[:, 0]
    model = wide_model()
    interrupted(lambda: model.fit(x, y, shuffle=False, epochs=10_000, verbose=0))
    done = model.optimizer.iterations
    twin = wide_model()
    batches = 2048 // 32
    if done // batches:
        twin.fit(x, y, shuffle=False, epochs=done // batches, verbose=0)
    if done % batches:
        rows = 32 * (done % batches)
        twin.fit(x[:rows], y[:rows], shuffle=False, verbose=0)
    np.testing.assert_equal(model.get_weights(), twin.get_weights())


def test_predict_ends_soon():
    x = np.zeros((200_000, 64), np.float32)
    model = wide_model()
    waits = [interrupted(lambda: model.predict(x, verbose=0), after=0.2) for _ in range(2)]
    assert min(waits) < LIMIT
    assert model.predict(x[:5], verbose=0).shape == (5, 1)
