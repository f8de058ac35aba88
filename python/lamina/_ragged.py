"""`Ragged`: sequences of different lengths, without padding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lamina._arrays import Array, read
from lamina.errors import ConfigError, ShapeError


class Ragged:
    """Sequences of different lengths, for `fit`, `evaluate` and `predict`.

    A batch holds sequences of one length only, so no step is ever computed for padding, and no mask
    is needed: each sequence is treated as if it came alone. Which sequences come together, and
    in which order, follows from the seed. Targets and sample weights for each step are ragged too.

    A plain list of arrays (or of lists of numbers) of different lengths does the same; this class
    is for models of several inputs, and for data that have been padded before.

    Args:
        sequences: Arrays of shape `(steps, ...)`, alike but for the steps. With `lengths`, one
            array `(samples, steps, ...)` of padded sequences.
        lengths: How many steps of each padded sequence count; they stand at its begin.

    Raises:
        ShapeError: sequences that differ in more than their lengths; other lengths than sequences,
            or longer ones.
        ConfigError: no sequence.

    Example:
        >>> short, long = np.ones((2, 3)), np.ones((5, 3))
        >>> sequences = Ragged([short, long, short])
        >>> sequences.lengths.tolist()
        [2, 5, 2]
        >>> lamina.utils.set_random_seed(0)
        >>> model = lamina.Sequential([lamina.Input((None, 3)), lamina.layers.LSTM(4)])
        >>> model.predict(sequences, verbose=0).shape
        (3, 4)
        >>> padded = np.zeros((2, 5, 3))
        >>> Ragged(padded, lengths=[1, 4])
        <Ragged: 2 sequences of 1 to 4 steps (3,)>
    """

    def __init__(self, sequences: Any, lengths: Any = None) -> None:
        if lengths is None:
            is_column = hasattr(sequences, "__array__") and not isinstance(sequences, Ragged)
            rows = np.asarray(sequences) if is_column else sequences
            self._rows = [read(row, "Ragged") for row in rows]
        else:
            padded, counts = read(sequences, "Ragged"), np.asarray(lengths)
            limit = padded.shape[1] if padded.ndim > 1 else 0
            fit = counts.shape == padded.shape[:1] and counts.dtype.kind in "iu"
            if not fit or counts.min() < 1 or counts.max() > limit:
                raise ShapeError(
                    f"Ragged: expected {len(padded)} lengths from 1 to {limit}, got {lengths!r:.60}"
                )
            self._rows = [row[: int(n)] for row, n in zip(padded, counts, strict=True)]
        if not self._rows:
            raise ConfigError("Ragged: expected at least one sequence, got none")
        first = self._rows[0]
        for row in self._rows:
            if row.ndim == 0 or row.shape[1:] != first.shape[1:]:
                raise ShapeError(
                    "Ragged: expected sequences that differ in their lengths only, got shapes "
                    f"{first.shape} and {row.shape}"
                )

    @property
    def lengths(self) -> Array:
        """The number of steps of each sequence."""
        return np.array([len(row) for row in self._rows])

    @property
    def shape(self) -> tuple[int | None, ...]:
        """`(sequences, None, ...)`."""
        return (len(self._rows), None, *self._rows[0].shape[1:])

    def stack(self, rows: Sequence[int] | Array) -> Array:
        """Some of the sequences, which must be of one length, as one array."""
        return np.stack([self._rows[int(row)] for row in rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if len(set(self.lengths.tolist())) > 1:
            raise ShapeError(
                "Ragged: expected sequences of one length here. fit, evaluate and predict take "
                "those of different lengths; pad others (lamina.utils.pad_sequences)"
            )
        return np.stack(self._rows).astype(dtype, copy=False)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Array]:
        return iter(self._rows)

    def __getitem__(self, index: slice) -> Ragged:
        return Ragged(self._rows[index])

    def __repr__(self) -> str:
        lengths, rest = self.lengths, self._rows[0].shape[1:]
        return f"<Ragged: {len(self)} sequences of {lengths.min()} to {lengths.max()} steps {rest}>"


def find_ragged(value: Any, rank: int | None) -> Any:
    """The value as `Ragged` if it is a list of sequences, else the value itself.

    A list of sequences of one length is one only if they have `rank` axes.
    """
    if isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1:
        rows = list(value)
    elif isinstance(value, list):
        rows = value
    else:
        return value
    if not rows or not all(_is_sequence(row) for row in rows):
        return value
    lengths = {len(row) for row in rows}
    arrays = all(isinstance(row, np.ndarray) for row in rows)
    if len(lengths) > 1 or (arrays and rank is not None and {row.ndim for row in rows} == {rank}):
        return Ragged(rows)
    return value


def with_lengths(x: Any, lengths: Any) -> Any:
    """The padded arrays of `x` as `Ragged`; for several inputs `lengths` are nested as they are.

    Raises:
        ConfigError: lengths for other inputs than there are, or for sequences that have their own.
        ShapeError: lengths that do not fit the padded array.
    """
    if lengths is None:
        return x
    if isinstance(lengths, Mapping):
        if not isinstance(x, Mapping) or not lengths.keys() <= x.keys():
            raise ConfigError(
                f"lengths: expected the names of inputs as keys, got {', '.join(map(str, lengths))}"
            )
        return {name: with_lengths(part, lengths.get(name)) for name, part in x.items()}
    if isinstance(lengths, list | tuple) and any(n is None or np.ndim(n) for n in lengths):
        if not isinstance(x, list | tuple) or len(x) != len(lengths):
            count = len(x) if isinstance(x, list | tuple) else 1
            raise ConfigError(
                f"lengths: expected one entry for each of {count} inputs, got {len(lengths)}. "
                "None stands for inputs without"
            )
        return [with_lengths(part, some) for part, some in zip(x, lengths, strict=True)]
    several = isinstance(x, list | tuple) and all(np.ndim(part) > 1 for part in x)
    if isinstance(x, Ragged | Mapping) or several:
        raise ConfigError(
            "lengths: expected them for one padded array (samples, steps, ...), got "
            f"{type(x).__name__}. Nest lengths as the inputs are; sequences need none"
        )
    return Ragged(x, lengths)


def like_steps(value: Any, x: Any) -> Any:
    """Padded targets or weights for each step of ragged `x`, as `Ragged` with the same lengths."""
    shape: tuple[int, ...] = getattr(value, "shape", ())
    fits = isinstance(x, Ragged) and len(shape) > 1 and shape[0] == len(x)
    return Ragged(value, x.lengths) if fits and shape[1] >= x.lengths.max() else value


def is_list_of(value: Any, count: int) -> bool:
    """Whether the value is a list of so many sequences."""
    is_list = isinstance(value, list) or (isinstance(value, np.ndarray) and value.dtype == object)
    return is_list and len(value) == count and all(_is_sequence(row) for row in value)


def _is_sequence(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, list) and not (value and isinstance(value[0], str))
