"""Several optimizers, each for some of the weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np  # noqa: F401  the examples compute with it

from lamina import _core
from lamina._configured import configured, serialize
from lamina.errors import ConfigError
from lamina.layers.variable import Variable
from lamina.optimizers.base import Optimizer
from lamina.optimizers.loss_scale_optimizer import LossScaleOptimizer


class OptimizerMap(MutableMapping[str, Optimizer]):
    """Optimizers by the paths of weights, or by patterns that match whole paths.

    A path is the names of the layers around a weight and its own, as `"encoder/dense/kernel"`; it
    matches with the name of the model in front too. A key that is the path counts before patterns.

    Args:
        default_optimizer: For all weights that no key names.
        optimizer_map: A dict to begin with.

    Raises:
        ConfigError: something that is no optimizer, a key twice, two patterns for one weight.

    Example:
        >>> optimizers = OptimizerMap(lamina.optimizers.Adam())
        >>> optimizers["encoder/.*"] = lamina.optimizers.SGD()
        >>> optimizers["encoder/dense/kernel"].name, optimizers["head/kernel"].name
        ('sgd', 'adam')
    """

    def __init__(
        self, default_optimizer: Any, optimizer_map: dict[str, Optimizer] | None = None
    ) -> None:
        if not isinstance(default_optimizer, Optimizer):
            raise ConfigError(
                f"OptimizerMap: expected an optimizer as default_optimizer, "
                f"got {default_optimizer!r}"
            )
        if optimizer_map is not None and not isinstance(optimizer_map, dict):
            raise ConfigError(f"OptimizerMap: expected a dict, got {optimizer_map!r}")
        self._default = checked(default_optimizer)
        self._map: dict[str, Optimizer] = {}
        for key, optimizer in (optimizer_map or {}).items():
            self[key] = optimizer

    @property
    def default_optimizer(self) -> Optimizer:
        """The optimizer of all weights that no key names."""
        return self._default

    def find(self, key: str) -> Optimizer | None:
        """The optimizer for a path; None if no key names it."""
        if key in self._map:
            return self._map[key]
        matching = [pattern for pattern in self._map if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ConfigError(
                f'OptimizerMap: expected one pattern for the weight "{key}", '
                f"got {' and '.join(map(repr, matching))}"
            )
        return self._map[matching[0]] if matching else None

    def __getitem__(self, key: str) -> Optimizer:
        return self.find(key) or self._default

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if not isinstance(key, str):
            raise ConfigError(f"OptimizerMap: expected a path or pattern as key, got {key!r}")
        if key in self._map:
            raise ConfigError(f'OptimizerMap: expected every key once, got "{key}" twice')
        try:
            re.compile(key)
        except re.error as error:
            raise ConfigError(f'OptimizerMap: "{key}" is no pattern: {error}') from None
        self._map[key] = checked(optimizer)

    def __delitem__(self, key: str) -> None:
        del self._map[key]

    def __len__(self) -> int:
        return len(self._map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._map)

    def __call__(self, variable: Any) -> Optimizer:
        """The optimizer of a weight."""
        return self[variable.path]

    def __repr__(self) -> str:
        return f"OptimizerMap({self._default!r}, {self._map!r})"

    def get_config(self) -> dict[str, Any]:
        """The optimizers, as JSON can hold them."""
        inside = {key: serialize(optimizer) for key, optimizer in self._map.items()}
        return {"default_optimizer": serialize(self._default), "optimizer_map": inside}

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> OptimizerMap:
        """The map that `get_config` described."""
        from lamina.optimizers.naming import deserialize  # it imports this module

        inside = {
            key: deserialize(optimizer, custom_objects)
            for key, optimizer in config["optimizer_map"].items()
        }
        return cls(deserialize(config["default_optimizer"], custom_objects), inside)


@configured
class MultiOptimizer(Optimizer):
    """Optimizers for parts of a model, each with its own state, rate, schedule and clipping.

    `optimizers` lists them; `optimizers[0].learning_rate` is that of the first, and can be set
    while a model is trained. There is no rate of the whole, so callbacks that set one refuse it.
    Norms of gradients are those of each optimizer's weights.

    Args:
        optimizer_map: An `OptimizerMap`, or a function that returns the optimizer for a weight; it
            finds its `path` (`"encoder/dense/kernel"`), `shape` and `name`. It is called once for
            each weight when the model is compiled and built. Files do not hold functions.
        loss_scale_factor: The factor on the loss, in place of those of the optimizers.
        name: What it is called.

    Raises:
        ConfigError: no map, a `MultiOptimizer` or `LossScaleOptimizer` inside, or a weight without
            optimizer.

    References:
        Howard and Ruder, Universal Language Model Fine-tuning, 2018 (rates by layer).
        Rust: src/optimizers/group.rs.

    Example:
        >>> x = lamina.Input((2,))
        >>> features = lamina.layers.Dense(3, name="features")(x)
        >>> model = lamina.Model(x, lamina.layers.Dense(1, name="head")(features))
        >>> slow, fast = lamina.optimizers.SGD(0.01), lamina.optimizers.Adam(0.1)
        >>> chosen = lamina.optimizers.OptimizerMap(fast, {"features/.*": slow})
        >>> model.compile(MultiOptimizer(chosen), "mse")
        >>> [type(one).__name__ for one in model.optimizer.optimizers]
        ['SGD', 'Adam']
        >>> model.optimizer.optimizers[0].learning_rate = 0.001
    """

    optimizer_map: Any
    loss_scale_factor: float | None = None
    name: Any = None

    def _finish(self) -> None:
        given = self.optimizer_map
        if isinstance(given, Mapping) and given.get("class_name") == "OptimizerMap":
            self.optimizer_map = given = OptimizerMap.from_config(given["config"])
        if not callable(given) or isinstance(given, type | Optimizer):
            raise ConfigError(
                "MultiOptimizer: expected an OptimizerMap or a function of a weight as "
                f"optimizer_map, got {given!r}"
            )
        self.optimizers: list[Optimizer] = []
        self._choices: list[list[int]] = []
        if isinstance(given, OptimizerMap):
            for optimizer in (*given.values(), given.default_optimizer):
                self._number(optimizer)
        super()._finish()

    def _number(self, optimizer: Any) -> int:
        """Its number among the optimizers, where the same object has the same."""
        for number, known in enumerate(self.optimizers):
            if known is optimizer:
                return number
        self.optimizers.append(checked(optimizer))
        optimizer.loss_scale_factor = self.loss_scale_factor
        return len(self.optimizers) - 1

    def _choose(self, weights: Callable[[], Sequence[Sequence[Any]]], title: str) -> None:
        given = self.optimizer_map
        if not isinstance(given, OptimizerMap):
            self.optimizers = []

        def chosen(weight: Any) -> Any:
            if not isinstance(given, OptimizerMap):
                return given(weight)
            found = given.find(weight.path)
            return found or (given[f"{title}/{weight.path}"] if title else given(weight))

        self._choices = [[self._number(chosen(weight)) for weight in some] for some in weights()]

    @property
    def _rate(self) -> Any:
        return None

    @property
    def learning_rate(self) -> Any:
        """There is none of the whole: see `optimizers`."""
        raise NoLearningRate(
            "MultiOptimizer: has no learning_rate of its own. Take those of its optimizers: "
            "optimizer.optimizers[0].learning_rate"
        )

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        raise NoLearningRate(
            "MultiOptimizer: has no learning_rate to set. Set those of its optimizers: "
            "optimizer.optimizers[0].learning_rate = ..."
        )

    @property
    def iterations(self) -> int:
        """The number of steps made."""
        engine = self._engine()
        if engine is None:
            return 0
        return int(engine.steps if isinstance(engine, _core.Optimizer) else engine.optimizer_steps)

    def _attach(self, engine: Any, part: int = 0) -> None:
        self._holder = engine
        for number, optimizer in enumerate(self.optimizers):
            optimizer._attach(engine, number)

    def _rates(self) -> dict[str, float | None]:
        return {
            f"learning_rate_{number}": optimizer._rates()["learning_rate"]
            for number, optimizer in enumerate(self.optimizers)
        }

    def _shown_rates(self) -> dict[str, float]:
        return {
            f"learning_rate_{number}": float(optimizer.learning_rate)
            for number, optimizer in enumerate(self.optimizers)
        }

    def _set_rates(self, rates: Mapping[str, float | None]) -> None:
        for optimizer, rate in zip(self.optimizers, rates.values(), strict=True):
            optimizer._set_rates({"learning_rate": rate})

    def build(self, variables: Sequence[Any]) -> None:
        """Make the state for these weights, which `apply` then updates.

        Args:
            variables: Weights of layers, or float32 or float64 arrays; the path of an array is its
                number, `"0"`. All of one type.
        """
        self._choose(
            lambda: [
                [weight if isinstance(weight, Variable) else _Counted(str(number), weight)]
                for number, weight in enumerate(variables)
            ],
            "",
        )
        super().build(variables)
        self._attach(self._holder)

    def get_config(self) -> dict[str, Any]:
        """The fields; a function by its name alone."""
        given = self.optimizer_map
        described: dict[str, Any] = {"function": str(getattr(given, "__name__", given))}
        if isinstance(given, OptimizerMap):
            described = {"class_name": "OptimizerMap", "config": given.get_config()}
        return {
            "optimizer_map": described,
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    def _needs_full_batch(self) -> bool:
        return any(optimizer._needs_full_batch() for optimizer in self.optimizers)

    def _for_engine(self) -> dict[str, Any]:
        config = {
            "optimizers": [optimizer._for_engine() for optimizer in self.optimizers],
            "choices": self._choices,
            "loss_scale_factor": self.loss_scale_factor,
        }
        return {"class_name": "MultiOptimizer", "config": config}

    def __repr__(self) -> str:
        return f"MultiOptimizer({self.optimizer_map!r})"

    def __getstate__(self) -> dict[str, Any]:
        """The fields; the state stays with the model, or where the arrays are."""
        return {k: v for k, v in self.__dict__.items() if k not in self._unsaved}


class NoLearningRate(ConfigError, AttributeError):
    """Several optimizers have several rates; `hasattr` says so too, as in Keras."""


class _Counted:
    """An array as a weight: its number is its path."""

    def __init__(self, path: str, array: Any) -> None:
        self.path = self.name = path
        self.shape = tuple(array.shape)


def checked(optimizer: Any) -> Optimizer:
    """The optimizer, if it may stand among several."""
    if not isinstance(optimizer, Optimizer):
        raise ConfigError(f"MultiOptimizer: expected an optimizer, got {optimizer!r}")
    if isinstance(optimizer, MultiOptimizer | LossScaleOptimizer):
        raise ConfigError(
            f"MultiOptimizer: expected a plain optimizer, got {type(optimizer).__name__}. "
            "It takes no other optimizer's place inside: use those it holds"
        )
    if optimizer._searches:
        raise ConfigError(
            f"MultiOptimizer: expected optimizers of single steps, got {type(optimizer).__name__}, "
            "which searches with all weights. Take IRprop for full batches"
        )
    return optimizer
