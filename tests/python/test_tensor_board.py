"""Event files: byte for byte against the format, and as TensorBoard itself reads them."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

import lamina
from lamina import callbacks, layers
from lamina.callbacks import event_file
from lamina.errors import ConfigError

X = np.linspace(-1, 1, 24, dtype="float32").reshape(24, 1)


def fit(folder, epochs=2, model=None, **options):
    lamina.utils.set_random_seed(1)
    lamina.utils.clear_session()
    if model is None:
        model = lamina.Sequential([lamina.Input((1,)), layers.Dense(4), layers.Dense(1)])
    model.compile("sgd", "mse")
    board = callbacks.TensorBoard(folder, **options)
    model.fit(X, X, 8, epochs, verbose=0, callbacks=[board], validation_data=(X, X))
    return model


# ---- a reader of its own ----


def records(path):
    data = path.read_bytes()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        assert data[8:12] == event_file.masked_crc32c(data[:8])
        body = data[12 : 12 + length]
        assert data[12 + length : 16 + length] == event_file.masked_crc32c(body)
        data = data[16 + length :]
        yield body


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def fields(data):
    """A message's fields: number -> values."""
    found, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        else:
            size, at = (8, at) if key & 7 == 1 else varint(data, at)
            value, at = data[at : at + size], at + size
        found.setdefault(key >> 3, []).append(value)
    return found


def summaries(folder):
    """All (tag, plugin, step, tensor) of the files in a folder."""
    for path in sorted(folder.iterdir()):
        events = [fields(body) for body in records(path)]
        assert events[0][3] == [b"brain.Event:2"]
        for event in events[1:]:
            assert struct.unpack("<d", event[1][0])[0] > 1e9
            for summary in event.get(5, []):
                value = fields(fields(summary)[1][0])
                plugin = fields(fields(value[9][0])[1][0])[1][0].decode()
                yield value[1][0].decode(), plugin, event[2][0], fields(value[8][0])


def numbers(folder):
    found = {}
    for tag, plugin, step, tensor in summaries(folder):
        if plugin == "scalars":
            found.setdefault(tag, {})[step] = struct.unpack("<f", tensor[4][0])[0]
    return found


# ---- bytes ----


def test_checksums_are_castagnoli():
    # RFC 3720, B.4: 32 bytes of zeros.
    crc = 0x8A9136AA
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert event_file.masked_crc32c(bytes(32)) == struct.pack("<I", masked)


def test_a_scalar_is_these_very_bytes():
    tensor = bytes([0x08, 1, 0x12, 0, 0x22, 4]) + struct.pack("<f", 1.5)
    metadata = bytes([0x0A, 9, 0x0A, 7]) + b"scalars" + bytes([0x20, 1])
    expected = b"\x0a\x04loss" + bytes([0x42, len(tensor)]) + tensor
    expected += bytes([0x4A, len(metadata)]) + metadata
    assert event_file.scalar("loss", 1.5) == expected


def test_integers_are_in_base_128():
    assert event_file.varint(2, 300) == bytes([0x10, 0xAC, 0x02])
    assert event_file.varint(2, 0) == bytes([0x10, 0x00])


def test_a_histogram_counts_every_value():
    values = np.array([0.0, 0.1, 1.0, 3.0, np.nan, np.inf])
    tensor = fields(fields(event_file.histogram("w", values))[8][0])
    rows = np.frombuffer(tensor[4][0]).reshape(30, 3)
    assert rows[:, 2].sum() == 4
    assert rows[0, 0] == 0.0
    assert rows[-1, 1] == 3.0
    same = fields(fields(event_file.histogram("w", np.full(7, 2.5)))[8][0])
    rows = np.frombuffer(same[4][0]).reshape(30, 3)
    np.testing.assert_array_equal(rows[-1], [2.5, 2.5, 7])


def test_a_picture_is_a_png():
    value = fields(event_file.images("w", [np.array([[0.0, 1.0, 0.5]])]))
    width, height, png = fields(value[8][0])[8]
    assert (width, height) == (b"3", b"1")
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    start = png.index(b"IDAT")
    (length,) = struct.unpack(">I", png[start - 4 : start])
    assert zlib.decompress(png[start + 4 : start + 4 + length]) == bytes([0, 0, 255, 128])


# ---- the callback ----


def test_numbers_of_epochs_and_evaluations_are_written(tmp_path):
    model = fit(tmp_path)
    train, tested = numbers(tmp_path / "train"), numbers(tmp_path / "validation")
    assert train.keys() == {"epoch_loss", "epoch_learning_rate"}
    assert tested.keys() == {"epoch_loss", "evaluation_loss_vs_iterations"}
    history = model.history.history
    assert list(train["epoch_loss"]) == [0, 1]
    np.testing.assert_allclose(list(train["epoch_loss"].values()), history["loss"], rtol=1e-6)
    np.testing.assert_allclose(list(tested["epoch_loss"].values()), history["val_loss"], rtol=1e-6)
    assert list(tested["evaluation_loss_vs_iterations"]) == [3, 6]


@pytest.mark.parametrize(("freq", "steps"), [("batch", [1, 2, 3, 4, 5, 6]), (4, [4])])
def test_numbers_of_batches_are_written_if_asked(freq, steps, tmp_path):
    fit(tmp_path, update_freq=freq, write_steps_per_second=True)
    train = numbers(tmp_path / "train")
    assert list(train["batch_loss"]) == steps
    assert list(train["batch_steps_per_second"]) == steps
    assert list(train["epoch_steps_per_second"]) == [0, 1]


def test_weights_are_written_as_histograms_and_pictures(tmp_path):
    fit(tmp_path, 4, histogram_freq=2, write_images=True, write_graph=False)
    found = {(tag, plugin, step) for tag, plugin, step, _ in summaries(tmp_path / "train")}
    for step in (0, 2):
        for name in ("dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"):
            assert (f"{name}/histogram", "histograms", step) in found
            if name != "dense_1/bias":  # a single number is no picture
                assert (f"{name}/image", "images", step) in found
    assert {step for _, plugin, step in found if plugin == "histograms"} == {0, 2}


def test_the_graph_is_written(tmp_path):
    fit(tmp_path)
    (path,) = (tmp_path / "train").iterdir()
    (graph,) = [event[4][0] for event in map(fields, records(path)) if 4 in event]
    nodes = [fields(node) for node in fields(graph)[1]]
    assert [node[1][0] for node in nodes] == [b"input_layer", b"dense", b"dense_1"]
    assert [node.get(3) for node in nodes] == [None, [b"input_layer"], [b"dense"]]
    assert [node[2][0] for node in nodes] == [b"InputLayer", b"Dense", b"Dense"]


def test_embeddings_are_written_for_the_projector(tmp_path):
    model = lamina.Sequential([lamina.Input((1,)), layers.Embedding(5, 2, name="words")])
    model.add(layers.Flatten())
    model.compile("sgd", "mse")
    board = callbacks.TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata="words.txt")
    model.fit(np.zeros((4, 1)), np.zeros((4, 2)), verbose=0, callbacks=[board])
    np.testing.assert_allclose(np.loadtxt(tmp_path / "words.tsv"), model.get_weights()[0])
    config = (tmp_path / "projector_config.pbtxt").read_text()
    assert 'tensor_path: "words.tsv"' in config
    assert 'metadata_path: "words.txt"' in config
    wrong = callbacks.TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"w": "f"})
    with pytest.raises(ConfigError, match=r"expected names of Embedding layers \(words\)"):
        model.fit(np.zeros((4, 1)), np.zeros((4, 2)), verbose=0, callbacks=[wrong])


def test_an_evaluation_alone_is_written(tmp_path):
    model = lamina.Sequential([lamina.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.evaluate(X, X, verbose=0, callbacks=[callbacks.TensorBoard(tmp_path)])
    assert list(numbers(tmp_path / "validation")) == ["evaluation_loss_vs_iterations"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"profile_batch": 2}, "profile_batch is not supported, got 2"),
        ({"update_freq": 0}, "update_freq must be 'epoch', 'batch' or a number of batches, got 0"),
        ({"update_freq": "step"}, "update_freq must be"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        callbacks.TensorBoard("logs", **options)


# ---- TensorBoard itself ----


def test_tensorboard_reads_it_all(tmp_path):
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="tensorboard is not installed",
    )
    util = pytest.importorskip("tensorboard.util.tensor_util", reason="tensorboard")
    model = fit(tmp_path, histogram_freq=1, write_images=True)
    found = reader.EventAccumulator(str(tmp_path / "train"), {reader.TENSORS: 0}).Reload()
    tags = found.Tags()
    assert tags["graph"]
    assert {"epoch_loss", "dense/kernel/histogram", "dense/kernel/image"} <= set(tags["tensors"])
    losses = [util.make_ndarray(e.tensor_proto) for e in found.Tensors("epoch_loss")]
    np.testing.assert_allclose(losses, model.history.history["loss"], rtol=1e-6)
    (_, rows) = found.Tensors("dense/kernel/histogram")
    assert util.make_ndarray(rows.tensor_proto)[:, 2].sum() == 4
    assert found.PluginTagToContent("scalars").keys() >= {"epoch_loss"}
    assert [node.name for node in found.Graph().node] == ["input_layer", "dense", "dense_1"]
    assert found.Graph().node[1].attr["_output_shapes"].list.shape[0].dim[1].size == 4
