"""Whole models: five steps of train_on_batch, and fit with weights, validation and everything the
history shows.

A case's `model` is either `{"input_shape", "input_dtype", "layers"}` for a Sequential, or
`{"inputs", "nodes", "outputs"}` for a functional model whose nodes name their inputs (`layer`, if a
node has it, is the name of an earlier layer used again). The field `compile` holds compile's
arguments and `mode` says what was called:

- `train_on_batch`: five times, on `x_<input>/i`, `y_<output>/i` and `sample_weight/i`; `logs` are
  the five results;
- `fit`: on `x_<input>`, `y_<output>`, `sample_weight`, `val_x_<input>`, `val_y_<output>` with `fit`
  as further arguments;
  `history` is the result.

Both end with `weights` (before), `final_weights`, and `predictions` of the trained model for the
first x.
"""

import keras
import numpy as np

from layer_case import make_layer, normal, set_random_weights
from store import seeded

STEPS = 5
SOFTMAX = {"class_name": "Dense", "config": {"units": 3, "activation": "softmax"}}
RELU = {"class_name": "Dense", "config": {"units": 5, "activation": "relu"}}


def part(class_name, **config):
    """Describe one layer."""
    return {"class_name": class_name, "config": config}


MLP = {"input_shape": [4], "layers": [RELU, SOFTMAX]}
CNN = {
    "input_shape": [6, 5, 2],
    "layers": [
        part("Conv2D", filters=3, kernel_size=3, padding="same", use_bias=False),
        part("BatchNormalization", momentum=0.8),
        part("Activation", activation="relu"),
        part("MaxPooling2D", pool_size=2),
        part("Flatten"),
        SOFTMAX,
    ],
}
LSTM = {
    "input_shape": [5],
    "input_dtype": "int64",
    "layers": [
        part("Embedding", input_dim=6, output_dim=3, mask_zero=True),
        part("LSTM", units=3),
        part("Dense", units=1, activation="sigmoid"),
    ],
}
TAGGER = {
    "input_shape": [5],
    "input_dtype": "int64",
    "layers": [
        part("Embedding", input_dim=6, output_dim=3, mask_zero=True),
        part("Bidirectional", layer=part("GRU", units=2, return_sequences=True)),
        SOFTMAX,
    ],
}
REGULARIZED = {
    "input_shape": [4],
    "layers": [
        part(
            "Dense", units=5, activation="tanh", kernel_regularizer="l2", activity_regularizer="l1"
        ),
        part("Dense", units=2, bias_regularizer="l1", kernel_constraint="max_norm"),
    ],
}
TWO_INPUTS = {
    "inputs": [{"name": "left", "shape": [4]}, {"name": "right", "shape": [4]}],
    "nodes": [
        {"name": "shared", **part("Dense", units=3, activation="tanh"), "inputs": ["left"]},
        {"name": "shared_again", "layer": "shared", "inputs": ["right"]},
        {"name": "both", **part("Concatenate"), "inputs": ["shared", "shared_again"]},
        {"name": "norm", **part("LayerNormalization"), "inputs": ["both"]},
        {"name": "skip", **part("Add"), "inputs": ["norm", "both"]},
        {"name": "kind", **SOFTMAX, "inputs": ["skip"]},
        {"name": "size", **part("Dense", units=1), "inputs": ["skip"]},
    ],
    "outputs": ["kind", "size"],
}
SPARSE = "sparse_categorical_crossentropy"


def build(model):
    """Build the Keras model of a description."""
    if "layers" in model:
        layers = [make_layer(p["class_name"], p["config"]) for p in model["layers"]]
        return keras.Sequential(
            [keras.Input(model["input_shape"], dtype=model.get("input_dtype")), *layers]
        )
    tensors = {
        entry["name"]: keras.Input(entry["shape"], name=entry["name"]) for entry in model["inputs"]
    }
    inputs, layers = list(tensors.values()), {}
    for node in model["nodes"]:
        layer = layers.get(node.get("layer")) or make_layer(
            node["class_name"], {**node["config"], "name": node["name"]}
        )
        layers[node["name"]] = layer
        arguments = [tensors[name] for name in node["inputs"]]
        tensors[node["name"]] = layer(arguments if len(arguments) > 1 else arguments[0])
    return keras.Model(inputs, [tensors[name] for name in model["outputs"]])


def fill(family):
    """Add all training cases."""
    _steps(family)
    _fits(family)


def _steps(family):
    def add(
        name,
        model,
        optimizer,
        loss,
        x,
        y,
        *,
        metrics=("accuracy",),
        weights=None,
        **compile_arguments,
    ):
        arguments = {
            "optimizer": optimizer,
            "loss": loss,
            "metrics": list(metrics),
            **compile_arguments,
        }
        _train_on_batch(family, f"steps_{name}", model, arguments, x, y, weights)

    adam, sgd = (
        _optimizer("Adam", learning_rate=0.05),
        _optimizer("SGD", learning_rate=0.1, momentum=0.9),
    )
    vectors, ids = _floats("x", 6, 4), _ids("ids", 3, 6)
    add("mlp_adam", MLP, adam, SPARSE, vectors, ids)
    add("mlp_sgd", MLP, sgd, SPARSE, vectors, ids)
    add(
        "mlp_sample_weight",
        MLP,
        adam,
        SPARSE,
        vectors,
        ids,
        weights=_floats("w", 6),
        weighted_metrics=["accuracy"],
    )
    images, one_hot = _floats("images", 4, 6, 5, 2), [np.eye(3)[y] for y in _ids("image ids", 3, 4)]
    smooth = {"class_name": "CategoricalCrossentropy", "config": {"label_smoothing": 0.1}}
    add("cnn_adam", CNN, adam, smooth, images, one_hot)
    add("cnn_sgd", CNN, sgd, "categorical_crossentropy", images, one_hot)
    words = [np.sort(x)[:, ::-1].copy() for x in _ids("words", 6, 4, 5)]  # zeros last: right-padded
    yes_no = [(normal(f"yes {i}", 4, 1) > 0).astype(float) for i in range(STEPS)]
    rmsprop = _optimizer("RMSprop", learning_rate=0.02)
    add("lstm_rmsprop", LSTM, rmsprop, "binary_crossentropy", words, yes_no)
    add("tagger_masked_loss", TAGGER, adam, SPARSE, words, _ids("tags", 3, 4, 5))
    targets = _floats("targets", 6, 2)
    add("regularized", REGULARIZED, sgd, "mse", vectors, targets, metrics=["mae"])
    decayed = _optimizer("AdamW", learning_rate=0.02, weight_decay=0.1, clipnorm=0.5)
    x = {"left": _floats("left", 4, 4), "right": _floats("right", 4, 4)}
    y = {"kind": _ids("kinds", 3, 4), "size": _floats("sizes", 4, 1)}
    losses = {"kind": SPARSE, "size": "mse"}
    _train_on_batch(
        family,
        "steps_two_inputs_two_losses",
        TWO_INPUTS,
        {
            "optimizer": decayed,
            "loss": losses,
            "loss_weights": {"kind": 1.0, "size": 0.3},
            "metrics": {"kind": ["accuracy"], "size": ["mae"]},
        },
        x,
        y,
        None,
    )


def _fits(family):
    x, y = normal("fit x", 11, 4), seeded("fit y").integers(0, 3, 11)
    weight, val_x, val_y = (
        np.abs(normal("fit w", 11)),
        normal("val x", 5, 4),
        seeded("val y").integers(0, 3, 5),
    )
    adam = _optimizer("Adam", learning_rate=0.05)
    basic = {"optimizer": adam, "loss": SPARSE, "metrics": ["accuracy"]}
    options = {"batch_size": 4, "epochs": 3, "shuffle": False}

    def add(name, compile_arguments, fit, model=MLP, **tensors):
        tensors = {"x_0": x, "y_0": y, **tensors}
        _fit(family, f"fit_{name}", model, compile_arguments, {**options, **fit}, tensors)

    add("plain", basic, {})
    add("class_weight", basic, {"class_weight": {"0": 1.0, "1": 2.5, "2": 0.3}})
    add("sample_weight", {**basic, "weighted_metrics": ["accuracy"]}, {}, sample_weight=weight)
    add("validation_data", basic, {}, val_x_0=val_x, val_y_0=val_y)
    add("validation_split", basic, {"validation_split": 0.3})
    add("validation_freq", basic, {"validation_split": 0.3, "validation_freq": 2, "epochs": 4})
    add("initial_epoch", basic, {"initial_epoch": 2, "epochs": 4})
    schedule = {
        "class_name": "ExponentialDecay",
        "config": {"initial_learning_rate": 0.1, "decay_steps": 3, "decay_rate": 0.5},
    }
    add("schedule", {**basic, "optimizer": _optimizer("SGD", learning_rate=schedule)}, {})
    ema = _optimizer("SGD", learning_rate=0.1, use_ema=True, ema_momentum=0.8)
    add("ema", {**basic, "optimizer": ema}, {})
    accumulate = _optimizer("Adam", learning_rate=0.1, gradient_accumulation_steps=2)
    add("accumulation", {**basic, "optimizer": accumulate}, {})
    mse = {"optimizer": adam, "loss": "mse", "metrics": ["mae"]}
    add(
        "regularized",
        mse,
        {},
        model=REGULARIZED,
        y_0=normal("fit r", 11, 2),
        val_x_0=val_x,
        val_y_0=normal("val r", 5, 2),
    )
    images = normal("fit images", 7, 6, 5, 2)
    labels = seeded("fit images y").integers(0, 3, 7)
    add("cnn", basic, {"validation_split": 0.3}, model=CNN, x_0=images, y_0=labels)


def _optimizer(class_name, **config):
    return {"class_name": class_name, "config": config}


def _floats(name, *shape):
    return [normal(f"{name} {i}", *shape) for i in range(STEPS)]


def _ids(name, limit, *shape):
    return [seeded(name, str(i)).integers(0, limit, shape) for i in range(STEPS)]


def _compiled(family, name, model, arguments):
    """Build and compile the model with random weights."""
    built = build(model)
    set_random_weights(built, seeded(family.name, name))
    arguments = dict(arguments)
    config = dict(arguments["optimizer"]["config"])
    if isinstance(config["learning_rate"], dict):
        rate = config["learning_rate"]
        config["learning_rate"] = getattr(keras.optimizers.schedules, rate["class_name"])(
            **rate["config"]
        )
    arguments["optimizer"] = getattr(keras.optimizers, arguments["optimizer"]["class_name"])(
        **config
    )
    if isinstance(arguments["loss"], dict) and "class_name" in arguments["loss"]:
        arguments["loss"] = getattr(keras.losses, arguments["loss"]["class_name"])(
            **arguments["loss"]["config"]
        )
    built.compile(**arguments)
    return built


def _train_on_batch(family, name, model, compile_arguments, x, y, weights):
    built = _compiled(family, name, model, compile_arguments)
    x, y = (values if isinstance(values, dict) else {"0": values} for values in (x, y))
    tensors = {f"x_{key}": batches for key, batches in x.items()}
    tensors |= {f"y_{key}": batches for key, batches in y.items()}
    if weights is not None:
        weights = [np.abs(weight) for weight in weights]
        tensors["sample_weight"] = weights
    tensors["weights"] = [np.array(w) for w in built.get_weights()]
    logs = []
    for i in range(STEPS):
        keywords = {} if weights is None else {"sample_weight": weights[i]}
        batch_x, batch_y = (
            {k: v[i] for k, v in values.items()} if len(values) > 1 else values["0"][i]
            for values in (x, y)
        )
        result = built.train_on_batch(batch_x, batch_y, return_dict=True, **keywords)
        logs.append({key: float(value) for key, value in result.items()})
    first = {k: v[0] for k, v in x.items()} if len(x) > 1 else x["0"][0]
    fields = {"model": model, "compile": compile_arguments, "mode": "train_on_batch", "logs": logs}
    _finish(family, name, built, fields, tensors, first)


def _fit(family, name, model, compile_arguments, fit, tensors):
    built = _compiled(family, name, model, compile_arguments)
    tensors = {**tensors, "weights": [np.array(w) for w in built.get_weights()]}
    arguments = dict(fit)
    if "class_weight" in fit:
        arguments["class_weight"] = {int(key): value for key, value in fit["class_weight"].items()}
    if "sample_weight" in tensors:
        arguments["sample_weight"] = tensors["sample_weight"]
    if "val_x_0" in tensors:
        arguments["validation_data"] = (tensors["val_x_0"], tensors["val_y_0"])
    history = built.fit(tensors["x_0"], tensors["y_0"], verbose=0, **arguments).history
    history = {key: [float(value) for value in values] for key, values in history.items()}
    fields = {
        "model": model,
        "compile": compile_arguments,
        "mode": "fit",
        "fit": fit,
        "history": history,
    }
    _finish(family, name, built, fields, tensors, tensors["x_0"])


def _finish(family, name, built, fields, tensors, x):
    tensors["final_weights"] = [np.array(w) for w in built.get_weights()]
    predictions = built.predict(x, verbose=0)
    tensors["predictions"] = predictions if isinstance(predictions, list) else [predictions]
    family.add(name, fields, tensors)
