"""`image_dataset_from_directory`: pictures in folders named after their classes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamina.errors import ConfigError, FileError
from lamina.utils.labelled_files import LabelledFiles
from lamina.utils.loaded_images import MODES, pillow
from lamina.utils.resampling import INTERPOLATIONS, resized

FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: int | tuple[int, int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    verbose: bool = True,
) -> Any:
    """Read pictures from folders, one for each class.

    Pictures are read when their batch is due. Pillow does it (`pip install 'lamina[images]'`), and
    resizes them, which smooths where it shrinks (TensorFlow does not unless told to).

    Args:
        directory: The folder that holds a folder of pictures (bmp, gif, jpeg, png) for each class.
        labels: "inferred" from the folders, None for none, or a list with a number for each file,
            in the order of their paths.
        label_mode: "int": numbers; "categorical": one-hot rows; "binary": 0 or 1 as `(batch, 1)`;
            None: no labels.
        class_names: Folders to take, in the order of their numbers; None takes all by name.
        color_mode: "grayscale", "rgb" or "rgba": 1, 3 or 4 channels.
        batch_size: Pictures in a batch; None yields one at a time.
        image_size: Height and width to bring the pictures to.
        shuffle: Another order on every pass; otherwise by path.
        seed: Seed of the order and of the split.
        validation_split: Share of the files for validation.
        subset: With `validation_split`: "training", "validation", or "both" for the two of them.
        interpolation: "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian"
            or "mitchellcubic".
        follow_links: Look into folders that are links.
        crop_to_aspect_ratio: Keep proportions: cut off what hangs over, in equal parts.
        pad_to_aspect_ratio: Keep proportions: fill up with black, in equal parts.
        data_format: "channels_last" (None) or "channels_first".
        verbose: Print how many files were found.

    Returns:
        A `SampleDataset` (two of them for "both") that yields `(pictures, labels)`, pictures being
        float32 `(batch, height, width, channels)` from 0 to 255; `class_names` name the labels.

    Raises:
        ConfigError: options that are unknown or do not fit each other; Pillow is not installed.
        DataError: no file, or a number of labels that is not that of the files.
        FileError: no such folder, or a file that is no picture.

    Example:
        >>> from PIL import Image
        >>> for shade, name in enumerate(["dark", "light"]):
        ...     (tmp_path / name).mkdir()
        ...     Image.new("L", (8, 6), 200 * shade).save(tmp_path / name / "1.png")
        >>> dataset = image_dataset_from_directory(tmp_path, image_size=(4, 4), shuffle=False)
        Found 2 files belonging to 2 classes.
        >>> pictures, labels = next(iter(dataset))
        >>> pictures.shape, labels.tolist(), float(pictures[1].max())
        ((2, 4, 4, 3), [0, 1], 200.0)
    """
    where = "image_dataset_from_directory"
    interpolation = str(interpolation).lower()
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    for name, value, known in (
        ("color_mode", color_mode, MODES),
        ("interpolation", interpolation, INTERPOLATIONS),
        ("data_format", data_format, (None, "channels_last", "channels_first")),
    ):
        if value not in known:
            names = ", ".join(map(repr, known))
            raise ConfigError(f"{where}: expected {name} among {names}, got {value!r}")
    if len(size) != 2 or min(size) < 1:
        raise ConfigError(f"{where}: expected image_size as height and width, got {image_size!r}")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ConfigError(f"{where}: expected crop_ or pad_to_aspect_ratio, got both")
    module = pillow(where)
    height, width = size

    def read(path: str) -> NDArray[np.float32]:
        try:
            with module.open(path) as picture:
                image = picture.convert(MODES[color_mode])
        except OSError as error:
            raise FileError(f"{path}: expected a picture ({error})") from None
        if crop_to_aspect_ratio:
            box = _middle(image.size, (width, height))
            pixels = resized(image, (width, height), interpolation, box)
        elif pad_to_aspect_ratio:
            pixels = _padded(image, (width, height), interpolation)
        else:
            pixels = resized(image, (width, height), interpolation)
        return pixels.transpose(2, 0, 1) if data_format == "channels_first" else pixels

    return LabelledFiles(
        where,
        FORMATS,
        directory,
        labels,
        label_mode,
        class_names,
        batch_size,
        shuffle,
        seed,
        validation_split,
        subset,
        follow_links,
        verbose,
    ).dataset(read)


def _middle(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[float, ...]:
    """The largest part in the middle with the proportions that are wanted."""
    shrink = min(size[0] / wanted[0], size[1] / wanted[1])
    left, upper = ((have - want * shrink) / 2 for have, want in zip(size, wanted, strict=True))
    return left, upper, size[0] - left, size[1] - upper


def _padded(image: Any, wanted: tuple[int, int], interpolation: str) -> NDArray[np.float32]:
    """The whole image as large as it fits, black around."""
    grow = min(want / have for have, want in zip(image.size, wanted, strict=True))
    width, height = (max(1, round(have * grow)) for have in image.size)
    inside = resized(image, (width, height), interpolation)
    left, upper = (wanted[0] - width) // 2, (wanted[1] - height) // 2
    pixels = np.zeros((wanted[1], wanted[0], inside.shape[2]), np.float32)
    pixels[upper : upper + height, left : left + width] = inside
    return pixels
