"""Data as other libraries hold them: frames, tables, tensors, bytes, nested structures, weights."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.errors import DataError, DtypeError, ShapeError

RNG = np.random.default_rng(0)
A, B = RNG.integers(0, 9, 20), RNG.normal(size=20)
X = np.stack([A, B], axis=1)
Y = X @ [[0.5], [-1.0]]


def make(shape=(2,), *more):
    lamina.utils.set_random_seed(1)
    model = lamina.Sequential([lamina.Input(shape), *more, layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def trained(x, y, model=None, **options):
    model = model or make()
    model.fit(x, y, 8, 2, verbose=0, **options)
    return model.get_weights()


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


def pandas_frame(**columns):
    return pytest.importorskip("pandas", reason="pandas is not installed").DataFrame(columns)


def polars_frame(**columns):
    return pytest.importorskip("polars", reason="polars is not installed").DataFrame(columns)


def arrow_table(**columns):
    return pytest.importorskip("pyarrow", reason="pyarrow is not installed").table(columns)


def arrow_batch(**columns):
    return pytest.importorskip("pyarrow", reason="pyarrow is not installed").record_batch(columns)


FRAMES = [pandas_frame, polars_frame, arrow_table, arrow_batch]


# ---- frames and tables ----


@pytest.mark.parametrize("frame", FRAMES)
def test_a_frame_is_an_array_of_its_columns(frame):
    expected = trained(X, Y, validation_split=0.2)
    x, y = frame(a=A, b=B), frame(y=Y[:, 0])
    assert_same(trained(x, y, validation_split=0.2), expected)
    assert_same(trained(x, y["y"], validation_data=(x, y)), trained(X, Y))
    np.testing.assert_array_equal(make().predict(x, verbose=0), make().predict(X, verbose=0))
    weights = frame(w=np.abs(B))
    assert_same(trained(x, y, sample_weight=weights["w"]), trained(X, Y, sample_weight=np.abs(B)))


@pytest.mark.parametrize("frame", FRAMES)
def test_columns_go_to_the_inputs_of_their_names(frame):
    lamina.utils.set_random_seed(1)
    inputs = [lamina.Input((1,), name=name) for name in ("b", "a")]
    model = lamina.Model(inputs, layers.Dense(1)(layers.concatenate(inputs)))
    table = frame(a=A, b=B, unused=B)
    np.testing.assert_array_equal(model.predict(table, verbose=0), model.predict([B, A], verbose=0))
    one_by_one = {name: table[name] for name in ("a", "b")}
    np.testing.assert_array_equal(
        model.predict(table, verbose=0), model.predict(one_by_one, verbose=0)
    )


def test_missing_values_are_an_error():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame({"a": pandas.array([1, None, 3], dtype="Int64"), "b": [0.5, 1, 2]})
    with pytest.raises(DataError, match="x: expected numbers everywhere, got missing values"):
        make().predict(frame, verbose=0)
    with pytest.raises(DataError, match="missing values. Fill them or drop their rows first"):
        make((1,)).predict(np.array([[1.0], [None]]), verbose=0)


def test_text_is_an_error():
    frame = pandas_frame(a=["red", "green"])
    with pytest.raises(DtypeError, match="x: expected numbers, got dtype .*Encode text"):
        make((1,)).predict(frame, verbose=0)


def test_a_column_of_vectors_is_a_matrix():
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    column = pyarrow.array(X.tolist(), pyarrow.list_(pyarrow.float64(), 2))
    np.testing.assert_array_equal(make().predict(column, verbose=0), make().predict(X, verbose=0))
    with pytest.raises(ShapeError, match="expected rows of equal length"):
        make().predict(pyarrow.array([[1.0, 2.0], [3.0]]), verbose=0)


def test_a_query_is_an_error():
    polars = pytest.importorskip("polars", reason="polars is not installed")
    with pytest.raises(DtypeError, match=r"x: expected data, got a query. Run it first"):
        make().predict(polars.LazyFrame({"a": A, "b": B}), verbose=0)


# ---- tensors of other libraries ----


class OnlyDlpack:
    """A tensor of a library that numpy knows nothing of."""

    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


def test_tensors_come_in_by_dlpack():
    x, y = OnlyDlpack(X.copy()), OnlyDlpack(Y.copy())
    assert_same(trained(x, y), trained(X, Y))
    np.testing.assert_array_equal(make()(OnlyDlpack(X.copy())), make()(X))


def test_outputs_and_weights_go_out_by_dlpack():
    model = make()
    outputs = model.predict(X, verbose=0)
    np.testing.assert_array_equal(np.from_dlpack(outputs), outputs)
    kernel = np.from_dlpack(model.layers[-1].kernel)
    np.testing.assert_array_equal(kernel, model.get_weights()[0])


# ---- bytes ----


@pytest.mark.parametrize("dtype", ["uint8", "bool"])
def test_bytes_become_numbers_in_the_engine(dtype):
    pictures = RNG.integers(0, 256 if dtype == "uint8" else 2, (20, 4, 4, 3)).astype(dtype)

    def model():
        return make((4, 4, 3), layers.Rescaling(1 / 255), layers.Flatten())

    expected = trained(pictures.astype("float32"), Y, model())
    assert_same(trained(pictures, Y, model()), expected)
    assert_same(
        trained(pictures[::1, ::-1, :, ::-1], Y, model()),
        trained(pictures[:, ::-1, :, ::-1].astype("float32"), Y, model()),
    )
    ours, numbers = model().predict(pictures, verbose=0), pictures.astype("float32")
    np.testing.assert_array_equal(ours, model().predict(numbers, verbose=0))
    np.testing.assert_array_equal(model()(pictures), model()(numbers))
    np.testing.assert_array_equal(
        model().predict_on_batch(pictures), model().predict_on_batch(numbers)
    )
    assert model().train_on_batch(pictures, Y) == model().train_on_batch(numbers, Y)


def test_bytes_are_not_copied():
    from lamina._arrays import as_array

    pictures = np.zeros((3, 2), np.uint8)
    kept = as_array(pictures, "x", "float32", keep_bytes=True)
    assert np.shares_memory(kept, pictures)
    assert kept.dtype == np.uint8
    assert as_array(pictures, "y", "float32").dtype == np.float32


# ---- nested structures ----


def nested_model():
    lamina.utils.set_random_seed(1)
    inputs = {"first": lamina.Input((1,)), "rest": [lamina.Input((1,)), lamina.Input((2,))]}
    first, (second, third) = inputs["first"], inputs["rest"]
    joined = layers.concatenate([first, second, third])
    outputs = {"pair": [layers.Dense(1)(joined), layers.Dense(2)(joined)], "sum": first}
    return lamina.Model(inputs, outputs)


def test_data_are_nested_as_the_model_is():
    model = nested_model()
    data = {"rest": [B, X], "first": A}
    result = model.predict(data, verbose=0)
    assert set(result) == {"pair", "sum"}
    np.testing.assert_array_equal(result["sum"][:, 0], A.astype("float32"))
    assert [part.shape for part in result["pair"]] == [(20, 1), (20, 2)]


def test_targets_and_weights_are_nested_as_the_outputs_are():
    model = nested_model()
    model.compile("sgd", "mse")
    data, targets = {"rest": [B, X], "first": A}, {"pair": [Y, X], "sum": A}
    weights = {"pair": [np.abs(B), np.ones(20)], "sum": np.ones(20)}
    plain = model.evaluate(data, targets, verbose=0, return_dict=True)
    ones = {"pair": [np.ones(20), np.ones(20)], "sum": np.ones(20)}
    assert model.evaluate(data, targets, sample_weight=ones, verbose=0, return_dict=True) == plain
    weighted = model.evaluate(data, targets, sample_weight=weights, verbose=0, return_dict=True)
    assert weighted["dense_loss" if "dense_loss" in weighted else "loss"] != plain["loss"]
    model.fit(data, targets, verbose=0)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"first": A}, "x: expected a dict with the keys first, rest, got the keys first"),
        ({"first": A, "rest": [B]}, "x: expected a list of 2 as in the model, got 1 items"),
        ([A, B, X], "x: expected a dict with the keys first, rest, got 3 items"),
        ({"first": A, "rest": B}, "x: expected a list of 2 as in the model, got ndarray"),
    ],
)
def test_other_structures_are_an_error(data, message):
    with pytest.raises(ShapeError, match=message):
        nested_model().predict(data, verbose=0)


# ---- weights of classes and samples ----


def test_class_weight_of_sequences_weighs_each_label():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(12, 5, 3)), rng.integers(0, 3, (12, 5))
    classes = {0: 0.5, 1: 2.0, 2: 3.0}
    each = np.array([0.5, 2.0, 3.0])[y]

    def model(loss):
        lamina.utils.set_random_seed(4)
        made = lamina.Sequential([lamina.Input((5, 3)), layers.Dense(3, activation="softmax")])
        made.compile("adam", loss)
        return made

    for loss, target in [
        ("sparse_categorical_crossentropy", y),
        ("sparse_categorical_crossentropy", y[..., np.newaxis]),
        ("categorical_crossentropy", lamina.utils.to_categorical(y, 3)),
    ]:
        ours = trained(x, target, model(loss), class_weight=classes)
        assert_same(ours, trained(x, target, model(loss), sample_weight=each))


def test_class_weight_serves_batches_of_generators():
    y = RNG.integers(0, 2, (20, 1))
    classes = {0: 1.0, 1: 4.0}

    def model():
        lamina.utils.set_random_seed(4)
        made = lamina.Sequential([lamina.Input((2,)), layers.Dense(1, activation="sigmoid")])
        made.compile("adam", "binary_crossentropy")
        return made

    batches = [(X[i : i + 8], y[i : i + 8]) for i in (0, 8, 16)]
    ours, other = model(), model()
    ours.fit(iter(batches), verbose=0, class_weight=classes)
    other.fit(X, y, 8, verbose=0, class_weight=classes, shuffle=False)
    assert_same(ours.get_weights(), other.get_weights())
