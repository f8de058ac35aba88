"""The networks of the ten workloads in JAX: functions of a list of weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from workloads import RESNET

Weights = list[jax.Array]
Body = Callable[["Net", jax.Array], jax.Array]


class Net:
    """A network written once: a first run draws its weights, later runs take them in order."""

    def __init__(self, body: Body, example: np.ndarray) -> None:
        self.body, self.weights = body, []
        self._draws = np.random.default_rng(1)
        self._taken, self._given = 0, None
        self._moving: dict[int, jax.Array] = {}
        self._random = jax.random.key(0)
        self._training = True
        body(self, jnp.asarray(example))

    def __call__(self, weights: Weights, x: jax.Array, random: jax.Array | None) -> tuple:
        """The outputs and new moving statistics; training if there are random numbers."""
        self._given, self._taken, self._moving = weights, 0, {}
        self._random, self._training = random, random is not None
        return self.body(self, x), self._moving

    def weight(self, *shape: int, scale: float | None = None, fill: float = 0.0) -> jax.Array:
        """The next weight."""
        self._taken += 1
        if self._given is not None:
            return self._given[self._taken - 1]
        drawn = fill if scale is None else scale * self._draws.standard_normal(shape)
        self.weights.append(jnp.asarray(np.broadcast_to(drawn, shape), jnp.float32))
        return self.weights[-1]

    def dense(self, x: jax.Array, units: int) -> jax.Array:
        """x W + b."""
        kernel = self.weight(x.shape[-1], units, scale=x.shape[-1] ** -0.5)
        return x @ kernel + self.weight(units)

    def conv(
        self, x: jax.Array, filters: int, size: int = 3, stride: int = 1, padding: str = "SAME"
    ) -> jax.Array:
        """A convolution without bias."""
        shape = (size, size, x.shape[-1], filters)
        kernel = self.weight(*shape, scale=(size * size * x.shape[-1]) ** -0.5)
        dims = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(
            x, kernel, (stride, stride), padding, dimension_numbers=dims
        )

    def batch_norm(self, x: jax.Array) -> jax.Array:
        """Over all axes but the last, with moving statistics."""
        channels = x.shape[-1]
        gamma, beta = self.weight(channels, fill=1.0), self.weight(channels)
        first = self._taken
        means = self.weight(channels), self.weight(channels, fill=1.0)
        if self._training:
            now = x.mean((0, 1, 2)), x.var((0, 1, 2))
            for i in range(2):
                moved = 0.9 * means[i] + 0.1 * now[i]
                self._moving[first + i] = jax.lax.stop_gradient(moved)
            means = now
        return (x - means[0]) * jax.lax.rsqrt(means[1] + 1e-5) * gamma + beta

    def layer_norm(self, x: jax.Array) -> jax.Array:
        """Over the last axis."""
        gamma, beta = self.weight(x.shape[-1], fill=1.0), self.weight(x.shape[-1])
        centred = x - x.mean(-1, keepdims=True)
        return centred * jax.lax.rsqrt(x.var(-1, keepdims=True) + 1e-5) * gamma + beta

    def dropout(self, x: jax.Array, rate: float) -> jax.Array:
        """Inverted dropout."""
        if not self._training:
            return x
        self._random, key = jax.random.split(self._random)
        return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0.0)

    def embedding(self, ids: jax.Array, count: int, width: int) -> jax.Array:
        """Rows of a table."""
        return jnp.take(self.weight(count, width, scale=0.05), ids, axis=0)

    def _recurrent(self, x: jax.Array, units: int, gates: int) -> tuple:
        kernel = self.weight(x.shape[-1], gates * units, scale=x.shape[-1] ** -0.5)
        recurrent = self.weight(units, gates * units, scale=units**-0.5)
        return x @ kernel + self.weight(gates * units), recurrent

    def lstm(self, x: jax.Array, units: int) -> jax.Array:
        """All outputs of an LSTM; one product of the inputs for all steps."""
        ready, recurrent = self._recurrent(x, units, 4)

        def step(carry: tuple, z: jax.Array) -> tuple:
            h, c = carry
            i, f, g, o = jnp.split(z + h @ recurrent, 4, -1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        zero = jnp.zeros((len(x), units))
        return jax.lax.scan(step, (zero, zero), ready.swapaxes(0, 1))[1].swapaxes(0, 1)

    def gru(self, x: jax.Array, units: int, reverse: bool = False) -> jax.Array:
        """All outputs of a GRU that resets after the product, each at its own time."""
        ready, recurrent = self._recurrent(x, units, 3)
        bias = self.weight(3 * units)

        def step(h: jax.Array, x: jax.Array) -> tuple:
            (xz, xr, xn), (hz, hr, hn) = (
                jnp.split(part, 3, -1) for part in (x, h @ recurrent + bias)
            )
            z = jax.nn.sigmoid(xz + hz)
            h = z * h + (1 - z) * jnp.tanh(xn + jax.nn.sigmoid(xr + hr) * hn)
            return h, h

        zero = jnp.zeros((len(x), units))
        return jax.lax.scan(step, zero, ready.swapaxes(0, 1), reverse=reverse)[1].swapaxes(0, 1)

    def attention(self, x: jax.Array, heads: int) -> jax.Array:
        """Causal self-attention with one product for queries, keys and values."""
        batch, steps, width = x.shape
        parts = self.dense(x, 3 * width).reshape(batch, steps, 3, heads, width // heads)
        q, k, v = (parts[:, :, i] for i in range(3))
        y = jax.nn.dot_product_attention(q, k, v, is_causal=True)
        return self.dense(y.reshape(batch, steps, width), width)


def _pool(x: jax.Array) -> jax.Array:
    window = (1, 2, 2, 1)
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID")


def _block(net: Net, x: jax.Array, filters: int, stride: int = 1) -> jax.Array:
    return jax.nn.relu(net.batch_norm(net.conv(x, filters, stride=stride)))


def _mlp(net: Net, x: jax.Array, sizes: tuple, activation: Callable, rate: float) -> jax.Array:
    for units in sizes[:-1]:
        x = activation(net.dense(x, units))
        x = net.dropout(x, rate) if rate else x
    return net.dense(x, sizes[-1])


def _cnn_mnist(net: Net, x: jax.Array) -> jax.Array:
    for filters in (32, 64):
        x = jax.nn.relu(net.conv(x, filters, padding="VALID") + net.weight(filters))
    x = net.dropout(_pool(x), 0.25).reshape(len(x), -1)
    return net.dense(net.dropout(jax.nn.relu(net.dense(x, 128)), 0.5), 10)


def _cnn_cifar(net: Net, x: jax.Array) -> jax.Array:
    for filters in (64, 128, 256):
        x = _block(net, _block(net, x, filters), filters)
        x = _pool(x) if filters < 256 else x
    return net.dense(x.mean((1, 2)), 10)


def _bigru(net: Net, x: jax.Array) -> jax.Array:
    x = jnp.concatenate([net.gru(x, 128), net.gru(x, 128, reverse=True)], -1)
    last = jnp.concatenate([net.gru(x, 128)[:, -1], net.gru(x, 128, reverse=True)[:, 0]], -1)
    return net.dense(last, 10)


def _transformer(net: Net, ids: jax.Array) -> jax.Array:
    x = net.embedding(ids, 96, 128) + net.embedding(jnp.arange(128), 128, 128)
    for _ in range(4):
        x = x + net.attention(net.layer_norm(x), 4)
        y = jax.nn.gelu(net.dense(net.layer_norm(x), 512), approximate=False)
        x = x + net.dense(y, 128)
    return net.dense(net.layer_norm(x), 96)


def _resnet(net: Net, x: jax.Array) -> jax.Array:
    x = _block(net, x, 64)
    for filters, stride in RESNET:
        y = net.batch_norm(net.conv(_block(net, x, filters, stride), filters))
        if stride != 1 or x.shape[-1] != filters:
            x = net.batch_norm(net.conv(x, filters, 1, stride))
        x = jax.nn.relu(y + x)
    return net.dense(x.mean((1, 2)), 10)


def model(key: str) -> Net:
    """The network of a workload."""
    relu, gelu = jax.nn.relu, partial(jax.nn.gelu, approximate=False)
    bodies: dict[str, tuple[Body, tuple]] = {
        "w1": (lambda n, x: _mlp(n, x, (64, 64, 10), relu, 0.0), (64,)),
        "w2": (lambda n, x: _mlp(n, x, (512, 512, 10), relu, 0.2), (784,)),
        "w3": (lambda n, x: _mlp(n, x, (4096, 4096, 1024), gelu, 0.0), (1024,)),
        "w4": (_cnn_mnist, (28, 28, 1)),
        "w5": (_cnn_cifar, (32, 32, 3)),
        "w6": (lambda n, x: n.dense(n.lstm(x, 128)[:, -1], 10), (100, 64)),
        "w7": (_bigru, (50, 40)),
        "w8": (lambda n, x: n.dense(n.lstm(n.embedding(x, 96, 64), 256), 96), (64,)),
        "w9": (_transformer, (128,)),
        "w10": (_resnet, (32, 32, 3)),
    }
    body, shape = bodies[key]
    return Net(body, np.zeros((1, *shape), np.int32 if key in ("w8", "w9") else np.float32))
