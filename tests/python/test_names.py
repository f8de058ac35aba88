"""Names: each of Keras's is here or left out for a reason, and `docs/names.md` has every class."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path

import pytest

import lamina
from golden import FOLDER

PAGE = (Path(lamina.__file__).parents[2] / "docs/names.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("|")]
BASES = {"Layer", "Loss", "Metric", "Optimizer", "Callback", "Initializer", "Regularizer"}
FAMILIES = """
    layers losses metrics optimizers callbacks initializers regularizers constraints
"""
CLASSES = sorted(
    {
        value.__name__
        for family in FAMILIES.split()
        for name in dir(getattr(lamina, family))
        if inspect.isclass(value := getattr(getattr(lamina, family), name))
        and value.__module__.startswith(f"lamina.{family}")
        and not name.startswith("_")
    }
    - BASES
    - {"Constraint"}
)
KERAS = json.loads((FOLDER / "names.json").read_text())


def left_out():
    """What the page says is left out: module and name, with the reason."""
    section = PAGE.partition("## Left out")[2].partition("\n## ")[0]
    table = {}
    for line in [line for line in section.splitlines() if line.startswith("| `")]:
        module, names, why = (cell.strip() for cell in line.strip("|").split(" | "))
        for name in re.findall(r"`(\w+)`", names):
            assert (module.strip("`"), name) not in table, f"{name} stands there twice"
            table[module.strip("`"), name] = why
    return table


LEFT_OUT = left_out()


def has(module: str, name: str) -> bool:
    """Whether lamina has this name of Keras's."""
    found = lamina
    for part in module.split(".") if module != "keras" else []:
        found = getattr(found, part)
    return hasattr(found, name)


def names_it(row: str, name: str) -> bool:
    """Whether a row has the name in full, or shortened: `Conv1D`, `2D`."""
    if re.search(rf"\b{name}\b", row):
        return True
    stem, dimensions = name[:-2], name[-2:]
    return dimensions in ("2D", "3D") and f"{stem}1D" in row and f"`{dimensions}`" in row


@pytest.mark.parametrize("name", CLASSES)
def test_it_has_a_row(name):
    assert any(names_it(row, name) for row in ROWS), f"docs/names.md says nothing of {name}"


@pytest.mark.parametrize("module", KERAS)
def test_names_of_keras_are_here_or_left_out_for_a_reason(module):
    missing = [name for name in KERAS[module] if not has(module, name)]
    unsaid = [name for name in missing if not LEFT_OUT.get((module, name))]
    assert not unsaid, "neither in lamina nor in the table of docs/names.md"


def test_what_is_said_to_be_left_out_is():
    stale = [
        f"{module}.{name}"
        for module, name in LEFT_OUT
        if name not in KERAS.get(module, []) or has(module, name)
    ]
    assert not stale, "in lamina, or no name of Keras"
