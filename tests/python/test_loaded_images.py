"""Pictures from files to arrays and back."""

from __future__ import annotations

import io

import numpy as np
import pytest

from lamina import config
from lamina.errors import ConfigError, FileError, ShapeError
from lamina.utils import array_to_img, img_to_array, load_img, save_img

RNG = np.random.default_rng(0)
COLORS = RNG.integers(0, 256, (6, 8, 3)).astype("float32")


@pytest.fixture
def file(tmp_path):
    save_img(tmp_path / "colors.png", COLORS, scale=False)
    return tmp_path / "colors.png"


def test_what_was_saved_is_loaded(file):
    np.testing.assert_array_equal(img_to_array(load_img(file)), COLORS)
    first = img_to_array(load_img(file), "channels_first", "float64")
    assert first.dtype == np.float64
    np.testing.assert_array_equal(first, COLORS.transpose(2, 0, 1))
    again = io.BytesIO()
    save_img(again, first, "channels_first", "png", scale=False)
    np.testing.assert_array_equal(img_to_array(load_img(again)), COLORS)


def test_numbers_are_scaled_to_bytes():
    x = np.array([[[-1.0], [0.0], [1.0]]])
    np.testing.assert_array_equal(img_to_array(array_to_img(x))[0, :, 0], [0, 127, 255])
    np.testing.assert_array_equal(img_to_array(array_to_img(x * 0 + 7)), np.zeros((1, 3, 1)))
    wide = array_to_img(np.array([[[0.0], [70000.0]]]), scale=False)
    np.testing.assert_array_equal(img_to_array(wide)[0, :, 0], [0, 70000])


@pytest.mark.parametrize(("mode", "channels"), [("grayscale", 1), ("rgb", 3), ("rgba", 4)])
def test_color_modes_have_their_channels(file, mode, channels):
    assert img_to_array(load_img(file, mode)).shape == (6, 8, channels)


def test_sizes_and_proportions(file):
    near = img_to_array(load_img(file, target_size=(3, 4)))
    np.testing.assert_array_equal(near, COLORS[1::2, 1::2])
    middle = img_to_array(load_img(file, target_size=(6, 4), keep_aspect_ratio=True))
    np.testing.assert_array_equal(middle, COLORS[:, 2:6])
    soft = img_to_array(load_img(file, target_size=(3, 4), interpolation="box"))
    means = COLORS.reshape(3, 2, 4, 2, 3).mean((1, 3))
    np.testing.assert_allclose(soft, means, atol=1)


def test_jpeg_has_no_transparency(tmp_path):
    save_img(tmp_path / "x.jpg", np.full((8, 8, 4), 100.0), scale=False)
    np.testing.assert_allclose(img_to_array(load_img(tmp_path / "x.jpg")), 100, atol=2)


def test_the_order_of_the_session_holds(file):
    config.set_image_data_format("channels_first")
    try:
        assert img_to_array(load_img(file)).shape == (3, 6, 8)
        assert array_to_img(np.zeros((3, 6, 8))).size == (8, 6)
    finally:
        config.set_image_data_format("channels_last")


REFUSED = {
    "another mode": (
        lambda file: load_img(file, "cmyk"),
        ConfigError,
        "load_img: color_mode must be one of grayscale, rgb, rgba, got 'cmyk'",
    ),
    "another interpolation": (
        lambda file: load_img(file, interpolation="cubic"),
        ConfigError,
        "load_img: interpolation must be one of nearest, bilinear",
    ),
    "no picture": (lambda file: load_img(__file__), FileError, ": expected a picture ("),
    "no file": (lambda file: load_img(file.parent / "no.png"), FileError, "expected a picture ("),
    "one axis": (
        lambda file: img_to_array([1.0]),
        ShapeError,
        "img_to_array: expected a picture of two or three axes, got (1,)",
    ),
    "two channels": (
        lambda file: array_to_img(np.zeros((4, 4, 2))),
        ShapeError,
        "array_to_img: expected three axes with 1, 3 or 4 channels, got shape (4, 4, 2)",
    ),
    "another order": (
        lambda file: array_to_img(np.zeros((4, 4, 3)), "middle"),
        ConfigError,
        "array_to_img: data_format must be 'channels_last' or 'channels_first', got 'middle'",
    ),
    "an unknown format": (
        lambda file: save_img(file.parent / "x.picture", COLORS),
        FileError,
        "cannot be written as a picture (",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(name, file):
    call, error, text = REFUSED[name]
    with pytest.raises(error) as caught:
        call(file)
    assert text in str(caught.value)
