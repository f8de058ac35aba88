"""What one session remembers: the layer names it has given out and the seed it draws from."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter

_names: Counter[str] = Counter()
_seed = int.from_bytes(os.urandom(8), "little") >> 1
_draws = itertools.count()


def unique_name(kind: str) -> str:
    """The next free name for a layer of this kind: "dense", then "dense_1", as Keras counts."""
    stem = snake_case(kind)
    count = _names[stem]
    _names[stem] += 1
    return f"{stem}_{count}" if count else stem


def snake_case(kind: str) -> str:
    """Keras's rule for names: MaxPooling2D -> max_pooling2d, LSTM -> lstm."""
    stem = re.sub(r"\W+", "", kind)
    stem = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", stem)
    return re.sub("([a-z])([A-Z])", r"\1_\2", stem).lower()


def clear_session() -> None:
    """Let automatic layer names start again from the beginning, as in a fresh interpreter.

    Example:
        >>> clear_session()
        >>> lamina.layers.Dense(1).name
        'dense'
    """
    _names.clear()


def set_seed(seed: int) -> None:
    """Fix the seed that new layers and models draw theirs from."""
    global _seed, _draws
    _seed = seed & (2**63 - 1)
    _draws = itertools.count()


def next_seed() -> int:
    """A fresh 63-bit seed: a function of the session's seed and of how many were drawn before.

    The mixing is splitmix64 (Steele, Lea and Flood, Fast Splittable Pseudorandom Number
    Generators, 2014), so that neighbouring seeds have nothing in common.
    """
    word = 2**64 - 1
    z = (_seed + (next(_draws) + 1) * 0x9E3779B97F4A7C15) & word
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & word
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & word
    return (z ^ (z >> 31)) >> 1
