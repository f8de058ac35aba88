"""Handwritten digits of 8 x 8 grey values, which come with lamina.

1,797 digits by 13 people, from the test set of "Optical Recognition of Handwritten Digits" by
E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, 1998, doi:10.24432/C50P49, licence
CC BY 4.0, in the selection and order of scikit-learn. The file was made by `docs/make_digits.py`.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamina.errors import ConfigError

Split = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def load_data(test_fraction: float = 0.25, seed: int = 0) -> tuple[Split, Split]:
    """The digits, some of each kind held out.

    Args:
        test_fraction: The share of each digit that is held out, from 0 up to but not 1.
        seed: Which are held out, and in what order all come.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images of shape `(count, 8, 8)`, uint8 from 0 (white
        paper) to 16 (ink), and the digits, uint8 of shape `(count,)`.

    Raises:
        ConfigError: a fraction below 0 or from 1 on.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data()
        >>> x_train.shape, x_test.shape, int(x_train.max())
        ((1347, 8, 8), (450, 8, 8), 16)
    """
    if not 0 <= test_fraction < 1:
        raise ConfigError(f"digits: expected 0 <= test_fraction < 1, got {test_fraction}")
    images, labels = _read()
    random = np.random.RandomState(seed)  # NumPy keeps this generator's numbers as they are
    order = random.permutation(len(labels))
    held_out = np.zeros(len(labels), bool)
    for digit in range(10):
        own = order[labels[order] == digit]
        held_out[own[: round(test_fraction * len(own))]] = True
    train, test = order[~held_out[order]], order[held_out[order]]
    return (images[train], labels[train]), (images[test], labels[test])


def _read() -> tuple[NDArray[Any], NDArray[Any]]:
    with np.load(os.path.join(os.path.dirname(__file__), "digits.npz")) as arrays:
        return arrays["images"], arrays["labels"]
