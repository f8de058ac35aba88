"""Callbacks, driven by hand over a stand-in for a model."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from lamina.callbacks import (
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ProgbarLogger,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from lamina.errors import ConfigError, FileError


class FakeModel:
    """Has what callbacks ask a model for; its one weight is the number of the epoch."""

    def __init__(self, metrics=()):
        self.stop_training = False
        self.optimizer = SimpleNamespace(learning_rate=0.1)
        self.metrics = list(metrics)
        self.weight = 0.0
        self.saved = []
        self.history = None

    def get_weights(self):
        return [np.array([self.weight])]

    def set_weights(self, weights):
        self.weight = float(weights[0][0])

    def save(self, path, overwrite=True):
        self.saved.append(("model", path))

    def save_weights(self, path, overwrite=True):
        self.saved.append(("weights", path))


def train(callback, values, name="val_loss", model=None, begin=True):
    """Run one epoch for each value; returns the model and how many epochs were run."""
    model = model or FakeModel()
    callbacks = CallbackList(callback, model=model)
    if begin:
        callbacks.on_train_begin()
    for epoch, value in enumerate(values):
        model.weight = float(epoch)
        callbacks.on_epoch_begin(epoch)
        callbacks.on_epoch_end(epoch, {name: value})
        if model.stop_training:
            break
    callbacks.on_train_end()
    return model, epoch + 1


# ---- Callback and CallbackList ----


def test_hooks_are_called_in_order_with_one_shared_dictionary_of_floats():
    seen = []

    class First(Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(dict(logs))
            logs["added"] = 1.0

    class Second(Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(dict(logs))

    given = {"loss": np.float32(0.5), "accuracy": np.array(1)}
    CallbackList([First(), [Second()]]).on_epoch_end(0, given)
    assert seen == [{"accuracy": 1.0, "loss": 0.5}, {"accuracy": 1.0, "loss": 0.5, "added": 1.0}]
    assert list(seen[0]) == ["accuracy", "loss"]
    assert type(seen[0]["loss"]) is float
    assert "added" not in given


def test_missing_logs_become_an_empty_dictionary():
    seen = []
    CallbackList(LambdaCallback(on_train_begin=seen.append)).on_train_begin()
    assert seen == [{}]


def test_history_and_progress_bar_are_added_once_and_last():
    own = History()
    model = FakeModel()
    callbacks = CallbackList([own], add_history=True, add_progbar=True, model=model)
    assert [type(callback) for callback in callbacks.callbacks] == [History, ProgbarLogger]
    assert model.history is own
    assert len(CallbackList([], add_history=True).callbacks) == 1


def test_every_callback_learns_model_and_params():
    callback = Callback()
    model = FakeModel()
    CallbackList(callback, model=model, epochs=3, steps=5)
    assert callback.model is model
    assert callback.params == {"epochs": 3, "steps": 5}


def test_a_callback_that_never_calls_super_init_works():
    class Bare(Callback):
        def __init__(self):
            pass

    callback = Bare()
    assert callback.model is None
    assert callback.params is None
    CallbackList(callback, model=FakeModel()).on_train_batch_end(0, {"loss": 1.0})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (EarlyStopping, "callbacks: expected callback objects, got the class EarlyStopping"),
        ([print], "callbacks: expected callback objects, got <built-in function print>"),
    ],
)
def test_what_is_no_callback_is_refused(given, message):
    with pytest.raises(ConfigError) as error:
        CallbackList(given)
    assert message in str(error.value)


def test_batches_are_wanted_only_by_those_who_override_their_hooks():
    class EachTest(Callback):
        def on_test_batch_end(self, batch, logs=None):
            pass

    class OldName(Callback):
        def on_batch_begin(self, batch, logs=None):
            pass

    quiet = CallbackList([EarlyStopping(), History(), ProgbarLogger(), ModelCheckpoint("a")])
    assert not quiet.wants_train_batches
    assert not quiet.wants_test_batches
    assert not quiet.wants_predict_batches
    assert CallbackList(EachTest()).wants_test_batches
    assert not CallbackList(EachTest()).wants_train_batches
    assert CallbackList(OldName()).wants_train_batches
    assert CallbackList(TerminateOnNaN()).wants_train_batches
    assert CallbackList(ModelCheckpoint("a", save_freq=3)).wants_train_batches
    assert CallbackList(LambdaCallback(on_predict_batch_end=print)).wants_predict_batches
    assert CallbackList([CallbackList(OldName())]).wants_train_batches


def test_a_progress_bar_wants_to_hear_now_and_then():
    def wants(verbose):
        return CallbackList(ProgbarLogger(), verbose=verbose, epochs=1, steps=1).wants_progress

    assert wants(1)
    assert wants("auto")
    assert not wants(2)
    assert not CallbackList(History()).wants_progress


def test_on_train_batch_calls_the_older_names():
    calls = []

    class Old(Callback):
        def on_batch_begin(self, batch, logs=None):
            calls.append(("begin", batch))

        def on_batch_end(self, batch, logs=None):
            calls.append(("end", batch, logs))

    callbacks = CallbackList(Old())
    callbacks.on_train_batch_begin(4)
    callbacks.on_train_batch_end(4, {"loss": 2})
    assert calls == [("begin", 4), ("end", 4, {"loss": 2.0})]


# ---- LambdaCallback ----


def test_lambda_callback_takes_any_hook_and_refuses_others():
    calls = []
    callback = LambdaCallback(
        on_test_end=calls.append, on_epoch_begin=lambda e, logs: calls.append(e)
    )
    CallbackList(callback).on_test_end({"loss": 1})
    CallbackList(callback).on_epoch_begin(7)
    assert calls == [{"loss": 1.0}, 7]
    with pytest.raises(ConfigError, match="expected hooks among .*got 'on_epoch_finish'"):
        LambdaCallback(on_epoch_finish=print)
    with pytest.raises(ConfigError, match="on_epoch_end must be a function, got 3"):
        LambdaCallback(on_epoch_end=3)


# ---- History ----


def test_history_keeps_every_number_of_every_epoch():
    history = History()
    model, _ = train(history, [3.0, 2.0, 1.0])
    assert history.history == {"val_loss": [3.0, 2.0, 1.0]}
    assert history.epoch == [0, 1, 2]
    assert model.history is history


# ---- EarlyStopping ----


def test_early_stopping_waits_for_its_patience():
    assert train(EarlyStopping(patience=2), [1.0, 0.5, 0.6, 0.7, 0.1])[1] == 4
    assert train(EarlyStopping(patience=0), [1.0, 0.5, 0.6, 0.1])[1] == 3


def test_early_stopping_never_stops_after_the_first_epoch():
    assert train(EarlyStopping(patience=0, baseline=0.1), [1.0, 2.0, 3.0])[1] == 2


def test_early_stopping_demands_min_delta():
    assert train(EarlyStopping(min_delta=0.1, patience=1), [1.0, 0.95, 0.5])[1] == 2
    assert train(EarlyStopping(min_delta=0.01, patience=1), [1.0, 0.95, 0.5])[1] == 3
    growing = EarlyStopping("val_accuracy", min_delta=-0.1, patience=1)
    assert train(growing, [0.5, 0.55, 0.9], "val_accuracy")[1] == 2


def test_early_stopping_counts_only_what_beats_the_baseline():
    stop = EarlyStopping(patience=2, baseline=0.5)
    assert train(stop, [1.0, 0.9, 0.8, 0.7])[1] == 4  # improving all the time, so never at rest
    assert train(stop, [1.0, 0.9, 0.95])[1] == 3
    assert train(stop, [1.0, 0.4, 0.45, 0.41])[1] == 4


def test_early_stopping_restores_best_weights():
    model, epochs = train(EarlyStopping(patience=2, restore_best_weights=True), [3, 1, 2, 2.5])
    assert epochs == 4
    assert model.weight == 1.0
    model, _ = train(EarlyStopping(patience=9, restore_best_weights=True), [3, 1, 2])
    assert model.weight == 1.0, "also where the epochs ran out first"
    model, _ = train(EarlyStopping(patience=2), [3, 1, 2, 2.5])
    assert model.weight == 3.0


def test_early_stopping_leaves_the_first_epochs_out():
    stop = EarlyStopping(patience=1, start_from_epoch=3)
    assert train(stop, [1.0, 2.0, 3.0, 4.0, 4.5, 1.0])[1] == 5
    assert stop.best == 4.0


def test_early_stopping_can_serve_again():
    stop = EarlyStopping(patience=1)
    assert train(stop, [1.0, 2.0])[1] == 2
    assert train(stop, [5.0, 4.0, 6.0])[1] == 3
    assert stop.stopped_epoch == 2


def test_early_stopping_says_what_it_does(capsys):
    train(EarlyStopping(patience=1, restore_best_weights=True, verbose=1), [1.0, 2.0])
    assert capsys.readouterr().out == (
        "Epoch 2: early stopping\nRestoring model weights from the end of the best epoch: 1.\n"
    )


def test_a_missing_number_is_a_warning_that_names_what_there_is():
    with pytest.warns(UserWarning, match="EarlyStopping: .*'val_loss'.*there are: loss"):
        _, epochs = train(EarlyStopping(), [1.0, 2.0, 3.0], "loss")
    assert epochs == 3


# ---- the direction of "auto" ----


@pytest.mark.parametrize(
    ("name", "larger_is_better"),
    [
        ("loss", False),
        ("val_loss", False),
        ("digit_loss", False),
        ("val_accuracy", True),
        ("acc", True),
        ("sparse_categorical_accuracy", True),
        ("digit_sparse_top_k_categorical_accuracy", True),
        ("auc_1", True),
        ("val_precision", True),
        ("mean_absolute_error", False),
        ("root_mean_squared_error", False),
        ("val_mae", False),
        ("binary_crossentropy", False),
        ("cosine_similarity", True),
        ("mean_io_u", True),
        ("false_positives", False),
        ("r2_score", True),
    ],
)
def test_auto_follows_from_the_name(name, larger_is_better):
    stop = EarlyStopping(name, patience=1)
    _, epochs = train(stop, [0.5, 0.6, 0.7], name)
    assert epochs == (3 if larger_is_better else 2)


def test_auto_asks_the_metric_first_and_gives_up_on_unknown_names():
    metric = SimpleNamespace(name="speed", _direction="up")
    assert train(EarlyStopping("speed"), [1.0, 2.0, 3.0], "speed", FakeModel([metric]))[1] == 3
    with pytest.raises(ConfigError, match="EarlyStopping: cannot tell whether 'speed' should grow"):
        train(EarlyStopping("speed"), [1.0, 2.0], "speed")
    with pytest.warns(UserWarning, match="mode 'least' is unknown"):
        EarlyStopping(mode="least")


# ---- ReduceLROnPlateau ----


def test_reduce_lr_lowers_the_rate_on_a_plateau_and_rests():
    history = History()
    reduce = ReduceLROnPlateau(factor=0.5, patience=2, cooldown=2, min_delta=0)
    model, _ = train([reduce, history], [1.0] * 9)
    rates = history.history["learning_rate"]
    # epoch 0 sets the best; waits at 1, 2 -> cut; cools down at 3, 4, where 4 counts again
    assert rates == [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025, 0.025]
    assert model.optimizer.learning_rate == 0.0125


def test_reduce_lr_stops_at_min_lr(capsys):
    reduce = ReduceLROnPlateau(factor=0.1, patience=1, min_lr=0.05, verbose=1)
    model, _ = train(reduce, [1.0] * 6)
    assert model.optimizer.learning_rate == 0.05
    assert capsys.readouterr().out == (
        "\nEpoch 2: ReduceLROnPlateau reducing learning rate to 0.05.\n"
    )


def test_reduce_lr_goes_on_while_things_improve():
    model, _ = train(ReduceLROnPlateau(patience=1), [1.0, 0.9, 0.8, 0.7])
    assert model.optimizer.learning_rate == 0.1
    with pytest.raises(ConfigError, match=r"factor must be below 1, got 1\.5"):
        ReduceLROnPlateau(factor=1.5)


# ---- LearningRateScheduler ----


def test_scheduler_sets_the_rate_before_each_epoch():
    history = History()
    train([LearningRateScheduler(lambda epoch, rate: rate * 0.5), history], [1.0] * 3)
    assert history.history["learning_rate"] == [0.05, 0.025, 0.0125]


def test_scheduler_takes_functions_of_the_epoch_alone(capsys):
    model, _ = train(LearningRateScheduler(lambda epoch: 1.0 / (epoch + 1), verbose=1), [1.0] * 2)
    assert model.optimizer.learning_rate == 0.5
    assert "Epoch 2: LearningRateScheduler setting learning rate to 0.5." in capsys.readouterr().out


def test_scheduler_lets_errors_of_the_function_through():
    def broken(epoch, rate):
        return None + rate

    with pytest.raises(TypeError, match="NoneType"):
        train(LearningRateScheduler(broken), [1.0])
    with pytest.raises(ConfigError, match="expected the schedule to return a float, got 1"):
        train(LearningRateScheduler(lambda epoch, rate: 1), [1.0])


# ---- TerminateOnNaN ----


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_terminate_on_nan_stops_after_the_batch(loss, capsys):
    model = FakeModel()
    callbacks = CallbackList(TerminateOnNaN(), model=model)
    callbacks.on_train_batch_end(0, {"loss": 1.0})
    assert not model.stop_training
    callbacks.on_train_batch_end(1, {"loss": loss})
    assert model.stop_training
    assert capsys.readouterr().out == "Batch 1: Invalid loss, terminating training\n"
    with pytest.raises(RuntimeError, match="batch 3: the loss is"):
        TerminateOnNaN(raise_error=True).on_train_batch_end(3, {"loss": loss})


# ---- CSVLogger ----


def test_csv_logger_writes_a_line_for_each_epoch(tmp_path):
    path = tmp_path / "log.csv"
    train(CSVLogger(path, separator=";"), [0.5, 0.25], "loss")
    assert path.read_text() == "epoch;loss;val_loss\n0;0.5;NA\n1;0.25;NA\n"


def test_csv_logger_appends_without_a_second_header(tmp_path):
    path = tmp_path / "log.csv"
    for _ in range(2):
        train(CSVLogger(path, append=True), [0.5])
    assert path.read_text() == "epoch,val_loss\n0,0.5\n0,0.5\n"
    train(CSVLogger(path), [0.125])
    assert path.read_text() == "epoch,val_loss\n0,0.125\n"


def test_csv_logger_is_readable_while_training_and_writes_lists(tmp_path):
    path = tmp_path / "log.csv"
    logger = CSVLogger(path)
    logger.on_train_begin()
    logger.on_epoch_end(0, {"val_loss": 1.5, "val_counts": np.array([1, 2])})
    assert path.read_text().splitlines() == ["epoch,val_counts,val_loss", '0,"""[1, 2]""",1.5']
    logger.on_train_end()


# ---- ModelCheckpoint ----


def test_checkpoint_fills_in_the_file_name(tmp_path):
    save = ModelCheckpoint(tmp_path / "run" / "{epoch:02d}-{val_loss:.2f}.lamina")
    model, _ = train(save, [0.123, 0.456])
    folder = tmp_path / "run"
    assert model.saved == [
        ("model", str(folder / "01-0.12.lamina")),
        ("model", str(folder / "02-0.46.lamina")),
    ]
    assert folder.is_dir()


def test_checkpoint_saves_only_the_best(tmp_path, capsys):
    path = str(tmp_path / "best.lamina")
    save = ModelCheckpoint(path, save_best_only=True, save_weights_only=True, verbose=1)
    model, _ = train(save, [2.0, 3.0, 1.0])
    assert model.saved == [("weights", path)] * 2
    assert capsys.readouterr().out.split("\n\n") == [
        f"\nEpoch 1: val_loss improved from None to 2.00000, saving model to {path}",
        f"Epoch 1: finished saving model to {path}",
        "Epoch 2: val_loss did not improve from 2.00000",
        f"Epoch 3: val_loss improved from 2.00000 to 1.00000, saving model to {path}",
        f"Epoch 3: finished saving model to {path}\n",
    ]


def test_checkpoint_must_beat_the_initial_threshold():
    save = ModelCheckpoint("best", save_best_only=True, initial_value_threshold=1.5)
    model, _ = train(save, [2.0, 1.0])
    assert len(model.saved) == 1
    save = ModelCheckpoint("best", "val_accuracy", save_best_only=True, mode="max")
    model, _ = train(save, [0.5, 0.4, 0.6], "val_accuracy")
    assert len(model.saved) == 2


def test_checkpoint_counts_batches_over_epochs():
    model = FakeModel()
    callbacks = CallbackList(ModelCheckpoint("{epoch}-{batch}", save_freq=3), model=model)
    callbacks.on_train_begin()
    for epoch in range(2):
        callbacks.on_epoch_begin(epoch)
        for batch in range(4):
            callbacks.on_train_batch_end(batch, {"loss": 1.0})
        callbacks.on_epoch_end(epoch, {"loss": 1.0})
    assert [path for _, path in model.saved] == ["1-3", "2-2"]


def test_checkpoint_within_epochs_finds_the_best_too():
    model = FakeModel()
    save = ModelCheckpoint("best", "loss", save_best_only=True, save_freq=1)
    callbacks = CallbackList(save, model=model)
    for batch, loss in enumerate([1.0, 2.0, 0.5]):
        callbacks.on_train_batch_end(batch, {"loss": loss})
    assert len(model.saved) == 2


def test_checkpoint_errors_say_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match="save_freq must be 'epoch' or a number of batches"):
        ModelCheckpoint("a", save_freq="batch")
    with pytest.raises(ConfigError, match="names a format of Keras.*Let it end in .lamina"):
        ModelCheckpoint("a.keras")
    with pytest.raises(ConfigError, match="names a format of Keras"):
        ModelCheckpoint("a.weights.h5", save_weights_only=True)
    with pytest.raises(ConfigError, match=r"cannot fill in .*'mae'.*Known names: epoch, val_loss"):
        train(ModelCheckpoint("{mae}.lamina"), [1.0])
    with pytest.raises(FileError, match="expected a file to write, got the folder"):
        train(ModelCheckpoint(tmp_path), [1.0])
    with pytest.warns(UserWarning, match="saving the best model only needs 'val_loss'"):
        model, _ = train(ModelCheckpoint("a", save_best_only=True), [1.0], "loss")
    assert len(model.saved) == 1
