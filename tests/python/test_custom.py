"""Losses and metrics that are Python functions: numbers, weights, errors, a model left sound."""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.errors import ConfigError, ShapeError
from lamina.models import Model, Sequential, load_model


@pytest.fixture(autouse=True)
def fresh_session():
    lamina.utils.set_random_seed(1)
    lamina.utils.clear_session()


def squares(y_true, y_pred):
    """The mean squared error of each sample, and its gradient."""
    error = y_pred - y_true
    return (error**2).mean(-1), 2 * error / error.shape[-1]


def whole_squares(y_true, y_pred):
    """The same as one number."""
    error = y_pred - y_true
    return (error**2).mean(), 2 * error / error.size


def largest_error(y_true, y_pred):
    return np.abs(y_true - y_pred).max(-1)


def points():
    rng = np.random.default_rng(5)
    return rng.standard_normal((50, 4)), rng.standard_normal((50, 2))


def made(loss, metrics=None, weighted=None):
    lamina.utils.set_random_seed(1)
    lamina.utils.clear_session()
    model = Sequential(
        [
            layers.Input((4,)),
            layers.Dense(6),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(2),
        ]
    )
    optimizer = lamina.optimizers.SGD(0.1, momentum=0.5)
    model.compile(optimizer, loss, metrics=metrics, weighted_metrics=weighted)
    return model


@pytest.mark.parametrize(
    ("loss", "weighted"), [(squares, False), (squares, True), (whole_squares, False)]
)
def test_a_function_trains_as_the_loss_it_is(loss, weighted):
    x, y = points()
    weight = np.linspace(0, 2, 50) if weighted else None
    runs = []
    for asked in (loss, "mse"):
        model = made(asked, ["mae"])
        history = model.fit(
            x, y, epochs=3, batch_size=16, verbose=0, validation_split=0.2, sample_weight=weight
        )
        runs.append((history.history, model.get_weights(), model.evaluate(x, y, verbose=0)))
    (ours, our_weights, our_test), (theirs, their_weights, their_test) = runs
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4)
    for one, other in zip(our_weights, their_weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(our_test, their_test, rtol=1e-4)


def test_metrics_are_means_over_samples_and_take_weights():
    x, y = points()
    model = made("mse", [largest_error], [largest_error])
    weight = np.linspace(0, 2, 50)
    found = model.evaluate(x, y, batch_size=16, verbose=0, return_dict=True, sample_weight=weight)
    values = largest_error(y, model.predict(x, verbose=0))
    np.testing.assert_allclose(found["largest_error"], values.mean(), rtol=1e-5)
    mean = (values * weight).sum() / weight.sum()
    np.testing.assert_allclose(found["weighted_largest_error"], mean, rtol=1e-5)


def test_several_outputs_may_mix_functions_and_names():
    x, y = points()
    inputs = layers.Input((4,))
    one, two = layers.Dense(2, name="one")(inputs), layers.Dense(2, "softmax", name="two")(inputs)
    model = Model(inputs, [one, two])
    labels = (y[:, 0] > 0).astype(int)
    model.compile(
        "adam",
        {"one": squares, "two": "sparse_categorical_crossentropy"},
        metrics={"one": [largest_error, "mae"], "two": ["accuracy"]},
    )
    history = model.fit(x, {"one": y, "two": labels}, epochs=2, verbose=0).history
    assert set(history) == {
        "loss",
        "one_largest_error",
        "one_mae",
        "two_accuracy",
        "one_loss",
        "two_loss",
    }
    np.testing.assert_allclose(
        history["loss"], np.add(history["one_loss"], history["two_loss"]), rtol=1e-5
    )


def test_accuracy_beside_a_custom_loss():
    x, y = points()

    def cross_entropy(y_true, y_pred):
        picked = y_pred[np.arange(len(y_true)), y_true.astype(int)]
        gradient = np.zeros_like(y_pred)
        gradient[np.arange(len(y_true)), y_true.astype(int)] = -1 / picked
        return -np.log(picked), gradient

    labels = (y[:, 0] > 0).astype(int)
    model = Sequential([layers.Input((4,)), layers.Dense(2, "softmax")])
    model.compile("adam", cross_entropy, metrics=["accuracy"])
    _, accuracy = model.evaluate(x, labels, verbose=0)
    assert accuracy == pytest.approx((model.predict(x, verbose=0).argmax(-1) == labels).mean())


def test_a_wrapped_function_is_a_metric_by_hand_and_in_training():
    x, y = points()
    wrapper = lamina.metrics.MeanMetricWrapper(
        lambda t, p, power: (np.abs(t - p) ** power).mean(-1), name="powers", power=2
    )
    model = made("mse", [wrapper])
    found = model.evaluate(x, y, verbose=0)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)
    np.testing.assert_allclose(wrapper(y, model.predict(x, verbose=0)), found[0], rtol=1e-5)
    weighted = wrapper(np.zeros((2, 1)), np.array([[1.0], [2.0]]), [0.0, 1.0])
    assert weighted > found[0]


def test_a_sum_of_losses_trains_as_its_parts_do():
    x, y = points()
    model = made(lamina.losses.WeightedSum(["mse", lamina.losses.MeanAbsoluteError()], [1.0, 0.5]))

    def both(y_true, y_pred):
        error = y_pred - y_true
        values = (error**2).mean(-1) + 0.5 * np.abs(error).mean(-1)
        return values, (2 * error + 0.5 * np.sign(error)) / error.shape[-1]

    other = made(both)
    losses = [one.fit(x, y, epochs=2, verbose=0).history["loss"] for one in (model, other)]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-6)
    again = lamina.losses.deserialize(lamina.losses.serialize(model.loss))
    np.testing.assert_allclose(again(y, y + 1.0), 1.5, rtol=1e-6)
    with pytest.raises(ConfigError, match="expected at least one loss, and a weight for each"):
        lamina.losses.WeightedSum(["mse"], [1.0, 2.0])


def test_a_loss_may_use_the_model_itself():
    x, y = points()

    def trained(looks):
        def loss(y_true, y_pred):
            if looks and len(y_true) > 5:
                model.predict(x, verbose=0)
                model.evaluate(x[:5], y[:5], verbose=0)  # runs where the step waits
            return squares(y_true, y_pred)

        model = made(loss)
        model.fit(x, y, epochs=2, batch_size=25, verbose=0)
        return model.get_weights()

    for one, other in zip(trained(True), trained(False), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_step_that_another_thread_has_begun_is_not_ended_by_this_one():
    x, y = (array.astype("float32") for array in points())
    model = made("mse")
    model.train_on_batch(x, y)
    runner = model._run()
    first, outputs = runner.begin([x], [y], [None])
    second, again = runner.begin([x], [y], [None])
    np.testing.assert_array_equal(outputs[0], again[0])
    before = model.get_weights()
    assert not runner.finish(first, [y])
    np.testing.assert_equal(model.get_weights(), before)
    assert not runner.finish(second, [y[:25]])  # targets of another size
    assert runner.finish(second, [y])
    assert not runner.finish(second, [y])


def test_a_loss_may_use_a_model_with_states():
    x = np.random.default_rng(0).standard_normal((4, 3, 2))

    def loss(y_true, y_pred):
        model.predict(x, verbose=0, batch_size=4)  # runs where the step waits
        return squares(y_true, y_pred)

    model = Sequential(
        [layers.Input(batch_shape=(4, 3, 2)), layers.LSTM(2, stateful=True), layers.Dense(1)]
    )
    model.compile("adam", loss)
    losses = model.fit(x, x[:, 0, :1], batch_size=4, epochs=9, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert model.optimizer.iterations == 9


def test_a_loss_may_change_its_weights_in_the_middle_of_a_step():
    x, y = points()
    seen = []

    def loss(y_true, y_pred):
        seen.append(y_pred)
        model.layers[-1].set_weights([np.zeros((6, 2)), np.zeros(2)])
        return squares(y_true, y_pred)

    model = made(loss)
    model.fit(x, y, batch_size=25, epochs=2, verbose=0, shuffle=False)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    assert len(seen) == 4


def test_losses_of_steps_and_of_samples_may_take_turns():
    x = np.random.default_rng(0).standard_normal((8, 3, 2))
    turns = iter(range(100))

    def loss(y_true, y_pred):
        error = y_pred - y_true
        if next(turns) % 2:
            return (error**2).mean(-1), error  # for each step
        return (error**2).mean((1, 2)), error / 3  # for each sample

    model = Sequential([layers.Input((3, 2)), layers.Dense(2)])
    model.compile("sgd", loss)
    losses = model.fit(x, x, epochs=6, verbose=0).history["loss"]
    assert losses == sorted(losses, reverse=True)
    plain = lamina.models.clone_model(model)
    plain.set_weights(model.get_weights())
    plain.compile("sgd", "mse")
    assert model.evaluate(x, x, verbose=0) == pytest.approx(plain.evaluate(x, x, verbose=0))


def test_metrics_see_probabilities_where_the_softmax_is_left_to_the_loss():
    x, _ = points()
    y = np.arange(50) % 3
    sums = []

    def total(y_true, y_pred):
        sums.append(y_pred.sum(-1))
        return y_pred.sum(-1)

    lamina.utils.set_random_seed(1)
    models = [Sequential([layers.Input((4,)), layers.Dense(3, "softmax")]) for _ in range(2)]
    models[1].set_weights(models[0].get_weights())
    for model, metrics in zip(models, ([total], []), strict=True):
        model.compile("adam", "sparse_categorical_crossentropy", metrics=metrics)
        model.fit(x, y, epochs=2, batch_size=20, verbose=0, shuffle=False)
    np.testing.assert_allclose(np.concatenate(sums), 1, rtol=1e-6)
    np.testing.assert_equal(models[0].get_weights(), models[1].get_weights())


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_what_a_function_raises_leaves_the_model_as_after_the_step_before(error):
    x, y = points()
    calls: list[int] = []

    def failing(y_true, y_pred):
        calls.append(1)
        if len(calls) == 3:
            raise error
        return squares(y_true, y_pred)

    model = made(failing)
    with pytest.raises(error):
        model.fit(x, y, batch_size=10, epochs=1, verbose=0, shuffle=False)
    other = made(squares)
    other.fit(x[:20], y[:20], batch_size=10, epochs=1, verbose=0, shuffle=False)
    np.testing.assert_equal(model.get_weights(), other.get_weights())
    model.fit(x, y, verbose=0)


def test_files_and_copies_say_that_they_hold_no_functions(tmp_path):
    x, y = points()
    model = made(squares, [largest_error])
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.lamina")
    with pytest.warns(UserWarning, match="was compiled with functions"):
        loaded = load_model(tmp_path / "model.lamina")
    with pytest.warns(UserWarning, match="Compile it again"):
        copied = copy.deepcopy(model)
    for one in (loaded, copied):
        assert not one.compiled
        np.testing.assert_equal(one.get_weights(), model.get_weights())


REFUSED = {
    "no gradient": (
        lambda t, p: ((p - t) ** 2).mean(-1),
        ConfigError,
        'loss "<lambda>": expected (loss, gradient by the predictions), got ndarray',
    ),
    "a gradient of another shape": (
        lambda t, p: (0.0, np.zeros(3)),
        ShapeError,
        "expected a gradient of the predictions' shape (50, 2), got (3,)",
    ),
    "losses of another shape": (
        lambda t, p: (np.zeros(7), np.zeros_like(p)),
        ShapeError,
        "expected a number, or one for each of 50 samples",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_mistakes_are_named(name):
    loss, kind, text = REFUSED[name]
    x, y = points()
    with pytest.raises(kind, match=re.escape(text)):
        made(loss).fit(x, y, batch_size=50, verbose=0)


def test_a_metric_of_another_shape_is_named():
    x, y = points()
    text = 'metric "<lambda>": expected a number, or one for each of 50 samples, got shape (7,)'
    with pytest.raises(ShapeError, match=re.escape(text)):
        made("mse", [lambda t, p: np.zeros(7)]).evaluate(x, y, batch_size=50, verbose=0)
