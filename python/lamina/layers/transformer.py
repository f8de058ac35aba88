"""TransformerEncoder and TransformerDecoder: attention and a feed-forward network in one block."""

from __future__ import annotations

from typing import Any

from lamina.errors import ConfigError, ShapeError
from lamina.layers.base import Layer
from lamina.layers.declare import layer
from lamina.layers.dense import Dense
from lamina.layers.dropout import Dropout
from lamina.layers.layer_normalization import LayerNormalization
from lamina.layers.merging import Add
from lamina.layers.multi_head_attention import MultiHeadAttention


class _Block(Layer):
    """What both blocks are made of, once the features of the input are known."""

    intermediate_dim: int
    num_heads: int
    dropout: float
    activation: Any
    layer_norm_epsilon: float
    kernel_initializer: Any
    bias_initializer: Any
    normalize_first: bool
    _parts: dict[str, Any]

    def _compose(self) -> None:
        for name in ("intermediate_dim", "num_heads"):
            size = self._values[name]
            if not isinstance(size, int) or size < 1:
                raise ConfigError(f"{self._title()}: expected {name} of at least 1, got {size!r}")
        self.__dict__["_parts"] = {}

    def _part(self, what: str, make: Any, *args: Any, **settings: Any) -> Any:
        """The layer of this name, made when it is called for first."""
        if what not in self._parts:
            named = {"name": f"{self.name}_{what}", "dtype": self.dtype}
            self._parts[what] = make(*args, **settings, **named)
        return self._parts[what]

    def _starts(self) -> dict[str, Any]:
        return {
            "kernel_initializer": self.kernel_initializer,
            "bias_initializer": self.bias_initializer,
        }

    def _residual(self, what: str, x: Any, inside: Any) -> Any:
        """`x + dropout(inside(x))` with the normalization before it or behind."""
        norm = self._part(f"{what}_norm", LayerNormalization, epsilon=self.layer_norm_epsilon)
        made, *behind = inside(norm(x) if self.normalize_first else x)
        if self.dropout:
            made = self._part(f"{what}_dropout", Dropout, self.dropout)(made)
        made = self._part(f"{what}_add", Add)([x, made])
        return (made if self.normalize_first else norm(made), *behind)

    def _attend(self, what: str, query: Any, value: Any, **call: Any) -> Any:
        features = query.shape[-1]
        if features is None or features % self.num_heads:
            raise ShapeError(
                f"{self._title()}: expected features that num_heads={self.num_heads} divides, "
                f"got shape {query.shape}"
            )
        attention = self._part(
            what,
            MultiHeadAttention,
            self.num_heads,
            features // self.num_heads,
            dropout=self.dropout,
            **self._starts(),
        )
        made = attention(query, value, **call)
        return made if isinstance(made, tuple) else (made,)

    def _feed_forward(self, x: Any) -> Any:
        wide = self._part(
            "intermediate", Dense, self.intermediate_dim, self.activation, **self._starts()
        )
        narrow = self._part("output", Dense, x.shape[-1], **self._starts())
        return (narrow(wide(x)),)


@layer
class TransformerEncoder(_Block):
    """Self-attention, then a feed-forward network, each with a residual and a normalization.

    Args:
        intermediate_dim: Width of the feed-forward network.
        num_heads: Number of heads of the attention; divides the features.
        dropout: Share dropped in training of the attention's scores and of what each part adds.
        activation: Name of the activation of the feed-forward network.
        layer_norm_epsilon: Epsilon of the normalizations.
        kernel_initializer: How the kernels start; see `lamina.initializers`.
        bias_initializer: How the biases start.
        normalize_first: Normalize what goes into each part (pre-norm), not what comes out of the
            sum (post-norm).

    Call arguments:
        inputs: `(batch, time, features)`.
        padding_mask: `(batch, time)`, false hides a step; by default the mask that came along.
        attention_mask: `(batch, time, time)`, true lets a place be seen.
        return_attention_scores: Give the scores as well.

    Output shape: that of the input; with return_attention_scores a tuple with the scores
        `(batch, heads, time, time)` behind it.
    Parameters:   those of MultiHeadAttention, LayerNormalization and Dense, by the names of the
        parts.

    Raises:
        ConfigError: intermediate_dim or num_heads below 1.
        ShapeError: features that num_heads does not divide.

    References:
        Vaswani et al., Attention Is All You Need, 2017. Pre-norm: Xiong et al., On Layer
        Normalization in the Transformer Architecture, 2020.

    Example:
        >>> TransformerEncoder(64, num_heads=4)(np.zeros((2, 10, 16))).shape
        (2, 10, 16)
    """

    intermediate_dim: int
    num_heads: int
    dropout: float = 0.0
    activation: Any = "relu"
    layer_norm_epsilon: float = 1e-5
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    normalize_first: bool = False

    def call(
        self,
        inputs: Any,
        padding_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
    ) -> Any:
        """Attention, then the feed-forward network."""

        def attend(x: Any) -> Any:
            return self._attend(
                "attention",
                x,
                x,
                value_mask=padding_mask,
                attention_mask=attention_mask,
                return_attention_scores=return_attention_scores,
            )

        x, *scores = self._residual("attention", inputs, attend)
        (x,) = self._residual("feed_forward", x, self._feed_forward)
        return (x, *scores) if scores else x


@layer
class TransformerDecoder(_Block):
    """Causal self-attention, attention to an encoder's output, and a feed-forward network.

    Without an encoder's output it is the block of a language model: the middle part is left out.

    Args:
        intermediate_dim: Width of the feed-forward network.
        num_heads: Number of heads of the attentions; divides the features.
        dropout: Share dropped in training of the attentions' scores and of what each part adds.
        activation: Name of the activation of the feed-forward network.
        layer_norm_epsilon: Epsilon of the normalizations.
        kernel_initializer: How the kernels start; see `lamina.initializers`.
        bias_initializer: How the biases start.
        normalize_first: Normalize what goes into each part (pre-norm), not what comes out of the
            sum (post-norm).

    Call arguments:
        decoder_sequence: `(batch, time, features)`.
        encoder_sequence: `(batch, source, any)`, or None.
        decoder_padding_mask: `(batch, time)`, false hides a step.
        decoder_attention_mask: `(batch, time, time)`, true lets a place be seen.
        encoder_padding_mask: `(batch, source)`, false hides a step.
        encoder_attention_mask: `(batch, time, source)`, true lets a place be seen.
        use_causal_mask: No place sees a later one.

    Output shape: that of decoder_sequence.
    Parameters:   those of MultiHeadAttention, LayerNormalization and Dense, by the names of the
        parts.

    Raises:
        ConfigError: intermediate_dim or num_heads below 1; a layer that was called with an encoder
            and then without, or the other way round.
        ShapeError: features that num_heads does not divide.

    References:
        Vaswani et al., Attention Is All You Need, 2017. Pre-norm: Xiong et al., On Layer
        Normalization in the Transformer Architecture, 2020.

    Example:
        >>> x, memory = np.zeros((2, 10, 16)), np.zeros((2, 7, 16))
        >>> TransformerDecoder(64, num_heads=4)(x, memory).shape
        (2, 10, 16)
    """

    intermediate_dim: int
    num_heads: int
    dropout: float = 0.0
    activation: Any = "relu"
    layer_norm_epsilon: float = 1e-5
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    normalize_first: bool = False

    def __call__(self, decoder_sequence: Any, encoder_sequence: Any = None, **kwargs: Any) -> Any:
        """Add a call to a model under construction, or run on arrays at once."""
        if encoder_sequence is None:
            return super().__call__(decoder_sequence, **kwargs)
        return super().__call__(decoder_sequence, encoder_sequence, **kwargs)

    def call(
        self,
        decoder_sequence: Any,
        encoder_sequence: Any = None,
        decoder_padding_mask: Any = None,
        decoder_attention_mask: Any = None,
        encoder_padding_mask: Any = None,
        encoder_attention_mask: Any = None,
        use_causal_mask: bool = True,
    ) -> Any:
        """Self-attention, cross-attention, then the feed-forward network."""
        has_cross = "cross_attention" in self._parts
        if self._parts and has_cross != (encoder_sequence is not None):
            raise ConfigError(
                f"{self._title()}: expected to be called with an encoder_sequence always or never. "
                "Make a layer for each way"
            )

        def attend(x: Any) -> Any:
            return self._attend(
                "self_attention",
                x,
                x,
                value_mask=decoder_padding_mask,
                attention_mask=decoder_attention_mask,
                use_causal_mask=use_causal_mask,
            )

        def look_up(x: Any) -> Any:
            return self._attend(
                "cross_attention",
                x,
                encoder_sequence,
                value_mask=encoder_padding_mask,
                attention_mask=encoder_attention_mask,
            )

        (x,) = self._residual("self_attention", decoder_sequence, attend)
        if encoder_sequence is not None:
            (x,) = self._residual("cross_attention", x, look_up)
        (x,) = self._residual("feed_forward", x, self._feed_forward)
        return x
