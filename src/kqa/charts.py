"""The charts of the report, drawn by matplotlib as SVG that stands in a page and takes that page's colours.

The same numbers give the same bytes. Every text in a chart is plain text to matplotlib: no formula is read in it.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from kqa.errors import ConfigError
from kqa.markup import esc, showable
from kqa.measures import Estimate
from kqa.reliability import Bin, Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _SOFT, _LINE, _MAIN, _OTHER = "#010101", "#020202", "#030303", "#040404", "#050505"
_COLOURS = {_INK: "--ink", _SOFT: "--soft", _LINE: "--line", _MAIN: "--accent", _OTHER: "--amber"}
"""Colours that stand for those of the page, which has them in light and in dark."""
_STYLE: Any = {
    "svg.fonttype": "none",  # letters stay letters: smaller, and in the page's own font
    "svg.hashsalt": "kqa",
    "font.size": 9, "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"],
    "text.parse_math": False, "axes.formatter.use_mathtext": False, "axes.unicode_minus": False,
    "text.color": _INK, "axes.labelcolor": _SOFT, "axes.edgecolor": _LINE, "xtick.color": _LINE, "ytick.color": _LINE,
    "xtick.labelcolor": _SOFT, "ytick.labelcolor": _SOFT, "grid.color": _LINE, "grid.linewidth": 0.6, "axes.grid": True,
    "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
}  # fmt: skip
_FONT = re.compile(r" ?font-family: [^;\"]*;")
_LONGEST = 60  # characters of a name beside a row
_WIDE, _HIGH, _ROW = 4.6, 3.1, 0.19  # inches; a row of a chart that has one for each document


def check_plots() -> None:
    """Raise ConfigError where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise ConfigError("matplotlib, which draws the report, is not installed; install it with: pip install 'kqa[report]'")


def ranking_chart(groups: Mapping[str, Mapping[str, Estimate]], names: Sequence[str], said: str) -> str:
    """Draw measures of groups of questions with their intervals, one row a group."""

    def draw(axes: Axes) -> None:
        rows = range(len(groups))
        for at, (name, colour) in enumerate(zip(names, (_MAIN, _OTHER), strict=False)):
            found = [listed[name] for listed in groups.values()]
            errors = [[one.value - one.low for one in found], [one.high - one.value for one in found]]
            heights = [row + 0.3 * at - 0.15 for row in rows]
            axes.errorbar([one.value for one in found], heights, xerr=errors, fmt="o", ms=5, color=colour, lw=1.6, label=name)
        _rows(axes, list(groups))
        axes.set_xlim(0, 1.02)
        axes.legend(loc="lower left", fontsize=8)

    return _svg("ranking", said, draw, (_WIDE, 0.8 + 0.34 * len(groups)))


def section_chart(sections: Mapping[str, Mapping[str, Estimate]], said: str) -> str:
    """Draw a dot for each section, larger with more questions, in the row of its document."""

    def draw(axes: Axes) -> None:
        for row, listed in enumerate(sections.values()):
            found = list(listed.values())
            total = sum(one.n for one in found)
            mean = sum(one.value * one.n for one in found) / total
            axes.plot([mean, mean], [row - 0.32, row + 0.32], color=_OTHER, lw=2)
            sizes = [14 + 7 * one.n for one in found]
            axes.scatter([one.value for one in found], [row] * len(found), s=sizes, color=_MAIN, alpha=0.45, lw=0)
        _rows(axes, list(sections))
        axes.set_xlim(-0.03, 1.03)

    return _svg("sections", said, draw, (7.6, 0.6 + _ROW * len(sections)))


def curve_chart(curve: Curve, said: str) -> str:
    """Draw the risk-coverage curve between the best order and none, with the threshold in force marked on it."""

    def draw(axes: Axes) -> None:
        axes.plot(curve.coverage, curve.risk, color=_MAIN, lw=2, label="by confidence")
        axes.plot(curve.coverage, curve.best, color=_SOFT, lw=1, ls="--", label="best order")
        axes.axhline(curve.risk[-1], color=_SOFT, lw=1, ls=":", label="no order")
        axes.plot(*([value] for value in curve.point), "o", ms=9, mfc="none", mew=2, color=_OTHER, label="threshold in force")
        axes.set(xlim=(0, 1.02), ylim=(0, max(*curve.risk, 0.05) * 1.45), xlabel="share answered", ylabel="share wrong of it")
        axes.legend(loc="upper left", fontsize=8)

    return _svg("curve", said, draw, (_WIDE, _HIGH))


def reliability_chart(bins: Sequence[Bin], said: str) -> str:
    """Draw the share right by confidence, each bin with its count; on the diagonal confidence says the truth."""

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=_SOFT, lw=1, ls="--")
        widths = [one.high - one.low for one in bins]
        axes.bar([one.low for one in bins], [one.right for one in bins], widths, align="edge", color=_MAIN, alpha=0.3)
        axes.plot([one.confidence for one in bins], [one.right for one in bins], "o", ms=5, color=_MAIN)
        for one in bins:
            axes.annotate(str(one.n), ((one.low + one.high) / 2, 1.03), ha="center", fontsize=8, color=_SOFT)
        axes.set(xlim=(0, 1), ylim=(0, 1.12), xlabel="confidence", ylabel="share right")

    return _svg("reliability", said, draw, (_WIDE, _HIGH))


def latency_chart(seconds: Mapping[str, Sequence[float]], said: str) -> str:
    """Draw how long each question took, in milliseconds, one line a kind of call; the slowest hundredth is left out."""

    def draw(axes: Axes) -> None:
        every = sorted(1000 * second for taken in seconds.values() for second in taken)
        longest = every[int(0.99 * (len(every) - 1))]
        for (name, taken), colour in zip(seconds.items(), (_OTHER, _MAIN), strict=False):
            bounds = (0.0, longest or 1.0)
            times = [1000 * second for second in taken]
            axes.hist(times, bins=40, range=bounds, histtype="step", lw=1.6, color=colour, label=name)
        axes.set(xlabel="milliseconds", ylabel="questions")
        axes.legend(loc="upper right", fontsize=8)

    return _svg("latency", said, draw, (_WIDE, _HIGH))


def _rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [_label(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0, labelcolor=_INK)


def _label(name: str) -> str:
    return showable(name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…")


def _svg(name: str, said: str, draw: Callable[[Axes], None], size: tuple[float, float]) -> str:
    check_plots()
    import matplotlib as mpl
    from matplotlib.figure import Figure

    target = io.StringIO()
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that matplotlib's font lacks: the browser's has it
        figure = Figure(size, layout="constrained")
        draw(figure.add_subplot())
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(target, format="svg", transparent=True, metadata=nothing)
    return _inline(target.getvalue(), name, said)


def _inline(svg: str, name: str, said: str) -> str:
    """Cut the drawing out of its file; give it names of its own, the page's font and colours, and words for what it shows."""
    svg = re.sub(r"<metadata>.*?</metadata>|<style .*?</style>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    box = re.search(r'viewBox="[^"]*"', svg)
    label = f'<svg xmlns="http://www.w3.org/2000/svg" {box[0] if box else ""} role="img" aria-label="{esc(said)}">'
    svg = label + svg[svg.index(">") + 1 :]
    svg = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    for colour, variable in _COLOURS.items():
        svg = svg.replace(colour, f"var({variable})")
    return _FONT.sub("", svg).strip()
