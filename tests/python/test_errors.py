"""What a user reads after a mistake: who, what was expected, what came, and a way out."""

from __future__ import annotations

import contextlib
import re

import numpy as np
import pytest

import lamina
from lamina import layers, losses
from lamina.errors import (
    ConfigError,
    DataError,
    DtypeError,
    FileError,
    LaminaError,
    ParamError,
    ShapeError,
)
from lamina.models import Model, Sequential, load_model


@pytest.fixture(autouse=True)
def fresh_session():
    lamina.utils.set_random_seed(1)
    lamina.utils.clear_session()


def classifier(classes=3, features=4):
    model = Sequential([layers.Input((features,)), layers.Dense(classes, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fit(x, y, **settings):
    classifier().fit(x, y, verbose=0, **settings)


X = np.ones((6, 4), np.float32)
Y = np.array([0, 1, 2, 0, 1, 2])

CASES = {
    "wrong number of features": (
        lambda: fit(np.ones((6, 5)), Y),
        ShapeError,
        'InputLayer "input_layer": expected data of shape (None, 4), got (6, 5)',
    ),
    "wrong number of axes": (
        lambda: fit(np.ones((6, 2, 2)), Y),
        ShapeError,
        'InputLayer "input_layer": expected data of shape (None, 4), got (6, 2, 2)',
    ),
    "another number of features than the kernel": (
        lambda: (d := layers.Dense(2), d(np.ones((1, 4))), d(np.ones((1, 5)))),
        ShapeError,
        'Dense "dense"',
    ),
    "text": (
        lambda: fit(np.full((6, 4), "a"), Y),
        DtypeError,
        "x: expected numbers, got dtype <U1. Encode text as numbers first",
    ),
    "objects": (
        lambda: fit(np.full((6, 4), None), Y),
        DtypeError,
        "x: expected numbers, got dtype object. Convert it first, e.g. x.astype('float32')",
    ),
    "complex numbers": (
        lambda: fit(X * 1j, Y),
        DtypeError,
        "x: expected numbers, got dtype complex",
    ),
    "dates": (
        lambda: fit(np.zeros((6, 4), "datetime64[s]"), Y),
        DtypeError,
        "x: expected numbers, got dtype datetime64[s]",
    ),
    "references of circle": (
        lambda: losses.circle([0, 1], np.eye(2), ref_labels=[0], ref_embeddings=np.eye(2)),
        ConfigError,
        "circle: expected ref_labels and ref_embeddings of None, got references. Put them",
    ),
    "ragged rows": (
        lambda: fit([[1.0, 2.0], [3.0]], [0, 1]),
        ShapeError,
        'InputLayer "input_layer": expected data of shape (None, 4), got (1, 2)',
    ),
    "too large for float32": (
        lambda: fit(np.full((6, 4), 1e300), Y),
        DataError,
        "x: expected numbers within the range of float32, got larger ones",
    ),
    "masked": (
        lambda: fit(np.ma.masked_equal(X, 1), Y),
        DataError,
        "x: expected plain numbers, got a masked array with hidden values",
    ),
    "unknown activation": (
        lambda: layers.Dense(3, activation="rellu"),
        ConfigError,
        'Did you mean "relu"?',
    ),
    "a function as activation": (
        lambda: layers.Dense(3, activation=lambda x: x),
        ConfigError,
        "Python functions cannot run inside the engine",
    ),
    "unknown argument": (
        lambda: layers.Dense(3, kernel_initialiser="zeros"),
        ConfigError,
        'Dense: got the unknown argument "kernel_initialiser". Did you mean kernel_initializer?',
    ),
    "missing argument": (
        lambda: layers.Dense(),
        ConfigError,
        "Dense: expected the argument units, got none",
    ),
    "too many arguments": (
        lambda: layers.Dropout(0.5, None, 1, 2),
        ConfigError,
        "Dropout: expected at most 3 positional arguments (rate, noise_shape, seed), got 4",
    ),
    "unsupported argument": (
        lambda: layers.Dense(3, lora_rank=4),
        ConfigError,
        "Dense: lora_rank is not supported, got 4. Leave it None",
    ),
    "data format": (
        lambda: layers.Flatten(data_format="first"),
        ConfigError,
        'Flatten "flatten": expected `data_format` to be "channels_last" or "channels_first", '
        'got "first"',
    ),
    "half precision": (
        lambda: layers.Dense(3, dtype="float16"),
        ConfigError,
        "Dense: expected dtype 'float32' or 'float64', got 'float16'",
    ),
    "no units": (lambda: layers.Dense(0), ConfigError, 'Dense "dense"'),
    "a layer of 2**40 units": (
        lambda: layers.Dense(2**40)(np.ones((1, 2**20), np.float32)),
        (ConfigError, ShapeError, ParamError),
        'Dense "dense"',
    ),
    "label out of range": (lambda: fit(X, Y + 1), DataError, "got 3"),
    "negative label": (lambda: fit(X, Y - 1), DataError, "got -1"),
    "label too large for exact floats": (
        lambda: fit(X, Y + 2**30),
        DataError,
        "y: expected ids up to 16777216, which float32 holds exactly",
    ),
    "id out of range": (
        lambda: layers.Embedding(5, 2)(np.array([[1, 5]])),
        DataError,
        'Embedding "embedding": expected ids from 0 to 4, got 5 at (0, 1)',
    ),
    "NaN in the targets": (
        lambda: regression().fit(X, np.array([1, np.nan, 1, 1, 1, 1]), verbose=0),
        DataError,
        "NaN",
    ),
    "no samples": (
        lambda: fit(np.ones((0, 4)), np.ones(0)),
        DataError,
        "x: expected at least one sample, got none",
    ),
    "no data": (lambda: classifier().fit(verbose=0), DataError, "expected data x, got None"),
    "no targets": (lambda: fit(X, None), DataError, "expected targets y"),
    "different lengths": (
        lambda: fit(X, Y[:5]),
        ShapeError,
        "expected the same number of samples in x and y, got 6 and 5",
    ),
    "lengths of weights": (
        lambda: fit(X, Y, sample_weight=np.ones(4)),
        ShapeError,
        "expected the same number of samples in x and sample_weight, got 6 and 4",
    ),
    "a list of samples": (
        lambda: fit([np.ones(4), np.ones(4)], Y[:2]),
        ShapeError,
        "x: expected 1 array (input_layer), got 2. Stack samples first (np.stack)",
    ),
    "fit before compile": (
        lambda: Sequential([layers.Dense(2)]).fit(X, Y),
        ConfigError,
        'Sequential "sequential": call compile() before fit()',
    ),
    "unknown loss": (lambda: compiled(loss="msee"), ConfigError, "Did you mean"),
    "unknown metric": (lambda: compiled(metrics=["acuracy"]), ConfigError, "Did you mean"),
    "unknown optimizer": (lambda: compiled(optimizer="adamm"), ConfigError, "Did you mean"),
    "metrics as a string": (
        lambda: compiled(metrics="mae"),
        ConfigError,
        "compile: expected metrics as a list or dict, got 'mae'",
    ),
    "loss for an unknown output": (
        lambda: compiled(loss={"prize": "mse"}),
        ConfigError,
        "expected the outputs' names (dense) as keys of loss, got 'prize'",
    ),
    "batch size 0": (
        lambda: fit(X, Y, batch_size=0),
        ConfigError,
        "expected batch_size from 1, or None, got 0",
    ),
    "validation_split of 1": (
        lambda: fit(X, Y, validation_split=1.0),
        ConfigError,
        "expected validation_split between 0 and 1, got 1.0",
    ),
    "class_weight and sample_weight": (
        lambda: fit(X, Y, class_weight={0: 1}, sample_weight=np.ones(6)),
        ConfigError,
        "expected class_weight or sample_weight, got both",
    ),
    "two layers of one name": (
        lambda: Sequential([layers.Dense(2, name="a"), layers.Dense(3, name="a")]),
        ConfigError,
        'expected every layer to have its own name, got "a" twice',
    ),
    "a model with an input missing": (
        lambda: Model(
            layers.Input((2,)), layers.Dense(1)(layers.Input((3,), name="other"))
        ).predict(X),
        ConfigError,
        'expected every Input the outputs depend on, "other" with shape (None, 3) is missing',
    ),
    "a class without super().__init__()": (
        lambda: Forgetful()(X),
        ConfigError,
        "expected super().__init__() to be called first",
    ),
    "numbers added to a symbolic tensor": (
        lambda: layers.Input((3,)) + 1.0,
        ConfigError,
        "tensor + value: expected another symbolic tensor, got float",
    ),
    "a numpy function on a symbolic tensor": (
        lambda: np.exp(layers.Input((3,))),
        ConfigError,
        "numpy.exp of a symbolic tensor is not a layer. Functions of one tensor are activations",
    ),
    "a symbolic tensor as a condition": (
        lambda: bool(layers.Input((3,))),
        ConfigError,
        "`call` cannot branch on it",
    ),
    "an array beside a symbolic tensor": (
        lambda: layers.Add()([layers.Input((3,)), np.ones((1, 3))]),
        ConfigError,
        "expected symbolic tensors only, got an array of shape (1, 3) beside one",
    ),
    "an array as an output": (
        lambda: Model(layers.Input((3,)), np.ones(3)),
        ConfigError,
        "Model: expected outputs to be symbolic tensors",
    ),
}


WHOLE_TEXTS = {
    "a wrong shape": (
        lambda: fit(np.ones((6, 5)), Y),
        'InputLayer "input_layer": expected data of shape (None, 4), got (6, 5)',
    ),
    "an input the kernel was not made for": (
        lambda: (d := layers.Dense(2), d(np.ones((1, 4))), d(np.ones((1, 5)))),
        'Dense "dense": expected an input that fits weight "kernel" of shape (4, 2), got one that '
        "needs shape (5, 2). A layer keeps the weights of its first call; use another layer for "
        "other inputs.",
    ),
    "a wrong dtype": (
        lambda: fit(np.full((6, 4), "a"), Y),
        "x: expected numbers, got dtype <U1. Encode text as numbers first",
    ),
    "an unknown activation": (
        lambda: layers.Dense(3, activation="rellu"),
        'Dense "dense": expected `activation` to be the name of an activation, got "rellu". '
        'Did you mean "relu"?',
    ),
    "a label out of range": (
        lambda: fit(X, Y + 1),
        "SparseCategoricalCrossentropy: expected labels from 0 to 2, got 3 at index 1 of the "
        "targets",
    ),
    "an id out of range": (
        lambda: layers.Embedding(5, 2)(np.array([[1, 5]])),
        'Embedding "embedding": expected ids from 0 to 4, got 5 at (0, 1) of the batch. '
        "`input_dim` is the largest id plus 1.",
    ),
    "a NaN target": (
        lambda: regression().fit(X, np.array([1, np.nan, 1, 1, 1, 1]), shuffle=False, verbose=0),
        "output 0: expected finite targets, got NaN at index 1 of the targets",
    ),
    "a NaN weight": (
        lambda: fit(X, Y, sample_weight=np.array([1, np.nan, 1, 1, 1, 1])),
        "sample_weight: expected finite weights, got NaN or inf among them",
    ),
    "no data": (
        lambda: fit(np.ones((0, 4)), np.ones(0)),
        "x: expected at least one sample, got none",
    ),
    "a layer of 2**40 units": (
        lambda: layers.Dense(2**40)(np.ones((1, 4))),
        'Dense "dense": expected at most 68719476736 elements, got a tensor of shape '
        "(4, 1099511627776)",
    ),
    "a rate that is no number": (
        lambda: lamina.optimizers.SGD(float("nan")),
        "SGD: expected finite numbers, got NaN or inf",
    ),
    "a setting that is no number": (
        lambda: layers.Masking(float("nan")),
        'Masking "masking": expected finite numbers, got NaN or inf',
    ),
    "epochs below 0": (lambda: fit(X, Y, epochs=-1), "expected epochs from 0, got -1"),
}


class Forgetful(layers.Layer):
    def __init__(self):
        self.dense = None

    def call(self, x):
        return x


def compiled(**settings):
    model = Sequential([layers.Input((4,)), layers.Dense(1)])
    model.compile(**{"optimizer": "sgd", "loss": "mse"} | settings)
    model.evaluate(X, X[:, 0], verbose=0)


def regression():
    model = Sequential([layers.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("case", CASES)
def test_the_error_says_what_is_wrong(case):
    mistake, kind, text = CASES[case]
    with pytest.raises(kind, match=re.escape(text)) as caught:
        mistake()
    assert isinstance(caught.value, ValueError | TypeError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", WHOLE_TEXTS)
def test_the_whole_text_of_an_error(case):
    mistake, text = WHOLE_TEXTS[case]
    with pytest.raises((ValueError, TypeError)) as caught:
        mistake()
    assert str(caught.value) == text


@pytest.mark.parametrize(
    "content",
    [b"", b"text that is no model", bytes(range(256)) * 20, b"\xff" * 64, b"{}" * 50],
    ids=["empty", "text", "bytes", "ones", "braces"],
)
def test_a_file_that_is_no_model_is_named(tmp_path, content):
    path = tmp_path / "m.lamina"
    path.write_bytes(content)
    text = f"could not read {path}: it is not a file that lamina saved, or it is damaged ("
    with pytest.raises(FileError) as caught:
        load_model(path)
    assert str(caught.value).startswith(text)


def test_every_cut_of_a_file_is_an_error(tmp_path):
    path = tmp_path / "m.lamina"
    classifier().save(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(FileError, match="m.lamina"):
            load_model(path)


def test_every_byte_changed_is_an_error_or_loads(tmp_path):
    path = tmp_path / "m.lamina"
    classifier().save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        spoilt = bytearray(whole)
        for place in rng.integers(0, len(whole), 3):
            spoilt[place] = rng.integers(256)
        path.write_bytes(spoilt)
        with contextlib.suppress(LaminaError):
            load_model(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileError, match="No such file"):
        load_model(tmp_path / "nothing.lamina")


def test_nan_in_the_inputs_is_allowed():
    model = regression()
    assert np.isnan(model.predict(np.full((2, 4), np.nan), verbose=0)).all()


def test_a_mistake_leaves_the_model_usable():
    model = classifier()
    before = model.get_weights()
    for x, y in ((X, Y + 7), (np.ones((6, 9)), Y), (X, Y[:3])):
        with pytest.raises(ValueError, match="expected"):
            model.fit(x, y, verbose=0)
    np.testing.assert_equal(model.get_weights(), before)
    model.fit(X, Y, verbose=0)
