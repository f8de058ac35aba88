"""What the examples in docstrings may use without importing it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import callbacks, layers, models


@pytest.fixture(autouse=True)
def example_names(
    request: pytest.FixtureRequest,
    doctest_namespace: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every public layer, model and callback, numpy, and a folder for files; a fixed seed.

    What the module with the example defines itself goes before: there are two `Identity`.
    """
    doctest_namespace.clear()
    for module in (layers, models, callbacks):
        doctest_namespace.update({name: getattr(module, name) for name in module.__all__})
    for name in request.node.dtest.globs:
        doctest_namespace.pop(name, None)
    doctest_namespace.update(np=np, lamina=lamina, tmp_path=tmp_path)
    monkeypatch.chdir(tmp_path)
    lamina.utils.set_random_seed(0)
