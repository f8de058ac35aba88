"""Training: what fit, evaluate, predict and the batch methods do with data of all kinds."""

from __future__ import annotations

import contextlib
import threading

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.models import Model, Sequential


@pytest.fixture(autouse=True)
def fresh_session():
    lamina.utils.set_random_seed(3)
    lamina.utils.clear_session()


def points(rows=96, features=4):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((rows, features)).astype("float32")
    return x, (x[:, :2].sum(1) > 0).astype("int64")


def classifier(**compiled):
    model = Sequential(
        [layers.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(2, "softmax")]
    )
    settings = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy"}
    model.compile(**settings | {"metrics": ["accuracy"]} | compiled)
    return model


def test_fit_learns_and_history_tells():
    x, y = points()
    history = classifier(optimizer=lamina.optimizers.Adam(0.05)).fit(x, y, epochs=20, verbose=0)
    assert list(history.history) == ["accuracy", "loss"] or set(history.history) == {
        "accuracy",
        "loss",
    }
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    assert history.history["accuracy"][-1] > 0.9
    assert history.epoch == list(range(20))


def test_the_same_seed_gives_the_same_bits():
    x, y = points()
    runs = []
    for _ in range(2):
        lamina.utils.set_random_seed(7)
        model = classifier()
        model.fit(x, y, epochs=3, verbose=0)
        runs.append(model.get_weights())
    np.testing.assert_equal(runs[0], runs[1])


def test_two_fits_equal_one_with_initial_epoch():
    x, y = points()
    lamina.utils.set_random_seed(7)
    whole = classifier()
    whole.fit(x, y, epochs=4, verbose=0)
    lamina.utils.set_random_seed(7)
    parts = classifier()
    parts.fit(x, y, epochs=2, verbose=0)
    parts.fit(x, y, epochs=4, initial_epoch=2, verbose=0)
    np.testing.assert_equal(whole.get_weights(), parts.get_weights())


def test_validation_data_gives_val_logs_equal_to_evaluate():
    x, y = points()
    model = classifier()
    history = model.fit(x, y, validation_data=(x[:30], y[:30]), epochs=2, verbose=0).history
    tested = model.evaluate(x[:30], y[:30], verbose=0, return_dict=True)
    assert history["val_loss"][-1] == pytest.approx(tested["loss"])
    assert history["val_accuracy"][-1] == pytest.approx(tested["accuracy"])


def test_validation_split_takes_the_last_samples_before_shuffling():
    x, y = points(100)
    lamina.utils.set_random_seed(7)
    split = classifier()
    first = split.fit(x, y, validation_split=0.25, epochs=2, verbose=0).history
    lamina.utils.set_random_seed(7)
    given = classifier()
    second = given.fit(
        x[:75], y[:75], validation_data=(x[75:], y[75:]), epochs=2, verbose=0
    ).history
    assert first == second


def test_validation_freq():
    x, y = points()
    model = classifier()
    history = model.fit(x, y, validation_data=(x, y), epochs=5, validation_freq=2, verbose=0)
    assert len(history.history["val_loss"]) == 2
    history = model.fit(x, y, validation_data=(x, y), epochs=5, validation_freq=[1, 5], verbose=0)
    assert len(history.history["val_loss"]) == 2


def test_evaluate_lists_loss_then_metrics():
    x, y = points()
    model = classifier(metrics=["accuracy", "sparse_categorical_accuracy"])
    loss, accuracy, again = model.evaluate(x, y, verbose=0)
    named = model.evaluate(x, y, verbose=0, return_dict=True)
    assert list(named.values()) == [loss, accuracy, again]
    assert model.metrics_names == ["loss", "accuracy", "sparse_categorical_accuracy"]
    model.compile("adam", "sparse_categorical_crossentropy")
    assert isinstance(model.evaluate(x, y, verbose=0), float)


def test_predict_does_not_depend_on_the_batch_size():
    x, _ = points(33)
    model = classifier()
    whole = model.predict(x, batch_size=33, verbose=0)
    np.testing.assert_array_equal(model.predict(x, batch_size=5, verbose=0), whole)
    np.testing.assert_array_equal(model.predict_on_batch(x), whole)
    np.testing.assert_array_equal(model(x), whole)


def test_batches_from_a_generator_equal_batches_from_arrays():
    x, y = points()
    lamina.utils.set_random_seed(7)
    from_arrays = classifier()
    from_arrays.fit(x, y, batch_size=32, epochs=2, shuffle=False, verbose=0)

    def batches():
        while True:
            for start in range(0, 96, 32):
                yield x[start : start + 32], y[start : start + 32]

    lamina.utils.set_random_seed(7)
    from_generator = classifier()
    from_generator.fit(batches(), steps_per_epoch=3, epochs=2, verbose=0)
    np.testing.assert_equal(from_arrays.get_weights(), from_generator.get_weights())


def test_an_indexed_dataset_is_used_whole_and_told_of_epochs():
    x, y = points()

    class Dataset:
        ended = 0

        def __len__(self):
            return 3

        def __getitem__(self, index):
            rows = slice(32 * index, 32 * index + 32)
            return x[rows], y[rows]

        def on_epoch_end(self):
            self.ended += 1

    data = Dataset()
    model = classifier()
    model.fit(data, epochs=2, verbose=0)
    assert data.ended == 2
    assert model.optimizer.iterations == 6
    assert model.predict(data, verbose=0).shape == (96, 2)


def test_a_generator_without_steps_is_one_epoch():
    x, y = points()
    model = classifier()
    batches = ((x[i : i + 32], y[i : i + 32]) for i in range(0, 96, 32))
    history = model.fit(batches, epochs=1, verbose=0)
    assert len(history.history["loss"]) == 1
    assert model.optimizer.iterations == 3


def test_data_that_runs_out_warns():
    x, y = points()
    with pytest.warns(UserWarning, match="ran out after 3 of 5 batches"):
        classifier().fit(iter([(x[:32], y[:32])] * 3), steps_per_epoch=5, verbose=0)


def test_steps_per_epoch_goes_on_where_the_last_epoch_stopped():
    x, y = points()
    model = classifier()
    model.fit(x, y, batch_size=16, steps_per_epoch=2, epochs=3, verbose=0)
    assert model.optimizer.iterations == 6


def test_sample_weight_of_zero_leaves_samples_out():
    x, y = points()
    lamina.utils.set_random_seed(7)
    weighted = classifier(optimizer="sgd", metrics=[])
    keep = np.zeros(96)
    keep[:48] = 1
    weighted.fit(x, y, sample_weight=keep, batch_size=96, shuffle=False, verbose=0)
    lamina.utils.set_random_seed(7)
    halved = classifier(optimizer=lamina.optimizers.SGD(0.005), metrics=[])
    halved.fit(x[:48], y[:48], batch_size=48, shuffle=False, verbose=0)
    for a, b in zip(weighted.get_weights(), halved.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_class_weight_equals_sample_weight():
    x, y = points()
    runs = []
    for settings in ({"class_weight": {0: 1.0, 1: 3.0}}, {"sample_weight": np.where(y == 1, 3, 1)}):
        lamina.utils.set_random_seed(7)
        model = classifier()
        model.fit(x, y, verbose=0, **settings)
        runs.append(model.get_weights())
    np.testing.assert_equal(runs[0], runs[1])


def two_outputs(**compiled):
    x = layers.Input((4,))
    hidden = layers.Dense(8, activation="tanh")(x)
    model = Model(x, [layers.Dense(1, name="sum")(hidden), layers.Dense(2, name="kind")(hidden)])
    crossentropy = lamina.losses.SparseCategoricalCrossentropy(from_logits=True)
    settings = {
        "optimizer": "adam",
        "loss": {"sum": "mse", "kind": crossentropy},
        "metrics": {"kind": ["accuracy"], "sum": "mae"},
    }
    model.compile(**settings | compiled)
    return model


def test_several_outputs_are_named_as_keras_names_them():
    x, y = points()
    sums = x.sum(1)
    history = two_outputs(loss_weights={"sum": 0.5, "kind": 2.0}).fit(
        x, [sums, y], epochs=2, verbose=0
    )
    logs = history.history
    assert set(logs) == {"loss", "sum_loss", "kind_loss", "kind_accuracy", "sum_mae"}
    total = 0.5 * logs["sum_loss"][-1] + 2 * logs["kind_loss"][-1]
    assert logs["loss"][-1] == pytest.approx(total, rel=1e-5)


def test_targets_may_come_by_name():
    x, y = points()
    runs = []
    for targets in ([x.sum(1), y], {"kind": y, "sum": x.sum(1)}):
        lamina.utils.set_random_seed(7)
        model = two_outputs()
        model.fit(x, targets, verbose=0)
        runs.append(model.get_weights())
    np.testing.assert_equal(runs[0], runs[1])


def test_an_output_without_a_loss_needs_no_target():
    x, y = points()
    model = two_outputs(
        loss=[None, lamina.losses.SparseCategoricalCrossentropy(from_logits=True)], metrics=None
    )
    before = model.get_layer("sum").get_weights()
    assert set(model.fit(x, y, verbose=0).history) == {"loss"}
    np.testing.assert_equal(model.get_layer("sum").get_weights(), before)


def test_train_on_batch_and_test_on_batch():
    x, y = points(32)
    model = classifier(optimizer=lamina.optimizers.Adam(0.05))
    first = model.train_on_batch(x, y, return_dict=True)
    assert set(first) == {"loss", "accuracy"}
    for _ in range(30):
        loss, _ = model.train_on_batch(x, y)
    assert loss < first["loss"]
    assert model.test_on_batch(x, y)[0] == pytest.approx(model.evaluate(x, y, verbose=0)[0])


def test_frozen_layers_do_not_move():
    x, y = points()
    model = classifier()
    model.layers[0].trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    frozen, free = model.layers[0].get_weights(), model.layers[1].get_weights()
    model.fit(x, y, verbose=0)
    np.testing.assert_equal(model.layers[0].get_weights(), frozen)
    assert not np.array_equal(model.layers[1].get_weights()[0], free[0])


def test_the_learning_rate_can_be_read_and_set():
    x, y = points()
    model = classifier(optimizer=lamina.optimizers.SGD(0.1))
    model.fit(x, y, verbose=0)
    before = model.get_weights()
    model.optimizer.learning_rate = 0.0
    assert float(model.optimizer.learning_rate) == 0.0
    model.fit(x, y, verbose=0)
    np.testing.assert_equal(model.get_weights(), before)


def test_stop_training_from_a_batch_callback_stops_at_once():
    x, y = points()

    class Stop(lamina.callbacks.Callback):
        seen = 0

        def on_train_batch_end(self, batch, logs=None):
            self.seen += 1
            self.model.stop_training = batch == 1

    stop = Stop()
    model = classifier()
    model.fit(x, y, batch_size=8, epochs=3, callbacks=[stop], verbose=0)
    assert stop.seen == 2
    assert model.optimizer.iterations == 2


def test_an_exception_in_a_callback_leaves_a_usable_model():
    x, y = points()

    class Broken(lamina.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("mine")

    model = classifier()
    with pytest.raises(RuntimeError, match="mine"):
        model.fit(x, y, callbacks=[Broken()], verbose=0)
    model.fit(x, y, verbose=0)
    assert model.predict(x, verbose=0).shape == (96, 2)


def test_callbacks_hear_of_everything_in_order():
    heard = []

    class Ear(lamina.callbacks.Callback):
        def __getattribute__(self, name):
            if name.startswith("on_") and "batch" in name:
                heard.append(name)
            return super().__getattribute__(name)

        def on_train_batch_end(self, batch, logs=None):
            assert "loss" in logs

        def on_predict_batch_end(self, batch, logs=None):
            assert logs["outputs"].shape[1] == 2

    x, y = points()
    model = classifier()
    model.fit(x, y, batch_size=48, callbacks=[Ear()], verbose=0)
    assert heard.count("on_train_batch_end") >= 2
    model.predict(x, batch_size=48, callbacks=[Ear()], verbose=0)


def test_every_form_of_data_gives_the_same_numbers():
    x, y = points(64)
    wide = np.zeros((64, 8), np.float32)
    wide[:, ::2] = x
    readonly = x.copy()
    readonly.flags.writeable = False
    raw = np.zeros(x.nbytes + 1, np.uint8)
    unaligned = raw[1:].view(np.float32).reshape(x.shape)
    unaligned[:] = x
    forms = {
        "list": x.tolist(),
        "strided": wide[:, ::2],
        "fortran": np.asfortranarray(x),
        "readonly": readonly,
        "unaligned": unaligned,
        "swapped": x.astype(x.dtype.newbyteorder()),
        "float64": x.astype("float64"),
        "longdouble": x.astype("longdouble"),
        "reversed twice": x[::-1][::-1],
    }
    model = classifier()
    expected = model.predict(x, verbose=0)
    for name, form in forms.items():
        np.testing.assert_array_equal(model.predict(form, verbose=0), expected, err_msg=name)
    half = model.predict(x.astype("float16"), verbose=0)
    np.testing.assert_allclose(half, expected, atol=1e-2)
    assert model.predict(np.ones((3, 4), bool), verbose=0).shape == (3, 2)
    assert model.predict(np.ones((3, 4), np.int8), verbose=0).shape == (3, 2)
    for labels in (y.tolist(), y.astype("uint8"), y.astype("float64"), y[:, None], y == 1):
        assert np.isfinite(model.evaluate(x, labels, verbose=0)[0])


def test_targets_of_one_column_may_be_flat():
    x, _ = points()
    model = Sequential([layers.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    flat = model.evaluate(x, x.sum(1), verbose=0)
    assert flat == model.evaluate(x, x.sum(1)[:, None], verbose=0)


def test_arrays_changed_during_fit_cannot_crash_it():
    x, y = points(512)

    class Spoil(lamina.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            x[:] = 0
            y[:] = 0

    classifier().fit(x, y, epochs=2, batch_size=8, callbacks=[Spoil()], verbose=0)


def test_arrays_resized_during_fit_cannot_crash_it():
    x, y = points(512)
    x, y = x.copy(), y.copy()

    class Shrink(lamina.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            for array in (x, y):
                with contextlib.suppress(ValueError):  # numpy refuses while others look at it
                    array.resize((2, *array.shape[1:]))

    model = classifier()
    with contextlib.suppress(ValueError):
        model.fit(x, y, epochs=2, batch_size=8, callbacks=[Shrink()], verbose=0)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_a_thread_that_writes_during_fit_cannot_crash_it():
    x, y = points(4096)
    done = threading.Event()

    def write():
        while not done.is_set():
            x[:] = np.random.default_rng(0).standard_normal(x.shape)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        model = classifier()
        model.fit(x, y, epochs=20, batch_size=64, verbose=0)
    finally:
        done.set()
        writer.join()
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@pytest.mark.parametrize(
    "hook", ["on_train_begin", "on_epoch_begin", "on_train_batch_end", "on_test_begin"]
)
def test_an_exception_in_any_hook_leaves_a_usable_model(hook):
    x, y = points()

    def fail(*args):
        raise RuntimeError("mine")

    model = classifier()
    broken = lamina.callbacks.LambdaCallback(**{hook: fail})
    with pytest.raises(RuntimeError, match="mine"):
        model.fit(x, y, callbacks=[broken], validation_split=0.5, verbose=0)
    done = model.optimizer.iterations
    model.fit(x, y, batch_size=32, verbose=0)
    assert model.optimizer.iterations == done + 3


def test_a_model_traced_by_fit_learns():
    class Net(Model):
        def __init__(self):
            super().__init__()
            self.hidden = layers.Dense(8, activation="relu")
            self.head = layers.Dense(2, activation="softmax")

        def call(self, x):
            return self.head(self.hidden(x))

    x, y = points()
    model = Net()
    model.compile(lamina.optimizers.Adam(0.05), "sparse_categorical_crossentropy")
    losses = model.fit(x, y, epochs=15, verbose=0).history["loss"]
    assert losses[-1] < 0.6 * losses[0]
