"""Every public name is explained: what it is, each argument, shapes for layers, and an example."""

from __future__ import annotations

import inspect
import runpy
from pathlib import Path

import pytest

import lamina

API = runpy.run_path(str(Path(lamina.__file__).parents[2] / "docs/make_api.py"))
NAMES = {
    f"{module}.{name}": value
    for module in API["MODULES"]
    for name, value in API["public"](module)
    if module != "errors"  # a sentence each: when they are raised
}
SELF_EVIDENT = {
    *("self", "x", "inputs", "y_true", "y_pred", "args", "kwargs"),
    *("name", "dtype", "trainable", "activity_regularizer"),
    *("identifier", "config", "custom_objects"),
}
"""Arguments that all of a family have: layers, losses, what has `get` and `deserialize`."""


def own_arguments(value):
    """The arguments that the class or function has beside those of its whole family."""
    if inspect.isclass(value) and value.__init__ is object.__init__:
        return []
    return [name for name in inspect.signature(value).parameters if name not in SELF_EVIDENT]


def explained_in(value):
    """The docstring; for the function of a class also that of the class, which it names."""
    doc = inspect.getdoc(value) or ""
    module = inspect.getmodule(value)
    named = [word.strip(".,;:`") for word in doc.splitlines()[0].split() if "`" in word]
    others = [getattr(module, word, None) for word in named]
    return doc + "".join(inspect.getdoc(other) or "" for other in others if inspect.isclass(other))


@pytest.mark.parametrize("name", NAMES)
def test_it_is_explained(name):
    value = NAMES[name]
    doc = inspect.getdoc(value) or ""
    parts = API["sections"](doc)
    first = doc.split("\n\n")[0].rstrip()
    assert first.endswith((".", "`")), f"its docstring begins without a sentence: {first!r:.60}"
    assert ">>> " in parts.get("Example", ""), "its docstring has no Example"
    if inspect.isclass(value) and name.startswith("layers.") and name != "layers.Layer":
        comes_in = {"Input shape", "Call arguments"} & parts.keys()
        assert comes_in, "its docstring does not tell which shapes go in"
        assert "Output shape" in parts, "its docstring does not tell which shape comes out"
    text = explained_in(value)
    missing = [argument for argument in own_arguments(value) if argument not in text]
    assert not missing, f"its docstring does not mention {', '.join(missing)}"


def test_the_pages_are_made(tmp_path, monkeypatch, capsys):
    main = API["main"]
    monkeypatch.setitem(main.__globals__, "FOLDER", tmp_path / "api")
    main()
    pages = {page.name: page.read_text(encoding="utf-8") for page in (tmp_path / "api").iterdir()}
    assert len(pages) == len(API["MODULES"]) + 1
    assert "## Dense\n\n```text\nDense(units, activation=None" in pages["layers.md"]
    assert "- `units`: " in pages["layers.md"]
    assert "`Dense`" in pages["README.md"]
