"""The networks of the ten workloads in PyTorch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn
from workloads import RESNET


class Permute(nn.Module):
    """Images come as NHWC; in memory this is already PyTorch's channels-last form."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, 3, 1, 2)


class Last(nn.Module):
    """The last output of a recurrent layer."""

    def __init__(self, layer: nn.Module, *, both: bool = False, every: bool = False) -> None:
        super().__init__()
        self.layer, self.both, self.every = layer, both, every

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, _ = self.layer(x)
        if self.every:
            return y
        half = y.shape[-1] // 2
        return torch.cat([y[:, -1, :half], y[:, 0, half:]], -1) if self.both else y[:, -1]


def _conv_block(i: int, o: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]


class Residual(nn.Module):
    """A block of a residual network."""

    def __init__(self, i: int, o: int, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(*_conv_block(i, o, stride), *_conv_block(o, o)[:2])
        short = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))
        self.short = short if stride != 1 or i != o else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.main(x) + self.short(x))


class Block(nn.Module):
    """A causal transformer block, normalised before."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(128), nn.LayerNorm(128)
        self.qkv, self.out = nn.Linear(128, 384), nn.Linear(128, 128)
        self.feed = nn.Sequential(nn.Linear(128, 512), nn.GELU(), nn.Linear(512, 128))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, 4, 32).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, d))
        return x + self.feed(self.norm2(x))


class Transformer(nn.Module):
    """Four blocks between an embedding and an output layer."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(96, 128), nn.Embedding(128, 128)
        self.rest = nn.Sequential(
            *[Block() for _ in range(4)], nn.LayerNorm(128), nn.Linear(128, 96)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rest(self.tokens(x) + self.places(torch.arange(128)))


def model(key: str) -> nn.Module:
    """The network of a workload; images come as NHWC."""
    s, lin = nn.Sequential, nn.Linear
    pool = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    match key:
        case "w1":
            return s(lin(64, 64), nn.ReLU(), lin(64, 64), nn.ReLU(), lin(64, 10))
        case "w2":
            hidden = [lin(512, 512), nn.ReLU(), nn.Dropout(0.2)]
            return s(lin(784, 512), nn.ReLU(), nn.Dropout(0.2), *hidden, lin(512, 10))
        case "w3":
            return s(lin(1024, 4096), nn.GELU(), lin(4096, 4096), nn.GELU(), lin(4096, 1024))
        case "w4":
            convolutions = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU()]
            dense = [lin(9216, 128), nn.ReLU(), nn.Dropout(0.5), lin(128, 10)]
            return s(
                Permute(), *convolutions, nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten(), *dense
            )
        case "w5":
            stages: list[nn.Module] = []
            for i, o in ((3, 64), (64, 128), (128, 256)):
                stages += (
                    _conv_block(i, o) + _conv_block(o, o) + ([nn.MaxPool2d(2)] if o < 256 else [])
                )
            return s(Permute(), *stages, *pool, lin(256, 10))
        case "w6":
            return s(Last(nn.LSTM(64, 128, batch_first=True)), lin(128, 10))
        case "w7":
            gru = nn.GRU(40, 128, 2, batch_first=True, bidirectional=True)
            return s(Last(gru, both=True), lin(256, 10))
        case "w8":
            return s(
                nn.Embedding(96, 64),
                Last(nn.LSTM(64, 256, batch_first=True), every=True),
                lin(256, 96),
            )
        case "w9":
            return Transformer()
        case _:
            blocks, i = [], 64
            for o, stride in RESNET:
                blocks.append(Residual(i, o, stride))
                i = o
            return s(Permute(), *_conv_block(3, 64), *blocks, *pool, lin(512, 10))
