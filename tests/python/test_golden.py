"""Functions, losses, metrics, optimizers and initializers against what real Keras computes.

Layers are compared in tests/rust/golden.rs, whole models in test_golden_training.py.
"""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from golden import load
from lamina import constraints, initializers, layers, losses, metrics, optimizers, regularizers
from lamina.models import Model

CLOSE = {"rtol": 1e-9, "atol": 1e-11}
"""Both sides compute in float64."""


@pytest.fixture(autouse=True)
def double():
    lamina.config.set_floatx("float64")
    lamina.utils.set_random_seed(1)
    yield
    lamina.config.set_floatx("float32")


def cases(family, keep=lambda case: True):
    """The cases of a family, or those of them that are to be kept."""
    found = [case for case in load(family) if keep(case)]
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in found])


def has(field):
    """Whether a case has a field."""
    return lambda case: case.get(field) is not None


# ---- activations ----


# Not "sparsemax": Keras 3.15 adds up all partial sums, so that a row can be all zeros.
@cases("activations", lambda case: case.name != "sparsemax")
def test_activations(case):
    function = getattr(lamina.activations, case.function)
    [x], [expected] = case.inputs, case.outputs
    np.testing.assert_allclose(function(x, **case.arguments), expected, **CLOSE)
    single = function(x.astype("float32"), **case.arguments)
    if not case.name.endswith("_extreme"):
        np.testing.assert_allclose(single, expected, rtol=2e-6, atol=1e-6)


# ---- losses ----


@cases("losses", lambda case: not has("mask")(case))
def test_losses(case):
    loss = getattr(losses, case.kind)(**case.config)
    [expected] = case.outputs
    found = loss(case.y_true, case.y_pred, case.get("sample_weight"))
    assert np.shape(found) == expected.shape
    np.testing.assert_allclose(found, expected, **CLOSE)


@cases("losses", lambda case: case.outputs[0].ndim == 0)
def test_gradients_of_losses_in_a_model(case):
    """A model whose outputs are its weights: one step of SGD shows the gradient."""
    [expected] = case.outputs
    *steps, classes = case.y_pred.shape
    count = int(np.prod(steps))
    x = layers.Input((*steps[1:], count))
    mask = layers.Input(tuple(steps[1:]), dtype="bool")
    given = [mask] if case.get("mask") is not None else []
    dense = layers.Dense(classes, use_bias=False)
    model = Model([x, *given], dense(x, mask=mask) if given else dense(x))
    dense.set_weights([case.y_pred.reshape(count, classes)])
    model.compile(optimizers.SGD(1.0), getattr(losses, case.kind)(**case.config))
    rows = np.eye(count).reshape(*steps, count)
    found = model.train_on_batch(
        [rows, case.mask] if given else rows, case.y_true, sample_weight=case.get("sample_weight")
    )
    np.testing.assert_allclose(found, expected, **CLOSE)
    moved = case.y_pred.reshape(count, classes) - dense.get_weights()[0]
    expected = case.grad_y_pred.reshape(count, classes)
    size = np.abs(case.y_pred).max()
    np.testing.assert_allclose(moved, expected, rtol=1e-9, atol=1e-15 * size + 1e-14)


# ---- metrics ----


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.name) for case in load("metrics") + load("metrics_more")]
)
def test_metrics(case):
    close = CLOSE if case.get("tolerance") is None else {"rtol": case.tolerance}
    metric = getattr(metrics, case.kind)(**case.config)
    alone = getattr(metrics, case.kind)(**case.config)
    for batch, (running, single) in enumerate(zip(case.outputs, case.per_batch, strict=True)):
        names = ("values",) if case.get("values") is not None else ("y_true", "y_pred")
        data = [getattr(case, name)[batch] for name in names]
        if case.get("sample_weight") is not None:
            data.append(case.sample_weight[batch])
        metric.update_state(*data)
        np.testing.assert_allclose(metric.result(), running, **close)
        alone.reset_state()
        np.testing.assert_allclose(alone(*data), single, **close)


# ---- optimizers ----


def of_optimizers(field):
    """The cases of all families that have a field, each with its family."""
    families = ("optimizers", "optimizers_more", "optimizers_loss_scale")
    pairs = [(name, case) for name in families for case in load(name)]
    found = [pytest.param(*pair, id=pair[1].name) for pair in pairs if has(field)(pair[1])]
    return pytest.mark.parametrize(("family", "case"), found)


@of_optimizers("schedule")
def test_schedules(family, case):
    schedule = getattr(optimizers.schedules, case.schedule)(**case.config)
    found = [schedule(step) for step in case.steps]
    np.testing.assert_allclose(found, case.values, rtol=1e-6)  # Keras computes them in float32


def optimizer_of(kind, config):
    """The optimizer, and a schedule within its configuration."""
    rate = config.get("learning_rate")
    if isinstance(rate, dict):
        schedule = getattr(optimizers.schedules, rate["class_name"])(**rate["config"])
        config = {**config, "learning_rate": schedule}
    return getattr(optimizers, kind)(**config)


@of_optimizers("kind")
def test_twenty_steps_of_an_optimizer(family, case):
    start = next(c for c in load(family) if c.name == "gradients")
    variables = [np.array(v) for v in start.variables]
    optimizer = optimizer_of(case.kind, case.config)
    for step in range(start.steps):
        gradients = [start.get(f"gradient_{i}")[step] for i in range(len(variables))]
        optimizer.apply(gradients, variables)
        for i, variable in enumerate(variables):
            path = case.get(f"path_{i}")
            np.testing.assert_allclose(variable, path[step], rtol=1e-6, atol=1e-8)
    if case.get("finalized") is not None:
        optimizer.finalize_variable_values(variables)
        for variable, expected in zip(variables, case.finalized, strict=True):
            np.testing.assert_allclose(variable, expected, rtol=1e-6, atol=1e-8)


# ---- initializers, regularizers, constraints ----


@cases("initializers")
def test_initializers(case):
    initializer = getattr(initializers, case.kind)(**case.config)
    values = initializer(tuple(case.shape))
    assert values.shape == tuple(case.shape)
    if case.get("values") is not None:
        np.testing.assert_array_equal(values, case.values)
        return
    if case.distribution == "orthogonal":
        matrix = values.reshape(-1, case.shape[-1])
        if matrix.shape[0] < matrix.shape[1]:
            matrix = matrix.T
        gram = case.config.get("gain", 1.0) ** 2 * np.eye(matrix.shape[1])
        np.testing.assert_allclose(matrix.T @ matrix, gram, atol=1e-12)
        return
    count = 40_000 // values.size + 1
    np.testing.assert_array_equal(initializer(tuple(case.shape)), values)  # as Keras documents
    makers = [getattr(initializers, case.kind)(**case.config | {"seed": s}) for s in range(count)]
    drawn = np.array([initializer(tuple(case.shape)) for initializer in makers])
    assert np.unique(drawn).size > 0.99 * drawn.size
    assert abs(drawn.mean() - case.mean) < 5 * case.std / np.sqrt(drawn.size)
    assert abs(drawn.std() / case.std - 1) < 0.02
    if case.limit is not None:
        assert np.abs(drawn - case.mean).max() <= case.limit * (1 + 1e-12)


@cases("regularizers", lambda case: hasattr(regularizers, case.get("regularizer", "")))
def test_regularizers(case):
    regularizer = getattr(regularizers, case.regularizer)(**case.config)
    np.testing.assert_allclose(regularizer(case.weight), case.penalty, **CLOSE)
    if case.weight.ndim != 2:
        return
    # A loss that is zero: one step of SGD shows the gradient of the penalty.
    dense = layers.Dense(case.weight.shape[1], use_bias=False, kernel_regularizer=regularizer)
    model = lamina.Sequential([layers.Input((case.weight.shape[0],)), dense])
    dense.set_weights([case.weight])
    model.compile(optimizers.SGD(1.0), "mse")
    x = np.zeros((2, case.weight.shape[0]))
    penalty = model.train_on_batch(x, np.zeros((2, case.weight.shape[1])))
    np.testing.assert_allclose(penalty, case.penalty, **CLOSE)
    np.testing.assert_allclose(case.weight - dense.get_weights()[0], case.grad, atol=1e-14)


@cases("regularizers", has("constraint"))
def test_constraints(case):
    constraint = getattr(constraints, case.constraint)(**case.config)
    np.testing.assert_allclose(constraint(case.weight), case.projected, **CLOSE)
