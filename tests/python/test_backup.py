"""A training that is cut off and goes on from its backup ends with the bits of one that was not."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import callbacks, layers
from lamina.errors import ConfigError, FileError, ParamError

RNG = np.random.default_rng(3)
X = RNG.normal(size=(40, 3)).astype("float32")
Y = RNG.integers(0, 3, 40)


class PowerCut(callbacks.Callback):
    """Ends the training as a crash would, after so many batches."""

    def __init__(self, batches):
        super().__init__()
        self.left = batches

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise RuntimeError("no power")


def make(seed=5, units=8):
    """A model with all that has a state: dropout, moving averages, slots, an average of weights."""
    lamina.utils.set_random_seed(seed)
    model = lamina.Sequential(
        [
            lamina.Input((3,)),
            layers.Dense(units),
            layers.BatchNormalization(),
            layers.Dropout(0.4),
            layers.Dense(3, activation="softmax"),
        ]
    )
    optimizer = lamina.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def arrays():
    return {"x": X, "y": Y, "batch_size": 8}


def short_epochs():
    return {"x": X, "y": Y, "batch_size": 10, "steps_per_epoch": 2}


def endless():
    def batches():
        rng = np.random.default_rng(1)
        while True:
            rows = rng.integers(0, 40, 8)
            yield X[rows], Y[rows]

    return {"x": batches(), "steps_per_epoch": 5}


class Batches(lamina.utils.PyDataset):
    """The data in five batches."""

    def __len__(self):
        return 5

    def __getitem__(self, index):
        return X[index * 8 :][:8], Y[index * 8 :][:8]


def indexed():
    return {"x": Batches()}


def fit(data, extra=(), epochs=4, model=None):
    model = model or make()
    plateau = callbacks.LearningRateScheduler(lambda epoch: 0.01 / (epoch + 1))
    history = model.fit(
        **data(), epochs=epochs, callbacks=[plateau, *extra], verbose=0, validation_data=(X, Y)
    )
    return model, history.history


@pytest.mark.parametrize("data", [arrays, short_epochs, endless, indexed])
@pytest.mark.parametrize(("save_freq", "cut"), [(1, 3), (1, 5), (1, 7), (3, 5), ("epoch", 7)])
def test_the_continued_run_has_the_same_bits(data, save_freq, cut, tmp_path):
    whole, seen = fit(data)
    backup = callbacks.BackupAndRestore(tmp_path / "b", save_freq)
    with pytest.raises(RuntimeError, match="no power"):
        fit(data, [backup, PowerCut(cut)])
    # Another seed: everything that matters is in the backup.
    backup = callbacks.BackupAndRestore(tmp_path / "b", save_freq)
    continued, rest = fit(data, [backup], model=make(seed=99))
    for ours, theirs in zip(continued.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for name, values in rest.items():
        assert values == seen[name][-len(values) :], name
    assert not (tmp_path / "b").exists()


def test_it_goes_on_behind_the_last_batch_of_an_epoch(tmp_path):
    _, seen = fit(arrays)
    backup = callbacks.BackupAndRestore(tmp_path, save_freq=5)
    with pytest.raises(RuntimeError):
        fit(arrays, [backup, PowerCut(5)])
    _, rest = fit(arrays, [backup])
    assert rest == seen


def test_metrics_of_several_numbers_go_on_too(tmp_path):
    def run(extra=()):
        model = make()
        model.compile("adam", "categorical_crossentropy", metrics=["accuracy", "auc", "f1_score"])
        targets = lamina.utils.to_categorical(Y, 3)
        return model.fit(X, targets, 8, 2, verbose=0, callbacks=list(extra)).history

    seen = run()
    for cut in (3, 5):
        with pytest.raises(RuntimeError):
            run([callbacks.BackupAndRestore(tmp_path, 1), PowerCut(cut + 1)])
        rest = run([callbacks.BackupAndRestore(tmp_path, 1)])
        assert {name: np.array(values).tolist() for name, values in rest.items()} == {
            name: np.array(values).tolist() for name, values in seen.items()
        }


def test_a_cut_may_come_again_and_again(tmp_path):
    whole, _ = fit(arrays)
    backup = callbacks.BackupAndRestore(tmp_path, save_freq=1)
    for _ in range(19):
        with pytest.raises(RuntimeError):
            fit(arrays, [backup, PowerCut(1)])
    continued, _ = fit(arrays, [backup])
    for ours, theirs in zip(continued.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_backup_is_kept_if_asked(tmp_path):
    backup = callbacks.BackupAndRestore(tmp_path, double_checkpoint=True, delete_checkpoint=False)
    fit(arrays, [backup], epochs=3)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["latest.lamina", "latest.lamina.bkp"]
    _, history = fit(arrays, [backup], epochs=3)
    assert history == {}  # all epochs are done
    _, history = fit(arrays, [backup], epochs=4)
    assert len(history["loss"]) == 1


def test_other_files_in_the_folder_stay(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    fit(arrays, [callbacks.BackupAndRestore(tmp_path)])
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_the_one_before_helps_where_the_last_is_damaged(tmp_path):
    whole, _ = fit(arrays)
    backup = callbacks.BackupAndRestore(tmp_path, save_freq=2, double_checkpoint=True)
    with pytest.raises(RuntimeError):
        fit(arrays, [backup, PowerCut(7)])
    file = tmp_path / "latest.lamina"
    file.write_bytes(file.read_bytes()[:-7])
    continued, _ = fit(arrays, [backup])
    for ours, theirs in zip(continued.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_damaged_backup_alone_is_an_error(tmp_path):
    (tmp_path / "latest.lamina").write_bytes(b"nothing")
    with pytest.raises(FileError, match=r"latest.lamina"):
        fit(arrays, [callbacks.BackupAndRestore(tmp_path)])


def test_a_backup_of_another_model_is_refused(tmp_path):
    backup = callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
    fit(arrays, [backup], epochs=1)
    with pytest.raises(ParamError, match=r'expected shape \(3, 9\) for the weight "dense'):
        fit(arrays, [backup], model=make(units=9))


def test_a_saved_model_is_no_backup(tmp_path):
    make().save(tmp_path / "latest.lamina")
    with pytest.raises(FileError, match="is no backup of a training"):
        fit(arrays, [callbacks.BackupAndRestore(tmp_path)])


def test_a_generator_that_ends_too_early_is_an_error(tmp_path):
    backup = callbacks.BackupAndRestore(tmp_path)
    with pytest.raises(RuntimeError):
        fit(endless, [backup, PowerCut(12)])
    short = [(X[:8], Y[:8])] * 3
    model = make()
    with pytest.raises(lamina.errors.DataError, match="expected the 10 batches again"):
        model.fit(iter(short), steps_per_epoch=5, epochs=4, callbacks=[backup], verbose=0)


@pytest.mark.parametrize("freq", [0, -1, "batch", False, 1.5])
def test_other_frequencies_are_refused(freq):
    with pytest.raises(ConfigError, match="save_freq must be 'epoch' or a number of batches"):
        callbacks.BackupAndRestore("b", save_freq=freq)


def test_no_folder_is_refused():
    with pytest.raises(ConfigError, match="BackupAndRestore: expected a folder, got ''"):
        callbacks.BackupAndRestore("")


def test_what_callbacks_remember_is_kept(tmp_path):
    def watchers():
        return [
            callbacks.EarlyStopping("val_loss", 0.02, patience=3, restore_best_weights=True),
            callbacks.ReduceLROnPlateau("val_loss", 0.5, patience=2, min_delta=0.05, cooldown=1),
        ]

    def run(extra):
        model = make()
        made = [*extra, *watchers()]
        fitted = model.fit(X, Y, 8, 40, verbose=0, callbacks=made, validation_data=(X, Y))
        return model, fitted.epoch

    whole, epochs = run([])
    assert 5 < len(epochs) < 40
    for cut in (8, 5 * len(epochs) - 7, 5 * len(epochs) - 1):
        with pytest.raises(RuntimeError):
            run([callbacks.BackupAndRestore(tmp_path), PowerCut(cut)])
        continued, rest = run([callbacks.BackupAndRestore(tmp_path)])
        assert rest[-1] == epochs[-1]
        assert rest[0] == (cut - 1) // 5
        for ours, theirs in zip(continued.get_weights(), whole.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


# ---- averages in the place of weights ----


def averaged(extra=(), **options):
    model = make()
    seen = []
    watch = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(dict(logs)))
    model.fit(X, Y, 8, 3, verbose=0, callbacks=[*extra, watch], validation_data=(X, Y), **options)
    return model, seen


def test_averages_are_measured_and_the_training_is_the_same():
    plain, logs = averaged()
    swapped, other = averaged([callbacks.SwapEMAWeights()])
    for ours, theirs in zip(swapped.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [one["loss"] for one in logs] == [one["loss"] for one in other]
    assert all(a["val_loss"] != b["val_loss"] for a, b in zip(logs, other, strict=True))
    # At the end the model has its averages: what was measured last.
    assert swapped.evaluate(X, Y, verbose=0)[0] == pytest.approx(other[-1]["val_loss"], rel=1e-6)


@pytest.mark.parametrize("stop", [False, True])
def test_callbacks_behind_it_see_the_averages(stop, tmp_path):
    class Stop(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = stop and epoch == 1

    swap = callbacks.SwapEMAWeights(swap_on_epoch=True)
    save = callbacks.ModelCheckpoint(tmp_path / "{epoch}.lamina", save_weights_only=True)
    model, logs = averaged([swap, save, Stop()])
    final = make()
    for epoch, log in enumerate(logs, start=1):
        final.load_weights(tmp_path / f"{epoch}.lamina")
        assert final.evaluate(X, Y, verbose=0)[0] == pytest.approx(log["val_loss"], rel=1e-6)
    for ours, theirs in zip(model.get_weights(), final.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_backup_between_two_swaps_is_of_the_weights(tmp_path):
    whole, _ = averaged([callbacks.SwapEMAWeights(swap_on_epoch=True)])
    swap, backup = callbacks.SwapEMAWeights(True), callbacks.BackupAndRestore(tmp_path)
    with pytest.raises(RuntimeError):
        averaged([swap, backup, PowerCut(7)])
    swap, backup = callbacks.SwapEMAWeights(True), callbacks.BackupAndRestore(tmp_path)
    continued, _ = averaged([swap, backup])
    for ours, theirs in zip(continued.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_evaluate_and_predict_bring_the_weights_back():
    model, swap = make(), callbacks.SwapEMAWeights()
    before = model.evaluate(X, Y, verbose=0, callbacks=[swap])
    assert before == model.evaluate(X, Y, verbose=0)  # no step yet: an average is the weight
    for _ in range(3):
        model.train_on_batch(X, Y)
    weights = model.get_weights()
    averages = model.predict(X, verbose=0, callbacks=[swap])
    assert np.abs(averages - model.predict(X, verbose=0)).max() > 0
    for ours, theirs in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_without_averages_it_is_refused():
    model = lamina.Sequential([lamina.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ConfigError, match="SGD: expected an optimizer that averages weights"):
        model.evaluate(X, Y, verbose=0, callbacks=[callbacks.SwapEMAWeights()])


@pytest.mark.parametrize("name", ["RemoteMonitor", "OrbaxCheckpoint"])
def test_what_is_left_out_says_so(name):
    with pytest.raises(AttributeError, match=f"lamina.callbacks has no {name}, which in Keras"):
        getattr(callbacks, name)
