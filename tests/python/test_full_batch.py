"""Optimizers of full batches: known minima, PyTorch's paths, resuming, and what they refuse."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import lamina
from golden import load
from lamina import callbacks, layers, optimizers
from lamina.errors import ConfigError
from lamina.models import Sequential, load_model


@pytest.fixture(autouse=True)
def fresh_session():
    lamina.utils.set_random_seed(1)
    lamina.utils.clear_session()


def points():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((80, 3))
    return x, np.tanh(x @ [[1.0], [-1.0], [0.5]]) + 0.1 * rng.standard_normal((80, 1))


def network(optimizer, *, rate=0.0, constraint=None):
    hidden = layers.Dense(5, "tanh", dtype="float64", kernel_constraint=constraint)
    model = Sequential([layers.Input((3,), dtype="float64"), hidden])
    if rate:
        model.add(layers.Dropout(rate, dtype="float64"))
    model.add(layers.Dense(1, dtype="float64", kernel_regularizer="l2"))
    model.compile(optimizer, "mse")
    return model


@pytest.mark.parametrize(
    "case", [pytest.param(c, id=c.name) for c in load("optimizers_multi") if c.get("full_batch")]
)
def test_paths_are_those_of_pytorch(case):
    hidden = layers.Dense(case.weights[0].shape[1], "tanh", dtype="float64")
    output = layers.Dense(1, dtype="float64")
    model = Sequential([layers.Input((3,), dtype="float64"), hidden, output])
    model.set_weights(case.weights)
    model.compile(getattr(optimizers, case.full_batch)(**case.config), "mse")
    found = model.fit(case.x, case.y, epochs=len(case.losses), verbose=0, shuffle=False)
    np.testing.assert_allclose(found.history["loss"], case.losses, rtol=1e-6)
    for weight, expected in zip(model.get_weights(), case.trained, strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-6)


def test_lbfgs_solves_least_squares_in_a_few_steps():
    x, _ = points()
    y = x @ [[1.0], [-2.0], [0.5]] + 3.0 + np.sin(np.arange(80.0))[:, None]
    model = Sequential([layers.Input((3,), dtype="float64"), layers.Dense(1, dtype="float64")])
    model.compile(optimizers.LBFGS(), "mse")
    model.fit(x, y, epochs=3, verbose=0)
    solution = np.linalg.lstsq(np.hstack([x, np.ones((80, 1))]), y)[0]
    found = np.concatenate([model.get_weights()[0], [model.get_weights()[1]]])
    np.testing.assert_allclose(found, solution, atol=1e-6)


MADE = {
    "LBFGS": lambda: optimizers.LBFGS(max_iter=3, history_size=3),
    "LBFGS without search": lambda: optimizers.LBFGS(0.5, max_iter=3, line_search=None),
    "IRprop": lambda: optimizers.IRprop(),
    "IRprop-": lambda: optimizers.IRprop(weight_backtracking=False),
}


@pytest.mark.parametrize("name", MADE)
def test_training_learns_and_goes_on_bit_for_bit(name, tmp_path):
    x, y = points()
    model = network(MADE[name](), rate=0.2)
    losses = model.fit(x, y, epochs=12, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]
    model.save(tmp_path / "model.lamina")
    loaded, copied = load_model(tmp_path / "model.lamina"), copy.deepcopy(model)
    for one in (model, loaded, copied):
        one.fit(x, y, epochs=4, verbose=0)
    for one in (loaded, copied):
        np.testing.assert_equal(one.get_weights(), model.get_weights())
        assert one.optimizer.iterations == model.optimizer.iterations == 16


@pytest.mark.parametrize("name", MADE)
def test_any_number_of_threads_gives_the_same_bits(name):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((512, 64)).astype("float32")
    y = x[:, :1] * x[:, 1:2]
    found = []
    for threads in (1, 2, 3):
        lamina.config.set_num_threads(threads)
        lamina.utils.set_random_seed(1)
        model = Sequential([layers.Input((64,)), layers.Dense(200, "tanh"), layers.Dense(1)])
        model.compile(MADE[name](), "mse")
        model.fit(x, y, epochs=3, verbose=0)
        found.append(model.get_weights())
    lamina.config.set_num_threads(None)
    np.testing.assert_equal(found[1:], found[:1] * 2)


def test_a_search_counts_each_sample_once_and_moving_statistics_once():
    x, y = points()
    normalization = layers.BatchNormalization(momentum=0.5)
    model = Sequential([layers.Input((3,)), normalization, layers.Dense(1)])
    model.compile(optimizers.LBFGS(), "mse", metrics=["mae"])
    before = model.evaluate(x, y, verbose=0, return_dict=True)
    assert before.keys() == {"loss", "mae"}
    expected = np.mean(np.abs(model(x, training=True) - y))
    model.layers[0].set_weights([np.ones(3), np.zeros(3), np.zeros(3), np.ones(3)])
    found = model.fit(x, y, epochs=1, verbose=0).history["mae"]
    np.testing.assert_allclose(found, [expected], rtol=1e-5)
    mean = model.layers[0].get_weights()[2]
    np.testing.assert_allclose(mean, 0.5 * x.mean(0), rtol=1e-4, atol=1e-6)


def test_minibatches_are_refused():
    x, y = points()
    text = (
        "fit: expected all data in one batch for LBFGS, which compares losses of the same data, "
        "got several batches. Use batch_size=len(x), or Adam for minibatches"
    )
    model = network(optimizers.LBFGS())
    for options in ({"batch_size": 32}, {"batch_size": 32, "steps_per_epoch": 1}):
        with pytest.raises(ConfigError) as error:
            model.fit(x, y, verbose=0, **options)
        assert str(error.value) == text
    with pytest.raises(ConfigError, match="expected all data in one batch"):
        model.fit(iter([(x, y)]), verbose=0)
    model.fit(x, y, verbose=0, batch_size=80)
    model.fit(x, y, verbose=0)
    inside = optimizers.OptimizerMap(optimizers.SGD(), {".*kernel": optimizers.IRprop()})
    with pytest.raises(ConfigError, match="expected all data in one batch for MultiOptimizer"):
        network(optimizers.MultiOptimizer(inside)).fit(x, y, verbose=0, batch_size=32)


def custom(y_true, y_pred):
    return np.mean((y_pred - y_true) ** 2), 2 * (y_pred - y_true) / y_true.size


def set_later():
    model = network(optimizers.IRprop())
    model.fit(*points(), verbose=0)
    model.optimizer.learning_rate = 0.1


def fit_custom():
    model = Sequential([layers.Input((3,)), layers.Dense(1)])
    model.compile(optimizers.LBFGS(), custom)


REFUSED = {
    "etas": (lambda: optimizers.IRprop(etas=(1.2, 0.5)), "IRprop: expected etas below and above 1"),
    "step sizes": (
        lambda: optimizers.IRprop(step_sizes=(0.0, 1.0)),
        "IRprop: expected step_sizes from a smallest above 0 to a largest, got",
    ),
    "no iteration": (lambda: optimizers.LBFGS(max_iter=0), "LBFGS: expected max_iter > 0"),
    "no history": (lambda: optimizers.LBFGS(history_size=0), "LBFGS: expected history_size > 0"),
    "a tolerance": (lambda: optimizers.LBFGS(tolerance_grad=-1.0), "expected tolerance_grad >= 0"),
    "a search": (lambda: optimizers.LBFGS(line_search="armijo"), "armijo"),
    "gradients alone": (
        lambda: optimizers.LBFGS().apply([np.ones(2)], [np.ones(2)]),
        "LBFGS: expected a loss to evaluate, got gradients alone. Compile a model with it",
    ),
    "no loss": (
        lambda: optimizers.IRprop().apply([np.ones(2)], [np.ones(2)]),
        "Compile a model with it, or use weight_backtracking=False",
    ),
    "a constraint": (
        lambda: network(optimizers.LBFGS(), constraint="non_neg"),
        'LBFGS: expected weights without constraints, got one on "dense/kernel"',
    ),
    "a function": (fit_custom, "LBFGS: expected a loss of lamina, which it evaluates several"),
    "a rate too late": (set_later, "IRprop: expected weights to keep the steps of their own"),
    "among several": (
        lambda: optimizers.OptimizerMap(optimizers.LBFGS()),
        "MultiOptimizer: expected optimizers of single steps, got LBFGS",
    ),
    "a loss scale": (
        lambda: optimizers.LossScaleOptimizer(optimizers.LBFGS()),
        "LossScaleOptimizer: expected an optimizer of single steps inside, got LBFGS",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused(name):
    make, text = REFUSED[name]
    with pytest.raises(ConfigError) as error:
        make()
    assert text in str(error.value)


def test_rates_of_a_search_follow_schedules_and_callbacks():
    x, y = points()
    model = network(optimizers.LBFGS(optimizers.schedules.ExponentialDecay(1.0, 1, 0.5)))
    model.fit(x, y, epochs=2, verbose=0)
    assert model.optimizer.learning_rate == 0.25
    model = network(optimizers.LBFGS())
    halve = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    model.fit(x, y, epochs=2, verbose=0, callbacks=[halve])
    assert model.optimizer.learning_rate == 0.25
