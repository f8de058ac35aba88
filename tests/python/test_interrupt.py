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


class Begin(lamina.callbacks.Callback):
    """Tells when work begins, and notes every epoch that does."""

    def __init__(self):
        self.begun, self.events = threading.Event(), []

    def on_epoch_begin(self, epoch, logs=None):
        self.events.append("epoch")
        self.begun.set()

    def on_predict_begin(self, logs=None):
        self.begun.set()


def interrupted(work):
    """Run `work(callbacks)`, send SIGINT a moment after it has begun; tell the order."""
    begin = Begin()

    def send():
        assert begin.begun.wait(60)
        time.sleep(0.1)
        begin.events.append("signal")
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            work([begin])
    finally:
        thread.join()
    return begin.events


@pytest.mark.parametrize("batch_size", [8, 4096])
def test_fit_ends_within_the_epoch_and_the_model_stays_whole(batch_size):
    rows = 400_000
    x = np.random.default_rng(0).standard_normal((rows, 64), dtype=np.float32)
    y = x[:, 0].copy()
    model = wide_model()
    events = interrupted(
        lambda callbacks: model.fit(x, y, batch_size, 3, 0, callbacks=callbacks, shuffle=False)
    )
    assert events == ["epoch", "signal"]
    steps = model.optimizer.iterations
    assert steps < rows // batch_size
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    model.fit(x[:64], y[:64], batch_size=32, epochs=1, verbose=0)
    assert model.optimizer.iterations == steps + 2


def test_weights_are_those_after_the_last_finished_batch():
    x = np.random.default_rng(0).standard_normal((2048, 64)).astype("float32")
    y = x[:, 0]
    model = wide_model()
    interrupted(
        lambda callbacks: model.fit(
            x, y, shuffle=False, epochs=10_000, verbose=0, callbacks=callbacks
        )
    )
    done = model.optimizer.iterations
    twin = wide_model()
    batches = 2048 // 32
    if done // batches:
        twin.fit(x, y, shuffle=False, epochs=done // batches, verbose=0)
    if done % batches:
        rows = 32 * (done % batches)
        twin.fit(x[:rows], y[:rows], shuffle=False, verbose=0)
    np.testing.assert_equal(model.get_weights(), twin.get_weights())


def test_predict_ends_before_its_rows_do():
    x = np.zeros((1_000_000, 64), np.float32)
    model = wide_model()
    interrupted(lambda callbacks: model.predict(x, verbose=0, callbacks=callbacks))
    assert model.predict(x[:5], verbose=0).shape == (5, 1)


def alarmed(handler, work):
    """Run `work`, with `handler` called for a signal every 0.06 s."""
    before = signal.signal(signal.SIGALRM, lambda *_: handler())
    signal.setitimer(signal.ITIMER_REAL, 0.06, 0.06)
    try:
        work()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_signal_handler_may_use_weights_between_steps():
    x = np.random.default_rng(0).standard_normal((200_000, 64), dtype=np.float32)
    model = wide_model()
    seen = []

    def look():
        seen.append((model.get_weights(), model.predict_on_batch(x[:2])))

    alarmed(look, lambda: model.fit(x, x[:, 0], 32, verbose=0))
    assert seen
    assert model.optimizer.iterations == 200_000 // 32


@pytest.mark.parametrize("rows", [32, 40_000])
def test_a_signal_handler_that_trains_the_model_in_training_is_refused(rows):
    x = np.random.default_rng(0).standard_normal((200_000, 64), dtype=np.float32)
    model = wide_model()
    trained, refused = [], []

    def train():
        # Before the first step and after the last one nothing is held.
        try:
            trained.append(model.train_on_batch(x[:8], x[:8, 0]))
        except RuntimeError as error:
            refused.append(str(error))

    alarmed(train, lambda: model.fit(x, x[:, 0], rows, verbose=0))
    assert refused
    assert all("in the middle of a step; let it set a flag" in text for text in refused)
    assert model.optimizer.iterations == 200_000 // rows + len(trained)
