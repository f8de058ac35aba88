"""Rules that weights are brought back to after every training step.

A layer takes one as a name, `Dense(8, kernel_constraint="non_neg")`, or as an object,
`Dense(8, kernel_constraint=MaxNorm(3))`. Called with an array, an object returns a new one.

`axis` names the axes a norm is taken over: 0 for the kernel of a Dense layer, whose columns hold
the weights of one unit each, `[0, 1, 2]` for one filter of a Conv2D layer, None for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from lamina import _core, config
from lamina._arrays import Array, as_array
from lamina._configured import Configured, Family, configured
from lamina._configured import serialize as _serialize


class Constraint(Configured):
    """What all constraints are.

    Example:
        >>> isinstance(get("non_neg"), Constraint)
        True
    """

    _family: ClassVar[str] = "constraint"

    def __call__(self, w: Any) -> Array:
        """The array brought back to the rule, as a new one."""
        dtype = "float64" if getattr(w, "dtype", None) == np.float64 else config.floatx()
        return _core.constrain(self._json(), as_array(w, type(self).__name__, dtype), dtype)


@configured
class MaxNorm(Constraint):
    """Every norm at most `max_value`: `w * clip(norm, 0, max_value) / (norm + 1e-7)`.

    Args:
        max_value: The largest norm allowed.
        axis: The axes of the norm.

    Raises:
        ConfigError: when a weight without these axes is to keep to it.

    References:
        Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, 2014.

    Example:
        >>> MaxNorm(1.0)(np.array([[3.0], [4.0]])).round(6)
        array([[0.6],
               [0.8]])
    """

    max_value: float = 2
    axis: int | Sequence[int] | None = 0


@configured
class MinMaxNorm(Constraint):
    """Norms moved towards `[min_value, max_value]` by the share `rate`.

    `w * (rate * clip(norm, min_value, max_value) + (1 - rate) * norm) / (norm + 1e-7)`.

    Args:
        min_value: The smallest norm wanted.
        max_value: The largest norm wanted.
        rate: 1 brings norms within the bounds at once.
        axis: The axes of the norm.

    Raises:
        ConfigError: when a weight without these axes is to keep to it.

    Example:
        >>> MinMaxNorm(max_value=1.0, rate=0.5)(np.array([[3.0], [4.0]])).round(6)
        array([[1.8],
               [2.4]])
    """

    min_value: float = 0.0
    max_value: float = 1.0
    rate: float = 1.0
    axis: int | Sequence[int] | None = 0


@configured
class NonNeg(Constraint):
    """No weight below 0: `max(w, 0)`.

    Example:
        >>> NonNeg()(np.array([-1.0, 2.0]))
        array([0., 2.])
    """


@configured
class UnitNorm(Constraint):
    """Every norm 1: `w / (norm + 1e-7)`.

    Args:
        axis: The axes of the norm.

    Raises:
        ConfigError: when a weight without these axes is to keep to it.

    Example:
        >>> UnitNorm()(np.array([[3.0], [4.0]])).round(6)
        array([[0.6],
               [0.8]])
    """

    axis: int | Sequence[int] | None = 0


max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm

_family = Family(Constraint, (MaxNorm, MinMaxNorm, NonNeg, UnitNorm), {})


def get(identifier: Any) -> Any:
    """The constraint that a name, a config, a class or an object means; None stays None.

    Example:
        >>> get("non_neg")
        NonNeg()
    """
    return _family.get(identifier)


def serialize(constraint: Constraint) -> Any:
    """The constraint as {"class_name", "config"}.

    Example:
        >>> serialize(UnitNorm())
        {'class_name': 'UnitNorm', 'config': {'axis': 0}}
    """
    return _serialize(constraint)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Constraint:
    """The constraint that `serialize` described.

    Example:
        >>> deserialize({"class_name": "MaxNorm", "config": {"max_value": 3}}).max_value
        3
    """
    return _family.deserialize(config, custom_objects)
