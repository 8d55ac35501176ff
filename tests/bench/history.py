"""What was measured when: keeps figures, draws them against their bars, and writes the tables of docs/benchmarks.md.

    python -m tests.bench.history      docs/benchmarks.svg and the tables, from docs/benchmarks.jsonl

The file has a line for each run (the machine) and a line for each figure of a run, as `tests.bench.figures` tells it;
`at` and `commit` say which run a line belongs to. Nothing is ever taken out of it. The same data give the same bytes;
`tests/bench/test_history.py` fails where picture or tables have fallen behind.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from tests.svg import STYLE, text

_DOCS = Path(__file__).parents[2] / "docs"
DATA, PICTURE, PAGE = (_DOCS / f"benchmarks.{ending}" for ending in ("jsonl", "svg", "md"))

Words = Mapping[str, Any]  # a line of the file

_WIDTH, _LEFT, _RIGHT, _TOP, _ROW, _FOOT = 900, 330, 250, 76, 22, 62
_BAR_HEIGHT = 10
_LEAST, _MOST = -2, 1  # the scale: from a hundredth of the bar to ten times the bar, in powers of ten
_EARLIER_MAX = 5
_RINGS = """.small { font-size: 12px; } .before { fill: #ffffff; stroke: #1f2328; }
@media (prefers-color-scheme: dark) { .before { fill: #0d1117; stroke: #f0f6fc; } }
"""
_NAMES = 48
_GATEWAYS = {"hub": "our hub", "node_red": "Node-RED", "thingsboard": "ThingsBoard gateway"}


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure, from its first run to its last."""

    bench: str
    name: str
    runs: tuple[Words, ...]

    @property
    def last(self) -> Words:
        """As it was measured last."""
        return self.runs[-1]

    @property
    def has_bar(self) -> bool:
        """Whether it has to reach something."""
        return share(self.last) is not None


def record(file: Path, lines: Iterable[Words], *, at: str, commit: str) -> None:
    """Add lines of one run to the file."""
    with file.open("a", encoding="utf-8") as kept:
        kept.writelines(json.dumps({"at": at, "commit": commit, **line}) + "\n" for line in lines)


def read(file: Path) -> list[Words]:
    """All lines of the file, the oldest first."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def measured(lines: Iterable[Words]) -> list[Measured]:
    """The figures in the order of their benches and names."""
    found: dict[tuple[str, str], list[Words]] = defaultdict(list)
    for line in lines:
        if "figure" in line:
            found[line["bench"], line["figure"]].append(line)
    return [Measured(bench, name, tuple(runs)) for (bench, name), runs in sorted(found.items())]


def share(words: Words) -> float | None:
    """How much of its bar a figure uses up, 1 at the bar and less on its good side; None without a bar.

    Where the bar is zero, zero uses nothing up and anything else all that the scale has.
    """
    median = float(words["median"])
    if "at_most" in words:
        bar = float(words["at_most"])
        return median / bar if bar else (0.0 if median <= 0 else math.inf)
    if "at_least" in words:
        return float(words["at_least"]) / median if median else math.inf
    return None


def drawn(lines: Sequence[Words]) -> str:
    """Every figure that has a bar as a share of it, as SVG, with a dot for each of its earlier runs."""
    rows = [each for each in measured(lines) if each.has_bar]
    height = _TOP + _ROW * len(rows) + _FOOT
    bottom = float(_TOP + _ROW * len(rows))
    title = "Benchmarks: what each figure uses of its bar; shorter is better"
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}">',
        f"<style>{STYLE}{_RINGS}</style>",
        text(16, 24, title, more='font-weight="600"'),
        text(16, 44, _said(rows), kind="soft"),
        *_grid(bottom),
    ]
    for number, each in enumerate(rows):
        parts += _row(each, top=_TOP + _ROW * number)
    return "\n".join([*parts, _bar_line(bottom), *_legend(height - 16.0), "</svg>", ""])


def _said(rows: Sequence[Measured]) -> str:
    if not rows:
        return "nothing with a bar has been measured yet"
    kept, last = sum(bool(each.last["met"]) for each in rows), max(str(each.last["at"])[:10] for each in rows)
    return f"{kept} of {len(rows)} bars are kept; medians, last measured {last}"


def _row(each: Measured, *, top: float) -> Iterator[str]:
    """Name, bar, dots of what was before, and the figure in words."""
    middle = top + _ROW / 2
    kind = "done" if each.last["met"] else "short"
    width = _x(share(each.last) or 0.0) - _LEFT
    yield text(
        _LEFT - 10, middle + 4, _cut(f"{each.bench}: {_plain(each.name)}"), kind="small", more='text-anchor="end"'
    )
    yield (
        f'<rect class="{kind}" x="{_LEFT}" y="{middle - _BAR_HEIGHT / 2:.1f}" width="{max(width, 2.0):.1f}"'
        f' height="{_BAR_HEIGHT}" rx="2"/>'
    )
    for before in each.runs[:-1][-_EARLIER_MAX:]:
        if (used := share(before)) is not None:
            yield f'<circle class="before" cx="{_x(used):.1f}" cy="{middle:.1f}" r="3"/>'
    yield text(_WIDTH - _RIGHT + 14, middle + 4, f"{amount(each.last)} ({bar(each.last)})", kind="small")


def _grid(bottom: float) -> Iterator[str]:
    for power in range(_LEAST, _MOST + 1):
        at = _x(10.0**power)
        yield f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{bottom:.1f}"/>'
        told = "the bar" if power == 0 else f"{10.0**power:g} x"
        yield text(at, bottom + 16, told, kind="soft", more='text-anchor="middle" font-size="11"')


def _bar_line(bottom: float) -> str:
    at = _x(1.0)
    return f'<line class="aim" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP - 6}" y2="{bottom + 2:.1f}"/>'


def _legend(base: float) -> Iterator[str]:
    at = float(_LEFT)
    for kind, told in (("done", "met"), ("short", "not met")):
        yield f'<rect class="{kind}" x="{at:.1f}" y="{base - 10:.1f}" width="12" height="12" rx="2"/>'
        yield text(at + 18, base, told, kind="soft")
        at += 36 + 6.8 * len(told)
    yield f'<circle class="before" cx="{at + 4:.1f}" cy="{base - 4:.1f}" r="3"/>'
    yield text(at + 14, base, "an earlier run", kind="soft")


def _x(used: float) -> float:
    """Where a share of the bar stands on the logarithmic scale; what is outside stands at its end."""
    power = _LEAST if used <= 0 else min(max(math.log10(used) if used < math.inf else _MOST, _LEAST), _MOST)
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (power - _LEAST) / (_MOST - _LEAST)


def written(page: str, lines: Sequence[Words]) -> str:
    """The page with its tables anew: between `<!-- runs -->` and `<!-- end of runs -->`, and so on."""
    for name, table in {"peers": _peers(lines), "runs": _runs(lines), "figures": _figures(lines)}.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        if (page.count(begin), page.count(end)) != (1, 1):
            raise ValueError(f"the page has no one place for the table of {name}")
        before, after = page.split(begin, maxsplit=1)[0], page.split(end)[1]
        page = "\n".join([f"{before}{begin}".rstrip("\n"), *table, f"{end}{after}"])
    return page


def _peers(lines: Sequence[Words]) -> Iterator[str]:
    """Our hub and the others side by side, where each was measured last; one that lacks a figure has a dash."""
    beside: dict[str, dict[str, Words]] = defaultdict(dict)
    for each in measured(lines):
        for gateway in _GATEWAYS:
            if each.bench == "peers" and each.name.startswith(f"{gateway}_") and "against" not in each.last:
                beside[each.name.removeprefix(f"{gateway}_")][gateway] = each.last
    yield f"| | {' | '.join(_GATEWAYS.values())} |"
    yield f"|---|{'---|' * len(_GATEWAYS)}"
    for name, found in beside.items():
        cells = [amount(found[gateway]) if gateway in found else "-" for gateway in _GATEWAYS]
        yield f"| {_plain(name)} | {' | '.join(cells)} |"


def _runs(lines: Sequence[Words]) -> Iterator[str]:
    yield "| run | commit | machine | load before | figures |"
    yield "|---|---|---|---|---|"
    for line in reversed(lines):
        if "machine" in line:
            of_it = sum("figure" in each and each["at"] == line["at"] for each in lines)
            what = f"{line['machine']}, {line['cores']} cores, {line['memory_gib']} GiB"
            what += f", {line['system']}, Python {line['python']}"
            yield f"| {line['at']} | {line['commit']} | {what} | {line['load_1min']} | {of_it} |"


def _figures(lines: Sequence[Words]) -> Iterator[str]:
    yield "| bench | figure | median (least to most) | against | bar | met | run before | last run |"
    yield "|---|---|---|---|---|---|---|---|"
    for each in measured(lines):
        last = each.last
        rounds = last["rounds"]
        spread = f" ({_number(min(rounds))} to {_number(max(rounds))})" if len(rounds) > 1 else ""
        before = amount(each.runs[-2]) if len(each.runs) > 1 else ""
        day = last["at"][:10]
        reached = (bar(last), met(last, missed="**no**"))
        cells = (each.bench, _plain(each.name), amount(last) + spread, last.get("against", ""), *reached, before, day)
        yield f"| {' | '.join(cells)} |"


def amount(words: Words) -> str:
    """The median with its unit."""
    unit = words["unit"]
    return _number(words["median"]) + ("" if unit == "ratio" else f" {unit}")


def met(words: Words, *, missed: str = "NO") -> str:
    """Whether it does, in a word; empty without a bar."""
    return "" if "met" not in words else "yes" if words["met"] else missed


def bar(words: Words) -> str:
    """What it has to reach, in words; empty without a bar."""
    for side in ("at_most", "at_least"):
        if side in words:
            goal = f", goal {_number(words['goal'])}" if "goal" in words else ""
            return f"{_plain(side)} {_number(words[side])}{goal}"
    return ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _cut(name: str) -> str:
    return name if len(name) <= _NAMES else f"{name[: _NAMES - 1]}…"


def main() -> None:
    """Draw and write."""
    lines = read(DATA)
    PICTURE.write_text(drawn(lines), encoding="utf-8")
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), lines), encoding="utf-8")


if __name__ == "__main__":
    main()
