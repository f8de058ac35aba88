"""`Input` and `InputLayer`: where a model begins."""

from __future__ import annotations

from typing import Any

from lamina import config
from lamina.errors import ConfigError
from lamina.layers.arguments import dtype_name, layer_name, shape_of
from lamina.layers.base import Layer
from lamina.layers.declare import register
from lamina.layers.symbolic import Node, Shape, SymbolicTensor

INPUT_DTYPES = "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool"


@register
class InputLayer(Layer):
    """The layer behind `Input`; in a `Sequential` it may stand first in the list.

    Args:
        shape: Shape of one sample, None for axes of any size: `(28, 28, 1)`, `(None, 64)`.
        batch_size: Number of samples in a batch, where it must be fixed (stateful layers).
        dtype: Type of the data to come. Integers are read exactly; the engine computes in floats.
        sparse: Not supported; only None or False.
        ragged: Not supported; only None or False.
        batch_shape: Shape with the batch axis, instead of `shape` and `batch_size`.
        input_tensor: Not supported; only None.
        optional: Not supported; only False.
        name: Name of the layer, and the key of this input in dicts of data.

    Raises:
        ConfigError: no shape, two shapes, a dtype that is no number, or an argument not supported.
        ShapeError: a shape that is no tuple of sizes.

    Input shape:  none: the data come from outside.
    Output shape: `(batch, *shape)`.

    Example:
        >>> Sequential([InputLayer((3,)), lamina.layers.Dense(2)]).output_shape
        (None, 2)
    """

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Any = None,
        input_tensor: None = None,
        optional: bool = False,
        name: str | None = None,
    ) -> None:
        for argument, value in {
            "sparse": sparse,
            "ragged": ragged,
            "optional": optional,
            "input_tensor": input_tensor,
        }.items():
            if value is not None and value is not False:
                raise ConfigError(f"Input: {argument} is not supported, got {value!r}")
        found = config.floatx() if dtype is None else dtype_name(dtype)
        if found not in INPUT_DTYPES.split():
            raise ConfigError(f"Input: expected a numeric dtype, got {dtype!r}")
        super().__init__(name=layer_name(name, "InputLayer"))
        self.batch_shape = _batch_shape(shape, batch_size, batch_shape)
        self.optional = False
        self.__dict__["dtype"] = found
        node = Node(self, (), {}, [])
        node.outputs = [SymbolicTensor(self.batch_shape, found, node, 0, self.name)]
        self._nodes.append(node)
        self._built = True

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor that are in use."""
        return {"batch_shape": list(self.batch_shape), "dtype": self.dtype, "name": self.name}


def _batch_shape(shape: Any, batch_size: int | None, batch_shape: Any) -> Shape:
    if batch_shape is not None:
        if shape is not None or batch_size is not None:
            raise ConfigError("Input: expected batch_shape, or shape and batch_size, got both")
        return shape_of(batch_shape, "Input")
    if shape is None:
        raise ConfigError("Input: expected the shape of one sample, got none")
    return (batch_size, *shape_of(shape, "Input"))


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: None = None,
    optional: bool = False,
) -> Any:
    """A symbolic tensor to start a model from; arguments as in `InputLayer`.

    Example:
        >>> x = Input(shape=(784,))
        >>> model = Model(x, Dense(10, activation="softmax")(x))
        >>> model.output_shape
        (None, 10)
    """
    source = InputLayer(
        shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name
    )
    return source._nodes[0].outputs[0]
