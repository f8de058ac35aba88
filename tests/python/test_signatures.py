"""Names, order and defaults of arguments are Keras's, so that Keras code runs unchanged."""

from __future__ import annotations

import inspect
import json

import pytest

import lamina
from golden import FOLDER

SIGNATURES = json.loads((FOLDER / "signatures.json").read_text())

REFUSED = {
    ("losses.Loss", "*"): "losses of one's own are functions; the base takes nothing",
    ("metrics.Metric", "*"): "metrics of one's own are functions; the base takes nothing",
    ("optimizers.Optimizer", "*"): "the base alone optimizes nothing",
    ("layers.Layer.add_weight", "*"): "weights belong to the engine's layers; the error says so",
    ("utils.plot_model", "to_file"): "the default names a picture that needs no other package",
    ("utils.plot_model", "splines"): "an option of Graphviz",
    ("utils.timeseries_dataset_from_array", "format"): "the data sets of tf and torch",
}
"""Arguments of Keras that lamina does not have, or has otherwise, and why."""


def find(path):
    """A public name of lamina's."""
    found = lamina
    for part in path.split("."):
        found = getattr(found, part)
    return found


def wanted(name):
    """Keras's arguments of a name: (argument, kind, default) of those that have a name."""
    return [
        (argument, kind, default)
        for argument, kind, default in SIGNATURES[name]
        if not kind.startswith("var_") and not {(name, argument), (name, "*")} & REFUSED.keys()
    ]


@pytest.mark.parametrize("name", [n for n in SIGNATURES if not n.endswith(".call")])
def test_arguments_have_names_order_and_defaults_of_keras(name):
    parameters = inspect.signature(find(name)).parameters
    for argument, _, default in wanted(name):
        assert argument in parameters, f"{argument} is missing"
        ours = parameters[argument].default
        assert (None if ours is inspect.Parameter.empty else repr(ours)) == default
    # By position, but for the name and type that Keras takes last in some layers.
    last = ("name", "dtype") if name.startswith("layers.") else ("name",)
    by_place = [a for a, kind, _ in wanted(name) if kind != "keyword_only" and a not in last]
    ours = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    ours = [n for n in ours if n not in ("self", *last) and (name, n) not in REFUSED]
    assert ours[: len(by_place)] == by_place


@pytest.mark.parametrize("name", [n for n in SIGNATURES if n.endswith(".call")])
def test_calls_take_the_arguments_of_keras(name):
    cls = find(name.removesuffix(".call"))
    taken = {"training"}
    for method in (cls.__call__, cls._arrange, cls.call):
        taken |= set(inspect.signature(method).parameters)
    named = [argument for argument, _, default in wanted(name) if default is not None]
    assert set(named) <= taken
