"""The embedded digits, the files of Fashion-MNIST, and broken files."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct

import numpy as np
import pytest

from lamina.datasets import digits, fashion_mnist
from lamina.datasets.idx import read_idx
from lamina.errors import ConfigError, FileError

DIGITS_SHA256 = "f67d6a29d0e1f70e7f0cd9dcf25816b694881f4b8f27f5cc1db59551f0499fb8"
"""Of the sorted images, each with its label, as `sklearn.datasets.load_digits` gives them."""


def idx(array, code=0x08):
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


# ---- digits ----


def test_digits_are_those_of_scikit_learn():
    (images, labels), (none, _) = digits.load_data(test_fraction=0.0)
    assert images.shape == (1797, 8, 8)
    assert images.dtype == labels.dtype == np.uint8
    assert (images.min(), images.max()) == (0, 16)
    assert len(none) == 0
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    rows = sorted(
        image.tobytes() + bytes([label]) for image, label in zip(images, labels, strict=True)
    )
    assert hashlib.sha256(b"".join(rows)).hexdigest() == DIGITS_SHA256


def test_digits_hold_out_a_quarter_of_each_kind():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert len(x_train) + len(x_test) == 1797
    shares = np.bincount(y_test) / (np.bincount(y_test) + np.bincount(y_train))
    assert np.abs(shares - 0.25).max() < 0.005
    own = {image.tobytes() for image in x_train}
    assert sum(image.tobytes() in own for image in x_test) <= 1, "no image is in both parts"


def test_digits_come_in_the_order_of_the_seed():
    (first, _), _ = digits.load_data(seed=1)
    (again, _), _ = digits.load_data(seed=1)
    (other, _), _ = digits.load_data(seed=2)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("fraction", [-0.1, 1.0, 2])
def test_impossible_fractions_are_refused(fraction):
    with pytest.raises(ConfigError, match="expected 0 <= test_fraction < 1"):
        digits.load_data(fraction)


# ---- fashion_mnist ----


@pytest.mark.parametrize("packed", [True, False])
def test_fashion_mnist_reads_packed_and_plain_files(tmp_path, packed):
    random = np.random.default_rng(0)
    made = {}
    for part, count in (("train", 5), ("t10k", 3)):
        made[part] = (
            random.integers(0, 256, (count, 28, 28), np.uint8),
            np.arange(count, dtype=np.uint8),
        )
        for name, array in zip(("images-idx3", "labels-idx1"), made[part], strict=True):
            data = idx(array)
            file = tmp_path / f"{part}-{name}-ubyte{'.gz' if packed else ''}"
            file.write_bytes(gzip.compress(data) if packed else data)
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data(tmp_path)
    assert np.array_equal(x_train, made["train"][0])
    assert np.array_equal(y_train, made["train"][1])
    assert np.array_equal(x_test, made["t10k"][0])
    assert np.array_equal(y_test, made["t10k"][1])


def test_fashion_mnist_says_where_to_get_it(tmp_path):
    with pytest.raises(FileError) as error:
        fashion_mnist.load_data(tmp_path)
    assert "expected train-images-idx3-ubyte.gz in" in str(error.value)
    assert "apt install dataset-fashion-mnist" in str(error.value)
    assert isinstance(error.value, OSError)


def test_labels_must_be_as_many_as_images(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(np.zeros((2, 28, 28), np.uint8)))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(3, np.uint8)))
    with pytest.raises(FileError, match=r"got shapes \(2, 28, 28\) and \(3,\)"):
        fashion_mnist.load_data(tmp_path)


@pytest.mark.skipif(not os.path.isdir(fashion_mnist.DEBIAN_FOLDER), reason="package not installed")
def test_fashion_mnist_of_debian_is_whole():
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
    assert x_train.shape == (60000, 28, 28)
    assert x_test.shape == (10000, 28, 28)
    assert np.bincount(y_train).tolist() == [6000] * 10
    assert np.bincount(y_test).tolist() == [1000] * len(fashion_mnist.CLASSES)


# ---- the file format ----


@pytest.mark.parametrize(
    ("code", "kind"), [(8, "u1"), (9, "i1"), (11, "i2"), (12, "i4"), (13, "f4"), (14, "f8")]
)
def test_idx_of_every_type_is_read_in_this_machines_byte_order(tmp_path, code, kind):
    array = np.arange(6).reshape(2, 3).astype(kind)
    (tmp_path / "x").write_bytes(idx(array, code))
    read = read_idx(tmp_path / "x")
    assert np.array_equal(read, array)
    assert read.dtype == np.dtype(kind)
    assert read.flags.writeable


GOOD = idx(np.zeros((2, 2), np.uint8))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected an IDX file .* got an empty file"),
        (b"\x89PNG\r\n", "expected an IDX file .* got 89 50 4e 47"),
        (b"\0\0\x07\x01\0\0\0\x01a", "expected an IDX file .* got 00 00 07 01"),
        (GOOD[:6], "expected 2 sizes after the header"),
        (GOOD[:-1], r"expected 4 bytes for shape \(2, 2\), got 3"),
        (GOOD + b"x", r"expected 4 bytes for shape \(2, 2\), got more"),
        (b"\0\0\x0e\x03" + b"\xff" * 12, "expected at most 8589934592 bytes, the header says"),
        (gzip.compress(GOOD)[:-9], "expected a readable IDX file"),
        (b"\x1f\x8bnot really packed", "expected a readable IDX file"),
    ],
)
def test_broken_files_are_refused(tmp_path, data, message):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(FileError, match=message):
        read_idx(tmp_path / "x")


def test_a_missing_file_is_a_file_error(tmp_path):
    with pytest.raises(FileError, match="No such file"):
        read_idx(tmp_path / "x")
