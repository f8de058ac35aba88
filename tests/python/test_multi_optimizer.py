"""Several optimizers in one model: who learns what, and that each is as it is alone."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import lamina
from golden import load
from lamina import callbacks, layers, optimizers
from lamina.errors import ConfigError
from lamina.models import Model, Sequential, load_model
from lamina.optimizers import MultiOptimizer, OptimizerMap
from test_golden import optimizer_of


@pytest.fixture(autouse=True)
def fresh_session():
    lamina.utils.set_random_seed(1)
    lamina.utils.clear_session()


def points():
    x = np.random.default_rng(5).standard_normal((32, 3)).astype("float32")
    return x, x[:, :1]


def nested():
    """A block "encoder" of layers "a" and "b", and "head"."""
    x = layers.Input((3,))
    encoder = Sequential([layers.Dense(4, "tanh", name=name) for name in "ab"], name="encoder")
    return Model(x, layers.Dense(1, name="head")(encoder(x)), name="net")


def compiled(optimizer_map, **more):
    model = nested()
    model.compile(MultiOptimizer(optimizer_map, **more), "mse")
    return model


def changed(model, before):
    paths = ["a/kernel", "a/bias", "b/kernel", "b/bias", "head/kernel", "head/bias"]
    pairs = zip(paths, before, model.get_weights(), strict=True)
    return {path for path, old, new in pairs if not np.array_equal(old, new)}


@pytest.mark.parametrize(
    "case", [pytest.param(c, id=c.name) for c in load("optimizers_multi") if c.get("map")]
)
def test_twenty_steps_of_several_optimizers(case):
    start = next(c for c in load("optimizers_multi") if c.name == "gradients")
    variables = [np.array(v) for v in start.variables]
    inside = {key: optimizer_of(*described) for key, described in case.map.items()}
    chosen = OptimizerMap(optimizer_of(*case.default), inside)
    optimizer = MultiOptimizer(chosen, case.get("loss_scale_factor"))
    for step in range(start.steps):
        gradients = [start.get(f"gradient_{i}")[step] for i in range(len(variables))]
        optimizer.apply(gradients, variables)
        for i, variable in enumerate(variables):
            path = case.get(f"path_{i}")[step]
            np.testing.assert_allclose(variable, path, rtol=1e-6, atol=1e-8)
    optimizer.finalize_variable_values(variables)
    for variable, expected in zip(variables, case.finalized, strict=True):
        np.testing.assert_allclose(variable, expected, rtol=1e-6, atol=1e-8)
    assert optimizer.iterations == start.steps


@pytest.mark.parametrize(
    ("key", "paths"),
    [
        ("encoder/.*", {"a/kernel", "a/bias", "b/kernel", "b/bias"}),
        ("net/encoder/.*", {"a/kernel", "a/bias", "b/kernel", "b/bias"}),
        ("encoder/b/bias", {"b/bias"}),
        (".*/kernel", {"a/kernel", "b/kernel", "head/kernel"}),
        ("encoder", set()),
        ("a/kernel", set()),
    ],
)
def test_keys_match_whole_paths(key, paths):
    model = compiled(OptimizerMap(optimizers.SGD(0.0), {key: optimizers.SGD(0.1)}))
    before = model.get_weights()
    model.train_on_batch(*points())
    assert changed(model, before) == paths


def test_a_function_chooses_and_the_same_object_is_one_optimizer():
    slow, fast = optimizers.SGD(0.0), optimizers.Adam(0.1)
    seen = []

    def choose(weight):
        seen.append((weight.path, weight.shape))
        return fast if weight.path.startswith("head") else slow

    model = compiled(choose)
    before = model.get_weights()
    model.train_on_batch(*points())
    assert changed(model, before) == {"head/kernel", "head/bias"}
    assert model.optimizer.optimizers == [slow, fast]
    assert ("encoder/a/kernel", (3, 4)) in seen
    assert len(seen) == 6


def test_each_optimizer_works_as_it_does_alone():
    x, y = points()

    def weights(optimizer):
        lamina.utils.set_random_seed(1)
        model = nested()
        model.compile(optimizer, "mse")
        model.fit(x, y, epochs=3, batch_size=8, verbose=0)
        return model.get_weights()

    for made in (
        lambda: optimizers.Adam(0.02, use_ema=True, ema_momentum=0.7),
        lambda: optimizers.SGD(0.1, momentum=0.9, clipnorm=0.1, gradient_accumulation_steps=2),
        lambda: optimizers.RMSprop(optimizers.schedules.ExponentialDecay(0.01, 2, 0.5)),
    ):
        both = MultiOptimizer(OptimizerMap(made(), {"head/.*": made()}))
        np.testing.assert_equal(weights(both), weights(made()))


def several():
    inside = {
        "encoder/a/.*": optimizers.SGD(0.05, momentum=0.9),
        "head/.*": optimizers.Adam(optimizers.schedules.ExponentialDecay(0.02, 3, 0.5)),
    }
    return OptimizerMap(optimizers.RMSprop(0.01, use_ema=True), inside)


def test_training_goes_on_bit_for_bit_from_files_and_copies(tmp_path):
    x, y = points()
    model = compiled(several())
    model.fit(x, y, epochs=3, batch_size=8, verbose=0)
    model.optimizer.optimizers[0].learning_rate = 0.01
    model.save(tmp_path / "model.lamina")
    loaded, copied = load_model(tmp_path / "model.lamina"), copy.deepcopy(model)
    for one in (model, loaded, copied):
        one.fit(x, y, epochs=2, batch_size=8, verbose=0)
    for one in (loaded, copied):
        np.testing.assert_equal(one.get_weights(), model.get_weights())
        assert one.optimizer.iterations == model.optimizer.iterations == 20
        assert [p.iterations for p in one.optimizer.optimizers] == [20, 20, 20]
        assert one.optimizer.optimizers[0].learning_rate == 0.01


class Stop(callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


def test_a_backup_brings_back_every_rate_and_state(tmp_path):
    x, y = points()

    def fit(path, *more):
        lamina.utils.set_random_seed(1)
        model = compiled(several())
        backup = callbacks.BackupAndRestore(tmp_path / path)
        slower = callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: setattr(
                model.optimizer.optimizers[0], "learning_rate", 0.05 / (2 + epoch)
            )
        )
        model.fit(x, y, epochs=4, batch_size=8, verbose=0, callbacks=[slower, backup, *more])
        return model.get_weights()

    straight = fit("a")
    with pytest.raises(KeyboardInterrupt):
        fit("b", Stop())
    np.testing.assert_equal(fit("b"), straight)


def test_averages_are_swapped_where_an_optimizer_keeps_them():
    x, y = points()
    model = compiled(several())
    weights = []
    look = callbacks.LambdaCallback(on_epoch_end=lambda *_: weights.append(model.get_weights()))
    swap = callbacks.SwapEMAWeights(swap_on_epoch=True)
    model.fit(x, y, epochs=1, verbose=0, callbacks=[swap, look])
    [averages] = weights
    np.testing.assert_equal(averages, model.get_weights())  # the end of fit takes them as well


def test_rates_belong_to_the_optimizers():
    x, y = points()
    model = compiled(several())
    assert not hasattr(model.optimizer, "learning_rate")
    with pytest.raises(ConfigError, match=r"take those of its optimizers".replace("take", "Take")):
        _ = model.optimizer.learning_rate
    with pytest.raises(AttributeError, match="has no learning_rate to set"):
        model.optimizer.learning_rate = 0.1
    plateau = callbacks.ReduceLROnPlateau("loss")
    with pytest.raises(ConfigError, match="MultiOptimizer: has no learning_rate of its own"):
        model.fit(x, y, verbose=0, callbacks=[plateau])
    scheduler = callbacks.LearningRateScheduler(lambda epoch: 0.1)
    with pytest.raises(ConfigError, match="MultiOptimizer: has no learning_rate of its own"):
        model.fit(x, y, verbose=0, callbacks=[scheduler])


def test_a_frozen_layer_keeps_the_choice():
    model = compiled(OptimizerMap(optimizers.SGD(0.1), {"head/.*": optimizers.SGD(0.0)}))
    x, y = points()
    model.train_on_batch(x, y)
    model.get_layer("encoder").layers[0].trainable = False
    before = model.get_weights()
    model.train_on_batch(x, y)
    assert changed(model, before) == {"b/kernel", "b/bias"}


def test_files_hold_no_functions(tmp_path):
    model = compiled(lambda weight: optimizers.SGD(0.1))
    model.fit(*points(), verbose=0)
    model.save(tmp_path / "model.lamina")
    with pytest.warns(UserWarning, match="compiled with functions"):
        loaded = load_model(tmp_path / "model.lamina")
    np.testing.assert_equal(loaded.get_weights(), model.get_weights())


def inside(optimizer):
    return lambda: OptimizerMap(optimizers.SGD(), {"a": optimizer})


REFUSED = {
    "no map": (lambda: MultiOptimizer({"a": optimizers.SGD()}), "expected an OptimizerMap or"),
    "an optimizer": (lambda: MultiOptimizer(optimizers.SGD()), "expected an OptimizerMap or"),
    "a name": (lambda: OptimizerMap("sgd"), "expected an optimizer as default_optimizer"),
    "no dict": (lambda: OptimizerMap(optimizers.SGD(), [1]), "expected a dict, got"),
    "no optimizer": (inside("adam"), "expected an optimizer, got 'adam'"),
    "nested": (
        inside(MultiOptimizer(OptimizerMap(optimizers.SGD()))),
        "expected a plain optimizer, got MultiOptimizer",
    ),
    "a loss scale": (
        inside(optimizers.LossScaleOptimizer(optimizers.SGD())),
        "expected a plain optimizer, got LossScaleOptimizer",
    ),
    "within a loss scale": (
        lambda: optimizers.LossScaleOptimizer(MultiOptimizer(OptimizerMap(optimizers.SGD()))),
        "expected one optimizer inside, got MultiOptimizer. Give that a loss_scale_factor",
    ),
    "no pattern": (
        lambda: OptimizerMap(optimizers.SGD(), {"(": optimizers.SGD()}),
        "is no pattern: missing ), unterminated subpattern",
    ),
    "a function without answer": (
        lambda: compiled(lambda weight: None).fit(*points(), verbose=0),
        "MultiOptimizer: expected an optimizer, got None",
    ),
    "two patterns": (
        lambda: compiled(
            OptimizerMap(
                optimizers.SGD(), {".*kernel": optimizers.SGD(), "head.*": optimizers.Adam()}
            )
        ),
        """expected one pattern for the weight "head/kernel", got '.*kernel' and 'head.*'""",
    ),
    "a function from a config": (
        lambda: optimizers.deserialize(optimizers.serialize(MultiOptimizer(lambda weight: None))),
        "expected an OptimizerMap or a function of a weight as optimizer_map, got {'function'",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused(name):
    make, text = REFUSED[name]
    with pytest.raises(ConfigError) as error:
        make()
    assert text in str(error.value)


def test_a_map_is_a_dict_of_its_own():
    chosen = OptimizerMap(optimizers.SGD())
    chosen["a"] = optimizers.Adam()
    with pytest.raises(ConfigError, match='expected every key once, got "a" twice'):
        chosen["a"] = optimizers.Adam()
    assert (len(chosen), list(chosen), chosen["a"].name) == (1, ["a"], "adam")
    del chosen["a"]
    assert chosen["a"] is chosen.default_optimizer
