"""`heat_map`: a table of numbers with shaded cells, such as a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from lamina.errors import ShapeError
from lamina.utils.picture import Picture, text


def heat_map(
    values: ArrayLike,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    title: str = "",
    row_title: str = "",
    column_title: str = "",
    cell: int = 34,
) -> Picture:
    """Draw a table whose cells are the darker the larger their number is.

    Args:
        values: Shape `(rows, columns)`.
        rows: Names of the rows; None numbers them.
        columns: Names of the columns; None numbers them.
        title: Stands above.
        row_title: What the rows are.
        column_title: What the columns are.
        cell: Width and height of a cell in pixels.

    Returns:
        The picture.

    Raises:
        ShapeError: no table.

    Example:
        >>> heat_map([[50, 1], [3, 46]], title="confusion", row_title="true", column_title="said")
        <Picture 138 x 138>
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2:
        raise ShapeError(f"heat_map: expected a table (2 axes), got shape {table.shape}")
    height, width = table.shape
    row_names = [str(k) for k in range(height)] if rows is None else list(rows)
    column_names = [str(k) for k in range(width)] if columns is None else list(columns)
    left, top = 34 + 7 * max(map(len, row_names), default=1) + 15, 64
    scale = table.max(initial=0.0) or 1.0
    middle = left + width * cell / 2
    parts = [
        text(middle, 18, title, "text-anchor='middle' font-weight='bold'"),
        text(middle, 38, column_title, "text-anchor='middle'"),
        text(0, 0, row_title, f"text-anchor='middle' {_turned(16, top + height * cell / 2)}"),
    ]
    for k, name in enumerate(column_names):
        parts.append(text(left + (k + 0.5) * cell, top - 8, name, "text-anchor='middle'"))
    for k, name in enumerate(row_names):
        parts.append(text(left - 8, top + (k + 0.5) * cell + 4, name, "text-anchor='end'"))
    for (i, j), value in np.ndenumerate(table):
        share = min(max(value / scale, 0.0), 1.0) ** 0.5  # so that a few among many are seen
        x, y = left + j * cell, top + i * cell
        ink = "white" if share > 0.6 else "#333333"
        parts.append(
            f"<rect x='{x}' y='{y}' width='{cell}' height='{cell}' fill='#1f4e79' "
            f"fill-opacity='{share:.3f}' stroke='#dddddd'/>"
        )
        if value:
            place = x + cell / 2, y + cell / 2 + 4
            parts.append(text(*place, f"{value:g}", f"text-anchor='middle' fill='{ink}'"))
    return Picture(left + width * cell + 14, top + height * cell + 6, "".join(parts))


def _turned(x: float, y: float) -> str:
    return f"transform='translate({x:g} {y:g}) rotate(-90)'"
