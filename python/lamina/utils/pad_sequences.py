"""`pad_sequences`: lists of different lengths as one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lamina.errors import ConfigError, DataError, ShapeError


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: DTypeLike = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float | str = 0.0,
) -> NDArray[Any]:
    """Bring sequences to one length: fill the short ones up, cut the long ones.

    Args:
        sequences: A list of sequences, each a list or array with time on its first axis.
        maxlen: The length to bring them to; None means that of the longest.
        dtype: Type of the result.
        padding: Fill up at the start (`"pre"`) or at the end (`"post"`).
        truncating: Cut at the start (`"pre"`) or at the end (`"post"`).
        value: What to fill up with.

    Returns:
        An array of shape `(len(sequences), maxlen, *shape of one time step)`.

    Raises:
        ConfigError: unknown padding or truncating; a text as value with a type of numbers.
        DataError: something that is no sequence.
        ShapeError: steps of different shapes.

    Example:
        >>> pad_sequences([[1], [2, 3], [4, 5, 6]])
        array([[0, 0, 1],
               [0, 2, 3],
               [4, 5, 6]], dtype=int32)
        >>> pad_sequences([[1], [4, 5, 6]], maxlen=2, padding="post")
        array([[1, 0],
               [5, 6]], dtype=int32)
    """
    for option, choice in (("padding", padding), ("truncating", truncating)):
        if choice not in ("pre", "post"):
            raise ConfigError(f"pad_sequences: {option} must be 'pre' or 'post', got {choice!r}")
    kind = np.dtype(dtype)
    if isinstance(value, str) and kind.kind not in "OSU":
        raise ConfigError(
            f"pad_sequences: the value {value!r} is no {kind}. Pass dtype=object for text"
        )
    lengths = [_length(sequence, index) for index, sequence in enumerate(_all(sequences))]
    shapes = [
        np.asarray(s).shape[1:] for s, length in zip(sequences, lengths, strict=True) if length
    ]
    step = shapes[0] if shapes else ()
    longest = max(lengths, default=0) if maxlen is None else maxlen
    padded = np.full((len(lengths), longest, *step), value, dtype=kind)
    if longest == 0:
        return padded
    for index, sequence in enumerate(sequences):
        if not lengths[index]:
            continue
        kept = sequence[-longest:] if truncating == "pre" else sequence[:longest]
        kept = np.asarray(kept, dtype=kind)
        if kept.shape[1:] != step:
            raise ShapeError(
                f"pad_sequences: expected time steps of shape {step} as in the first sequence, "
                f"got {kept.shape[1:]} in sequence {index}"
            )
        if padding == "post":
            padded[index, : len(kept)] = kept
        else:
            padded[index, -len(kept) :] = kept
    return padded


def _all(sequences: Sequence[Any]) -> Sequence[Any]:
    if not hasattr(sequences, "__len__"):
        raise DataError(
            f"pad_sequences: expected a list of sequences, got {type(sequences).__name__}. "
            "Make it a list first"
        )
    return sequences


def _length(sequence: Any, index: int) -> int:
    try:
        return len(sequence)
    except TypeError:
        raise DataError(
            f"pad_sequences: expected a list of sequences, got {sequence!r} at position {index}"
        ) from None
