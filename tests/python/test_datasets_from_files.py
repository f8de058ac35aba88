"""Datasets of files and parts of datasets."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.errors import ConfigError, DataError, FileError, ShapeError
from lamina.utils import (
    image_dataset_from_directory,
    pack_x_y_sample_weight,
    split_dataset,
    text_dataset_from_directory,
    unpack_x_y_sample_weight,
)
from lamina.utils.resampling import INTERPOLATIONS, resized


@pytest.fixture
def texts(tmp_path):
    for name in ("neg", "pos"):
        (tmp_path / name / "inner").mkdir(parents=True)
        for i in range(4):
            (tmp_path / name / f"{i}.txt").write_text(f"{name} {i} ä")
        (tmp_path / name / "inner" / "9.txt").write_text(f"{name} 9")
        (tmp_path / name / "notes.md").write_text("not read")
    return tmp_path


def read_all(dataset):
    batches = list(dataset)
    texts = [text for x, _ in batches for text in x.tolist()]
    return texts, np.concatenate([y for _, y in batches])


def test_texts_come_with_the_numbers_of_their_folders(texts, capsys):
    dataset = text_dataset_from_directory(texts, batch_size=3, shuffle=False)
    assert capsys.readouterr().out == "Found 10 files belonging to 2 classes.\n"
    assert dataset.class_names == ["neg", "pos"]
    assert len(dataset) == 4
    found, labels = read_all(dataset)
    assert found[:5] == ["neg 0 ä", "neg 1 ä", "neg 2 ä", "neg 3 ä", "neg 9"]
    assert labels.tolist() == [0] * 5 + [1] * 5
    assert [path[-9:] for path in dataset.file_paths[:1]] == ["neg/0.txt"]


@pytest.mark.parametrize(
    ("mode", "shape", "dtype"),
    [("int", (10,), "int32"), ("binary", (10, 1), "float32"), ("categorical", (10, 2), "float32")],
)
def test_labels_have_the_form_asked_for(texts, mode, shape, dtype):
    dataset = text_dataset_from_directory(texts, label_mode=mode, verbose=False)
    (batch,) = list(dataset)
    assert batch[1].shape == shape
    assert batch[1].dtype == dtype


def test_without_labels_texts_come_alone(texts):
    for options in ({"labels": None}, {"label_mode": None}):
        (batch,) = list(text_dataset_from_directory(texts, verbose=False, **options))
        assert batch.shape == (10,)
    numbers = list(range(10))
    dataset = text_dataset_from_directory(texts, labels=numbers, shuffle=False, verbose=False)
    assert read_all(dataset)[1].tolist() == numbers


def test_folders_and_lengths_can_be_chosen(texts):
    dataset = text_dataset_from_directory(
        texts, class_names=["pos", "neg"], max_length=3, shuffle=False, verbose=False
    )
    found, labels = read_all(dataset)
    assert found == ["pos"] * 5 + ["neg"] * 5
    assert labels.tolist() == [0] * 5 + [1] * 5
    one = text_dataset_from_directory(texts, batch_size=None, shuffle=False, verbose=False)
    assert next(iter(one)) == ("neg 0 ä", 0)


def test_parts_are_disjoint_and_follow_from_the_seed(texts):
    def part(subset):
        return text_dataset_from_directory(
            texts, seed=3, validation_split=0.3, subset=subset, verbose=False
        )

    train, test = part("both")
    assert sorted(train.file_paths + test.file_paths) == sorted(
        text_dataset_from_directory(texts, verbose=False).file_paths
    )
    assert len(test.file_paths) == 3
    assert part("training").file_paths == train.file_paths
    assert part("validation").file_paths == test.file_paths
    first, second = read_all(train)[0], read_all(train)[0]
    assert first != second
    assert sorted(first) == sorted(second)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"labels": "guess"}, ConfigError, "expected labels as 'inferred', None, or a list"),
        ({"label_mode": "onehot"}, ConfigError, "expected label_mode among 'int', 'categorical'"),
        ({"class_names": ["good"]}, ConfigError, "among the folders neg, pos, got good"),
        ({"labels": [1, 2]}, DataError, "expected a label for each of 10 files, got 2"),
        ({"labels": None, "class_names": ["neg"]}, ConfigError, "with labels='inferred' only"),
        ({"validation_split": 2.0, "subset": "both"}, ConfigError, "between 0 and 1, got 2.0"),
        ({"validation_split": 0.2}, ConfigError, "expected validation_split and subset together"),
        ({"validation_split": 0.2, "subset": "left"}, ConfigError, "expected subset as 'training'"),
        ({"validation_split": 0.2, "subset": "both"}, ConfigError, "Give a seed, the same to both"),
        (
            {"validation_split": 0.01, "subset": "both", "seed": 1},
            DataError,
            "leaves no file for validation among 10",
        ),
        (
            {"class_names": ["neg"], "label_mode": "binary"},
            ConfigError,
            "expected two classes with label_mode='binary', got 1",
        ),
    ],
)
def test_wrong_options_are_errors(texts, options, kind, message):
    with pytest.raises(kind, match=message):
        text_dataset_from_directory(texts, verbose=False, **options)


def test_wrong_files_are_errors(tmp_path):
    with pytest.raises(FileError, match="text_dataset_from_directory: no such folder"):
        text_dataset_from_directory(tmp_path / "none")
    (tmp_path / "a").mkdir()
    with pytest.raises(DataError, match="expected files ending in .txt in .*, got none"):
        text_dataset_from_directory(tmp_path)
    (tmp_path / "a" / "x.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(FileError, match=r"x.txt: expected text in UTF-8"):
        list(text_dataset_from_directory(tmp_path, verbose=False))


# ---- pictures ----


@pytest.fixture
def pictures(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    rng = np.random.default_rng(0)
    for name, shade in (("dark", 40), ("light", 180)):
        (tmp_path / name).mkdir()
        for i, ending in enumerate(["png", "bmp", "jpg", "gif"] * 4):
            pixels = rng.integers(shade, shade + 40, (10, 20, 3)).astype(np.uint8)
            image.fromarray(pixels).save(tmp_path / name / f"{i}.{ending}")
    return tmp_path


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({}, (32, 256, 256, 3)),
        ({"image_size": 8, "color_mode": "grayscale"}, (32, 8, 8, 1)),
        ({"image_size": (5, 10), "color_mode": "rgba"}, (32, 5, 10, 4)),
        ({"image_size": (5, 10), "data_format": "channels_first"}, (32, 3, 5, 10)),
    ],
)
def test_pictures_have_the_size_asked_for(pictures, options, shape):
    (batch,) = list(image_dataset_from_directory(pictures, verbose=False, **options))
    assert batch[0].shape == shape
    assert batch[0].dtype == np.float32
    assert batch[0].min() >= 0
    assert batch[0].max() <= 255


def test_pictures_of_the_size_asked_for_are_as_they_are(pictures):
    image = pytest.importorskip("PIL.Image")
    dataset = image_dataset_from_directory(
        pictures, image_size=(10, 20), shuffle=False, verbose=False
    )
    for path, pixels in zip(dataset.file_paths, next(iter(dataset))[0], strict=True):
        with image.open(path) as picture:
            np.testing.assert_array_equal(pixels, np.asarray(picture.convert("RGB")))


def test_proportions_can_be_kept(pictures):
    (padded,) = image_dataset_from_directory(
        pictures, image_size=20, labels=None, pad_to_aspect_ratio=True, verbose=False
    )
    assert padded[:, :4].max() == 0
    assert padded[:, 6:14].min() > 0
    (cropped,) = image_dataset_from_directory(
        pictures, image_size=20, labels=None, crop_to_aspect_ratio=True, verbose=False
    )
    assert cropped.min() > 0


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_interpolations_keep_what_does_not_change_and_turn_with_the_picture(interpolation):
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(3).integers(60, 190, (12, 10, 3)).astype("uint8")
    picture = image.fromarray(pixels)
    if interpolation not in ("gaussian", "mitchellcubic"):  # these smooth at any size
        same = resized(picture, (10, 12), interpolation)
        np.testing.assert_allclose(same, pixels, atol=1e-3)
    even = image.new("RGB", (9, 7), (10, 200, 30))
    for size in ((4, 5), (21, 20)):
        made = resized(picture, size, interpolation)
        turned = resized(image.fromarray(pixels.transpose(1, 0, 2)), size[::-1], interpolation)
        np.testing.assert_allclose(turned, made.transpose(1, 0, 2), atol=1.01)
        np.testing.assert_allclose(
            resized(even, size, interpolation),
            np.broadcast_to(np.float32([10, 200, 30]), (size[1], size[0], 3)),
            atol=1e-3,
        )


def test_interpolations_by_hand():
    image = pytest.importorskip("PIL.Image")
    row = image.fromarray(np.array([[0, 30, 60]], "uint8"))

    def made(size, interpolation, box=None):
        return resized(row, (size, 1), interpolation, box)[0, :, 0]

    np.testing.assert_allclose(made(2, "area"), [10, 50], rtol=1e-6)
    np.testing.assert_allclose(made(2, "area", (0.5, 0, 2.5, 1)), [15, 45], rtol=1e-6)
    np.testing.assert_allclose(made(6, "area"), [0, 0, 30, 30, 60, 60])
    # At its own place a pixel has 8/9 of the weight, its neighbours 1/18 each.
    np.testing.assert_allclose(made(3, "mitchellcubic")[1], 30, rtol=1e-6)
    np.testing.assert_allclose(made(3, "mitchellcubic")[0], 30 / 17, rtol=1e-6)
    side = np.exp(-2.0)
    np.testing.assert_allclose(made(3, "gaussian")[0], 30 * side / (1 + side), rtol=1e-6)


@pytest.mark.parametrize("interpolation", ["bicubic", "area", "lanczos5"])
def test_proportions_can_be_kept_with_every_kind_of_interpolation(pictures, interpolation):
    for keep in ("pad_to_aspect_ratio", "crop_to_aspect_ratio"):
        options = {keep: True, "interpolation": interpolation.upper(), "labels": None}
        (made,) = image_dataset_from_directory(pictures, image_size=20, verbose=False, **options)
        assert (made[:, :4].max() == 0) == keep.startswith("pad")
        assert made[:, 6:14].min() > 0


def test_a_network_learns_from_a_folder(pictures):
    lamina.utils.set_random_seed(0)
    train, test = image_dataset_from_directory(
        pictures,
        image_size=6,
        validation_split=0.25,
        subset="both",
        seed=1,
        verbose=False,
        label_mode="binary",
        batch_size=4,
    )
    model = lamina.Sequential([lamina.Input((6, 6, 3)), layers.Rescaling(1 / 255)])
    model.add(layers.Flatten())
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(lamina.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    model.fit(train, epochs=10, validation_data=test, verbose=0)
    assert model.evaluate(test, verbose=0)[1] == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"color_mode": "bgr"}, "expected color_mode among 'grayscale', 'rgb', 'rgba', got 'bgr'"),
        (
            {"interpolation": "hamming"},
            "expected interpolation among 'nearest', 'lanczos3', 'bilinear', 'bicubic', 'area', "
            "'lanczos5', 'gaussian', 'mitchellcubic', got 'hamming'",
        ),
        ({"data_format": "nchw"}, "expected data_format among None, 'channels_last'"),
        ({"image_size": (3,)}, "expected image_size as height and width"),
        (
            {"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True},
            "expected crop_ or pad_to_aspect_ratio, got both",
        ),
    ],
)
def test_wrong_options_of_pictures_are_errors(options, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        image_dataset_from_directory(tmp_path, **options)


def test_a_file_that_is_no_picture_is_an_error(pictures):
    (pictures / "dark" / "0.png").write_text("no picture")
    with pytest.raises(FileError, match=r"0.png: expected a picture"):
        list(image_dataset_from_directory(pictures, verbose=False))


# ---- parts ----

X, Y = np.arange(20.0).reshape(10, 2), np.arange(10)


@pytest.mark.parametrize(
    ("sizes", "counts"),
    [
        ({"left_size": 0.7}, (7, 3)),
        ({"right_size": 4}, (6, 4)),
        ({"left_size": 2, "right_size": 0.3}, (2, 3)),
    ],
)
def test_parts_have_the_sizes_asked_for(sizes, counts):
    left, right = split_dataset((X, Y), **sizes)
    assert (left.num_samples, right.num_samples) == counts
    assert [int(y) for _, y in left] == list(range(counts[0]))
    assert [int(y) for _, y in right] == list(range(counts[0], sum(counts)))


def test_parts_of_other_structures():
    left, _ = split_dataset({"x": X, "y": Y}, left_size=3)
    assert {name: part.tolist() for name, part in next(iter(left)).items()} == {
        "x": [0.0, 1.0],
        "y": 0,
    }
    left, right = split_dataset(X, left_size=0.5)
    np.testing.assert_array_equal(np.concatenate([*left.batch(2), *right.batch(2)]), X)
    left, right = split_dataset(zip(X, Y, strict=True), left_size=0.5)
    assert next(iter(right))[1] == 5


def test_parts_can_be_shuffled_and_split_again():
    left, right = split_dataset((X, Y), left_size=0.6, shuffle=True, seed=1)
    again, _ = split_dataset((X, Y), left_size=0.6, shuffle=True, seed=1)
    assert [int(y) for _, y in left] == [int(y) for _, y in again]
    assert sorted(int(y) for part in (left, right) for _, y in part) == list(range(10))
    first, _ = split_dataset(left, left_size=2)
    assert [int(y) for _, y in first] == [int(y) for _, y in left][:2]


def test_parts_are_trained_on():
    model = lamina.Sequential([lamina.Input((2,)), layers.Dense(1)])
    model.compile("adam", "mse")
    left, right = split_dataset((X, Y), left_size=0.6)
    history = model.fit(left.batch(3), validation_data=right.batch(3), epochs=2, verbose=0).history
    assert len(history["val_loss"]) == 2


@pytest.mark.parametrize(
    ("data", "sizes", "kind", "message"),
    [
        (X, {}, ConfigError, "expected left_size or right_size, got neither"),
        (X, {"left_size": 1.5}, ConfigError, "expected left_size as a share between 0 and 1"),
        (X, {"left_size": 10}, ConfigError, "a number of samples below 10, got 10"),
        (X, {"left_size": 8, "right_size": 8}, ConfigError, "two parts of 10 samples, got 8 and 8"),
        ((X, Y[:3]), {"left_size": 0.5}, ShapeError, "expected arrays of one length, got 3, 10"),
        ([], {"left_size": 0.5}, DataError, "expected at least one sample, got none"),
        (iter([]), {"left_size": 0.5}, DataError, "expected at least one sample, got none"),
    ],
)
def test_impossible_parts_are_errors(data, sizes, kind, message):
    with pytest.raises(kind, match=message):
        split_dataset(data, **sizes)


def test_batches_are_packed_and_unpacked():
    assert pack_x_y_sample_weight(1) == 1
    assert pack_x_y_sample_weight([1]) == ([1],)
    assert pack_x_y_sample_weight(1, 2, 3) == (1, 2, 3)
    assert unpack_x_y_sample_weight([1, 2]) == (1, 2, None)
    with pytest.raises(ShapeError, match="got 4 items"):
        unpack_x_y_sample_weight((1, 2, 3, 4))
