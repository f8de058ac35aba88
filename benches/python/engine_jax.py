"""JAX: a compiled step with optax; for the small dense networks also 16 steps in one `lax.scan`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import jax_models
import numpy as np
import optax
from workloads import WORKLOADS, Task

SCANNED = 16


class Engine:
    """A workload in JAX."""

    def __init__(self, key: str, threads: int, options: set[str]) -> None:
        self.key, self.work = key, WORKLOADS[key]
        self.net = jax_models.model(key)
        self.weights = self.net.weights
        match self.work.optimizer:
            case "adam":
                self.optimizer = optax.adam(1e-3)
            case "adamw":
                self.optimizer = optax.adamw(1e-3, weight_decay=0.01)
            case _:
                self.optimizer = optax.sgd(0.01, momentum=0.9)
        self.slots = self.optimizer.init(self.weights)
        self.random = jax.random.key(0)

    def _loss(self, weights: list[jax.Array], x: jax.Array, y: jax.Array, key: jax.Array):
        out, moving = self.net(weights, x, key)
        if self.work.classes:
            losses = optax.softmax_cross_entropy_with_integer_labels(out, y)
            return losses.mean(), moving
        return ((out - y) ** 2).mean(), moving

    def _step(self, carry: tuple, batch: tuple) -> tuple:
        weights, slots, random = carry
        random, key = jax.random.split(random)
        (loss, moving), grads = jax.value_and_grad(self._loss, has_aux=True)(weights, *batch, key)
        changes, slots = self.optimizer.update(grads, slots, weights)
        weights = optax.apply_updates(weights, changes)
        for i, value in moving.items():  # moving statistics are weights without a gradient
            weights[i] = value
        return (weights, slots, random), loss

    def _tasks(self, batches: Task, stacks: Task) -> dict[str, Task]:
        state = (self.weights, self.slots, self.random)

        def task(run_one: Task, parts: Task) -> Task:
            carry = [jax.tree.map(jnp.copy, state)]  # a compiled step takes its memory over

            def run() -> None:
                for part in parts():
                    carry[0], loss = run_one(carry[0], part)
                loss.block_until_ready()

            return run

        tasks = {"jax": task(jax.jit(self._step, donate_argnums=0), batches)}
        if self.key in ("w1", "w2"):

            def scan(carry: tuple, stack: tuple) -> tuple:
                return jax.lax.scan(self._step, carry, stack)

            tasks["jax scan"] = task(jax.jit(scan, donate_argnums=0), stacks)
        return tasks

    def _cut(self, data: np.ndarray, *sizes: int) -> list:
        return list(data.reshape(-1, *sizes, self.work.batch, *data.shape[1:]))

    def train(self, x: np.ndarray, y: np.ndarray) -> dict[str, Task]:
        """Steps over batches that are on JAX's side already."""

        def pairs(*sizes: int) -> list[tuple]:
            parts = zip(self._cut(x, *sizes), self._cut(y, *sizes), strict=True)
            return [(jnp.asarray(a), jnp.asarray(b)) for a, b in parts]

        batches = pairs()
        stacks = pairs(SCANNED) if len(batches) % SCANNED == 0 else []
        return self._tasks(lambda: batches, lambda: stacks)

    def fit(self, x: np.ndarray, y: np.ndarray) -> dict[str, Task]:
        """An epoch over shuffled rows, permuted by numpy."""
        random = np.random.default_rng(0)

        def shuffled(*sizes: int) -> list[tuple]:
            rows = self._cut(random.permutation(len(x)), *sizes)
            return [(x[chosen], y[chosen]) for chosen in rows]

        return self._tasks(shuffled, lambda: shuffled(SCANNED))

    def infer(self, x: np.ndarray) -> dict[str, Task]:
        """One batch, from numpy to numpy."""
        call = jax.jit(lambda weights, x: self.net(weights, x, None)[0])
        return {"jax": lambda: np.asarray(call(self.weights, x))}
