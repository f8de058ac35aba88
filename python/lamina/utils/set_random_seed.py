"""`set_random_seed`: make a program repeatable."""

from __future__ import annotations

import operator
import random

import numpy as np

from lamina import _session
from lamina.errors import ConfigError


def set_random_seed(seed: int) -> None:
    """Seed Python's `random`, NumPy's global generator and lamina.

    With a seed, a program gives the same bits on every run and with any number of threads.

    Args:
        seed: From 0 to 2**32 - 1, the seeds NumPy takes.

    Raises:
        ConfigError: not a whole number in this range.

    Example:
        >>> set_random_seed(7)
        >>> first = lamina.layers.Dense(2)(np.ones((1, 3)))
        >>> set_random_seed(7)
        >>> np.array_equal(first, lamina.layers.Dense(2)(np.ones((1, 3))))
        True
    """
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number < 2**32:
        raise ConfigError(
            f"set_random_seed: expected a whole number from 0 to {2**32 - 1}, got {seed!r}"
        )
    random.seed(number)
    np.random.seed(number)
    _session.set_seed(number)
