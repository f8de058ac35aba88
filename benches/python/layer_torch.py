"""The layers of `layer_cases.py` that are several modules or functions in PyTorch."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

__all__ = ["F", "GroupQueryAttention", "Recurrent", "nn", "plain_attention", "separable", "torch"]


class Recurrent(nn.Module):
    """A recurrent layer, batch first, whose output is the sequence."""

    def __init__(
        self, kind: Any, features: int, units: int, *, bidirectional: bool = False
    ) -> None:
        super().__init__()
        self.layer = kind(features, units, batch_first=True, bidirectional=bidirectional)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)[0]


class GroupQueryAttention(nn.Module):
    """Attention with fewer heads for keys and values, which are repeated if need be."""

    def __init__(self, features: int, size: int, heads: int, groups: int) -> None:
        super().__init__()
        self.size, self.repeats = size, heads // groups
        self.query, self.out = nn.Linear(features, heads * size), nn.Linear(heads * size, features)
        self.key, self.value = (nn.Linear(features, groups * size) for _ in range(2))

    def forward(self, q: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        parts = (self.query(q), self.key(v), self.value(v))
        heads = [p.unflatten(2, (-1, self.size)).transpose(1, 2) for p in parts]
        if self.repeats > 1:
            heads[1:] = [p.repeat_interleave(self.repeats, 1) for p in heads[1:]]
        return self.out(F.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2))


def plain_attention(q: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Attention without heads or weights, unscaled, as in Keras."""
    return F.scaled_dot_product_attention(q, v, v, scale=1.0)


def separable(kind: Any, channels: int, filters: int) -> nn.Module:
    """A depthwise convolution of 3, then a pointwise one."""
    depthwise = kind(channels, channels, 3, groups=channels, bias=False)
    return nn.Sequential(depthwise, kind(channels, filters, 1))
