"""Penalties on weights and outputs; their numbers are in `test_golden.py`."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import layers, regularizers
from lamina.errors import ConfigError, ShapeError
from lamina.regularizers import OrthogonalRegularizer

X = np.random.default_rng(0).normal(size=(5, 4))


def dense(**options):
    lamina.utils.set_random_seed(0)
    made = lamina.Sequential(
        [lamina.Input((4,)), layers.Dense(3, use_bias=False, dtype="float64", **options)]
    )
    made.compile("sgd", "mse")
    return made


def test_orthogonal_outputs_cost_their_mean_cosine_by_sample():
    regularizer = OrthogonalRegularizer(0.5)
    plain, model = dense(), dense(activity_regularizer=regularizer)
    y = plain.predict(X, verbose=0)
    expected = plain.evaluate(X, y, verbose=0) + regularizer(y) / len(X)
    assert model.evaluate(X, y, verbose=0) == pytest.approx(expected, rel=1e-12)


def test_rows_become_orthogonal():
    model = dense(kernel_regularizer=OrthogonalRegularizer(10.0, "columns"))
    cosines = OrthogonalRegularizer(1.0, "columns")
    before = cosines(model.get_weights()[0])
    model.fit(np.zeros((8, 4)), np.zeros((8, 3)), batch_size=1, epochs=20, verbose=0)
    assert cosines(model.get_weights()[0]) < 0.2 * before


def test_a_saved_model_has_its_regularizer(tmp_path):
    model = dense(kernel_regularizer=OrthogonalRegularizer(0.5, "columns"))
    model.save(tmp_path / "m.lamina")
    loaded = lamina.models.load_model(tmp_path / "m.lamina")
    assert loaded.evaluate(X, np.ones((5, 3)), verbose=0) == model.evaluate(
        X, np.ones((5, 3)), verbose=0
    )
    assert regularizers.get("orthogonal_regularizer").get_config() == {
        "factor": 0.01,
        "mode": "rows",
    }


REFUSED = {
    "another mode": (
        lambda: OrthogonalRegularizer(mode="diagonal"),
        ConfigError,
        "OrthogonalRegularizer: ",
    ),
    "a factor below 0": (
        lambda: OrthogonalRegularizer(-1.0),
        ConfigError,
        "OrthogonalRegularizer: expected a non-negative number for factor, got factor=-1",
    ),
    "an array that is no matrix": (
        lambda: OrthogonalRegularizer()(np.ones((2, 2, 2))),
        ShapeError,
        "expected a matrix for OrthogonalRegularizer, got 3 axes",
    ),
    "a weight that is no matrix": (
        lambda: layers.Conv1D(2, 3, kernel_regularizer="orthogonal_regularizer", name="c")(
            np.ones((1, 5, 2))
        ),
        ShapeError,
        'Conv1D "c", kernel: expected a matrix for OrthogonalRegularizer, got 3 axes',
    ),
    "outputs that are no matrix": (
        lambda: layers.Dense(2, activity_regularizer="orthogonal_regularizer", name="d")(
            np.ones((1, 5, 2))
        ),
        ShapeError,
        'Dense "d": expected a matrix for OrthogonalRegularizer, got 3 axes',
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(name):
    make, error, text = REFUSED[name]
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value).startswith(text)
