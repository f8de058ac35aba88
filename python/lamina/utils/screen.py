"""Where a progress line is shown: a terminal, a notebook, or a file that only takes plain lines."""

from __future__ import annotations

import os
import sys
from enum import Enum
from typing import Any, TextIO


class Style(Enum):
    """How a piece of a line looks on a terminal; the value is its ANSI colour code."""

    PLAIN = ""
    BOLD = "\x1b[1m"
    DONE = "\x1b[32m"
    TODO = "\x1b[37m"


Line = list[tuple[str, Style]]

_RESET = "\x1b[0m"
_PLAIN_SECONDS = 60.0
"""How often a plain line tells of a long epoch that is not over."""


class Screen:
    """A stream of text that takes whole lines only."""

    in_place = False
    interval = _PLAIN_SECONDS

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.full, self.empty = ("━", "━") if _can_write(stream, "━") else ("=", "-")

    def write_line(self, text: str) -> None:
        """Write one finished line."""
        self._write(text + "\n")

    def draw(self, line: Line, last: bool) -> None:
        """Replace what was drawn before; after the last drawing the line stays."""
        if last:
            self.write_line("".join(text for text, _ in line))

    def _write(self, text: str) -> None:
        if self._stream is None:  # programs without a console have no stdout
            return
        self._stream.write(text)
        self._stream.flush()


class Terminal(Screen):
    """A terminal, where a line can be drawn over itself."""

    in_place = True

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__(stream)
        self._width = 0  # of what stands there now
        self._coloured = "NO_COLOR" not in os.environ
        if not self._coloured and self.empty == self.full:
            self.empty = "─"

    def draw(self, line: Line, last: bool) -> None:
        """Draw over the former line, cut to the width of the window so that it cannot wrap."""
        room = max(_columns() - 1, 20)
        text, width = "", 0
        for piece, style in line:
            piece = piece if last else piece[: room - width]
            width += len(piece)
            text += self._styled(piece, style)
        erase = " " * (self._width - width)
        self._write(f"\r{text}{erase}" + ("\n" if last else ""))
        self._width = 0 if last else width

    def _styled(self, text: str, style: Style) -> str:
        if not text or not self._coloured or style is Style.PLAIN:
            return text
        return f"{style.value}{text}{_RESET}"


class Notebook(Terminal):
    """A notebook cell: one object that is replaced, so that nothing piles up in the file."""

    def __init__(self, stream: TextIO | None, display: Any) -> None:
        super().__init__(stream)
        self._display = display
        self._handle: Any = None

    def draw(self, line: Line, last: bool) -> None:
        """Replace the object shown before."""
        data = {"text/plain": "".join(self._styled(text, style) for text, style in line)}
        if self._handle is None:
            self._handle = self._display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)
        if last:
            self._handle = None


def screen_for_stdout() -> Screen:
    """What standard output is at this moment."""
    stream = sys.stdout
    if stream is None:
        return Screen(None)
    if type(stream).__module__.startswith("ipykernel."):
        from IPython.display import display

        return Notebook(stream, display)
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        return Terminal(stream)
    return Screen(stream)


def _columns() -> int:
    """The width of the window; as `shutil.get_terminal_size`, whose module is slow to import."""
    try:
        return int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        pass
    try:
        return os.get_terminal_size().columns
    except (OSError, ValueError):
        return 80


def _can_write(stream: TextIO | None, text: str) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
