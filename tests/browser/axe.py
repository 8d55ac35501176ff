"""What axe-core finds amiss on a page: by all its rules, or by those alone whose answer can change with the look.

A rule of names, roles or order says the same in every colour and at every width, so that one look is enough for it.
What colours can change is looked at once more in the dark, and what width can change on a desk: so each pair of colours
and each width has been seen by the rules that it matters to.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.looking import LOOKS, Look

_GRAVE = ("serious", "critical", "moderate")
_OF_A_LOOK = {
    "phone-dark": ("color-contrast", "link-in-text-block"),
    "desktop-light": ("scrollable-region-focusable", "target-size"),
}
_ALL = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}  # of WCAG 2.2, so not by default
BY_ALL_RULES = next(look for look in LOOKS if look.name == "phone-light")
BY_SOME_RULES = tuple(look for look in LOOKS if look.name in _OF_A_LOOK)  # each width and each colour once
TELLING_LOOKS = (BY_ALL_RULES, *BY_SOME_RULES)  # a fourth would show widths and colours that were seen already


def violations(page: Page, name: str, *, look: Look) -> list[str]:
    """Everything of moderate or graver impact, with all details open: by all rules in `BY_ALL_RULES`.

    `look` is one of `TELLING_LOOKS`.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed").Axe()
    page.eval_on_selector_all("details", "all => all.forEach(each => { each.open = true; })")
    answer = axe.run(page, options=_rules(look)).response
    return [
        f"{name} {found['impact']} {found['id']}: {node['html'][:120]} | {node['failureSummary'][:200]}"
        for found in answer["violations"]
        if found["impact"] in _GRAVE
        for node in found["nodes"][:3]
    ]


def _rules(look: Look) -> dict[str, object]:
    if look is BY_ALL_RULES:
        return dict(_ALL)
    return {"resultTypes": ["violations"], "runOnly": {"type": "rule", "values": list(_OF_A_LOOK[look.name])}}
