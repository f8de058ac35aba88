"""`line_chart`: numbers over numbers, as lines with axes and a legend."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from lamina.utils.picture import Picture, text

COLOURS = ("#1f77b4", "#d95f02", "#1b9e77", "#7570b3", "#e7298a", "#666666", "#a6761d", "#66a61e")

Points = tuple[Sequence[float], Sequence[float]]


def line_chart(
    lines: Mapping[str, Points],
    title: str = "",
    x_label: str = "",
    width: int = 480,
    height: int = 320,
) -> Picture:
    """Draw lines over a common pair of axes.

    A line whose name is another's with `val_` before it gets the same colour, dashed. Where a
    number is NaN or infinite, the line has a gap.

    Args:
        lines: For each name the x and y of its points.
        title: Stands above.
        x_label: Stands below.
        width: In pixels.
        height: In pixels.

    Returns:
        The picture.

    Example:
        >>> line_chart({"loss": ([1, 2, 3], [0.9, 0.5, 0.4])}, title="loss").save("loss.svg")
    """
    left, right, top, bottom = 58, width - 16, 34, height - 40
    finite = [
        (x, y)
        for xs, ys in lines.values()
        for x, y in zip(xs, ys, strict=True)
        if math.isfinite(x) and math.isfinite(y)
    ]
    x_ticks = ticks([x for x, _ in finite], whole=all(float(x).is_integer() for x, _ in finite))
    y_ticks = ticks([y for _, y in finite])
    x_low, x_high = _range([x for x, _ in finite], x_ticks, widen=False)
    y_low, y_high = _range([y for _, y in finite], y_ticks, widen=True)

    def across(x: float) -> float:
        return left + (right - left) * (x - x_low) / (x_high - x_low)

    def down(y: float) -> float:
        return bottom - (bottom - top) * (y - y_low) / (y_high - y_low)

    parts = [text((left + right) / 2, 20, title, "text-anchor='middle' font-weight='bold'")]
    for tick in y_ticks:
        y = down(tick)
        parts.append(f"<path d='M{left} {y:.1f}H{right}' stroke='#dddddd'/>")
        parts.append(text(left - 6, y + 4, f"{tick:g}", "text-anchor='end' fill='#444444'"))
    for tick in x_ticks:
        x = across(tick)
        parts.append(f"<path d='M{x:.1f} {bottom}v4' stroke='#888888'/>")
        parts.append(text(x, bottom + 17, f"{tick:g}", "text-anchor='middle' fill='#444444'"))
    parts.append(f"<path d='M{left} {top}V{bottom}H{right}' stroke='#888888' fill='none'/>")
    parts.append(text((left + right) / 2, height - 8, x_label, "text-anchor='middle'"))
    colours = _colours(list(lines))
    for name, (xs, ys) in lines.items():
        places = [
            (across(x), down(y)) if math.isfinite(x) and math.isfinite(y) else None
            for x, y in zip(xs, ys, strict=True)
        ]
        parts.append(_line(places, _stroke(name, colours)))
    late = [down(y) for x, y in finite if across(x) > (left + right) / 2]
    free_above = sum(late) > len(late) * (top + bottom) / 2
    legend_top = top if free_above else bottom - 16 * len(lines) - 8
    parts.append(_legend(list(lines), colours, right, legend_top))
    return Picture(width, height, "".join(parts))


def ticks(values: Sequence[float], whole: bool = False, about: int = 5) -> list[float]:
    """Round numbers, 1, 2 or 5 times a power of ten apart, over the range of the values."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if low == high:
        return [low]
    step = 10.0 ** math.floor(math.log10((high - low) / about))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= about)
    step = max(step, 1.0) if whole else step
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def _range(values: Sequence[float], marks: Sequence[float], widen: bool) -> tuple[float, float]:
    low, high = min([*values, *marks], default=0.0), max([*values, *marks], default=1.0)
    margin = (high - low) / 20 if widen else 0.0
    if low == high:
        margin = abs(low) / 2 or 0.5
    return low - margin, high + margin


def _colours(names: list[str]) -> dict[str, str]:
    stems = list(dict.fromkeys(name.removeprefix("val_") for name in names))
    return {name: COLOURS[stems.index(name.removeprefix("val_")) % len(COLOURS)] for name in names}


def _stroke(name: str, colours: Mapping[str, str]) -> str:
    dashed = name.startswith("val_") and name.removeprefix("val_") in colours
    dash = " stroke-dasharray='5 3'" if dashed else ""
    return f"fill='none' stroke='{colours[name]}' stroke-width='2'{dash}"


def _line(places: Sequence[tuple[float, float] | None], stroke: str) -> str:
    path, parts, run = "", "", 0
    for index, place in enumerate([*places, None]):
        if place is not None:
            path += f"{'L' if run else 'M'}{place[0]:.1f} {place[1]:.1f}"
            run += 1
            continue
        alone = places[index - 1] if run == 1 else None
        if alone is not None:  # a point without neighbours is no line, so it needs a dot
            parts += f"<circle cx='{alone[0]:.1f}' cy='{alone[1]:.1f}' r='2' {stroke}/>"
        run = 0
    return f"<path d='{path}' {stroke}/>{parts}" if path else ""


def _legend(names: list[str], colours: Mapping[str, str], right: float, top: float) -> str:
    if len(names) < 2:
        return ""
    length = 7 * max(map(len, names))  # a letter of this font is about 7 pixels wide
    x = right - length - 36
    box = (
        f"<rect x='{x - 6:.1f}' y='{top - 2}' width='{length + 42}' height='{16 * len(names) + 6}' "
        "fill='white' fill-opacity='0.8'/>"
    )
    for index, name in enumerate(names):
        y = top + 12 + 16 * index
        box += f"<path d='M{x:.1f} {y - 4}h26' {_stroke(name, colours)}/>"
        box += text(x + 32, y, name)
    return box
