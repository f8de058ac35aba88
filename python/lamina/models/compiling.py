"""What `compile` was given, sorted by outputs: the engine's JSON and the names in the logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lamina.errors import ConfigError
from lamina.layers.declare import describe, to_json
from lamina.models.custom import CustomMetric, is_function, wrapped


@dataclass
class Compiled:
    """The arguments of `compile`, as they were given."""

    optimizer: Any
    loss: Any = None
    loss_weights: Any = None
    metrics: Any = None
    weighted_metrics: Any = None
    steps_per_execution: int = 1

    def get_config(self) -> dict[str, Any]:
        """The arguments as JSON can hold them."""
        optimizer = self.optimizer
        return {
            "optimizer": None if optimizer is None else describe(optimizer, "compile: optimizer"),
            "loss": _described("loss", self.loss),
            "loss_weights": describe(self.loss_weights, "compile: loss_weights"),
            "metrics": _described("metrics", self.metrics),
            "weighted_metrics": _described("weighted_metrics", self.weighted_metrics),
            "steps_per_execution": self.steps_per_execution,
        }


@dataclass
class Plan:
    """A compile state applied to the outputs of one graph.

    `targets` are the numbers of the outputs that need a target; `raw_names` name the engine's
    results in the engine's order, None where Keras shows none.
    """

    json: str
    targets: list[int]
    sparse: list[bool]
    has_loss: bool
    raw_names: list[str | None]
    metric_names: list[str]
    loss_names: list[str]
    plain_names: list[str] = field(default_factory=list)
    custom_losses: dict[int, Any] = field(default_factory=dict)
    custom_metrics: list[CustomMetric] = field(default_factory=list)
    given_shapes: dict[Any, Any] = field(default_factory=dict)
    """By shapes of samples and output: shape and type of what a custom loss gave for a sample."""
    engine_targets: frozenset[int] = frozenset()

    @property
    def is_custom(self) -> bool:
        """Whether functions are to be called between the engine's steps."""
        return bool(self.custom_losses or self.custom_metrics)

    def logs(self, results: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        """The engine's results as Keras names and orders them: loss, metrics, losses by output."""
        values = (value for _, value in results)
        found = dict(zip(self.raw_names, values, strict=True))
        order = [*(["loss"] if self.has_loss else []), *self.metric_names, *self.loss_names]
        return {name: found[name] for name in order}

    def in_order(self, logs: Mapping[str, Any]) -> Any:
        """The logs as `evaluate` lists them; a single value stands alone."""
        values = [logs[name] for name in self.names_in_order()]
        return values[0] if len(values) == 1 else values

    def names_in_order(self) -> list[str]:
        """What `evaluate` lists: loss, metrics, losses by output, then whatever else by name."""
        logs = [*(["loss"] if self.has_loss else []), *self.metric_names, *self.loss_names]
        known = ["loss", *self.plain_names, *self.loss_names]
        first = [name for name in dict.fromkeys(known) if name in logs]
        return first + sorted(name for name in logs if name not in known)


def plan(compiled: Compiled, output_names: list[str]) -> Plan:
    """Sort losses and metrics by output.

    Raises:
        ConfigError: other outputs than the model has, or something that is no loss or metric.
    """
    count = len(output_names)
    losses = _per_output("loss", compiled.loss, output_names, same_for_all=True)
    weights = _per_output("loss_weights", compiled.loss_weights, output_names, same_for_all=True)
    metrics = _metrics("metrics", compiled.metrics, output_names)
    weighted = _metrics("weighted_metrics", compiled.weighted_metrics, output_names)
    custom = {i: loss for i, loss in enumerate(losses) if is_function(loss)}
    described = [
        {"class_name": "Given", "config": {}} if i in custom else _one("loss", loss)
        for i, loss in enumerate(losses)
    ]

    def engines(what: str, some: list[list[Any]]) -> list[list[Any]]:
        return [
            [_one(what, m) for m in these if i not in custom and not is_function(m)]
            for i, these in enumerate(some)
        ]

    config: dict[str, Any] = {
        "optimizer": None if compiled.optimizer is None else compiled.optimizer._for_engine(),
        "losses": described,
        "loss_weights": [1.0 if weight is None else float(weight) for weight in weights],
        "metrics": engines("metrics", metrics),
        "weighted_metrics": engines("weighted_metrics", weighted),
    }
    with_loss = [index for index in range(count) if losses[index] is not None]
    unique = _unique_outputs(output_names)
    shown = {i: f"{unique[i]}_loss" for i in with_loss} if len(with_loss) > 1 else {}
    plain, named, by_output = _metric_names(metrics, weighted, unique if count > 1 else [])
    raw_losses = [shown.get(i) for i in with_loss] if count > 1 else []
    in_engine: list[str] = []
    between: list[CustomMetric] = []
    for i, names in enumerate(by_output):
        asked = [(m, False) for m in metrics[i]] + [(m, True) for m in weighted[i]]
        for name, (metric, is_weighted) in zip(names, asked, strict=True):
            if i in custom or is_function(metric):
                given = wrapped(metric) if is_function(metric) else _one("metrics", metric)
                between.append(CustomMetric(i, name, given, is_weighted))
            else:
                in_engine.append(name)
    return Plan(
        json=to_json(config, "compile"),
        targets=[i for i in range(count) if losses[i] is not None or metrics[i] or weighted[i]],
        sparse=["sparse" in str(loss).lower() for loss in described],
        has_loss=bool(with_loss),
        raw_names=["loss", *raw_losses, *in_engine, *(metric.name for metric in between)],
        metric_names=named,
        loss_names=list(shown.values()),
        plain_names=plain,
        custom_losses=custom,
        custom_metrics=between,
        engine_targets=frozenset(
            i
            for i in range(count)
            if losses[i] is not None or config["metrics"][i] or config["weighted_metrics"][i]
        ),
    )


def _per_output(what: str, given: Any, names: list[str], *, same_for_all: bool) -> list[Any]:
    """One entry per output from a single value, a list, or a dict by output name."""
    if isinstance(given, Mapping) and "class_name" not in given:
        _check_keys(what, given, names)
        return [given.get(name) for name in names]
    if isinstance(given, list | tuple):
        if len(given) != len(names):
            raise ConfigError(
                f"compile: expected {what} for {len(names)} outputs ({', '.join(names)}), "
                f"got {len(given)}"
            )
        return list(given)
    if same_for_all:
        return [given] * len(names)
    raise ConfigError(
        f"compile: expected {what} as a list or dict with one entry for each output "
        f"({', '.join(names)}), got {given!r}"
    )


def _metrics(what: str, given: Any, names: list[str]) -> list[list[Any]]:
    if given is None:
        return [[] for _ in names]
    if not isinstance(given, list | tuple | Mapping):
        raise ConfigError(f"compile: expected {what} as a list or dict, got {given!r}")
    if len(names) == 1:
        return [[metric for metric in _flat(given) if metric is not None]]
    if not given:
        return [[] for _ in names]
    entries = _per_output(what, given, names, same_for_all=False)
    return [[metric for metric in _flat(entry) if metric is not None] for entry in entries]


def _flat(tree: Any) -> list[Any]:
    """The metrics in a list or dict; a described object counts as one."""
    if isinstance(tree, Mapping):
        if "class_name" in tree:
            return [tree]
        return [leaf for key in sorted(tree) for leaf in _flat(tree[key])]
    if isinstance(tree, list | tuple):
        return [leaf for branch in tree for leaf in _flat(branch)]
    return [tree]


def _check_keys(what: str, given: Mapping[str, Any], names: list[str]) -> None:
    unknown = [key for key in given if key not in names]
    if unknown:
        raise ConfigError(
            f"compile: expected the outputs' names ({', '.join(names)}) as keys of {what}, "
            f"got {unknown[0]!r}"
        )


def has_functions(config: Any) -> bool:
    """Whether what `get_config` returned stands for functions, which no file holds."""
    if isinstance(config, Mapping):
        return "function" in config or any(map(has_functions, config.values()))
    return isinstance(config, list) and any(map(has_functions, config))


def _one(what: str, given: Any) -> dict[str, Any] | None:
    """A loss or metric as {"class_name", "config"}."""
    if given is None:
        return None
    described = describe(given, f"compile: {what}")
    if isinstance(described, str):
        return {"class_name": described, "config": {}}
    if not isinstance(described, dict) or "class_name" not in described:
        raise ConfigError(f"compile: expected the name or an object of {what}, got {given!r}")
    return described


def _described(what: str, given: Any) -> Any:
    if isinstance(given, Mapping) and "class_name" not in given:
        return {key: _described(what, value) for key, value in given.items()}
    if isinstance(given, list | tuple):
        return [_described(what, value) for value in given]
    if is_function(given):
        return {"function": metric_name(given)}
    return describe(given, f"compile: {what}")


def _unique_outputs(names: list[str]) -> list[str]:
    """Output names for the logs: a layer that gives several outputs is numbered."""
    return [
        f"{name}_{names[:place].count(name)}" if name in names[:place] else name
        for place, name in enumerate(names)
    ]


def _metric_names(
    metrics: list[list[Any]], weighted: list[list[Any]], outputs: list[str]
) -> tuple[list[str], list[str], list[list[str]]]:
    """Names without the output's, with it (made unique as Keras does), and these by output."""
    plain: list[str] = []
    named: list[str] = []
    by_output: list[list[str]] = [[] for _ in metrics]
    for is_weighted, given in ((False, metrics), (True, weighted)):
        for index, some in enumerate(given):
            prefix = f"{outputs[index]}_" if outputs else ""
            for metric in some:
                name = metric_name(metric)
                plain.append(name)
                if is_weighted and prefix + name in named:
                    name = f"weighted_{name}"
                full, count = prefix + name, 0
                while full in named:
                    count += 1
                    full = f"{prefix}{name}_{count}"
                named.append(full)
                by_output[index].append(full)
    return plain, named, by_output


def metric_name(metric: Any) -> str:
    """What the logs call a metric: the string it was given as, else its own name."""
    if isinstance(metric, str):
        return metric
    if isinstance(metric, Mapping):
        name = (metric.get("config") or {}).get("name")
        return str(name or metric["class_name"])
    if isinstance(metric, type):
        metric = metric()
    return str(getattr(metric, "name", None) or getattr(metric, "__name__", metric))


def flat_metrics(compiled: Compiled) -> list[Any]:
    """The metrics that were given, one after the other."""
    return [m for m in _flat(compiled.metrics or []) + _flat(compiled.weighted_metrics or []) if m]
