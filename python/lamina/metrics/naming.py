"""The metrics by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina._configured import Family
from lamina._configured import serialize as _serialize
from lamina.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from lamina.metrics.auc import (
    AUC,
)
from lamina.metrics.confusion import (
    FalseNegatives,
    FalsePositives,
    Precision,
    PrecisionAtRecall,
    Recall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)
from lamina.metrics.confusion_matrix import (
    ConfusionMatrix,
)
from lamina.metrics.correlation import (
    ConcordanceCorrelation,
    PearsonCorrelation,
)
from lamina.metrics.f_score import (
    F1Score,
    FBetaScore,
)
from lamina.metrics.hinges import (
    CategoricalHinge,
    Hinge,
    SquaredHinge,
)
from lamina.metrics.iou import (
    BinaryIoU,
    IoU,
    MeanIoU,
    OneHotIoU,
    OneHotMeanIoU,
)
from lamina.metrics.metric import Metric
from lamina.metrics.probabilistic import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    KLDivergence,
    Perplexity,
    Poisson,
    SparseCategoricalCrossentropy,
)
from lamina.metrics.reduction import (
    Mean,
    Sum,
)
from lamina.metrics.regression import (
    CosineSimilarity,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    R2Score,
    RootMeanSquaredError,
)

_classes: tuple[type[Metric], ...] = (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    TopKCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    AUC,
    TruePositives,
    TrueNegatives,
    FalsePositives,
    FalseNegatives,
    Precision,
    Recall,
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    ConfusionMatrix,
    PearsonCorrelation,
    ConcordanceCorrelation,
    FBetaScore,
    F1Score,
    Hinge,
    SquaredHinge,
    CategoricalHinge,
    IoU,
    BinaryIoU,
    MeanIoU,
    OneHotIoU,
    OneHotMeanIoU,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    Perplexity,
    KLDivergence,
    Poisson,
    Mean,
    Sum,
    MeanSquaredError,
    RootMeanSquaredError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredLogarithmicError,
    LogCoshError,
    CosineSimilarity,
    R2Score,
)
_aliases: dict[str, type[Metric]] = {
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError,
    "bce": BinaryCrossentropy,
}
_family = Family(Metric, _classes, _aliases)


def get(identifier: Any) -> Any:
    """The metric that a name, a config, a class or an object means; None stays None.

    Example:
        >>> get("mse").name
        'mean_squared_error'
    """
    return _family.get(identifier)


def serialize(metric: Any) -> Any:
    """The metric as {"class_name", "config"}.

    Example:
        >>> serialize(Mean())
        {'class_name': 'Mean', 'config': {'name': 'mean'}}
    """
    return _serialize(metric)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Metric:
    """The metric that `serialize` described.

    Example:
        >>> deserialize({"class_name": "Mean", "config": {"name": "cost"}}).name
        'cost'
    """
    return _family.deserialize(config, custom_objects)
