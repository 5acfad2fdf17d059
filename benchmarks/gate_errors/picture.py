"""The picture of docs/gate.md: what each rule does to a worse model and to an equally good one, by number of rows."""

import math
from collections.abc import Mapping

from benchmarks.gate_errors.rates import Row
from benchmarks.gate_errors.results import Results
from benchmarks.gate_errors.tally import OURS

_SIZES = (200, 500, 2000, 10_000)
_COLOURS = ("#1f6f5c", "#b3372f", "#c77d1e", "#8a5a9e", "#3f6ea3", "#5c6a75", "#7d8c2f")
_PANELS = (
    (70, "-t", "pass", "Worse by exactly the tolerance, let through"),
    (520, "0", "fail", "Equally good, stopped"),
)
_WIDTH, _HEIGHT, _TOP, _HIGHEST = 340, 260, 70, 1.0


def drawn(results: Results) -> str:
    """An SVG of two panels: G1 with 8 % of the rows differing."""
    found = {(row.rule, row.cell, row.event): row for row in results.of("G1")}
    rules = [OURS, *sorted({rule for rule, cell, _ in found if cell.startswith("psi 8%")} - {OURS})]
    parts = [_HEAD]
    for left, shown, event, title in _PANELS:
        parts.append(_frame(left, title))
        for rule, colour in zip(rules, _COLOURS, strict=False):
            parts.append(_line(found, (rule, shown, event), left, colour))
    for place, (rule, colour) in enumerate(zip(rules, _COLOURS, strict=False)):
        x, y = 70 + 280 * (place % 3), _TOP + _HEIGHT + 62 + 22 * (place // 3)
        parts.append(
            f'<circle cx="{x}" cy="{y - 4}" r="5" fill="{colour}"/><text class="t" x="{x + 12}" y="{y}">{rule}</text>'
        )
    return "\n".join([*parts, "</svg>\n"])


_HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 455" role="img" \
aria-label="False promotion and false stops by number of rows, for several rules" \
font-family="system-ui, -apple-system, 'Segoe UI', sans-serif" font-size="13">
<style>.bg{fill:#fbfaf7}.t{fill:#1c252d}.s{fill:#5c6a75;font-size:11.5px}.g{stroke:#d9dcd6}.m{text-anchor:middle}\
.e{text-anchor:end}.n{stroke:#1c252d;stroke-dasharray:5 4}</style>
<rect class="bg" width="900" height="455" rx="10"/>
<text class="t" x="30" y="28" font-weight="600">Accuracy, tolerance 0.01, 8 % of the rows differ: \
share of decisions, by rows of the holdout</text>"""


def _frame(left: int, title: str) -> str:
    parts = [f'<text class="t" x="{left}" y="{_TOP - 16}">{title}</text>']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = _y(share)
        parts.append(f'<line class="g" x1="{left}" x2="{left + _WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="s e" x="{left - 8}" y="{y + 4:.1f}">{share:.0%}</text>')
    parts += [
        f'<text class="s m" x="{left + _x(n):.1f}" y="{_TOP + _HEIGHT + 20}">{n:,}</text>' for n in _SIZES
    ]
    y = _y(0.05)
    parts.append(f'<line class="n" x1="{left}" x2="{left + _WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
    parts.append(f'<text class="s" x="{left + 4}" y="{y - 5:.1f}">5 % stated</text>')
    return "\n".join(parts)


def _line(
    found: Mapping[tuple[str, str, str], Row], what: tuple[str, str, str], left: int, colour: str
) -> str:
    rule, shown, event = what
    rows = [(n, found.get((rule, f"psi 8%, n {n}, d = {shown}", event))) for n in _SIZES]
    points = [(left + _x(n), _y(row.value)) for n, row in rows if row is not None]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    width = 3 if rule == OURS else 1.6
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in points)
    return f'<polyline fill="none" stroke="{colour}" stroke-width="{width}" points="{path}"/>{dots}'


def _x(n: int) -> float:
    return _WIDTH * math.log(n / _SIZES[0]) / math.log(_SIZES[-1] / _SIZES[0])


def _y(share: float) -> float:
    return _TOP + _HEIGHT * (1 - min(share, _HIGHEST) / _HIGHEST)
