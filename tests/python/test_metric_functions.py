"""Accuracies and correlations as functions: their mean is what the classes report."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import metrics
from lamina.errors import ShapeError

RANDOM = np.random.default_rng(3)
ROWS = RANDOM.random((40, 7))
LABELS = RANDOM.integers(0, 7, 40)
ONE_HOT = np.eye(7)[LABELS]
BITS = RANDOM.integers(0, 2, (40, 7))

PAIRS = {
    "binary_accuracy": (metrics.BinaryAccuracy(), BITS, {}),
    "binary_accuracy of 0.7": (metrics.BinaryAccuracy(threshold=0.7), BITS, {"threshold": 0.7}),
    "categorical_accuracy": (metrics.CategoricalAccuracy(), ONE_HOT, {}),
    "sparse_categorical_accuracy": (metrics.SparseCategoricalAccuracy(), LABELS, {}),
    "top_k_categorical_accuracy": (metrics.TopKCategoricalAccuracy(3), ONE_HOT, {"k": 3}),
    "sparse_top_k_categorical_accuracy": (
        metrics.SparseTopKCategoricalAccuracy(2),
        LABELS,
        {"k": 2},
    ),
    "pearson_correlation": (metrics.PearsonCorrelation(), ONE_HOT, {}),
    "concordance_correlation": (metrics.ConcordanceCorrelation(), ONE_HOT, {}),
    "pearson_correlation of columns": (metrics.PearsonCorrelation(axis=0), ROWS[::-1], {"axis": 0}),
}


@pytest.mark.parametrize("case", PAIRS)
def test_the_mean_is_that_of_the_class(case):
    metric, targets, options = PAIRS[case]
    values = getattr(metrics, case.split()[0])(targets, ROWS, **options)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values.mean(), metric(targets, ROWS), rtol=1e-5)


def test_sorted_ids_are_compared_as_they_are():
    ids = [[3, 1, 2], [0, 2, 1]]
    found = metrics.sparse_top_k_categorical_accuracy([1, 1], ids, k=2, from_sorted_ids=True)
    assert found.tolist() == [1.0, 0.0]


def test_a_last_axis_of_one_may_be_missing():
    assert metrics.binary_accuracy([[1], [0]], [0.9, 0.8]).tolist() == [[1.0], [0.0]]
    assert metrics.sparse_categorical_accuracy([[1]], [[0.1, 0.9]]).tolist() == [1.0]


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"binary_accuracy: expected targets of the shape of the"):
        metrics.binary_accuracy([1, 0, 1], [0.5, 0.5])
    with pytest.raises(ShapeError, match=r"a label for each row of the predictions, \(2,\)"):
        metrics.sparse_categorical_accuracy([1], [[0.1, 0.9], [0.2, 0.8]])
