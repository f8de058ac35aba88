"""Make docs/api/*.md, a page for each module with every public name, from the docstrings.

    make docs                      # or, with lamina installed:
    python docs/make_api.py

The pages are not kept in the repository: they are what the docstrings say.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lamina

FOLDER = Path(__file__).parent / "api"
MODULES = (
    "models",
    "layers",
    "activations",
    "losses",
    "metrics",
    "optimizers",
    "optimizers.schedules",
    "callbacks",
    "initializers",
    "regularizers",
    "constraints",
    "datasets",
    "utils",
    "config",
    "errors",
)
SECTION = re.compile(r"^([A-Z][a-z]+(?: [a-z]+)?):[ ]*(.*)$")
ENTRY = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*): (.*)$", re.DOTALL)


def module_named(name: str) -> Any:
    """A module of lamina, "optimizers.schedules" for one within another."""
    module: Any = lamina
    for part in name.split("."):
        module = getattr(module, part)
    return module


def public(name: str) -> Iterator[tuple[str, Any]]:
    """The public classes and functions of a module, by name."""
    module = module_named(name)
    listed = getattr(module, "__all__", None)
    if listed is None:
        listed = [
            key
            for key, value in vars(module).items()
            if not key.startswith("_") and getattr(value, "__module__", None) == module.__name__
        ]
    for key in sorted(listed, key=str.lower):
        value = getattr(module, key)
        if inspect.isclass(value) or inspect.isroutine(value):
            yield key, value


def sections(doc: str) -> dict[str, str]:
    """A docstring by its sections; what comes before the first is under ""."""
    found: dict[str, list[str]] = {"": []}
    current = ""
    for line in doc.splitlines():
        title = SECTION.match(line)
        if title:
            current = title.group(1)
            found[current] = [title.group(2)] if title.group(2) else []
        else:
            found[current].append(line)
    return {key: inspect.cleandoc("\n" + "\n".join(lines)) for key, lines in found.items()}


def entries(text: str) -> list[str]:
    """The lines of a section of arguments or errors: one for each, its continuations joined."""
    joined: list[str] = []
    for line in text.splitlines():
        if line.startswith(" ") and joined:
            joined[-1] += " " + line.strip()
        else:
            joined.append(line)
    return joined


def signature(name: str, value: Any) -> str:
    """The call, without annotations: `name(a, b=1)`."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return name
    plain = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for key, parameter in found.parameters.items()
        if key != "self"
    ]
    text = inspect.Signature(plain)
    return f"{name}{text}"


def page_of(name: str, value: Any) -> str:
    """The part of a page that is about one name."""
    parts = sections(inspect.getdoc(value) or "")
    text = [f"## {name}", f"```text\n{signature(name, value)}\n```", parts.pop("", "")]
    for title, body in parts.items():
        if title == "Example":
            text.append(f"```pycon\n{body}\n```")
        elif title in ("Args", "Raises", "Attributes"):
            items = [ENTRY.sub(r"`\1`: \2", entry) for entry in entries(body) if entry]
            text.append(f"**{title}**\n\n" + "\n".join(f"- {item}" for item in items))
        else:
            text.append(f"**{title}:** {body}")
    if inspect.isclass(value):
        text += methods(value)
    return "\n\n".join(part for part in text if part)


def methods(cls: type) -> list[str]:
    """The public methods and properties that the class itself defines, a line for each."""
    lines = []
    for name, value in vars(cls).items():
        value = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        doc = inspect.getdoc(value.fget if isinstance(value, property) else value)
        if name.startswith("_") or not doc or not (callable(value) or isinstance(value, property)):
            continue
        shown = name if isinstance(value, property) else signature(name, value)
        lines.append(f"- `{shown}`: {doc.splitlines()[0]}")
    return ["**Members**\n\n" + "\n".join(lines)] if lines else []


def main() -> None:
    """Write all pages."""
    FOLDER.mkdir(exist_ok=True)
    index = ["# The names of lamina", ""]
    for module in MODULES:
        title = f"lamina.{module}"
        names = list(public(module))
        about = (inspect.getdoc(module_named(module)) or "").strip()
        text = [f"# {title}", about, *(page_of(name, value) for name, value in names)]
        (FOLDER / f"{module}.md").write_text("\n\n".join(text) + "\n", encoding="utf-8")
        shown = ", ".join(f"`{name}`" for name, _ in names)
        index.append(f"- [{title}]({module}.md): {shown}")
    (FOLDER / "README.md").write_text("\n".join(index) + "\n", encoding="utf-8")
    print(f"{FOLDER}: {len(MODULES)} pages")


if __name__ == "__main__":
    main()
