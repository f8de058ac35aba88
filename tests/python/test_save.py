"""Files: a model comes back as it was, training goes on bit for bit, nothing foreign is read."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

import lamina
from lamina import _core, layers
from lamina.errors import ConfigError, FileError, ParamError
from lamina.models import Model, Sequential, load_model


@pytest.fixture(autouse=True)
def fresh_session():
    lamina.utils.set_random_seed(3)


def points(rows=96):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((rows, 4)).astype("float32")
    return x, (x[:, :2].sum(1) > 0).astype("int64")


def network(optimizer="adam"):
    model = Sequential(
        [
            layers.Input((4,)),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(2, "softmax"),
        ]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_a_loaded_model_predicts_and_evaluates_the_same(tmp_path):
    x, y = points()
    model = network()
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.lamina")
    loaded = load_model(tmp_path / "m.lamina")
    assert loaded.to_json() == model.to_json()
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert loaded.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


@pytest.mark.parametrize(
    "optimizer",
    [
        "adam",
        "rmsprop",
        lamina.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        lamina.optimizers.AdamW(
            lamina.optimizers.schedules.CosineDecay(0.01, 20, warmup_target=0.05, warmup_steps=4)
        ),
        lamina.optimizers.Adam(0.01, use_ema=True, gradient_accumulation_steps=2),
    ],
    ids=["adam", "rmsprop", "sgd", "adamw", "ema"],
)
@pytest.mark.parametrize("way", ["file", "pickle", "deepcopy"])
def test_training_goes_on_bit_for_bit(tmp_path, optimizer, way):
    x, y = points()
    lamina.utils.set_random_seed(7)
    whole = network(copy.deepcopy(optimizer))
    whole.fit(x, y, epochs=4, verbose=0)
    lamina.utils.set_random_seed(7)
    first = network(copy.deepcopy(optimizer))
    first.fit(x, y, epochs=2, verbose=0)
    if way == "file":
        first.save(tmp_path / "m.lamina")
        second = load_model(tmp_path / "m.lamina")
    else:
        second = copy.deepcopy(first) if way == "deepcopy" else pickle.loads(pickle.dumps(first))
    second.fit(x, y, epochs=4, initial_epoch=2, verbose=0)
    if not getattr(optimizer, "use_ema", False):  # the first fit ends with the averages in place
        np.testing.assert_equal(second.get_weights(), whole.get_weights())
    first.fit(x, y, epochs=4, initial_epoch=2, verbose=0)
    np.testing.assert_equal(second.get_weights(), first.get_weights())


def test_weights_files_fit_models_whose_layers_were_numbered_otherwise(tmp_path):
    first, second = network(), network()
    first.save_weights(tmp_path / "w.safetensors")
    second.load_weights(tmp_path / "w.safetensors")
    np.testing.assert_equal(second.get_weights(), first.get_weights())


def test_weights_can_be_taken_from_a_whole_model(tmp_path):
    first, second = network(), network()
    first.save(tmp_path / "m.lamina")
    second.load_weights(tmp_path / "m.lamina")
    np.testing.assert_equal(second.get_weights(), first.get_weights())


def test_weights_of_another_architecture_are_refused_unless_told_otherwise(tmp_path):
    network().save_weights(tmp_path / "w.lamina")
    other = Sequential([layers.Input((4,)), layers.Dense(9), layers.Dense(2)])
    with pytest.raises(ParamError, match=r"expected shape .* Load it into the same architecture"):
        other.load_weights(tmp_path / "w.lamina")
    other.load_weights(tmp_path / "w.lamina", skip_mismatch=True)


def test_float64_and_nested_models_and_states_come_back(tmp_path):
    x = layers.Input(batch_shape=(2, 5, 3), dtype="float64")
    inner = Sequential(
        [layers.Input((5, 3), dtype="float64"), layers.Dense(4, dtype="float64")], name="inner"
    )
    state = layers.LSTM(4, stateful=True, dtype="float64")
    model = Model(x, state(inner(x)))
    data = np.random.default_rng(0).standard_normal((2, 5, 3))
    model.predict(data, batch_size=2, verbose=0)
    model.save(tmp_path / "m.lamina")
    loaded = load_model(tmp_path / "m.lamina")
    np.testing.assert_array_equal(
        loaded.predict(data, batch_size=2, verbose=0), model.predict(data, batch_size=2, verbose=0)
    )


def test_classes_of_ones_own_need_custom_objects(tmp_path):
    class Block(layers.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.dense = layers.Dense(units)

        def call(self, x):
            return x + self.dense(x)

    x = layers.Input((4,))
    model = Model(x, Block(4)(x))
    model.save(tmp_path / "m.lamina")
    with pytest.raises(ConfigError, match=r'"Block"\. Hand it over in custom_objects'):
        load_model(tmp_path / "m.lamina")
    loaded = load_model(tmp_path / "m.lamina", custom_objects={"Block": Block})
    data = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(loaded(data), model(data))


def test_subclassed_models_come_back(tmp_path):
    class Net(Model):
        def __init__(self, units=3, **kwargs):
            super().__init__(**kwargs)
            self.hidden = layers.Dense(units, activation="relu")
            self.head = layers.Dense(2, activation="softmax")

        def call(self, x):
            return self.head(self.hidden(x))

    x, y = points()
    model = Net(5)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.lamina")
    loaded = load_model(tmp_path / "m.lamina", custom_objects={"Net": Net})
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    loaded.fit(x, y, verbose=0)
    model.fit(x, y, verbose=0)
    np.testing.assert_equal(loaded.get_weights(), model.get_weights())


def test_compile_false_leaves_the_model_uncompiled(tmp_path):
    network().save(tmp_path / "m.lamina")
    assert not load_model(tmp_path / "m.lamina", compile=False).compiled


def test_the_learning_rate_of_the_moment_is_kept(tmp_path):
    model = network(lamina.optimizers.SGD(0.1))
    model.optimizer.learning_rate = 0.025
    model.save(tmp_path / "m.lamina")
    assert float(load_model(tmp_path / "m.lamina").optimizer.learning_rate) == pytest.approx(0.025)


@pytest.mark.parametrize("ending", [".keras", ".h5", ".hdf5", ".H5"])
def test_foreign_endings_are_refused_with_what_they_are(tmp_path, ending):
    path = tmp_path / f"m{ending}"
    with pytest.raises(FileError, match=r"which lamina does not write. Save as \".*m.lamina\""):
        network().save(path)
    path.write_bytes(b"anything")
    with pytest.raises(FileError, match="of Keras, which lamina does not read"):
        load_model(path)


@pytest.mark.parametrize("magic", [b"PK\x03\x04rest", b"\x89HDF\r\n\x1a\nrest"])
def test_foreign_files_are_known_by_their_first_bytes(tmp_path, magic):
    path = tmp_path / "m.lamina"
    path.write_bytes(magic)
    with pytest.raises(FileError, match="of Keras, which lamina does not read"):
        load_model(path)


def test_overwrite_false_keeps_the_old_file(tmp_path):
    path = tmp_path / "m.lamina"
    path.write_bytes(b"old")
    with pytest.raises(FileError, match="exists already"):
        network().save(path, overwrite=False)
    assert path.read_bytes() == b"old"


def test_missing_and_damaged_files_are_errors(tmp_path):
    with pytest.raises(FileError, match=r"none\.lamina"):
        load_model(tmp_path / "none.lamina")
    path = tmp_path / "m.lamina"
    network().save(path)
    whole = path.read_bytes()
    for cut in (0, 5, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(FileError):
            load_model(path)
    foreign = tmp_path / "f.safetensors"
    _core.save_file(str(foreign), {"a": np.zeros(3, np.float32)}, {})
    with pytest.raises(FileError, match="not one of lamina's"):
        load_model(foreign)


def rewritten(path, **changes):
    tensors, metadata = _core.load_file(str(path))
    _core.save_file(str(path), tensors, metadata | changes)


def test_descriptions_made_to_harm_are_errors(tmp_path):
    path = tmp_path / "m.lamina"
    for model in (
        "[" * 100_000,
        "{",
        "3",
        json.dumps({"class_name": "os.system", "config": {"command": "true"}}),
        json.dumps({"class_name": "Sequential", "config": {"name": "a", "layers": 3}}),
        json.dumps({"class_name": "Sequential", "config": {}}),
        json.dumps({"class_name": "Functional", "config": {"name": "a", "layers": [{}]}}),
    ):
        network().save(path)
        rewritten(path, model=model)
        with pytest.raises((FileError, ConfigError)):
            load_model(path)


def test_models_without_weights_cannot_be_saved(tmp_path):
    with pytest.raises(FileError, match="has no weights to save yet"):
        Sequential([layers.Dense(2)]).save(tmp_path / "m.lamina")


def test_blocks_may_use_the_same_names_inside(tmp_path):
    class Block(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = layers.Dense(4, activation="tanh", name="dense")

        def call(self, x):
            return x + self.dense(x)

    x, y = points()
    start = layers.Input((4,))
    model = Model(start, layers.Dense(2, "softmax")(Block()(Block()(start))))
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.lamina")
    loaded = load_model(tmp_path / "m.lamina", custom_objects={"Block": Block})
    for one in (model, loaded):
        one.fit(x, y, verbose=0)
    np.testing.assert_equal(loaded.get_weights(), model.get_weights())
