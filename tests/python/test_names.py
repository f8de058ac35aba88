"""`docs/names.md` has a row for every public class."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import lamina

PAGE = Path(lamina.__file__).parents[2] / "docs/names.md"
ROWS = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
BASES = {"Layer", "Loss", "Metric", "Optimizer", "Callback"}
CLASSES = sorted(
    {
        value.__name__
        for module in ("layers", "losses", "metrics", "optimizers", "callbacks")
        for name in getattr(lamina, module).__all__
        if inspect.isclass(value := getattr(getattr(lamina, module), name))
    }
    - BASES
)


def names_it(row: str, name: str) -> bool:
    """Whether a row has the name in full, or shortened: `Conv1D`, `2D`."""
    if re.search(rf"\b{name}\b", row):
        return True
    stem, dimensions = name[:-2], name[-2:]
    return dimensions in ("2D", "3D") and f"{stem}1D" in row and f"`{dimensions}`" in row


@pytest.mark.parametrize("name", CLASSES)
def test_it_has_a_row(name):
    assert any(names_it(row, name) for row in ROWS), f"docs/names.md says nothing of {name}"
