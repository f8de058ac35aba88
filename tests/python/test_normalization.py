"""Normalization finds its numbers in data; SpectralNormalization lives around another layer."""

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.errors import ConfigError, DataError, LaminaError, ShapeError
from lamina.utils import PyDataset

DATA = np.random.default_rng(1).normal(5.0, 3.0, (10_000, 3, 2)).astype("float32")


class Batches(PyDataset):
    """The data in batches of unequal sizes, with labels."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        start = [0, 100, 3000, 9999, 10_000][index : index + 2]
        return DATA[slice(*start)], np.zeros(1)


@pytest.mark.parametrize("axis", [-1, 1, (1, 2), [2, 1], None])
@pytest.mark.parametrize(
    "form", [lambda: DATA, lambda: Batches(), lambda: [DATA[:10], DATA[10:]], lambda: iter([DATA])]
)
def test_adapt_finds_mean_and_variance(axis, form):
    layer = layers.Normalization(axis)
    layer.adapt(form())
    axes = () if axis is None else np.atleast_1d(axis)
    others = tuple(i for i in range(3) if i not in [a % 3 for a in axes])
    double = DATA.astype("float64")
    np.testing.assert_allclose(layer.mean.numpy(), double.mean(others), rtol=1e-6)
    np.testing.assert_allclose(layer.variance.numpy(), double.var(others), rtol=1e-6)
    out = layer(DATA).astype("float64")
    np.testing.assert_allclose(out.mean(others), 0, atol=1e-5)
    np.testing.assert_allclose(out.std(others), 1, atol=1e-5)


def test_adapt_forgets_what_it_found_before():
    layer = layers.Normalization()
    layer.adapt(DATA)
    layer.adapt(DATA[:50] * 2)
    np.testing.assert_allclose(layer.mean.numpy(), 2 * DATA[:50].mean((0, 1)), rtol=1e-5)


def test_inverted_it_goes_back():
    there, back = layers.Normalization(), layers.Normalization(invert=True)
    there.adapt(DATA)
    back.adapt(DATA)
    np.testing.assert_allclose(back(there(DATA)), DATA, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "data", "error", "text"),
    [
        (
            lambda: layers.Normalization(mean=0, variance=1),
            DATA,
            ConfigError,
            "expected no mean and variance where adapt finds them. Leave both None",
        ),
        (lambda: layers.Normalization(), [], DataError, "at least one batch to adapt to, got none"),
        (lambda: layers.Normalization(), 3, DataError, "an array or batches to adapt to, got 3"),
        (
            lambda: layers.Normalization(),
            [[1, 2]],
            DataError,
            "an array, or batches that are arrays, to adapt to, got list. Make it an array",
        ),
        (
            lambda: layers.Normalization(),
            [DATA, DATA[..., :1]],
            ShapeError,
            r"batches of 3 axes with sizes \[2\] along \[2\], got shape",
        ),
        (
            lambda: layers.Normalization(3),
            DATA,
            ShapeError,
            r"an input that has each axis of \(3,\) once",
        ),
    ],
)
def test_what_cannot_be_adapted_to_is_refused(make, data, error, text):
    with pytest.raises(error, match=text):
        make().adapt(data)


def test_spectral_normalization_keeps_its_vector_and_the_order_of_weights():
    lamina.utils.set_random_seed(1)
    layer = layers.SpectralNormalization(layers.Dense(4), power_iterations=2)
    x = np.ones((2, 3), "float32")
    layer(x)
    assert [weight.name for weight in layer.weights] == ["kernel", "vector_u", "bias"]
    assert [weight.trainable for weight in layer.weights] == [True, False, True]
    before = layer.vector_u.numpy()
    layer(x)
    np.testing.assert_equal(layer.vector_u.numpy(), before)
    for _ in range(50):
        out = layer(x, training=True)
    kernel = layer.kernel.numpy()
    largest = np.linalg.svd(kernel, compute_uv=False)[0]
    np.testing.assert_allclose(out, x @ (kernel / largest), rtol=1e-5)
    assert abs(np.linalg.norm(layer.vector_u.numpy()) - 1) < 1e-5


def test_spectral_normalization_trains_in_a_model():
    lamina.utils.set_random_seed(1)
    inside = layers.Dense(8, activation="relu")
    model = lamina.Sequential([layers.SpectralNormalization(inside), layers.Dense(1)])
    model.compile(lamina.optimizers.Adam(0.02), "mse")
    x = np.random.default_rng(0).normal(size=(256, 4)).astype("float32")
    y = x[:, :1] - x[:, 1:2]
    history = model.fit(x, y, epochs=20, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]


def test_spectral_normalization_takes_ids_to_an_embedding():
    layer = layers.SpectralNormalization(layers.Embedding(5, 3))
    assert layer(np.array([[0, 4]])).shape == (1, 2, 3)
    with pytest.raises(LaminaError, match="SpectralNormalization"):
        layer(np.array([[5]]))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: layers.SpectralNormalization(3), "a layer of lamina with a kernel, got 3"),
        (lambda: layers.SpectralNormalization(layers.LSTM(2)), "a kernel and without states"),
        (
            lambda: layers.SpectralNormalization(layers.Dense(2), 0),
            "`power_iterations` to be at least 1",
        ),
        (
            lambda: layers.SpectralNormalization(layers.Dense(2, activity_regularizer="l2")),
            "no activity_regularizer in the layer inside. Give it to SpectralNormalization",
        ),
        (
            lambda: layers.SpectralNormalization(layers.Flatten())(np.ones((2, 3))),
            "a layer with `kernel` or `embeddings`, which are divided, got Flatten",
        ),
    ],
)
def test_what_has_no_kernel_is_refused(make, text):
    with pytest.raises(ConfigError, match=text):
        make()
