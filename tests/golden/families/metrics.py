"""Metrics: the running result after each of three batches, with and without sample weights, and
after a reset.

`outputs` holds `result()` after every `update_state(y_true, y_pred, sample_weight)`; `per_batch`
the result of each batch alone, that is after `reset_state()`. `Mean` takes `values` in place of the
pair.
"""

import keras
import numpy as np

from layer_case import normal

BATCHES = 3
TABLE = {
    "Accuracy": ({}, "ids", (4,)),
    "BinaryAccuracy": ({}, "binary", (4, 1)),
    "BinaryAccuracy threshold": ({"threshold": 0.3}, "binary", (4, 2)),
    "CategoricalAccuracy": ({}, "categorical", (4, 3)),
    "CategoricalAccuracy sequence": ({}, "categorical", (2, 3, 4)),
    "SparseCategoricalAccuracy": ({}, "sparse", (4, 3)),
    "SparseCategoricalAccuracy sequence": ({}, "sparse", (2, 3, 4)),
    "SparseCategoricalAccuracy column": ({}, "sparse_column", (4, 3)),
    "TopKCategoricalAccuracy": ({"k": 2}, "categorical", (4, 5)),
    "SparseTopKCategoricalAccuracy": ({"k": 2}, "sparse", (4, 5)),
    "MeanSquaredError": ({}, "real", (4, 3)),
    "MeanAbsoluteError": ({}, "real", (4, 3)),
    "MeanSquaredError column": ({}, "real", (4, 1)),
    "RootMeanSquaredError": ({}, "real", (4, 2)),
    "BinaryCrossentropy": ({}, "binary", (4, 2)),
    "BinaryCrossentropy from_logits": (
        {"from_logits": True, "label_smoothing": 0.1},
        "binary",
        (4, 2),
    ),
    "CategoricalCrossentropy": ({}, "categorical", (4, 3)),
    "SparseCategoricalCrossentropy": ({}, "sparse", (4, 3)),
    "Mean": ({}, "values", (4,)),
    "Mean table": ({}, "values", (4, 3)),
    "Sum": ({}, "values", (4,)),
}


def fill(family):
    """Add all metric cases."""
    for label, (config, data, shape) in TABLE.items():
        for weighted in (False, True):
            name = f"{label.replace(' ', '_').lower()}{'_weighted' if weighted else ''}"
            _add(family, name, label.split()[0], config, data, shape, weighted)


def _batch(name, data, shape):
    scores = normal(f"{name} scores", *shape)
    truth = np.abs(normal(f"{name} truth", *shape[:-1])) * 2
    if data == "values":
        return [scores]
    if data == "real":
        return [normal(f"{name} real", *shape), scores]
    if data == "binary":
        return [(normal(f"{name} truth", *shape) > 0).astype(float), 1.0 / (1.0 + np.exp(-scores))]
    if data == "ids":
        return [
            np.rint(truth.sum() + normal(f"{name} a", *shape)),
            np.rint(truth.sum() + 0.5 * scores),
        ]
    ids = truth.astype(np.int64) % shape[-1]
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    if data == "categorical":
        return [np.eye(shape[-1])[ids], probabilities]
    return [ids[:, None] if data == "sparse_column" else ids, probabilities]


def _add(family, name, kind, config, data, shape, weighted):
    batches = [_batch(f"{name} {i}", data, shape) for i in range(BATCHES)]
    weights = [np.abs(normal(f"{name} weight {i}", shape[0])) for i in range(BATCHES)]
    record(family, name, kind, config, batches, weights if weighted else None)


def record(family, name, kind, config, batches, weights=None, **fields):
    """Add one case: what the metric says after each batch, and of each batch alone."""
    metric = getattr(keras.metrics, kind)(**config)
    alone = getattr(keras.metrics, kind)(**config)
    outputs, per_batch = [], []
    for i, batch in enumerate(batches):
        keywords = {"sample_weight": weights[i]} if weights else {}
        metric.update_state(*batch, **keywords)
        outputs.append(np.array(metric.result(), np.float64))
        alone.reset_state()
        alone.update_state(*batch, **keywords)
        per_batch.append(np.array(alone.result(), np.float64))
    roles = ["values"] if len(batches[0]) == 1 else ["y_true", "y_pred"]
    tensors = {role: [batch[i] for batch in batches] for i, role in enumerate(roles)}
    if weights:
        tensors["sample_weight"] = weights
    tensors["outputs"] = np.array(outputs)
    tensors["per_batch"] = np.array(per_batch)
    family.add(name, {"kind": kind, "config": config, **fields}, tensors)
