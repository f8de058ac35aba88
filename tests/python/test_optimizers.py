"""Optimizers in training: they learn, go on bit for bit from a file, and refuse what cannot be."""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest

import lamina
from lamina import layers, optimizers
from lamina.errors import ConfigError
from lamina.models import Sequential, load_model

MORE = {
    "Adadelta": {"learning_rate": 1.0},
    "Adafactor": {"learning_rate": 0.05},
    "Adagrad": {"learning_rate": 0.1},
    "Adamax": {"learning_rate": 0.05},
    "Ftrl": {"learning_rate": 0.2},
    "Lamb": {"learning_rate": 0.05},
    "Lion": {"learning_rate": 0.01},
    "Muon": {"learning_rate": 0.05},
    "Nadam": {"learning_rate": 0.05},
    "ScheduleFreeAdamW": {"learning_rate": 0.05},
}


@pytest.fixture(autouse=True)
def fresh_session():
    lamina.utils.set_random_seed(1)
    lamina.utils.clear_session()


def points():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((64, 4)).astype("float32")
    return x, (x[:, :2].sum(1) > 0).astype("int64")


def made(name):
    if name == "LossScaleOptimizer":
        inner = optimizers.Adam(0.05)
        return optimizers.LossScaleOptimizer(inner, initial_scale=4.0, dynamic_growth_steps=3)
    return getattr(optimizers, name)(**MORE[name])


def classifier(optimizer):
    model = Sequential([layers.Input((4,)), layers.Dense(6, "tanh"), layers.Dense(2, "softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("name", [*MORE, "LossScaleOptimizer"])
def test_training_learns_and_goes_on_bit_for_bit_from_a_file(name, tmp_path):
    x, y = points()
    model = classifier(made(name))
    history = model.fit(x, y, epochs=6, verbose=0, batch_size=16).history["loss"]
    assert history[-1] < 0.95 * history[0]
    model.save(tmp_path / "model.lamina")
    loaded, copied = load_model(tmp_path / "model.lamina"), copy.deepcopy(model)
    for one in (model, loaded, copied):
        one.fit(x, y, epochs=2, verbose=0, batch_size=16, shuffle=False)
    for one in (loaded, copied):
        np.testing.assert_equal(one.get_weights(), model.get_weights())
        assert one.optimizer.iterations == model.optimizer.iterations


def test_names_and_configs():
    for name in MORE:
        assert type(optimizers.get(name.lower())).__name__ == name
        again = optimizers.deserialize(optimizers.serialize(made(name)))
        assert repr(again) == repr(made(name))
    scaled = optimizers.deserialize(optimizers.serialize(made("LossScaleOptimizer")))
    assert scaled.inner_optimizer.learning_rate == 0.05


def test_a_loss_scale_leaves_out_what_overflows_and_adapts():
    w = np.array([1.0, 2.0])
    optimizer = optimizers.LossScaleOptimizer(
        optimizers.SGD(0.5), initial_scale=4.0, dynamic_growth_steps=2
    )
    optimizer.apply([np.array([np.inf, 1.0])], [w])
    np.testing.assert_array_equal(w, [1.0, 2.0])
    assert optimizer.iterations == 0
    for scale in (2.0, 2.0, 4.0):  # halved once, doubled after two good steps
        before = w.copy()
        optimizer.apply([np.array([scale, 0.0])], [w])
        np.testing.assert_array_equal(w, before - [0.5, 0.0])
    optimizer.apply([np.array([np.nan, 0.0])], [w])
    assert optimizer.iterations == 3


def test_a_loss_scale_changes_nothing_in_training_and_its_rate_can_be_set():
    x, y = points()
    plain, scaled = classifier(optimizers.SGD(0.1)), None
    lamina.utils.set_random_seed(1)
    plain = classifier(optimizers.SGD(0.1))
    lamina.utils.set_random_seed(1)
    scaled = classifier(optimizers.LossScaleOptimizer(optimizers.SGD(0.1)))
    for model in (plain, scaled):
        model.fit(x, y, epochs=2, verbose=0, shuffle=False)
        model.optimizer.learning_rate = 0.01
        model.fit(x, y, epochs=1, verbose=0, shuffle=False)
    for ours, theirs in zip(scaled.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    assert scaled.optimizer.get_config()["inner_optimizer"]["config"]["learning_rate"] == 0.01


def test_muon_leaves_layers_to_adam():
    x, y = points()
    weights = []
    for optimizer in (
        optimizers.Muon(0.05, exclude_layers=["dense"], weight_decay=None, adam_weight_decay=None),
        optimizers.Adam(0.05),
    ):
        lamina.utils.set_random_seed(1)
        lamina.utils.clear_session()
        model = classifier(optimizer)
        model.fit(x, y, epochs=2, verbose=0)
        weights.append(model.get_weights())
    np.testing.assert_equal(*weights)


def test_adafactor_keeps_rows_and_columns(tmp_path):
    x, y = points()
    model = classifier(optimizers.Adafactor(0.05))
    model.fit(x, y, epochs=1, verbose=0)
    state = {name: value.shape for name, value in model._run().optimizer_state().items()}
    assert state["dense/kernel/row_velocity"] == (4,)
    assert state["dense/kernel/column_velocity"] == (6,)
    assert state["dense/bias/velocity"] == (6,)


REFUSED = {
    "a strength below 0": (
        lambda: optimizers.Ftrl(l1_regularization_strength=-1.0),
        "Ftrl: expected l1_regularization_strength >= 0, got l1_regularization_strength=-1",
    ),
    "a power above 0": (
        lambda: optimizers.Ftrl(learning_rate_power=0.5),
        "Ftrl: expected learning_rate_power <= 0, got learning_rate_power=0.5",
    ),
    "Lion without momentum": (
        lambda: optimizers.Lion(beta_1=0.0),
        "Lion: expected 0 < beta_1 <= 1, got beta_1=0",
    ),
    "a pattern": (
        lambda: optimizers.Muon(exclude_layers=["dense_.*"]),
        'Muon: expected exclude_layers as parts of names of weights, got "dense_.*". Name the '
        "layers one by one",
    ),
    "no optimizer inside": (
        lambda: optimizers.LossScaleOptimizer("adam"),
        "LossScaleOptimizer: expected an optimizer as inner_optimizer, got 'adam'",
    ),
    "no steps": (
        lambda: optimizers.LossScaleOptimizer(optimizers.SGD(), dynamic_growth_steps=0),
        "LossScaleOptimizer: expected dynamic_growth_steps > 0",
    ),
    "a schedule too few": (
        lambda: optimizers.schedules.Chained([0.1], [5]),
        "Chained: expected one more schedule than boundaries, got 1 schedules and 1 boundaries",
    ),
    "an unknown mode": (
        lambda: optimizers.schedules.Cyclic(0.0, 1.0, mode="square"),
        "Cyclic: expected `mode` to be one of `triangular`, `triangular2`, `exp_range`",
    ),
    "a cycle of one step": (
        lambda: optimizers.schedules.OneCycle(1.0, 1),
        "OneCycle: expected total_steps > 1, got total_steps=1",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_mistakes_are_named(name):
    act, text = REFUSED[name]
    with pytest.raises(ConfigError, match=re.escape(text)):
        act()


def test_schedules_agree_with_pytorchs_numbers():
    """`OneCycleLR(max_lr=1, total_steps=10)` and `CyclicLR(0.1, 1, 3, 2, "exp_range", 0.9)`."""
    one = optimizers.schedules.OneCycle(1.0, 10)
    found = [one(step) for step in range(10)]
    expected = [0.04, 0.52, 1.0, 0.950485, 0.811745, 0.611262, 0.388742, 0.188259, 0.049519, 4e-06]
    np.testing.assert_allclose(found, expected, atol=2e-6)
    cyclic = optimizers.schedules.Cyclic(0.1, 1.0, 3, 2, "exp_range", 0.9)
    heights = np.array([0, 1 / 3, 2 / 3, 1, 0.5, 0, 1 / 3])
    expected = 0.1 + 0.9 * heights * 0.9 ** np.arange(7)
    np.testing.assert_allclose([cyclic(step) for step in range(7)], expected)


def test_a_chain_of_schedules_trains():
    x, y = points()
    chain = optimizers.schedules.Chained(
        [optimizers.schedules.LinearWarmup(0.1, 4), optimizers.schedules.CosineDecay(0.1, 4)], [6]
    )
    model = classifier(optimizers.SGD(chain))
    model.fit(x, y, epochs=2, batch_size=16, verbose=0)
    assert model.optimizer.learning_rate == chain(8)
    again = optimizers.schedules.deserialize(optimizers.schedules.serialize(chain))
    assert [again(step) for step in range(12)] == [chain(step) for step in range(12)]


def test_a_learning_rate_is_found_and_all_taken_back():
    x, y = points()
    models = []
    for search in (False, True):
        lamina.utils.set_random_seed(1)
        lamina.utils.clear_session()
        model = classifier(optimizers.SGD(0.1))
        model.fit(x, y, epochs=1, verbose=0)
        if search:
            found = lamina.utils.find_learning_rate(model, x, y, start=1e-4, end=100.0, steps=40)
            assert 1e-3 < found.suggestion < 100
            assert len(found.losses) == len(found.learning_rates) <= 40
            assert "steepest" in found.plot().svg()
            assert model.optimizer.learning_rate == 0.1
        model.fit(x, y, epochs=1, verbose=0)
        models.append(model)
    np.testing.assert_equal(models[0].get_weights(), models[1].get_weights())
    with pytest.raises(ConfigError, match="expected 0 < start < end and at least 3 steps"):
        lamina.utils.find_learning_rate(models[0], x, y, start=1.0, end=0.1)
    scheduled = classifier(optimizers.SGD(optimizers.schedules.CosineDecay(0.1, 10)))
    with pytest.raises(ConfigError, match="schedule"):
        lamina.utils.find_learning_rate(scheduled, x, y)
