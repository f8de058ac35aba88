"""Whole programs in Keras's words run unchanged and learn; see programs/README.md."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

import lamina

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_it_runs_and_learns(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # what it writes is thrown away
    lamina.utils.clear_session()
    runpy.run_path(str(program), run_name="__main__")
