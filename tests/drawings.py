"""Draws the state machines from their tables: `python -m tests.drawings FILE` writes them, a test keeps them true.

Mermaid state diagrams, which the places where people read this repository render as pictures.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from cloud_bridge.core import order
from edge_agent.core import intent, prompt
from edge_agent.core.deciding import problem
from edge_agent.core.leave import mandate

_HEAD = """# State machines

Drawn from the tables in the code by `make drawings`; `tests/test_drawings.py` fails when a table has moved on.
A state without an arrow out of it is final: nothing changes it any more, and there is no way between states but these
arrows.
"""

Arrow = tuple[str, str, str]  # from, to, event


def arrows_of_events(table: Mapping[str, Mapping[str, str]]) -> list[Arrow]:
    """The arrows of a table that says which event leads where."""
    return [(str(start), str(goal), str(event)) for start, ways in table.items() for event, goal in ways.items()]


def arrows_of_states(table: Mapping[str, Iterable[str]], listed: Iterable[str]) -> list[Arrow]:
    """The arrows of a table that says which state may follow; in the order in which the states are listed."""
    rank = {str(state): number for number, state in enumerate(listed)}
    return [
        (str(start), str(goal), "")
        for start, goals in table.items()
        for goal in sorted(goals, key=lambda goal: rank[str(goal)])
    ]


def diagram(arrows: Iterable[Arrow], *, first: str) -> str:
    """One Mermaid diagram."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {first}"]
    lines += [f"    {start} --> {goal}{f': {event}' if event else ''}" for start, goal, event in arrows]
    return "\n".join([*lines, "```"])


def document() -> str:
    """The whole page."""
    parts = (
        (
            "Prompt (hub)",
            "One question to the household. Source: `edge_agent/core/prompt.py`.",
            diagram(arrows_of_events(prompt.TRANSITIONS), first=prompt.PromptState.OPEN),
        ),
        (
            "Mandate (hub)",
            "A standing leave inside limits. Source: `edge_agent/core/leave/mandate.py`.",
            diagram(arrows_of_events(mandate.TRANSITIONS), first=mandate.MandateState.PROPOSED),
        ),
        (
            "Order (bridge)",
            "One intent at the bridge, which is where its life is decided. Source: `cloud_bridge/core/order.py`.",
            diagram(arrows_of_states(order.TRANSITIONS, order.OrderState), first=order.OrderState.HELD),
        ),
        (
            "Intent (hub)",
            (
                "What the household sees of it. The hub polls, so it may see a later state first: an arrow that skips\n"
                "states stands for a way through the bridge's table. Source: `edge_agent/core/intent.py`."
            ),
            diagram(arrows_of_states(intent.TRANSITIONS, intent.IntentState), first=intent.IntentState.APPROVED),
        ),
        (
            "Problem (hub)",
            (
                "What is to be mended of an order that was refused for its payment, address or stock. After 72 hours\n"
                "it is over from every state. Source: `edge_agent/core/deciding/problem.py`."
            ),
            diagram(arrows_of_events(problem.ANSWERS), first=problem.Stand.OPEN),
        ),
    )
    return "\n".join([_HEAD, *(f"## {title}\n\n{text}\n\n{picture}\n" for title, text, picture in parts)])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document(), encoding="utf-8")
