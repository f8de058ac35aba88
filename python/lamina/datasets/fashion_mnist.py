"""Fashion-MNIST: 70,000 photographs of clothes, 28 x 28 grey values, 10 kinds.

Xiao, Rasul and Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
Algorithms, 2017 (MIT licence). It is read from files on this machine; nothing is downloaded.
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from lamina.datasets.idx import read_idx
from lamina.errors import FileError

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""What the labels 0 to 9 mean."""

DEBIAN_FOLDER = "/usr/share/datasets/fashion-mnist"
"""Where Debian's package dataset-fashion-mnist puts the files."""

Split = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def load_data(path: str | os.PathLike[str] | None = None) -> tuple[Split, Split]:
    """The images and labels of the files `train-images-idx3-ubyte.gz` and so on.

    Args:
        path: The folder with the four files, packed or not; None means where Debian's package
            dataset-fashion-mnist puts them.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images of shapes `(60000, 28, 28)` and
        `(10000, 28, 28)`, uint8 from 0 to 255, and labels from 0 to 9, uint8.

    Raises:
        FileError: a file is missing, cut off or none of these; the error says how to get them.

    Example:
        >>> load_data("nowhere")
        Traceback (most recent call last):
        ...
        lamina.errors.FileError: fashion_mnist: expected train-images-idx3-ubyte.gz in nowhere, ...
    """
    folder = DEBIAN_FOLDER if path is None else os.fspath(path)
    return _split(folder, "train"), _split(folder, "t10k")


def _split(folder: str, part: str) -> Split:
    images = read_idx(_find(folder, f"{part}-images-idx3-ubyte"))
    labels = read_idx(_find(folder, f"{part}-labels-idx1-ubyte"))
    if images.ndim != 3 or labels.shape != images.shape[:1] or images.dtype != np.uint8:
        raise FileError(
            f"fashion_mnist: expected images and as many labels in {folder}, "
            f"got shapes {images.shape} and {labels.shape}"
        )
    return images, labels


def _find(folder: str, name: str) -> str:
    for candidate in (os.path.join(folder, f"{name}.gz"), os.path.join(folder, name)):
        if os.path.isfile(candidate):
            return candidate
    raise FileError(
        f"fashion_mnist: expected {name}.gz in {folder}, found none. On Debian or Ubuntu run "
        "'apt install dataset-fashion-mnist'; elsewhere pass the folder with the four files as path"
    )
