"""`draw_layers`: boxes and arrows in rows, every arrow pointing to a later row.

The method is Sugiyama, Tagawa and Toda's (Methods for Visual Understanding of Hierarchical System
Structures, 1981): rank the boxes by their longest way from a source, let long arrows bend in every
row they cross, order each row by the mean place of its neighbours, then place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lamina.utils.picture import Picture, text

LETTER = 6.8
"""Mean width of a letter in pixels."""
LINE = 16
PAD = 10
GAP = 26
SWEEPS = 4


@dataclass
class Box:
    """A box with a title and some lines, and the (earlier) boxes its arrows come from."""

    title: str
    lines: list[str] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)


@dataclass(eq=False)
class _Place:
    """A box, or the point where a long arrow crosses a row."""

    box: Box | None
    rank: int
    sources: list[_Place] = field(default_factory=list)
    users: list[_Place] = field(default_factory=list)
    order: float = 0.0
    x: float = 0.0  # centre
    y: float = 0.0
    half: float = 0.0  # half the depth of its row

    @property
    def width(self) -> float:
        if self.box is None:
            return 8.0
        return 2 * PAD + LETTER * max(len(self.box.title) * 1.1, *map(len, [*self.box.lines, ""]))

    @property
    def height(self) -> float:
        return 0.0 if self.box is None else 2 * PAD - 6 + LINE * (1 + len(self.box.lines))


def draw_layers(boxes: Sequence[Box], across: bool = False) -> Picture:
    """Draw boxes from top to bottom, or from left to right if `across`.

    Args:
        boxes: In an order in which sources come before the boxes that use them.
        across: Whether time runs to the right instead of down.

    Returns:
        The picture.

    Example:
        >>> draw_layers([Box("Input"), Box("Dense", sources=[0])])
        <Picture 83 x 112>
    """
    rows = _rows(boxes)
    _order(rows)
    width, height = _put(rows, across)
    arrows = "".join(
        _arrow(place, across) for row in rows for place in row if place.box is not None
    )
    drawn = "".join(_draw(place) for row in rows for place in row if place.box is not None)
    head = (
        "<defs><marker id='head' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' "
        "markerHeight='7' orient='auto'><path d='M0 0L8 4L0 8z' fill='#555555'/></marker></defs>"
    )
    return Picture(width, height, head + arrows + drawn)


def _rows(boxes: Sequence[Box]) -> list[list[_Place]]:
    ranks: list[int] = []
    for box in boxes:
        ranks.append(1 + max((ranks[source] for source in box.sources), default=-1))
    first_use = [len(boxes)] * len(boxes)
    for box, rank in zip(boxes, ranks, strict=True):
        for source in box.sources:
            first_use[source] = min(first_use[source], rank)
    for k, box in enumerate(boxes):  # an input stands just before its first use
        if not box.sources and first_use[k] < len(boxes):
            ranks[k] = first_use[k] - 1
    rows: list[list[_Place]] = [[] for _ in range(max(ranks, default=-1) + 1)]
    places: list[_Place] = []
    for box, rank in zip(boxes, ranks, strict=True):
        place = _Place(box, rank)
        for source in box.sources:
            before = places[source]
            for crossed in range(before.rank + 1, rank):
                bend = _Place(None, crossed, [before])
                before.users.append(bend)
                rows[crossed].append(bend)
                before = bend
            place.sources.append(before)
            before.users.append(place)
        rows[rank].append(place)
        places.append(place)
    return rows


def _order(rows: list[list[_Place]]) -> None:
    for row in rows:
        _number(row)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            row.sort(key=lambda place: _mean(place, place.sources if down else place.users))
            _number(row)


def _number(row: list[_Place]) -> None:
    for k, place in enumerate(row):
        place.order = k - (len(row) - 1) / 2


def _mean(place: _Place, neighbours: list[_Place]) -> float:
    if not neighbours:
        return place.order
    return sum(other.order for other in neighbours) / len(neighbours)


def _put(rows: list[list[_Place]], across: bool) -> tuple[float, float]:
    """Give every place its centre; each row is centred. Returns the size of the whole."""

    def breadth(place: _Place) -> float:
        return place.height if across else place.width

    widest = max((sum(map(breadth, row)) + GAP * (len(row) - 1) for row in rows), default=0.0)
    along = GAP / 2
    for row in rows:
        deepest = max((_depth(place, across) for place in row), default=0.0)
        side = GAP / 2 + (widest - sum(map(breadth, row)) - GAP * (len(row) - 1)) / 2
        for place in row:
            centre = side + breadth(place) / 2, along + deepest / 2
            place.x, place.y = reversed(centre) if across else centre
            place.half = deepest / 2
            side += breadth(place) + GAP
        along += deepest + GAP
    total = widest + GAP, along - GAP / 2
    return (round(total[1]), round(total[0])) if across else (round(total[0]), round(total[1]))


def _arrow(place: _Place, across: bool) -> str:
    """The arrows into a box, followed back through the rows they cross."""
    paths = []
    for source in place.sources:
        points = [_moved(place, across, -_depth(place, across) / 2)]
        while source.box is None:
            points += [_moved(source, across, source.half), _moved(source, across, -source.half)]
            source = source.sources[0]
        points.append(_moved(source, across, _depth(source, across) / 2))
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in reversed(points))
        paths.append(f"<path d='{path}' fill='none' stroke='#555555' marker-end='url(#head)'/>")
    return "".join(paths)


def _depth(place: _Place, across: bool) -> float:
    return place.width if across else place.height


def _moved(place: _Place, across: bool, by: float) -> tuple[float, float]:
    """The point that far from the centre, in the direction of the arrows."""
    return (place.x + by, place.y) if across else (place.x, place.y + by)


def _draw(place: _Place) -> str:
    assert place.box is not None
    width, height = place.width, place.height
    x, y = place.x - width / 2, place.y - height / 2
    drawn = (
        f"<rect x='{x:.1f}' y='{y:.1f}' width='{width:.1f}' height='{height:.1f}' rx='4' "
        "fill='#eef4fa' stroke='#1f4e79'/>"
    )
    middle = "text-anchor='middle'"
    drawn += text(place.x, y + PAD + 9, place.box.title, f"{middle} font-weight='bold'")
    for k, line in enumerate(place.box.lines, 1):
        drawn += text(place.x, y + PAD + 9 + LINE * k, line, f"{middle} fill='#333333'")
    return drawn
