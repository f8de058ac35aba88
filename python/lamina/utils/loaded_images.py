"""One picture at a time, by Pillow: from a file, to an array, and back."""

from __future__ import annotations

import os
from typing import IO, Any

import numpy as np

from lamina import config
from lamina._arrays import Array
from lamina.errors import ConfigError, FileError, ShapeError

MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
"""Pillow's word for each color mode."""

_GRAY = ("L", "I;16", "I")
_SAMPLINGS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")

File = str | os.PathLike[str] | IO[bytes]


def pillow(where: str) -> Any:
    """The module `PIL.Image`."""
    try:
        from PIL import Image
    except ImportError:
        raise ConfigError(
            f"{where}: needs Pillow. Install it (pip install 'lamina[images]')"
        ) from None
    return Image


def load_img(
    path: File,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """Read a picture; `img_to_array` makes an array of it.

    Needs Pillow (`pip install 'lamina[images]'`).

    Args:
        path: Where it is, or an open file.
        color_mode: "grayscale", "rgb" or "rgba".
        target_size: Height and width to bring it to; None leaves it as it is.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
        keep_aspect_ratio: Cut off what the target's proportions do not hold, in place of
            stretching the picture.

    Returns:
        A Pillow image.

    Raises:
        ConfigError: another mode or interpolation; Pillow is not installed.
        FileError: no such file, or no picture.

    Example:
        >>> save_img(tmp_path / "red.png", np.tile([255.0, 0.0, 0.0], (4, 6, 1)), scale=False)
        >>> load_img(tmp_path / "red.png", target_size=(2, 3)).size
        (3, 2)
    """
    if color_mode not in MODES:
        raise ConfigError(
            f"load_img: color_mode must be one of {', '.join(MODES)}, got {color_mode!r}"
        )
    if interpolation not in _SAMPLINGS:
        raise ConfigError(
            f"load_img: interpolation must be one of {', '.join(_SAMPLINGS)}, got {interpolation!r}"
        )
    module = pillow("load_img")
    try:
        with module.open(path) as picture:
            picture.load()
            keeps = color_mode == "grayscale" and picture.mode in _GRAY
            image = picture.copy() if keeps else picture.convert(MODES[color_mode])
    except OSError as error:
        raise FileError(f"{path}: expected a picture ({error})") from None
    if target_size is None or image.size == tuple(target_size)[::-1]:
        return image
    (width, height), (high, wide) = image.size, target_size
    box = (0, 0, width, height)
    if keep_aspect_ratio:
        kept_wide, kept_high = min(width, height * wide // high), min(height, width * high // wide)
        left, upper = (width - kept_wide) // 2, (height - kept_high) // 2
        box = (left, upper, left + kept_wide, upper + kept_high)
    return image.resize((wide, high), module.Resampling[interpolation.upper()], box=box)


def img_to_array(img: Any, data_format: str | None = None, dtype: str | None = None) -> Array:
    """A picture as an array of three axes, its values from 0 to 255 as they are.

    Args:
        img: A Pillow image, or what numpy takes for an array of two or three axes.
        data_format: "channels_last", "channels_first", or None for what the session has.
        dtype: The type of the numbers; None is `lamina.config.floatx()`.

    Raises:
        ShapeError: another number of axes.
        ConfigError: another order of axes.

    Example:
        >>> img_to_array([[0, 255]]).shape
        (1, 2, 1)
    """
    x = np.asarray(img, dtype or config.floatx())
    if x.ndim not in (2, 3):
        raise ShapeError(f"img_to_array: expected a picture of two or three axes, got {x.shape}")
    x = x if x.ndim == 3 else x[..., np.newaxis]
    return x.transpose(2, 0, 1) if _is_channels_first(data_format, "img_to_array") else x


def array_to_img(
    x: Any, data_format: str | None = None, scale: bool = True, dtype: str | None = None
) -> Any:
    """An array as a picture; needs Pillow (`pip install 'lamina[images]'`).

    Args:
        x: An array of three axes with 1, 3 or 4 channels.
        data_format: "channels_last", "channels_first", or None for what the session has.
        scale: Make the smallest number 0 and the largest 255; otherwise they are taken as they
            are, without what is behind the point.
        dtype: The type to compute with; None is `lamina.config.floatx()`.

    Returns:
        A Pillow image.

    Raises:
        ShapeError: other axes or channels.
        ConfigError: another order of axes; Pillow is not installed.

    Example:
        >>> array_to_img(np.zeros((4, 6, 3))).size
        (6, 4)
    """
    x = np.asarray(x, dtype or config.floatx())
    first = _is_channels_first(data_format, "array_to_img")
    if x.ndim != 3 or x.shape[0 if first else 2] not in (1, 3, 4):
        raise ShapeError(
            f"array_to_img: expected three axes with 1, 3 or 4 channels, got shape {x.shape}"
        )
    x = x.transpose(1, 2, 0) if first else x
    if scale:
        x = x - x.min()
        x = x * (255 / (x.max() or 1))
    module = pillow("array_to_img")
    if x.shape[2] > 1:
        return module.fromarray(x.astype("uint8"))
    return module.fromarray(x[..., 0].astype("int32" if x.max() > 255 else "uint8"))


def save_img(
    path: File,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array as a picture; needs Pillow (`pip install 'lamina[images]'`).

    Args:
        path: Where to, or an open file.
        x: An array, as `array_to_img` takes it.
        data_format: "channels_last", "channels_first", or None for what the session has.
        file_format: "png", "jpeg" and so on; None follows from the ending of the path.
        scale: Make the smallest number 0 and the largest 255.
        **kwargs: Further options of Pillow's `Image.save`.

    Raises:
        ShapeError: other axes or channels.
        FileError: the file cannot be written, or the format is unknown.
        ConfigError: another order of axes; Pillow is not installed.

    Example:
        >>> save_img(tmp_path / "x.png", np.eye(4)[..., np.newaxis])
        >>> img_to_array(load_img(tmp_path / "x.png", "grayscale"))[0, :, 0]
        array([255.,   0.,   0.,   0.], dtype=float32)
    """
    image = array_to_img(x, data_format, scale)
    if file_format is None and isinstance(path, str | os.PathLike):
        file_format = os.path.splitext(path)[1][1:]
    if file_format and file_format.lower() == "jpg":
        file_format = "jpeg"
    if image.mode == "RGBA" and file_format and file_format.lower() == "jpeg":
        image = image.convert("RGB")  # JPEG has no transparency
    try:
        image.save(path, format=file_format or None, **kwargs)
    except (OSError, KeyError, ValueError) as error:
        raise FileError(f"{path}: cannot be written as a picture ({error})") from None


def _is_channels_first(data_format: str | None, where: str) -> bool:
    data_format = data_format or config.image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise ConfigError(
            f"{where}: data_format must be 'channels_last' or 'channels_first', got {data_format!r}"
        )
    return data_format == "channels_first"
