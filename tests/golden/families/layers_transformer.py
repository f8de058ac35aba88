"""TransformerEncoder and TransformerDecoder, which Keras does not have, by PyTorch's layers."""

import numpy as np
import torch

from layer_case import normal
from store import seeded

FEATURES, HEADS, WIDE = 6, 2, 5
PADDING = np.array([[1, 1, 1, 1], [1, 1, 0, 0]], bool)
SEEN = np.array([[1, 1, 0, 1], [0, 1, 1, 0], [1, 1, 1, 0], [1, 0, 0, 1]], bool)
SOURCE_PADDING = np.array([[1, 1, 1], [1, 0, 1]], bool)
SOURCE_SEEN = np.array([[1, 1, 0], [1, 1, 1], [1, 0, 1], [1, 1, 0]], bool)
OPTIONS = {
    "plain": {},
    "pre_norm": {"normalize_first": True},
    "gelu": {"activation": "gelu", "layer_norm_epsilon": 0.1, "normalize_first": True},
}
CAUSAL = np.tril(np.ones((4, 4), bool))


def fill(family):
    """Add the cases of both blocks."""
    x, memory = normal("x", 2, 4, FEATURES), normal("memory", 2, 3, FEATURES)
    masks = {
        "": {},
        "_padded": {"padding_mask": PADDING},
        "_masked": {"attention_mask": np.stack([SEEN, SEEN])},
    }
    for option, config in OPTIONS.items():
        for mask, tensors in masks.items():
            _add(family, f"encoder_{option}{mask}", "TransformerEncoder", config, [x], tensors)
    masks = {
        "": {},
        "_padded": {"decoder_padding_mask": PADDING, "encoder_padding_mask": SOURCE_PADDING},
        "_masked": {
            "decoder_attention_mask": np.stack([CAUSAL & (SEEN | np.eye(4, dtype=bool))] * 2),
            "encoder_attention_mask": np.stack([SOURCE_SEEN] * 2),
        },
    }
    for option, config in OPTIONS.items():
        for mask, tensors in masks.items():
            name = f"decoder_{option}{mask}"
            _add(family, name, "TransformerDecoder", config, [x, memory], tensors)
        _add(family, f"decoder_{option}_alone", "TransformerDecoder", config, [x], {})
    every = {"use_causal_mask": False}
    _add(family, "decoder_not_causal", "TransformerDecoder", {}, [x, memory], {}, every)


def _add(family, name, kind, config, inputs, tensors, call=None):
    has_memory = len(inputs) > 1
    make = torch.nn.TransformerDecoderLayer if has_memory else torch.nn.TransformerEncoderLayer
    layer = make(
        FEATURES,
        HEADS,
        WIDE,
        dropout=0.0,
        activation=config.get("activation", "relu"),
        layer_norm_eps=config.get("layer_norm_epsilon", 1e-5),
        batch_first=True,
        norm_first=config.get("normalize_first", False),
        dtype=torch.float64,
    )
    rng = seeded(family.name, name)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.from_numpy(0.5 * rng.standard_normal(parameter.shape)))
    given = [torch.tensor(x, requires_grad=True) for x in inputs]
    is_causal = kind == "TransformerDecoder" and (call or {}).get("use_causal_mask", True)

    def hidden(*names):
        seen = [tensors[name] for name in names if name in tensors]
        return ~torch.from_numpy(seen[0]) if seen else None

    own = hidden("attention_mask", "decoder_attention_mask")
    own = own[0] if own is not None else None
    if is_causal:
        later = ~torch.from_numpy(CAUSAL)
        own = later if own is None else own | later
    padding = hidden("padding_mask", "decoder_padding_mask")
    if has_memory:
        other = hidden("encoder_attention_mask")
        output = layer(
            *given,
            tgt_mask=own,
            memory_mask=other[0] if other is not None else None,
            tgt_key_padding_mask=padding,
            memory_key_padding_mask=hidden("encoder_padding_mask"),
        )
    else:
        output = layer(*given, src_mask=own, src_key_padding_mask=padding)
    cotangent = rng.standard_normal(output.shape)
    (output * torch.from_numpy(cotangent)).sum().backward()
    parts = _parts(layer, kind, has_memory)
    stored = {
        "inputs": inputs,
        "weights": [_array(tensor, turn) for tensor, turn in parts],
        **tensors,
        "outputs": [output.detach().numpy()],
        "cotangents": [cotangent],
        "grad_inputs": [x.grad.numpy() for x in given],
        "grad_weights": [_array(tensor, turn, grad=True) for tensor, turn in parts],
    }
    config = {"intermediate_dim": WIDE, "num_heads": HEADS, **config}
    fields = {"kind": kind, "config": config, "call": call or {}, "trainable": [True] * len(parts)}
    family.add(name, fields, stored)


def _array(parameter, turn, *, grad=False):
    return turn((parameter.grad if grad else parameter).detach().numpy())


def _parts(layer, kind, has_memory):
    """PyTorch's parameters in the order of lamina's weights, the names of the parts, and how each
    is turned into lamina's."""
    norms = [layer.norm1, layer.norm2, getattr(layer, "norm3", None)]
    network = [
        (layer.linear1.weight, np.transpose),
        (layer.linear1.bias, np.array),
        (layer.linear2.weight, np.transpose),
        (layer.linear2.bias, np.array),
    ]
    own = _attention(layer.self_attn)
    if has_memory:
        before = _attention(layer.multihead_attn) + _norm(norms[1])
        return before + _norm(norms[2]) + network + own + _norm(norms[0])
    if kind == "TransformerDecoder":
        return _norm(norms[1]) + network + own + _norm(norms[0])
    return own + _norm(norms[0]) + _norm(norms[1]) + network


def _norm(norm):
    return [(norm.weight, np.array), (norm.bias, np.array)]


def _attention(attention):
    """Queries, keys and values, which PyTorch keeps in one matrix, and the output."""
    size = FEATURES // HEADS
    parts = []
    for index in range(3):
        rows = slice(index * FEATURES, (index + 1) * FEATURES)
        parts += [
            (
                attention.in_proj_weight,
                lambda w, rows=rows: w[rows].T.reshape(FEATURES, HEADS, size),
            ),
            (attention.in_proj_bias, lambda b, rows=rows: b[rows].reshape(HEADS, size)),
        ]
    return [
        *parts,
        (attention.out_proj.weight, lambda w: w.T.reshape(HEADS, size, FEATURES)),
        (attention.out_proj.bias, np.array),
    ]
