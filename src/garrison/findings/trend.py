"""How the findings of a project went from scan to scan, as the HTML report and `garrison scan trend` show it.

Threat: a scanner that did not run makes the line fall, and a scan that looks at less makes it fall further. So each
point names what did not fully run, what is new or gone is only said between scans of the same tools, and one line
holds scans of one scope.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from .severity import Severity


@dataclass(frozen=True, slots=True)
class Scope:
    """What a scan looked at, and with what. ``scanners`` were to run, in order of their names; ``asked`` are the
    options that say at what, as they are typed."""

    scanners: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()

    def __str__(self) -> str:
        """For people: ``bandit, code with --app shop:app``."""
        if not self.scanners:
            return "an earlier version, which did not note its scanners and target"
        return " with ".join(filter(None, (", ".join(self.scanners), " ".join(self.asked))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One scan. ``new`` and ``gone`` are ``None`` when no earlier scan of its scope ran the same tools. ``gaps``: what
    did not fully run. ``at`` has a time zone."""

    at: datetime
    counts: Mapping[Severity, int]
    new: int | None = None
    gone: int | None = None
    suppressed: int = 0
    gaps: tuple[str, ...] = ()
    scope: Scope = Scope()

    @property
    def total(self) -> int:
        """All findings of the scan."""
        return sum(self.counts.values())


WIDTH, HEIGHT, GAP = 640, 120, 2


def drawing(points: Sequence[Point]) -> str:
    """A bar for each scan, oldest first, the worst at the bottom, as SVG that takes its colours from the page's style.

    A scan with gaps is drawn faint: it is no smaller, it is unknown.
    """
    most = max((one.total for one in points), default=0) or 1
    wide = WIDTH / max(len(points), 1)
    bars = "".join(_bar(one, number * wide, wide - GAP, HEIGHT / most) for number, one in enumerate(points))
    said = f"{len(points)} scans, at most {most} findings"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" height="{HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{said}">{bars}</svg>'
    )


def _bar(point: Point, left: float, wide: float, unit: float) -> str:
    base, parts = float(HEIGHT), []
    for severity in Severity:
        tall = point.counts.get(severity, 0) * unit
        base -= tall
        if tall:
            parts.append(
                f'<rect class="{severity.value}" x="{left:.1f}" y="{base:.1f}" width="{max(wide, 1):.1f}" '
                f'height="{tall:.1f}" fill="currentColor"/>'
            )
    faint = ' opacity="0.35"' if point.gaps else ""
    return f"<g{faint}>{''.join(parts)}</g>"
