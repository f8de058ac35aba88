"""`Picture`: a drawing in SVG, for files and notebooks, made without further packages."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

FONT = "font-family='Helvetica, Arial, sans-serif'"


@dataclass(frozen=True)
class Picture:
    """A drawing of a certain size; a notebook shows it by itself.

    Args:
        width: In pixels.
        height: In pixels.
        body: The SVG elements inside.

    Example:
        >>> Picture(20, 10, "<circle cx='10' cy='5' r='4'/>")
        <Picture 20 x 10>
    """

    width: float
    height: float
    body: str

    def svg(self) -> str:
        """The drawing as the text of an SVG file."""
        size = f"width='{self.width:g}' height='{self.height:g}'"
        return (
            f"<svg xmlns='http://www.w3.org/2000/svg' {size} "
            f"viewBox='0 0 {self.width:g} {self.height:g}' {FONT} font-size='12'>"
            f"<rect width='100%' height='100%' fill='white'/>{self.body}</svg>\n"
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as an SVG file."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.svg())

    def _repr_svg_(self) -> str:
        return self.svg()

    def __repr__(self) -> str:
        return f"<Picture {self.width:g} x {self.height:g}>"


def side_by_side(pictures: Sequence[Picture]) -> Picture:
    """One picture of several in a row."""
    body, x = "", 0.0
    for picture in pictures:
        body += f"<g transform='translate({x:g} 0)'>{picture.body}</g>"
        x += picture.width
    return Picture(x, max((picture.height for picture in pictures), default=0), body)


def text(x: float, y: float, words: str, attributes: str = "") -> str:
    """Words at a place; `attributes` are those of the SVG element."""
    for sign, code in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        words = words.replace(sign, code)
    return f"<text x='{x:.1f}' y='{y:.1f}' {attributes}>{words}</text>"
