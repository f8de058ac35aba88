"""Models: how they are made, what they are made of, and what comes back from config and copy."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.errors import ConfigError, ParamError
from lamina.models import Functional, Model, Sequential, clone_model, model_from_json


@pytest.fixture(autouse=True)
def fresh_session():
    lamina.utils.set_random_seed(1)
    lamina.utils.clear_session()


def two_input_model():
    words = layers.Input((6,), dtype="int32", name="words")
    table = layers.Input((3,), name="table")
    embedded = layers.Flatten()(layers.Embedding(20, 4, name="embed")(words))
    shared = layers.Dense(5, activation="relu", name="shared")
    joined = layers.Concatenate()([shared(table), shared(layers.Dense(3)(embedded))])
    price = layers.Dense(1, name="price")(joined)
    kind = layers.Dense(4, activation="softmax", name="kind")(joined)
    return Model([words, table], {"price": price, "kind": kind})


def two_inputs(rows=7):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 20, (rows, 6)), rng.standard_normal((rows, 3)).astype("float32")]


class Residual(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.wide = layers.Dense(2 * units, activation="relu")
        self.narrow = layers.Dense(units)

    def call(self, x):
        return x + self.narrow(self.wide(x))


class Classifier(Model):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.blocks = [Residual(units), Residual(units)]
        self.drop = layers.Dropout(0.5)
        self.head = layers.Dense(3, activation="softmax")

    def call(self, x, training=None):
        for block in self.blocks:
            x = block(x)
        return self.head(self.drop(x, training=training))


def test_names_count_up_as_in_keras():
    assert [layers.Dense(1).name for _ in range(3)] == ["dense", "dense_1", "dense_2"]
    assert layers.SimpleRNN(1).name == "simple_rnn"
    assert lamina._session.snake_case("MaxPooling2D") == "max_pooling2d"


def test_sequential_builds_at_once_with_an_input_and_with_the_data_without():
    at_once = Sequential([layers.Input((4,)), layers.Dense(3), layers.Dense(2)])
    assert [w.shape for w in at_once.weights] == [(4, 3), (3,), (3, 2), (2,)]
    later = Sequential([layers.Dense(3), layers.Dense(2)])
    assert not later.built
    assert later.predict(np.zeros((5, 4)), verbose=0).shape == (5, 2)
    assert later.count_params() == at_once.count_params() == 23


def test_sequential_add_and_pop_change_the_output():
    model = Sequential([layers.Input((4,)), layers.Dense(3)])
    model.add(layers.Dense(2))
    assert model.output_shape == (None, 2)
    assert model.pop().units == 2
    assert model.output_shape == (None, 3)
    assert model(np.zeros((1, 4))).shape == (1, 3)


def test_functional_outputs_keep_their_structure():
    model = two_input_model()
    assert type(model) is Functional
    outputs = model.predict(two_inputs(), verbose=0)
    assert {name: array.shape for name, array in outputs.items()} == {
        "price": (7, 1),
        "kind": (7, 4),
    }
    np.testing.assert_allclose(outputs["kind"].sum(1), 1, rtol=1e-5)


def test_inputs_may_come_by_name():
    model = two_input_model()
    words, table = two_inputs()
    by_name = model.predict({"table": table, "words": words}, verbose=0)
    by_place = model.predict([words, table], verbose=0)
    np.testing.assert_array_equal(by_name["price"], by_place["price"])


def test_a_shared_layer_has_one_set_of_weights():
    model = two_input_model()
    assert sum("shared" in weight.path for weight in model.weights) == 2


def test_layers_and_weights_stand_in_the_order_of_keras():
    a, b = layers.Input((2,), name="a"), layers.Input((2,), name="b")
    left = layers.Dense(3, name="left")(a)
    right = layers.Dense(3, name="right")(layers.Dense(2, name="first")(b))
    model = Model([a, b], layers.Add(name="sum")([left, right]))
    names = [layer.name for layer in model.layers]
    assert names == ["b", "a", "first", "left", "right", "sum"]


def test_a_nested_model_is_one_layer_and_shares_its_weights():
    inner = Sequential([layers.Input((4,)), layers.Dense(3, activation="tanh")], name="inner")
    x = layers.Input((4,))
    outer = Model(x, layers.Dense(1)(inner(x)))
    assert [layer.name for layer in outer.layers][1] == "inner"
    inner.set_weights([np.zeros((4, 3)), np.ones(3)])
    outer.layers[2].set_weights([np.ones((3, 1)), np.zeros(1)])
    np.testing.assert_allclose(outer.predict(np.ones((2, 4)), verbose=0), 3 * np.tanh(1), rtol=1e-6)


def test_a_traced_class_finds_its_weights_in_the_order_they_were_made():
    model = Classifier(4)
    assert model(np.ones((2, 4))).shape == (2, 3)
    shapes = [w.shape for w in model.weights]
    assert shapes == [(4, 8), (8,), (8, 4), (4,)] * 2 + [(4, 3), (3,)]


def test_dropout_in_a_traced_class_follows_the_mode():
    model = Classifier(4)
    x = np.ones((3, 4), np.float32)
    np.testing.assert_array_equal(model(x), model(x))
    assert not np.array_equal(model(x), model(x, training=True))


def test_a_call_that_branches_on_training_is_told_what_to_do():
    class Branching(Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x, training=None):
            return self.dense(x) if training else x

    with pytest.raises(ConfigError, match="cannot branch on `training`"):
        Branching().predict(np.ones((2, 2)), verbose=0)


def test_layers_of_layers_run_on_arrays_at_once():
    block = Residual(4)
    assert block(np.ones((2, 4))).shape == (2, 4)
    assert block.count_params() == 4 * 8 + 8 + 8 * 4 + 4
    assert block(np.ones((5, 7, 4))).shape == (5, 7, 4)


@pytest.mark.parametrize("make", [two_input_model, lambda: Sequential([layers.Dense(3)])])
def test_config_comes_back_through_json(make):
    model = make()
    config = json.loads(json.dumps(model.get_config()))
    again = type(model).from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config
    assert model_from_json(model.to_json()).to_json() == model.to_json()


def test_keras_config_of_a_layer_is_understood():
    config = {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {
            "name": "dense_7",
            "trainable": True,
            "dtype": {"class_name": "DTypePolicy", "config": {"name": "float32"}},
            "units": 3,
            "activation": "linear",
            "use_bias": True,
            "kernel_initializer": {
                "module": "keras.initializers",
                "class_name": "GlorotUniform",
                "config": {"seed": None},
                "registered_name": None,
            },
        },
    }
    layer = lamina.layers.declare.deserialize(config)
    assert layer.name == "dense_7"
    assert layer(np.ones((1, 2))).shape == (1, 3)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
@pytest.mark.parametrize("make", [two_input_model, lambda: Classifier(4)])
def test_copies_have_the_same_numbers_and_their_own_weights(make, copied):
    model = make()
    x = two_inputs() if isinstance(model, Functional) else np.ones((2, 4), np.float32)
    before = model.predict(x, verbose=0)
    twin = copied(model)
    np.testing.assert_equal(twin.predict(x, verbose=0), before)
    twin.set_weights([np.zeros_like(w) for w in twin.get_weights()])
    np.testing.assert_equal(model.predict(x, verbose=0), before)


def test_copies_of_layers_keep_their_weights():
    layer = layers.Dense(3, activation="tanh")
    x = np.ones((2, 4), np.float32)
    expected = layer(x)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_array_equal(twin(x), expected)


def test_clone_has_fresh_weights_and_the_same_shape():
    model = two_input_model()
    clone = clone_model(model)
    assert [w.shape for w in clone.weights] == [w.shape for w in model.weights]
    assert not np.array_equal(clone.get_weights()[0], model.get_weights()[0])
    assert clone.to_json() == model.to_json()


def test_clone_function_may_replace_layers():
    model = Sequential([layers.Input((4,)), layers.Dense(3), layers.Dense(2)])

    def wider(layer):
        return layers.Dense(layer.units * 2, name=layer.name)

    assert clone_model(model, clone_function=wider).output_shape == (None, 4)


def test_get_layer_by_name_and_by_index():
    model = two_input_model()
    assert model.get_layer("price").units == 1
    assert model.get_layer(index=-1).name in ("price", "kind")
    with pytest.raises(ConfigError, match='no layer "prize"'):
        model.get_layer("prize")


def test_part_of_a_model_is_a_model():
    model = Sequential([layers.Input((4,)), layers.Dense(3, name="hidden"), layers.Dense(2)])
    part = Model(model.inputs, model.get_layer("hidden").output)
    np.testing.assert_allclose(
        part.predict(np.ones((1, 4)), verbose=0), model.get_layer("hidden")(np.ones((1, 4)))
    )


def test_a_model_may_begin_in_the_middle():
    x = layers.Input((4,))
    middle = layers.Dense(3)(x)
    tail = Model(middle, layers.Dense(2)(middle))
    assert tail.predict(np.ones((5, 3)), verbose=0).shape == (5, 2)


def test_trainable_goes_down_to_the_layers_inside():
    model = Classifier(4)
    model.build((None, 4))
    model.trainable = False
    assert not model.trainable_weights
    model.head.trainable = True
    model.blocks[0].wide.trainable = True
    assert len(model.non_trainable_weights) == len(model.weights)
    model.trainable = True
    assert len(model.trainable_weights) == len(model.weights)


def test_set_weights_refuses_other_shapes_and_changes_nothing():
    model = Sequential([layers.Input((4,)), layers.Dense(3)])
    before = model.get_weights()
    with pytest.raises(ParamError, match="expected shape"):
        model.set_weights([np.zeros((4, 3)), np.zeros(4)])
    with pytest.raises(ParamError, match="expected 2 weights, got 1"):
        model.set_weights([np.zeros((4, 3))])
    np.testing.assert_equal(model.get_weights(), before)


def test_summary_counts_and_aligns(capsys):
    model = Sequential(
        [
            layers.Input((4,)),
            layers.Dense(3, name="hidden"),
            layers.BatchNormalization(name="norm"),
        ],
        name="small",
    )
    model.summary(show_trainable=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == 'Model: "small"'
    assert lines[2].split() == ["Layer", "(type)", "Output", "shape", "Params", "Trainable"]
    assert "Total params: 27" in lines[-3]
    assert "Non-trainable params: 6" in lines[-1]
    assert len({len(line) for line in lines if set(line) <= set("_=")}) == 1


def test_summary_shows_connections_and_nested_layers():
    shown = []
    two_input_model().summary(print_fn=shown.append)
    assert "Connected to" in shown[0]
    shown.clear()
    x = layers.Input((4,))
    Model(x, Residual(4)(x)).summary(print_fn=shown.append, expand_nested=True)
    assert shown[0].count("(Dense)") == 2


def test_layers_refuse_changed_fields():
    with pytest.raises(ConfigError, match="units is fixed once the layer is made"):
        layers.Dense(3).units = 4


def test_float64_all_the_way():
    x = layers.Input((4,), dtype="float64")
    model = Model(x, layers.Dense(3, dtype="float64")(x))
    assert model.predict(np.ones((2, 4)), verbose=0).dtype == np.float64
    mixed = layers.Dense(2, dtype="float32")(layers.Dense(3, dtype="float64")(x))
    with pytest.raises(ConfigError, match="expected dtype float64 as in"):
        Model(x, mixed).predict(np.ones((2, 4)), verbose=0)


def test_bidirectional_joins_both_directions():
    layer = layers.Bidirectional(layers.LSTM(3, return_sequences=True, return_state=True))
    outputs = layer(np.ones((2, 5, 4), np.float32))
    assert [o.shape for o in outputs] == [(2, 5, 6), (2, 3), (2, 3), (2, 3), (2, 3)]
    assert layer.forward_layer.name == "forward_lstm"
    assert layer.backward_layer.go_backwards
    assert len(layer.weights) == 6
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
def test_bidirectional_merges_as_told(mode):
    x = np.random.default_rng(0).standard_normal((2, 5, 4)).astype("float32")
    layer = layers.Bidirectional(layers.GRU(3, return_sequences=True), merge_mode=mode)
    got = layer(x)
    forward, backward = layer.forward_layer(x), layer.backward_layer(x)[:, ::-1]
    if mode is None:
        np.testing.assert_allclose(got[1], backward, rtol=1e-5)
        return
    expected = {
        "concat": np.concatenate([forward, backward], -1),
        "sum": forward + backward,
        "mul": forward * backward,
        "ave": (forward + backward) / 2,
    }[mode]
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-7)


def test_a_mask_beside_an_initial_state_counts_only_if_given_as_in_keras():
    ids = layers.Input((4,), dtype="int32")
    table = layers.Embedding(5, 3, mask_zero=True)
    sequence = table(ids)
    state = layers.Dense(2)(layers.Flatten()(sequence))
    layer = layers.GRU(2, return_sequences=True)
    model = Model(ids, layer(sequence, initial_state=state))
    got = model.predict(np.array([[1, 2, 0, 0]]), verbose=0)[0]
    assert not np.array_equal(got[1], got[2]), "no step was skipped"
    plain = Model(ids, layer(sequence)).predict(np.array([[1, 2, 0, 0]]), verbose=0)[0]
    np.testing.assert_array_equal(plain[1], plain[2])


def test_weights_are_attributes_by_name_as_in_keras():
    dense = layers.Dense(3)
    with pytest.raises(AttributeError, match="Weights exist once the layer is built"):
        dense.kernel  # noqa: B018
    dense.build((None, 2))
    dense.kernel.assign(np.ones((2, 3)))
    np.testing.assert_array_equal(dense(np.ones((1, 2))), [[2.0, 2.0, 2.0]])
    assert dense.bias.shape == (3,)
    assert not hasattr(dense, "gamma")
