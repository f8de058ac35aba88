"""Symbolic tensors and the nodes that make them: what a model is before any number flows.

A node is one call of a layer. A primitive layer's node becomes one node of the engine's graph. A
composite (a model, or any layer with a `call` of its own) is traced: its node keeps the tensors its
`call` returned, and lowering looks through it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from lamina.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layers.base import Layer

Shape = tuple[int | None, ...]


@dataclass(eq=False)
class Node:
    """One call of one layer.

    `args` and `kwargs` are kept as they were given, so that the call can be written to a file and
    made again on other tensors. `inner` is empty for a primitive layer.
    """

    layer: Layer
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inputs: list[SymbolicTensor]
    masks: list[SymbolicTensor | None] = field(default_factory=list)
    training: bool | None = None
    options: str | None = None
    outputs: list[SymbolicTensor] = field(default_factory=list)
    inner: list[SymbolicTensor] = field(default_factory=list)


class SymbolicTensor:
    """The output of a layer in a model under construction: a shape, a type and where it comes from.

    Made by `Input` and by calling layers on other symbolic tensors. It holds no numbers.
    """

    def __init__(self, shape: Shape, dtype: str, node: Node, index: int, name: str) -> None:
        self.shape = shape
        self.dtype = dtype
        self.name = name
        self._node = node
        self._index = index

    @property
    def ndim(self) -> int:
        """The number of axes, the batch axis included."""
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<SymbolicTensor shape={self.shape} dtype={self.dtype} name={self.name!r}>"

    def __add__(self, other: Any) -> Any:
        return self._merge("Add", other, "+")

    def __radd__(self, other: Any) -> Any:
        return self._merge("Add", other, "+")

    def __mul__(self, other: Any) -> Any:
        return self._merge("Multiply", other, "*")

    def __rmul__(self, other: Any) -> Any:
        return self._merge("Multiply", other, "*")

    def _merge(self, kind: str, other: Any, sign: str) -> Any:
        if not isinstance(other, SymbolicTensor):
            raise ConfigError(
                f"tensor {sign} value: expected another symbolic tensor, got {_kind_of(other)}. "
                "Constants cannot be mixed in; scale the data before the model, or let a layer "
                "learn the number"
            )
        from lamina.layers import declare  # here: the merging layers themselves import this file

        return declare.registered(kind)()([self, other])

    def _refuse(self, what: str, remedy: str) -> NoReturn:
        raise ConfigError(f"{what} of a symbolic tensor is not a layer. {remedy}")

    def __sub__(self, other: Any) -> NoReturn:
        self._refuse("-", "Merge with the layers Add, Multiply or Concatenate")

    __rsub__ = __sub__

    def __truediv__(self, other: Any) -> NoReturn:
        self._refuse("/", "Merge with the layers Add, Multiply or Concatenate")

    __rtruediv__ = __truediv__

    def __matmul__(self, other: Any) -> NoReturn:
        self._refuse("@", "Use Dense, or MultiHeadAttention for products of two tensors")

    __rmatmul__ = __matmul__

    def __pow__(self, other: Any) -> NoReturn:
        self._refuse("**", "Multiply the tensor by itself with the layer Multiply")

    def __neg__(self) -> NoReturn:
        self._refuse("-", "Change the sign in the data or by a Dense layer")

    def __getitem__(self, key: Any) -> NoReturn:
        self._refuse("Indexing", "For the last step of a sequence use return_sequences=False")

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse("numpy's view", "It holds no numbers; call the finished model on an array")

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse(
            f"numpy.{ufunc.__name__}", "Functions of one tensor are activations: Activation(name)"
        )

    def __bool__(self) -> NoReturn:
        self._refuse(
            "The truth value", "It holds no numbers, so `call` cannot branch on it; compare shapes"
        )

    def __iter__(self) -> NoReturn:
        self._refuse("Iterating", "Loop over layers, not over tensors")

    def __len__(self) -> NoReturn:
        self._refuse("The length", "Use tensor.shape")

    def __reduce__(self) -> NoReturn:
        self._refuse("Pickling", "Pickle the model it belongs to")


class FollowTraining:
    """The `training` argument of a traced `call`: whatever the model is doing at the moment.

    A model's `call` is traced once and serves training and inference, so it must hand `training`
    on to layers and cannot branch on it.
    """

    def __bool__(self) -> NoReturn:
        raise ConfigError(
            "training: `call` is traced once for training and inference, so it cannot branch on "
            "`training`. Hand it to the layers, as in self.dropout(x, training=training); "
            "Dropout and BatchNormalization do the right thing by themselves"
        )

    def __eq__(self, other: object) -> bool:
        return bool(self)

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return "<training: follows the model>"


FOLLOW_TRAINING = FollowTraining()

_training_of_caller: list[bool | None] = [None]


def resolve_training(given: Any) -> bool | None:
    """The mode of a call: given explicitly, else that of the enclosing call, else the model's."""
    if given is None or given is FOLLOW_TRAINING:
        return _training_of_caller[-1]
    return bool(given)


@contextmanager
def calling_with(training: bool | None) -> Iterator[None]:
    """Inside, layer calls that say nothing about training take this mode."""
    _training_of_caller.append(training)
    try:
        yield
    finally:
        _training_of_caller.pop()


def tensors_in(leaves: Sequence[Any]) -> list[SymbolicTensor]:
    """Those of the leaves that are symbolic."""
    return [leaf for leaf in leaves if isinstance(leaf, SymbolicTensor)]


def _kind_of(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
