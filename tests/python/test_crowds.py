"""More threads than cores, whatever starts them: the same numbers, and an end."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.models import Sequential
from test_fork import in_child

NETS = {
    "dense": lambda: [layers.Input((64,)), layers.Dense(512, "relu"), layers.Dense(4)],
    "conv": lambda: [
        layers.Input((12, 12, 8)),
        layers.Conv2D(32, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.Flatten(),
        layers.Dense(4),
    ],
    "recurrent": lambda: [layers.Input((12, 16)), layers.LSTM(64), layers.Dense(4)],
}


@pytest.fixture(autouse=True)
def crowd():
    """Many more threads than cores."""
    lamina.config.set_num_threads(4 * (os.cpu_count() or 1) + 3)
    yield
    lamina.config.set_num_threads(None)


def trained(name):
    """A network that has learned for some steps, and its weights as bytes."""
    model = Sequential(NETS[name]())
    model.compile("adam", "mse")
    random = np.random.default_rng(0)
    model.set_weights([random.uniform(0, 0.1, weight.shape) for weight in model.get_weights()])
    x = random.standard_normal((256, *model.input_shape[1:]), dtype=np.float32)
    model.fit(x, x.reshape(256, -1)[:, :4], batch_size=64, verbose=0, shuffle=False)
    return b"".join(weight.tobytes() for weight in model.get_weights())


@pytest.mark.parametrize("name", NETS)
def test_more_threads_than_cores_give_the_bits_of_one(name):
    many = trained(name)
    lamina.config.set_num_threads(1)
    assert trained(name) == many


def test_models_that_learn_at_once_are_those_that_learn_alone():
    alone = {name: trained(name) for name in NETS}
    names = list(NETS) * 6
    with ThreadPoolExecutor(9) as pool:
        assert list(pool.map(trained, names)) == [alone[name] for name in names]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_of_a_process_whose_threads_learn_learns_the_same():
    alone = trained("dense")
    stop = threading.Event()

    def learn():
        while not stop.is_set():
            trained("conv")

    with ThreadPoolExecutor(3) as pool:
        others = [pool.submit(learn) for _ in range(3)]
        try:
            assert [in_child(lambda: trained("dense")) for _ in range(4)] == [alone] * 4
        finally:
            stop.set()
        for other in others:
            other.result()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_predictions_at_once_leave_no_more_memory_than_threads_can_use():
    lamina.config.set_num_threads(2)
    model = Sequential([layers.Input((16,)), layers.Dense(4096, "relu"), layers.Dense(1)])
    x = np.zeros((4096, 16), np.float32)  # 64 MiB of activations

    def held():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20

    def predict(_):
        start.wait()
        model.predict(x, len(x), 0)

    before, start = held(), threading.Barrier(10)
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(predict, range(10)))
    assert held() - before < 5 * 64
