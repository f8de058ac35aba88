"""Nested lists, tuples and dicts of values, walked in Keras's order (dicts by sorted key)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any


def is_nested(value: object) -> bool:
    """Whether the value is a container this module looks into."""
    return isinstance(value, list | tuple | dict)


def flatten(tree: object) -> list[Any]:
    """The leaves of the tree, from left to right."""
    if isinstance(tree, dict):
        return [leaf for key in sorted(tree) for leaf in flatten(tree[key])]
    if isinstance(tree, list | tuple):
        return [leaf for branch in tree for leaf in flatten(branch)]
    return [tree]


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """The same tree with the function applied to each leaf, in the order of `flatten`."""
    if isinstance(tree, dict):
        mapped = {key: map_leaves(function, tree[key]) for key in sorted(tree)}
        return {key: mapped[key] for key in tree}
    if isinstance(tree, list):
        return [map_leaves(function, branch) for branch in tree]
    if isinstance(tree, tuple):
        return tuple(map_leaves(function, branch) for branch in tree)
    return function(tree)


def pack_like(tree: Any, leaves: Sequence[Any]) -> Any:
    """The shape of the tree with other leaves; as many as `flatten(tree)` has."""
    rest: Iterator[Any] = iter(leaves)
    return map_leaves(lambda _: next(rest), tree)
