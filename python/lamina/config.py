"""Settings that hold for the whole program: number type, threads, and what the engine runs on."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from lamina import _core
from lamina.errors import ConfigError

_FLOATS = ("float32", "float64")
_DATA_FORMATS = ("channels_last", "channels_first")
_EPSILON = 1e-7

_floatx = "float32"
_image_data_format = "channels_last"


def floatx() -> str:
    """The type of weights and numbers in layers made without a `dtype`.

    Example:
        >>> floatx()
        'float32'
    """
    return _floatx


def set_floatx(value: str) -> None:
    """Set the type of weights and numbers in layers made from now on without a `dtype`.

    Args:
        value: `"float32"`, which is fast, or `"float64"`, which is precise.

    Raises:
        ConfigError: another type.

    Example:
        >>> set_floatx("float64")
        >>> floatx()
        'float64'
        >>> set_floatx("float32")
    """
    global _floatx
    if value not in _FLOATS:
        raise ConfigError(f"set_floatx: expected 'float32' or 'float64', got {value!r}")
    _floatx = value


def epsilon() -> float:
    """The small number that losses and metrics add to keep away from zero, as in Keras.

    Example:
        >>> epsilon()
        1e-07
    """
    return _EPSILON


def set_epsilon(value: float) -> None:
    """Refuse every value but the one built in: the engine's losses compute with it.

    Raises:
        ConfigError: another value than `epsilon()`.

    Example:
        >>> set_epsilon(1e-7)
    """
    if value != _EPSILON:
        raise ConfigError(
            f"set_epsilon: the losses and metrics of lamina compute with {_EPSILON}, which cannot "
            f"be changed; got {value!r}. Layers and optimizers take an epsilon of their own"
        )


def image_data_format() -> str:
    """Where images have their channels in layers made without a `data_format`.

    Example:
        >>> image_data_format()
        'channels_last'
    """
    return _image_data_format


def set_image_data_format(data_format: str) -> None:
    """Set where images have their channels in layers made from now on without a `data_format`.

    Args:
        data_format: `"channels_last"`, (height, width, channels), as everything is computed; or
            `"channels_first"`, which a model changes on the way in and back on the way out.

    Raises:
        ConfigError: another order.

    Example:
        >>> set_image_data_format("channels_first")
        >>> image_data_format()
        'channels_first'
        >>> set_image_data_format("channels_last")
    """
    global _image_data_format
    if data_format not in _DATA_FORMATS:
        raise ConfigError(
            "set_image_data_format: expected 'channels_last' or 'channels_first', "
            f"got {data_format!r}"
        )
    _image_data_format = data_format


def num_threads() -> int:
    """How many threads compute.

    By default as many as this process may use cores (by affinity and by the quota of its
    container), unless `LAMINA_NUM_THREADS`, `RAYON_NUM_THREADS` or `OMP_NUM_THREADS` say else.

    Example:
        >>> num_threads() >= 1
        True
    """
    return _core.num_threads()


def set_num_threads(n: int | None) -> None:
    """Set how many threads compute. Results have the same bits with any number.

    Args:
        n: From 1 on; None goes back to the default.

    Raises:
        ConfigError: a number below 1, or no whole number.

    Example:
        >>> set_num_threads(2)
        >>> num_threads()
        2
        >>> set_num_threads(None)
    """
    if n is not None:
        try:
            n = operator.index(n)
        except TypeError:
            raise ConfigError(f"set_num_threads: expected a whole number, got {n!r}") from None
        if n < 1:
            raise ConfigError(f"set_num_threads: expected at least 1, got {n}")
    _core.set_num_threads(n)


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Compute with `n` threads inside a `with` block.

    Args:
        n: From 1 on.

    Example:
        >>> with threads(1):
        ...     num_threads()
        1
    """
    before = num_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        set_num_threads(before)


def show_config(mode: str = "stdout") -> dict[str, Any] | None:
    """Show what lamina runs on: please add it to reports of bugs and of speed.

    Args:
        mode: `"stdout"` prints; `"dicts"` returns the same as a dictionary.

    Raises:
        ConfigError: another mode.

    Example:
        >>> sorted(show_config("dicts"))[:1]
        ['cores']
    """
    if mode not in ("stdout", "dicts"):
        raise ConfigError(f"show_config: mode must be 'stdout' or 'dicts', got {mode!r}")
    import platform  # here, as `import lamina` is to be quick

    config = {
        "lamina": _core.__version__,
        "extension": _core.__file__,
        "instruction set": _core.isa(),
        "threads": num_threads(),
        "cores": _usable_cores(),
        "floatx": floatx(),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    if mode == "dicts":
        return config
    width = max(map(len, config))
    for name, value in config.items():
        print(f"{name:{width}}  {value}")
    return None


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
