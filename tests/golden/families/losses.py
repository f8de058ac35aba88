"""Losses: every reduction, sample weights, masks, and far-out predictions, with gradients towards
the predictions.

A case calls `kind(**config)(y_true, y_pred, sample_weight)`; `mask`, where present, is the Keras
mask that a model's output would carry to its loss. `cotangents` belong to a vector of losses
(reduction None); a scalar loss has the cotangent 1.
"""

import jax
import jax.numpy as jnp
import keras
import numpy as np
from keras.src import backend

from layer_case import normal
from store import seeded

REDUCTIONS = ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None]
BATCH, CLASSES = 4, 3


def fill(family):
    """Add all loss cases."""
    regression = normal("y_true", BATCH, CLASSES), normal("y_pred", BATCH, CLASSES)
    binary = (normal("binary", BATCH, 1) > 0).astype(float), _probabilities("p", BATCH, 1)
    classes = np.array([2, 0, 1, 1], np.int64)
    probabilities = _softmax(normal("logits", BATCH, CLASSES))
    one_hot = np.eye(CLASSES)[classes]
    weight = np.array([0.5, 2.0, 0.0, 1.25])
    table = {
        "MeanSquaredError": regression,
        "MeanAbsoluteError": regression,
        "BinaryCrossentropy": binary,
        "CategoricalCrossentropy": (one_hot, probabilities),
        "SparseCategoricalCrossentropy": (classes, probabilities),
    }
    for kind, (y_true, y_pred) in table.items():
        short = _short(kind)
        for reduction in REDUCTIONS:
            config = {"reduction": reduction}
            name = f"{short}_{'no_reduction' if reduction is None else reduction}"
            _add(family, name, kind, config, y_true, y_pred)
            _add(family, f"{name}_weighted", kind, config, y_true, y_pred, sample_weight=weight)
        _add(
            family,
            f"{short}_weight_column",
            kind,
            {},
            y_true,
            y_pred,
            sample_weight=weight[:, None],
        )
    _sequences(family)
    _binary(family)
    _categorical(family)
    _sparse(family)
    _regression(family)
    _focal(family)
    _margins(family)
    _overlap(family)
    _pairs(family)
    _alignments(family)


def _regression(family):
    """Functions of one target and one prediction; the far-out ones where Keras's are finite."""
    y_true, y_pred = normal("regression true", BATCH, 5), 3.0 * normal("regression", BATCH, 5)
    counts = np.abs(np.round(3.0 * y_true))
    for kind, config in [
        ("MeanAbsolutePercentageError", {}),
        ("MeanSquaredLogarithmicError", {}),
        ("Huber", {}),
        ("Huber", {"delta": 0.25}),
        ("LogCosh", {}),
        ("CosineSimilarity", {}),
        ("CosineSimilarity", {"axis": 0, "reduction": None}),
    ]:
        tail = "".join(f"_{key}_{value}" for key, value in config.items() if key != "reduction")
        _add(family, f"{_short(kind)}{tail}", kind, config, y_true, y_pred)
    _add(family, "poisson", "Poisson", {"reduction": None}, counts, np.abs(y_pred))
    shares = _softmax(y_true), _softmax(y_pred)
    _add(family, "kl_divergence", "KLDivergence", {"reduction": None}, *shares)
    far = np.array([[1e3, -1e3, 0.0, 40.0, -40.0]])
    _add(family, "log_cosh_far", "LogCosh", {}, np.zeros_like(far), far)


def _focal(family):
    """Cross-entropies that weigh what is wrong."""
    logits = 2.0 * normal("focal logits", BATCH, CLASSES)
    sides = (normal("focal true", BATCH, CLASSES) > 0).astype(float)
    one_hot = np.eye(CLASSES)[[0, 2, 1, 2]]
    for kind, y_true, y_pred, extra in [
        ("BinaryFocalCrossentropy", sides, 1.0 / (1.0 + np.exp(-logits)), {}),
        (
            "BinaryFocalCrossentropy",
            sides,
            1.0 / (1.0 + np.exp(-logits)),
            {"apply_class_balancing": True, "alpha": 0.7},
        ),
        ("CategoricalFocalCrossentropy", one_hot, _softmax(logits), {"alpha": 0.7}),
    ]:
        short = _short(kind) + ("_balanced" if "apply_class_balancing" in extra else "")
        smooth = {"gamma": 3.0, "label_smoothing": 0.1, **extra}
        _add(family, f"{short}_plain", kind, extra, y_true, y_pred)
        _add(family, f"{short}_smooth", kind, smooth, y_true, y_pred)
        _add(family, f"{short}_axis", kind, {"axis": 0, "reduction": None, **extra}, y_true, y_pred)
        _add(family, f"{short}_logits", kind, {"from_logits": True, **extra}, y_true, logits)
    labels = np.array([2, 0, 1, 1], np.int64)
    for q in (0.3, 0.5):
        kind = "CategoricalGeneralizedCrossEntropy"
        _add(family, f"{_short(kind)}_{q}", kind, {"q": q}, labels, _softmax(logits))


def _margins(family):
    """Hinges, for targets of -1 and 1 and of 0 and 1."""
    y_pred = normal("hinge", BATCH, CLASSES)
    binary = (normal("hinge true", BATCH, CLASSES) > 0).astype(float)
    for kind in ("Hinge", "SquaredHinge"):
        _add(family, f"{_short(kind)}_binary", kind, {"reduction": None}, binary, y_pred)
        _add(family, f"{_short(kind)}_signs", kind, {}, 2.0 * binary - 1.0, y_pred)
    one_hot = np.eye(CLASSES)[[0, 2, 1, 2]]
    _add(family, "categorical_hinge", "CategoricalHinge", {"reduction": None}, one_hot, y_pred)


def _overlap(family):
    """Masks of images, over all axes and over some."""
    y_true = (normal("mask", 2, 3, 3, 2) > 0).astype(float)
    y_pred = 1.0 / (1.0 + np.exp(-normal("mask logits", 2, 3, 3, 2)))
    for kind, config in [
        ("Dice", {}),
        ("Dice", {"axis": [1, 2, 3], "reduction": None}),
        ("Dice", {"axis": [-1]}),
        ("Tversky", {}),
        ("Tversky", {"alpha": 0.3, "beta": 0.8, "axis": [1, 2], "reduction": None}),
    ]:
        axes = "_".join(str(axis) for axis in config.get("axis", ["all"]))
        _add(family, f"{_short(kind)}_{axes}", kind, config, y_true, y_pred)


def _pairs(family):
    """The circle loss; the last label stands alone and does not count."""
    y_pred = normal("circle", 6, 4)
    y_pred /= np.linalg.norm(y_pred, axis=-1, keepdims=True)
    labels = np.array([0, 1, 0, 1, 1, 2], np.int64)
    for reduction in ("sum_over_batch_size", "sum", None):
        name = f"circle_{reduction}".lower()
        _add(family, name, "Circle", {"reduction": reduction}, labels, y_pred)
    config = {"gamma": 5.0, "margin": 0.2, "remove_diagonal": False}
    _add(family, "circle_with_diagonal", "Circle", config, labels, y_pred)


def _alignments(family):
    """Label sequences of several lengths, with equal neighbours and without a label at all."""
    labels = np.array([[1, 2, 2, 3], [3, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 0]], np.int64)
    logits = 2.0 * normal("ctc", 4, 7, 4)
    _add(family, "ctc_values", "CTC", {"reduction": None}, labels, logits)
    _add(family, "ctc_mean", "CTC", {}, labels, logits)


def _short(kind):
    return "".join("_" + c.lower() if c.isupper() else c for c in kind).lstrip("_")


def _sequences(family):
    """Losses of whole sequences: weights and masks for each time step."""
    shape = (2, 3, 4)
    y_true, y_pred = normal("seq true", *shape), normal("seq pred", *shape)
    ids = np.array([[1, 3, 0], [2, 2, 1]], np.int64)
    probabilities = _softmax(normal("seq logits", *shape))
    step_weight = np.abs(normal("seq weight", 2, 3))
    mask = np.array([[1, 1, 0], [1, 0, 0]], bool)
    for reduction in ["sum_over_batch_size", "sum", "mean_with_sample_weight", None]:
        config = {"reduction": reduction}
        tail = str(reduction).lower()
        for kind, true, pred in [
            ("MeanSquaredError", y_true, y_pred),
            ("SparseCategoricalCrossentropy", ids, probabilities),
        ]:
            short = f"{_short(kind)}_sequence_{tail}"
            _add(
                family, f"{short}_step_weight", kind, config, true, pred, sample_weight=step_weight
            )
            _add(
                family,
                f"{short}_sample_weight",
                kind,
                config,
                true,
                pred,
                sample_weight=step_weight[:, :1],
            )
            _add(family, f"{short}_mask", kind, config, true, pred, mask=mask)
            _add(
                family,
                f"{short}_mask_weight",
                kind,
                config,
                true,
                pred,
                mask=mask,
                sample_weight=step_weight,
            )


def _binary(family):
    kind, short = "BinaryCrossentropy", "binary_crossentropy"
    y_true = (normal("bce true", BATCH, 3) > 0).astype(float)
    logits = 2.0 * normal("bce logits", BATCH, 3)
    probabilities = _probabilities("bce", BATCH, 3)
    _add(family, f"{short}_many_outputs", kind, {}, y_true, probabilities)
    _add(family, f"{short}_from_logits", kind, {"from_logits": True}, y_true, logits)
    _add(family, f"{short}_label_smoothing", kind, {"label_smoothing": 0.2}, y_true, probabilities)
    both = {"from_logits": True, "label_smoothing": 0.1}
    _add(family, f"{short}_from_logits_label_smoothing", kind, both, y_true, logits)
    _add(family, f"{short}_axis", kind, {"axis": 0, "reduction": None}, y_true, probabilities)
    _add(family, f"{short}_int_labels", kind, {}, y_true.astype(np.int64), probabilities)
    far = np.array([[40.0, -40.0, 800.0, -800.0, 1e4, -1e4, 0.0, 1e-9]])
    for label in (0.0, 1.0, 0.3):
        config = {"from_logits": True}
        _add(family, f"{short}_extreme_logits_{label}", kind, config, np.full_like(far, label), far)
    edge = np.array([[0.0, 1.0, 1e-9, 1.0 - 1e-9, 1e-3, 0.5]])
    for label in (0.0, 1.0):
        _add(
            family, f"{short}_edge_probabilities_{label}", kind, {}, np.full_like(edge, label), edge
        )


def _categorical(family):
    kind, short = "CategoricalCrossentropy", "categorical_crossentropy"
    logits = 2.0 * normal("cce logits", BATCH, CLASSES)
    y_true = np.eye(CLASSES)[[0, 2, 1, 2]]
    unnormalized = np.abs(normal("cce scores", BATCH, CLASSES)) + 0.1
    _add(family, f"{short}_from_logits", kind, {"from_logits": True}, y_true, logits)
    _add(family, f"{short}_unnormalized", kind, {}, y_true, unnormalized)
    _add(
        family, f"{short}_label_smoothing", kind, {"label_smoothing": 0.2}, y_true, _softmax(logits)
    )
    both = {"from_logits": True, "label_smoothing": 0.1}
    _add(family, f"{short}_from_logits_label_smoothing", kind, both, y_true, logits)
    _add(
        family,
        f"{short}_soft_labels",
        kind,
        {"from_logits": True},
        _softmax(normal("soft", BATCH, CLASSES)),
        logits,
    )
    _add(
        family,
        f"{short}_axis",
        kind,
        {"axis": 1, "from_logits": True},
        _softmax(normal("ax", 2, 3, 4), 1),
        normal("ax2", 2, 3, 4),
    )
    _add(
        family,
        f"{short}_images",
        kind,
        {},
        np.eye(3)[[[0, 1], [2, 2]]],
        _softmax(normal("image", 2, 2, 3)),
    )
    far = np.array([[1e4, 0.0, -1e4], [800.0, 799.0, -800.0], [-50.0, 50.0, 0.0], [0.0, 0.0, 0.0]])
    for i in range(CLASSES):
        one = np.eye(CLASSES)[[i] * 4]
        _add(family, f"{short}_extreme_logits_{i}", kind, {"from_logits": True}, one, far)
    edge = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1e-9, 1e-9, 1.0], [0.2, 0.3, 0.5]])
    _add(family, f"{short}_edge_probabilities", kind, {}, y_true, edge)


def _sparse(family):
    kind, short = "SparseCategoricalCrossentropy", "sparse_categorical_crossentropy"
    logits = 2.0 * normal("scce logits", BATCH, CLASSES)
    y_true = np.array([0, 2, 1, 2], np.int64)
    _add(family, f"{short}_from_logits", kind, {"from_logits": True}, y_true, logits)
    _add(family, f"{short}_column", kind, {"from_logits": True}, y_true[:, None], logits)
    _add(family, f"{short}_unnormalized", kind, {}, y_true, np.abs(logits) + 0.1)
    _add(family, f"{short}_float_labels", kind, {}, y_true.astype(float), _softmax(logits))
    image, ids = (
        normal("scce image", 2, 2, 2, 3),
        np.array([[[0, 1], [2, 2]], [[1, 0], [1, 255]]], np.int64),
    )
    _add(family, f"{short}_images", kind, {"from_logits": True}, np.minimum(ids, 2), image)
    # jax compares the labels' shape with that of all axes but the last, so both other axes have to
    # be 3 long.
    labels = np.array([[0, 2, 1], [1, 1, 0]], np.int64)
    _add(
        family,
        f"{short}_axis",
        kind,
        {"from_logits": True, "axis": 1},
        labels,
        normal("scce axis", 2, 3, 3),
    )
    weight = np.array([0.5, 2.0, 1.0, 1.25])
    for reduction in ["sum_over_batch_size", "sum", "mean_with_sample_weight", None]:
        tail = str(reduction).lower()
        for ignored in (2, -1):
            labels = y_true if ignored == 2 else np.where(y_true == 2, -1, y_true)
            config = {"ignore_class": ignored, "reduction": reduction}
            name = f"{short}_ignore_{ignored}_{tail}"
            _add(family, name, kind, config, labels, _softmax(logits))
            logit_config = {**config, "from_logits": True}
            _add(
                family,
                f"{name}_logits_weighted",
                kind,
                logit_config,
                labels,
                logits,
                sample_weight=weight,
            )
    _add(
        family,
        f"{short}_ignore_255_images",
        kind,
        {"ignore_class": 255, "from_logits": True},
        ids,
        image,
    )
    _add(
        family,
        f"{short}_ignore_all",
        kind,
        {"ignore_class": 1, "from_logits": True},
        np.ones(4, np.int64),
        logits,
    )
    far = np.array([[1e4, 0.0, -1e4], [800.0, 799.0, -800.0], [-50.0, 50.0, 0.0], [0.0, 0.0, 0.0]])
    for i in range(CLASSES):
        _add(
            family,
            f"{short}_extreme_logits_{i}",
            kind,
            {"from_logits": True},
            np.full(4, i, np.int64),
            far,
        )


def _probabilities(name, *shape):
    return 1.0 / (1.0 + np.exp(-normal(name, *shape)))


def _softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _add(family, name, kind, config, y_true, y_pred, *, sample_weight=None, mask=None):
    loss = getattr(keras.losses, kind)(**config)
    tensors = {"y_true": y_true, "y_pred": y_pred}

    def value(y_pred):
        if mask is None:
            return loss(y_true, y_pred, sample_weight)
        backend.set_keras_mask(y_pred, jnp.asarray(mask))
        return loss(y_true, y_pred, sample_weight)

    if sample_weight is not None:
        tensors["sample_weight"] = sample_weight
    if mask is not None:
        tensors["mask"] = mask
    out = value(jnp.asarray(y_pred))
    cotangent = seeded(family.name, name).standard_normal(out.shape) if out.ndim else np.ones(())
    tensors["outputs"] = [out]
    tensors["cotangents"] = [cotangent]
    tensors["grad_y_pred"] = jax.grad(lambda p: jnp.sum(value(p) * cotangent))(jnp.asarray(y_pred))
    family.add(name, {"kind": kind, "config": config}, tensors)
