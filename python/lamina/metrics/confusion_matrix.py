"""Which class was taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lamina._configured import configured
from lamina.metrics.metric import Metric

if TYPE_CHECKING:
    from lamina.utils.picture import Picture


@configured
class ConfusionMatrix(Metric):
    """The weight of the samples of each class that were taken for each class.

    `result()[i, j]` is about samples of class `i` that were taken for class `j`. After `fit` with
    such a metric, `history.history` holds the matrix of each epoch.

    Args:
        num_classes: How many classes there are.
        normalize: None for weights, `"true"` for shares of each true class (rows), `"pred"` for
            shares of each class that was said (columns), `"all"` for shares of everything.
        threshold: For two classes, predictions of one number that reach it count as class 1.
        sparse_y_true: Whether targets are labels, not one-hot.
        sparse_y_pred: Whether predictions are labels, not scores of the classes.
        axis: The axis of the classes, where they are not labels.
        ignore_class: A label that does not count.
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Raises:
        ConfigError: no classes; another normalize.
        ShapeError: another number of classes along the axis; targets that do not fit.

    Example:
        >>> metric = ConfusionMatrix(2)
        >>> metric([0, 0, 1], [[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
        array([[1., 1.],
               [0., 1.]], dtype=float32)
        >>> metric.plot(["cat", "dog"])
        <Picture 152 x 138>
    """

    num_classes: int
    normalize: str | None = None
    threshold: float = 0.5
    sparse_y_true: bool = True
    sparse_y_pred: bool = False
    axis: int = -1
    ignore_class: int | None = None
    name: str = "confusion_matrix"
    dtype: str | None = None

    def plot(self, classes: Sequence[str] | None = None, title: str = "") -> Picture:
        """Draw the matrix so far.

        Args:
            classes: The names of the classes; None numbers them.
            title: Stands above.

        Returns:
            The picture; a notebook shows it, and `save` writes it.
        """
        from lamina.utils.heat_map import heat_map  # needed seldom, keeps the import short

        return heat_map(
            self.result().round(3), classes, classes, title, row_title="true", column_title="said"
        )
