"""The SpectralNormalization layer."""

from __future__ import annotations

from typing import Any

from lamina.errors import ConfigError
from lamina.layers.base import Layer
from lamina.layers.declare import layer
from lamina.layers.variable import Variable


@layer
class SpectralNormalization(Layer):
    """Another layer whose kernel is divided by its largest singular value.

    With the kernel as a matrix W of all its axes but the last by the last, and a kept vector u,
    each call takes rounds of `v = W u / |W u|`, `u = W' v / |W' v|`; then `s = v' W u` is close to
    the largest singular value, and the layer inside works with `W / s`. In training u is kept for
    the next step. Gradients go through s, with u and v held fixed.

    Args:
        layer: A layer with a `kernel` (`Dense`, convolutions) or `embeddings`. Its settings are
            taken; the weights belong to this layer.
        power_iterations: Rounds in each call.

    Input shape:  as the layer's; a mask is handled as there.
    Output shape: as the layer's.
    Parameters:   the layer's kernel, `vector_u` `(1, last axis of the kernel)`, which is not
        trained, then the layer's others.

    Raises:
        ConfigError: power_iterations below 1; no layer, or one without such a weight; a recurrent
            layer; a layer with an activity_regularizer, which belongs on this one.

    References:
        Miyato et al., Spectral Normalization for Generative Adversarial Networks, 2018.
        Rust: src/layers/spectral_normalization.rs.

    Example:
        >>> SpectralNormalization(Conv2D(3, 2))(np.zeros((1, 10, 10, 1))).shape
        (1, 9, 9, 3)
    """

    layer: Any
    power_iterations: int = 1

    def _set_fields(self, values: dict[str, Any]) -> None:
        inside = values["layer"]
        if not isinstance(inside, Layer) or inside._core is None:
            raise ConfigError(
                f"{self._title()}: expected a layer of lamina with a kernel, got {inside!r:.60}"
            )
        if inside.activity_regularizer is not None:
            raise ConfigError(
                f"{self._title()}: expected no activity_regularizer in the layer inside. "
                "Give it to SpectralNormalization"
            )
        super()._set_fields(values)

    def _array_dtype(self) -> str:
        dtype: str = self.layer._array_dtype()
        return dtype

    @property
    def weights(self) -> list[Variable]:
        """The kernel, `vector_u`, and the other weights of the layer inside: Keras's order."""
        own = self._engine_weights()
        return own[:1] + own[-1:] + own[1:-1]
