"""Identity and ActivityRegularization: layers that pass their input on."""

from __future__ import annotations

from typing import Any

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class Identity(Layer):
    """The input as it is.

    Input shape:  any, float.
    Output shape: the same.

    References:
        Rust: src/layers/identity.rs.

    Example:
        >>> Identity()(np.array([[1.0, 2.0]]))
        array([[1., 2.]], dtype=float32)
    """


@layer
class ActivityRegularization(Layer):
    """The input as it is, with a penalty on it: `l1 * sum(|x|) + l2 * sum(x**2)` joins the loss.

    Args:
        l1: Factor of the sum of absolute values.
        l2: Factor of the sum of squares.

    Input shape:  any, float.
    Output shape: the same.

    References:
        Rust: src/layers/identity.rs, src/regularizer.rs.

    Example:
        >>> ActivityRegularization(l2=0.01)(np.array([[1.0, 2.0]]))
        array([[1., 2.]], dtype=float32)
    """

    l1: float = 0.0
    l2: float = 0.0

    def _set_fields(self, values: dict[str, Any]) -> None:
        penalty = {"l1": values["l1"], "l2": values["l2"]}
        self.__dict__["activity_regularizer"] = {"class_name": "L1L2", "config": penalty}
        super()._set_fields(values)

    def get_config(self) -> dict[str, Any]:
        """The factors; the penalty follows from them."""
        config = super().get_config()
        del config["activity_regularizer"]
        return config
