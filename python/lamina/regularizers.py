"""Penalties on weights or outputs that are added to the loss.

A layer takes one as a name, `Dense(8, kernel_regularizer="l2")`, or as an object,
`Dense(8, kernel_regularizer=L2(1e-4))`. Called with an array, an object returns the penalty.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from lamina import _core, config
from lamina._arrays import as_array
from lamina._configured import Configured, Family, configured
from lamina._configured import serialize as _serialize


class Regularizer(Configured):
    """What all regularizers are.

    Example:
        >>> isinstance(get("l2"), Regularizer)
        True
    """

    _family: ClassVar[str] = "regularizer"

    def __call__(self, x: Any) -> float:
        """The penalty of an array."""
        dtype = "float64" if getattr(x, "dtype", None) == np.float64 else config.floatx()
        return _core.penalty(self._json(), as_array(x, type(self).__name__, dtype), dtype)


@configured
class L1(Regularizer):
    """`l1 * sum(|x|)`, which makes weights exactly 0.

    Args:
        l1: The factor, not below 0.

    Raises:
        ConfigError: a factor below 0.

    Example:
        >>> L1(0.5)(np.array([1.0, -3.0]))
        2.0
    """

    l1: float = 0.01


@configured
class L2(Regularizer):
    """`l2 * sum(x ** 2)`, which keeps weights small.

    Args:
        l2: The factor, not below 0.

    Raises:
        ConfigError: a factor below 0.

    Example:
        >>> L2(0.5)(np.array([1.0, -3.0]))
        5.0
    """

    l2: float = 0.01


@configured
class L1L2(Regularizer):
    """`l1 * sum(|x|) + l2 * sum(x ** 2)`.

    Args:
        l1: The factor of the absolute values, not below 0.
        l2: The factor of the squares, not below 0.

    Raises:
        ConfigError: a factor below 0.

    Example:
        >>> L1L2(l1=0.5, l2=0.5)(np.array([1.0, -3.0]))
        7.0
    """

    l1: float = 0.0
    l2: float = 0.0


@configured
class OrthogonalRegularizer(Regularizer):
    """`factor` times the mean of `|cos|` of the angles between rows, or columns, of a matrix.

    It keeps them at right angles; of a `Dense` kernel `(inputs, units)` rows are what inputs mean,
    columns what units look for.

    Args:
        factor: The factor, not below 0.
        mode: `"rows"` or `"columns"`.

    Raises:
        ConfigError: a factor below 0, or another mode.
        ShapeError: given to a weight or to outputs that are no matrix.

    Example:
        >>> OrthogonalRegularizer(factor=1.0)(np.array([[3.0, 0.0], [0.0, 4.0]]))
        0.0
        >>> round(OrthogonalRegularizer(1.0, "columns")(np.array([[3.0, 1.0], [0.0, 1.0]])), 4)
        0.7071
    """

    factor: float = 0.01
    mode: str = "rows"


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

_family = Family(Regularizer, (L1, L2, L1L2, OrthogonalRegularizer), {})


def get(identifier: Any) -> Any:
    """The regularizer that a name, a config, a class or an object means; None stays None.

    Example:
        >>> get("l2")
        L2()
    """
    return _family.get(identifier)


def serialize(regularizer: Regularizer) -> Any:
    """The regularizer as {"class_name", "config"}.

    Example:
        >>> serialize(L2(0.5))
        {'class_name': 'L2', 'config': {'l2': 0.5}}
    """
    return _serialize(regularizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Regularizer:
    """The regularizer that `serialize` described.

    Example:
        >>> deserialize({"class_name": "L2", "config": {"l2": 0.5}}).l2
        0.5
    """
    return _family.deserialize(config, custom_objects)
