"""The Python code in README.md and docs/*.md runs as it stands, each file from top to bottom.

A block opened with three backticks and `python` is run; `python no-run` is shown only.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import lamina

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^( *)```python *\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


def blocks(page):
    """The code of a page, each piece at its line, so that errors show where they stand."""
    text = page.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        indent, code = found.groups()
        lines = [line.removeprefix(indent) for line in code.splitlines(keepends=True)]
        yield "\n" * text.count("\n", 0, found.start(2)) + "".join(lines)


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]


@pytest.mark.parametrize("page", [p for p in PAGES if any(blocks(p))], ids=lambda page: page.name)
def test_the_code_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # what the code writes is thrown away
    lamina.utils.set_random_seed(0)
    lamina.utils.clear_session()
    names = {"__name__": "__main__"}
    for code in blocks(page):
        exec(compile(code, str(page), "exec"), names)
    lamina.config.set_floatx("float32")
