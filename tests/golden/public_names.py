"""Collect the public names of those modules of Keras whose vocabulary lamina has."""

import inspect
import json
from pathlib import Path

import keras

MODULES = """
    activations callbacks config constraints datasets initializers layers losses metrics models
    optimizers optimizers.schedules regularizers utils
"""


def write(folder):
    """Write names.json: module -> its names; `keras` has its modules among its names."""
    table = {"keras": _public(keras)}
    for path in MODULES.split():
        module = keras
        for part in path.split("."):
            module = getattr(module, part)
        table[path] = _public(module)
    lines = [f"{json.dumps(module)}: {json.dumps(names)}" for module, names in table.items()]
    Path(folder, "names.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"names: {sum(map(len, table.values()))} of {len(table)} modules")


def _public(module):
    """Names without an underscore in front; not `src`, the sources, which happen to be found."""
    return [
        name
        for name in sorted(dir(module))
        if not name.startswith("_")
        and not (inspect.ismodule(getattr(module, name)) and name in ("src", "legacy"))
    ]
