"""The losses by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina._configured import Family
from lamina._configured import serialize as _serialize
from lamina.losses.crossentropy import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    KLDivergence,
    SparseCategoricalCrossentropy,
)
from lamina.losses.ctc import (
    CTC,
)
from lamina.losses.hinge import (
    CategoricalHinge,
    Hinge,
    SquaredHinge,
)
from lamina.losses.loss import Loss
from lamina.losses.overlap import (
    Dice,
    Tversky,
)
from lamina.losses.regression import (
    GaussianNegativeLogLikelihood,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    Quantile,
)
from lamina.losses.similarity import (
    Circle,
    CosineSimilarity,
)
from lamina.losses.weighted_sum import WeightedSum

_classes: tuple[type[Loss], ...] = (
    MeanSquaredError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredLogarithmicError,
    Huber,
    LogCosh,
    Poisson,
    Quantile,
    GaussianNegativeLogLikelihood,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    KLDivergence,
    Hinge,
    SquaredHinge,
    CategoricalHinge,
    Dice,
    Tversky,
    CosineSimilarity,
    Circle,
    CTC,
    WeightedSum,
)
_aliases: dict[str, type[Loss]] = {
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError,
    "bce": BinaryCrossentropy,
    "kld": KLDivergence,
    "pinball": Quantile,
}
_family = Family(Loss, _classes, _aliases)


def get(identifier: Any) -> Any:
    """The loss that a name, a config, a class, an object or a function means; None stays None.

    Example:
        >>> get("mse").name
        'mean_squared_error'
    """
    return _family.get(identifier)


def serialize(loss: Any) -> Any:
    """The loss as {"class_name", "config"}; a function as its name.

    Example:
        >>> from lamina.losses import mean_squared_error
        >>> serialize(mean_squared_error)
        'mean_squared_error'
    """
    return _serialize(loss)


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Loss:
    """The loss that `serialize` described.

    Example:
        >>> deserialize({"class_name": "Huber", "config": {"delta": 2.0}}).delta
        2.0
    """
    return _family.deserialize(name, custom_objects)
