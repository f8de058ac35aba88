"""Metrics in training, several numbers at once, masks, copies, and what is refused."""

from __future__ import annotations

import copy
import pickle
import re

import numpy as np
import pytest

import lamina
from lamina import layers, metrics
from lamina.errors import ConfigError, ShapeError
from lamina.models import Sequential

BINARY = np.array([0, 1, 1, 0, 1, 0]), np.array([0.1, 0.8, 0.4, 0.6, 0.9, 0.2])


@pytest.fixture(autouse=True)
def fresh_session():
    lamina.utils.set_random_seed(1)
    lamina.utils.clear_session()


def classifier(asked, classes=3):
    model = Sequential([layers.Input((4,)), layers.Dense(classes, "softmax")])
    model.compile("adam", "categorical_crossentropy", metrics=asked)
    rng = np.random.default_rng(2)
    x = rng.standard_normal((24, 4))
    return model, x, np.eye(classes)[rng.integers(0, classes, 24)]


def test_strings_name_metrics_in_compile():
    asked = ["auc", "AUC", "Precision", "recall", "kl_divergence", "mape", "F1Score"]
    model, x, y = classifier(asked)
    logs = model.fit(x, y, epochs=1, verbose=0).history
    assert set(logs) == {"loss", *asked}
    assert logs["auc"] == logs["AUC"]
    assert np.shape(logs["F1Score"]) == (1, 3)


def test_a_metric_in_fit_says_what_it_says_by_hand():
    asked = [metrics.AUC(multi_label=True), metrics.Recall(class_id=1), metrics.R2Score()]
    model, x, y = classifier(asked)
    found = model.evaluate(x, y, batch_size=7, verbose=0)
    said = model.predict(x, verbose=0)
    fresh = [metrics.AUC(multi_label=True), metrics.Recall(class_id=1), metrics.R2Score()]
    expected = [float(metric(y, said)) for metric in fresh]
    np.testing.assert_allclose(found[1:], expected, rtol=1e-5)


def test_several_numbers_go_through_logs_history_bar_and_files(tmp_path, capsys):
    matrix = metrics.ConfusionMatrix(3, sparse_y_true=False)
    model, x, y = classifier([metrics.F1Score(), matrix, "accuracy"])
    logger = lamina.callbacks.CSVLogger(tmp_path / "log.csv")
    history = model.fit(x, y, epochs=2, validation_split=0.25, callbacks=[logger])
    last = history.history["val_confusion_matrix"][-1]
    assert last.shape == (3, 3)
    assert last.sum() == 6
    assert "f1_score" in capsys.readouterr().out
    assert history.plot().width == 2 * 480  # loss and accuracy
    with pytest.raises(ConfigError, match="metrics of one number, got 'f1_score'"):
        history.plot(metrics=["f1_score"])
    stop = lamina.callbacks.EarlyStopping(monitor="f1_score")
    with pytest.raises(ConfigError, match="needs one number, 'f1_score' gives 3"):
        model.fit(x, y, callbacks=[stop], verbose=0)


def test_callbacks_know_which_way_is_better():
    model, _, _ = classifier([metrics.AUC(name="area"), metrics.Perplexity(name="wavering")])
    callback = lamina.callbacks.EarlyStopping(monitor="val_area")
    callback.set_model(model)
    assert callback._direction() == "max"
    callback.monitor = "wavering"
    assert callback._direction() == "min"


@pytest.mark.parametrize(
    "make",
    [
        lambda: metrics.AUC(curve="PR", num_thresholds=11),
        lambda: metrics.AUC(multi_label=True),
        lambda: metrics.Precision([0.2, 0.7]),
        lambda: metrics.FBetaScore(beta=2.0),
        lambda: metrics.R2Score(class_aggregation=None),
        lambda: metrics.ConfusionMatrix(2, normalize="true", sparse_y_true=False),
        lambda: metrics.OneHotMeanIoU(2),
        lambda: metrics.PearsonCorrelation(),
    ],
)
def test_copies_and_configs_go_on(make):
    rng = np.random.default_rng(3)
    batches = [(np.eye(2)[rng.integers(0, 2, 8)], rng.random((8, 2))) for _ in range(2)]
    metric = make()
    metric.update_state(*batches[0])
    copies = [copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))]
    for one in (metric, *copies):
        one.update_state(*batches[1])
    for one in copies:
        np.testing.assert_array_equal(one.result(), metric.result())
    again = metrics.deserialize(metrics.serialize(metric))
    assert repr(again) == repr(metric)
    for batch in batches:
        again.update_state(*batch)
    np.testing.assert_array_equal(again.result(), metric.result())
    metric.reset_state()
    metric.update_state(*batches[1])
    alone = make()
    alone.update_state(*batches[1])
    np.testing.assert_array_equal(metric.result(), alone.result())


def test_what_is_masked_does_not_count():
    """Unlike in Keras, where only means look at masks."""
    tokens = np.array([[1, 2, 0, 0], [2, 1, 2, 0]])
    model = Sequential(
        [
            layers.Input((4,)),
            layers.Embedding(3, 3, mask_zero=True),
            layers.Dense(1, "sigmoid"),
        ]
    )
    asked = [metrics.TruePositives(), metrics.FalseNegatives(), metrics.ConfusionMatrix(2)]
    model.compile("sgd", "binary_crossentropy", metrics=asked)
    y = np.ones((2, 4, 1))
    _, hits, missed, matrix = model.evaluate(tokens, y, verbose=0)
    assert hits + missed == 5
    assert matrix.sum() == 5


def test_perplexity_counts_every_token_alike():
    said = np.full((2, 3, 4), 0.25)
    said[0, 0] = [0.0, 1.0, 0.0, 0.0]
    labels = np.array([[1, 0, 0], [1, 2, 3]])
    expected = np.exp(-np.mean(np.log([1.0, 0.25, 0.25, 0.25])))
    metric = metrics.Perplexity(ignore_class=0, dtype="float64")
    np.testing.assert_allclose(metric(labels, said), expected, rtol=1e-6)
    two = metrics.Perplexity(ignore_class=0, dtype="float64")
    two.update_state(labels[:1], said[:1])
    two.update_state(labels[1:], said[1:])
    np.testing.assert_allclose(two.result(), expected, rtol=1e-6)


def test_a_confusion_matrix_reads_labels_scores_and_one_number():
    truth, said = BINARY
    expected = [[2, 1], [1, 2]]
    np.testing.assert_array_equal(metrics.ConfusionMatrix(2)(truth, said[:, None]), expected)
    scores = np.stack([1 - said, said], -1)
    np.testing.assert_array_equal(metrics.ConfusionMatrix(2)(truth, scores), expected)
    labels = metrics.ConfusionMatrix(2, sparse_y_pred=True)
    np.testing.assert_array_equal(labels(truth, (said >= 0.5).astype(int)), expected)
    at = metrics.ConfusionMatrix(2, threshold=0.3)
    np.testing.assert_array_equal(at(truth, said[:, None]), [[2, 1], [0, 3]])
    for normalize, total in (("true", [1, 1]), ("pred", None), ("all", None)):
        shares = metrics.ConfusionMatrix(2, normalize=normalize)(truth, scores)
        if total:
            np.testing.assert_allclose(shares.sum(1), total, rtol=1e-6)
    np.testing.assert_allclose(shares.sum(), 1, rtol=1e-6)
    weighted = metrics.ConfusionMatrix(2)
    np.testing.assert_array_equal(weighted(truth, scores, [0, 1, 0, 0, 0, 0]), [[0, 0], [0, 1]])
    assert "dog" in weighted.plot(["cat", "dog"]).svg()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["AUC", "Precision", "BinaryIoU"])
def test_predictions_that_are_no_numbers_do_no_harm(kind, value):
    metric = getattr(metrics, kind)()
    metric.update_state([1, 0], [value, 0.2])
    assert np.isfinite(metric.result())


REFUSED = {
    "thresholds out of range": (
        lambda: metrics.Precision([0.5, 1.5]),
        ConfigError,
        "Precision: expected thresholds from 0 to 1: a number or a list, got thresholds=[0.5,1.5]",
    ),
    "no thresholds": (
        lambda: metrics.AUC(num_thresholds=1),
        ConfigError,
        "AUC: expected num_thresholds > 1, got num_thresholds=1",
    ),
    "an unknown curve": (
        lambda: metrics.AUC(curve="DET"),
        ConfigError,
        "AUC: expected `curve` to be one of `ROC`, `roc`, `PR`, `pr`, `PRGAIN`, `prgain`, got "
        "unknown variant `DET`",
    ),
    "num_labels alone": (
        lambda: metrics.AUC(num_labels=3),
        ConfigError,
        "AUC: expected num_labels only with multi_label=True",
    ),
    "labels that change": (
        lambda: metrics.AUC(multi_label=True, num_labels=3)([[0, 1]], [[0.1, 0.2]]),
        ShapeError,
        "AUC: expected predictions of shape (batch, 3) for multi_label=True, got shape (1, 2)",
    ),
    "label weights of another size": (
        lambda: metrics.AUC(label_weights=[1.0, 2.0])(*BINARY),
        ShapeError,
        "AUC: expected as many predictions on the last axis as label_weights, 2, got shape (6,)",
    ),
    "a class that is not there": (
        lambda: metrics.Recall(class_id=3)([[0, 1]], [[0.1, 0.2]]),
        ShapeError,
        "Recall: expected predictions with more than 3 classes on the last axis, got shape (1, 2)",
    ),
    "a share above 1": (
        lambda: metrics.PrecisionAtRecall(1.2),
        ConfigError,
        "PrecisionAtRecall: expected a share from 0 to 1, got 1.2",
    ),
    "beta": (lambda: metrics.FBetaScore(beta=0.0), ConfigError, "expected beta > 0, got beta=0"),
    "an F score of labels": (
        lambda: metrics.F1Score()([0, 1], [[0.1, 0.9], [0.2, 0.8]]),
        ShapeError,
        "F1Score: expected one-hot targets of shape (2, 2), got targets of shape (2,). Make labels "
        "one-hot with lamina.utils.to_categorical.",
    ),
    "a class number": (
        lambda: metrics.IoU(2, [0, 2]),
        ConfigError,
        "IoU: expected target_class_ids below num_classes=2, got 2",
    ),
    "scores for labels": (
        lambda: metrics.MeanIoU(2)([0, 1], [[0.1, 0.9], [0.2, 0.8]]),
        ShapeError,
        "If predictions hold a score for each class, give sparse_y_pred=False.",
    ),
    "another number of classes": (
        lambda: metrics.ConfusionMatrix(3)([0, 1], [[0.1, 0.9], [0.2, 0.8]]),
        ShapeError,
        "ConfusionMatrix: y_pred: expected 3 classes along axis -1, got shape (2, 2)",
    ),
    "an R2 of sequences": (
        lambda: metrics.R2Score()(np.ones((2, 3, 4)), np.ones((2, 3, 4))),
        ShapeError,
        "R2Score: expected predictions of shape (batch, outputs), got shape (2, 3, 4)",
    ),
    "a weight too many": (
        lambda: metrics.AUC()(*BINARY, sample_weight=np.ones(5)),
        ShapeError,
        "expected sample weights for losses of shape (6,), got weights of shape (5,)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_mistakes_are_named(name):
    act, kind, text = REFUSED[name]
    with pytest.raises(kind, match=re.escape(text)):
        act()
