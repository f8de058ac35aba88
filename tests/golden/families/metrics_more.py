"""Metrics of decisions, overlap, correlation and error: recorded as in `metrics`.

`tolerance` is the relative error of the stored numbers themselves, where Keras rounds to float32.
"""

import numpy as np

from families.metrics import BATCHES, record
from layer_case import normal

EVEN = [0.0, 0.25, 0.5, 0.75, 1.0]
UNEVEN = [0.9, 0.1, 0.4]
AT = {
    "PrecisionAtRecall": "recall",
    "RecallAtPrecision": "precision",
    "SensitivityAtSpecificity": "specificity",
    "SpecificityAtSensitivity": "sensitivity",
}
CLASSES = {"num_classes": 3, "dtype": "float64"}
TABLE = {
    "AUC": ({}, "binary", (9, 1)),
    "AUC flat": ({"num_thresholds": 7}, "binary", (9,)),
    "AUC two_thresholds": ({"num_thresholds": 2}, "binary", (9,)),
    "AUC minoring": ({"summation_method": "minoring", "num_thresholds": 11}, "binary", (9, 1)),
    "AUC majoring": ({"summation_method": "majoring", "num_thresholds": 11}, "binary", (9, 1)),
    "AUC pr": ({"curve": "PR", "num_thresholds": 11}, "binary", (9, 1)),
    "AUC pr_minoring": (
        {"curve": "PR", "summation_method": "minoring", "num_thresholds": 11},
        "binary",
        (9, 2),
    ),
    "AUC pr_majoring": (
        {"curve": "PR", "summation_method": "majoring", "num_thresholds": 11},
        "binary",
        (9, 2),
    ),
    "AUC prgain": ({"curve": "PRGAIN", "num_thresholds": 11}, "binary", (9, 1)),
    "AUC thresholds": ({"thresholds": [0.7, 0.2, 0.35]}, "binary", (9, 1)),
    "AUC thresholds_even": ({"thresholds": [0.25, 0.5, 0.75]}, "binary", (9, 1)),
    "AUC labels": ({"multi_label": True, "num_thresholds": 11}, "binary", (9, 3)),
    "AUC labels_pr": (
        {"multi_label": True, "num_labels": 3, "curve": "PR", "label_weights": [1.0, 2.0, 0.5]},
        "binary",
        (9, 3),
    ),
    "AUC labels_thresholds": (
        {"multi_label": True, "thresholds": [0.2, 0.7], "label_weights": [1.0, 2.0, 0.5]},
        "binary",
        (9, 3),
    ),
    "AUC label_weights": (
        {"label_weights": [1.0, 2.0, 0.5], "num_thresholds": 11},
        "binary",
        (9, 3),
    ),
    "AUC from_logits": ({"from_logits": True, "num_thresholds": 11}, "logits", (9, 1)),
    "AUC edges": ({"num_thresholds": 5}, "edges", (9, 1)),
    "Precision": ({}, "binary", (9, 1)),
    "Precision thresholds": ({"thresholds": UNEVEN}, "binary", (9, 2)),
    "Precision even": ({"thresholds": EVEN}, "edges", (9, 2)),
    "Precision top_k": ({"top_k": 2}, "binary", (5, 4)),
    "Precision top_k_threshold": ({"top_k": 2, "thresholds": 0.6}, "binary", (5, 4)),
    "Precision class_id": ({"class_id": 1}, "binary", (9, 3)),
    "Precision class_top_k": ({"class_id": 2, "top_k": 2}, "binary", (9, 4)),
    "Precision ties": ({"top_k": 2}, "edges", (9, 4)),
    "Precision sequence": ({}, "binary", (3, 4, 2)),
    "Recall": ({}, "binary", (9,)),
    "Recall thresholds": ({"thresholds": [0.3, 0.6]}, "binary", (9, 2)),
    "Recall top_k": ({"top_k": 1, "class_id": 0}, "binary", (9, 3)),
    "TruePositives": ({}, "binary", (9, 1)),
    "TruePositives thresholds": ({"thresholds": UNEVEN}, "binary", (9, 1)),
    "TrueNegatives": ({"thresholds": 0.3}, "binary", (9, 2)),
    "FalsePositives": ({"thresholds": EVEN}, "edges", (9, 1)),
    "FalseNegatives": ({"thresholds": [0.2, 0.8]}, "binary", (9, 1)),
    **{f"{kind}": ({key: 0.6}, "binary", (9, 1)) for kind, key in AT.items()},
    **{
        f"{kind} few": ({key: 0.4, "num_thresholds": 5}, "edges", (9, 2))
        for kind, key in AT.items()
    },
    **{
        f"{kind} class_id": ({key: 0.5, "num_thresholds": 1, "class_id": 1}, "binary", (9, 2))
        for kind, key in AT.items()
    },
    "FBetaScore": ({"beta": 2.0}, "categorical", (9, 3)),
    "FBetaScore micro": ({"beta": 0.5, "average": "micro"}, "categorical", (9, 3)),
    "FBetaScore threshold": (
        {"average": "weighted", "threshold": 0.4, "beta": 2.0},
        "binary",
        (9, 3),
    ),
    "F1Score": ({}, "categorical", (9, 3)),
    "F1Score macro": ({"average": "macro"}, "categorical", (9, 3)),
    "F1Score by_weight": ({"average": "weighted"}, "categorical", (9, 3)),
    "F1Score micro": ({"average": "micro", "threshold": 0.5}, "binary", (9, 3)),
    "R2Score": ({}, "real", (7, 3)),
    "R2Score column": ({}, "real", (7, 1)),
    "R2Score all": ({"class_aggregation": None}, "real", (7, 3)),
    "R2Score variance": ({"class_aggregation": "variance_weighted_average"}, "real", (7, 3)),
    "CosineSimilarity": ({}, "real", (4, 3)),
    "CosineSimilarity axis": ({"axis": 1}, "real", (4, 3, 2)),
    "PearsonCorrelation": ({}, "real", (4, 5)),
    "PearsonCorrelation axis": ({"axis": 0}, "real", (4, 5)),
    "ConcordanceCorrelation": ({}, "real", (4, 5)),
    "ConcordanceCorrelation axis": ({"axis": 1}, "real", (4, 5, 2)),
    "KLDivergence": ({}, "categorical", (4, 3)),
    "Poisson": ({}, "counts", (4, 3)),
    "Hinge": ({}, "binary", (4, 3)),
    "SquaredHinge": ({}, "binary", (4, 3)),
    "CategoricalHinge": ({}, "categorical", (4, 3)),
    "LogCoshError": ({}, "real", (4, 3)),
    "MeanAbsolutePercentageError": ({}, "real", (4, 3)),
    "MeanSquaredLogarithmicError": ({}, "counts", (4, 3)),
}
OVERLAP = {
    "IoU": ({**CLASSES, "target_class_ids": [0, 2]}, "labels", (6,)),
    "IoU ignore": ({**CLASSES, "target_class_ids": [1], "ignore_class": 0}, "labels", (6,)),
    "IoU scores": (
        {**CLASSES, "target_class_ids": [0, 1], "sparse_y_pred": False},
        "sparse",
        (6, 3),
    ),
    "IoU one_hot": (
        {**CLASSES, "target_class_ids": [0, 1], "sparse_y_true": False, "sparse_y_pred": False},
        "categorical",
        (6, 3),
    ),
    "BinaryIoU": ({"dtype": "float64"}, "binary", (6, 1)),
    "BinaryIoU threshold": (
        {"threshold": 0.3, "target_class_ids": [1], "dtype": "float64"},
        "binary",
        (6,),
    ),
    "MeanIoU": (CLASSES, "labels", (6,)),
    "MeanIoU ignore": ({**CLASSES, "ignore_class": 1, "sparse_y_pred": False}, "sparse", (6, 3)),
    "OneHotIoU": ({**CLASSES, "target_class_ids": [0, 2]}, "categorical", (6, 3)),
    "OneHotMeanIoU": (CLASSES, "categorical", (6, 3)),
    "OneHotMeanIoU ignore": ({**CLASSES, "ignore_class": 2}, "categorical", (6, 3)),
}


def fill(family):
    """Add all cases, with and without weights."""
    for table, fields in ((TABLE, {}), (OVERLAP, {"tolerance": 1e-6})):
        for label, (config, data, shape) in table.items():
            for weighted in (False, True):
                name = f"{label.replace(' ', '_').lower()}{'_weighted' if weighted else ''}"
                batches = [_batch(f"{name} {i}", data, shape) for i in range(BATCHES)]
                # With a correlation along the first axis there is one weight for each line.
                rows = shape[1:] if config.get("axis") == 0 else shape[:1]
                if label.endswith("sequence"):
                    rows = shape[:2]
                weights = [np.abs(normal(f"{name} weight {i}", *rows)) for i in range(BATCHES)]
                given = weights if weighted else None
                record(family, name, label.split()[0], config, batches, given, **fields)
    adjusted = [_batch(f"r2 adjusted {i}", "real", (7, 2)) for i in range(BATCHES)]
    config = {"num_regressors": 3}
    record(family, "r2score_adjusted", "R2Score", config, adjusted, tolerance=1e-6)
    weights = [np.abs(normal(f"elements {i}", 4, 3)) for i in range(BATCHES)]
    batches = [_batch(f"elements {i}", "binary", (4, 3)) for i in range(BATCHES)]
    record(family, "auc_element_weights", "AUC", {}, batches, weights)
    record(family, "recall_element_weights", "Recall", {"thresholds": UNEVEN}, batches, weights)


def _batch(name, data, shape):
    scores = normal(f"{name} scores", *shape)
    truth = (normal(f"{name} truth", *shape) > 0).astype(float)
    probabilities = 1.0 / (1.0 + np.exp(-scores))
    if data == "real":
        return [normal(f"{name} real", *shape), scores]
    if data == "counts":
        return [np.rint(np.abs(normal(f"{name} real", *shape)) * 2), np.exp(scores)]
    if data == "logits":
        return [truth, scores]
    if data == "edges":  # on thresholds, and tied
        return [truth, np.clip(np.rint(probabilities * 4), 0, 4) / 4]
    if data == "binary":
        return [truth, probabilities]
    ids = (np.abs(normal(f"{name} ids", *shape[: max(len(shape) - 1, 1)])) * 2).astype(np.int64) % 3
    if data == "labels":
        said = (np.abs(scores) * 2).astype(np.int64) % 3
        return [ids, said]
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    return [np.eye(shape[-1])[ids] if data == "categorical" else ids, probabilities]
