"""An interval against its bound, drawn."""

from html import escape

from evaluation.reports.blocks import Picture
from evaluation.reports.numbers import bound_text
from evaluation.reports.picture import place

_WIDTH = 240
_HEIGHT = 44
_AXIS = 18


def to_svg(picture: Picture) -> str:
    """Inline SVG: the allowed side shaded, the bound dashed, the interval with its point in the verdict's colour."""
    low, value, high, bound = (
        round(place(picture, number) * _WIDTH, 1)
        for number in (picture.low, picture.value, picture.high, picture.bound)
    )
    left, width = (bound, _WIDTH - bound) if picture.keeps_above else (0, bound)
    label = min(max(bound, 14), _WIDTH - 14)
    text = escape(picture.text)
    return (
        f'<svg class="picture {picture.verdict}" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" role="img" aria-label="{text}"><title>{text}</title>'
        f'<rect class="allowed" x="{left}" y="3" width="{round(width, 1)}" height="30" rx="3"/>'
        f'<line class="axis" x1="0" y1="{_AXIS}" x2="{_WIDTH}" y2="{_AXIS}"/>'
        f"{_zero(picture)}"
        f'<line class="bound" x1="{bound}" y1="1" x2="{bound}" y2="34"/>'
        f'<text class="bound-label" x="{label}" y="43" text-anchor="middle">{bound_text(picture.bound)}</text>'
        f'<line class="span" x1="{low}" y1="{_AXIS}" x2="{high}" y2="{_AXIS}"/>'
        f'<line class="cap" x1="{low}" y1="{_AXIS - 6}" x2="{low}" y2="{_AXIS + 6}"/>'
        f'<line class="cap" x1="{high}" y1="{_AXIS - 6}" x2="{high}" y2="{_AXIS + 6}"/>'
        f'<circle class="point" cx="{value}" cy="{_AXIS}" r="4.5"/></svg>'
    )


def _zero(picture: Picture) -> str:
    """No difference, where the values are differences and it is not the bound itself."""
    if not min(picture.low, picture.bound) < 0 < picture.end or picture.bound == 0:
        return ""
    x = round(place(picture, 0.0) * _WIDTH, 1)
    return f'<line class="zero" x1="{x}" y1="10" x2="{x}" y2="26"/>'
