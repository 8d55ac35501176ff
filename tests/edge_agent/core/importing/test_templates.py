"""Value templates: a place in a payload, or a refusal that says why."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.importing.device import NotReadableError
from edge_agent.core.importing.templates import Place, place_of


@pytest.mark.parametrize(
    ("template", "place"),
    [
        ("{{ value }}", Place(None)),
        ("{{value}}", Place(None)),
        ("{{ value | float }}", Place(None, is_number=True)),
        ("{{ value|int(0) }}", Place(None, is_number=True, rounds=True)),
        ("{{ value_json.level }}", Place(("level",))),
        ("{{- value_json.a.b -}}", Place(("a", "b"))),
        ("{{ value_json['a b']['c.d/e~'] }}", Place(("a b", "c.d/e~"))),
        ('{{ value_json["ENERGY"].Total }}', Place(("ENERGY", "Total"))),
        ("{{ value_json.tray[3].remain }}", Place(("tray", "3", "remain"), (("tray",),))),
        ("{{ value_json.tray.3 }}", Place(("tray", "3"), (("tray",),))),
        ("{{ value_json.a | is_defined }}", Place(("a",))),
        ("{{ value_json['items'] | float(default=0) }}", Place(("items",), is_number=True)),
        ("{{ value_json.a | float | round(1) }}", Place(("a",), is_number=True, rounds=True)),
    ],
)
def test_places(template: str, place: Place) -> None:
    """What is a place and nothing more."""
    assert place_of(template) == place


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ value_json.a * 10 }}", "calculating"),
        ("{{ value_json.a | float / 10 }}", "code|filters"),
        ("{{ 100 - value_json.a }}", "calculating"),
        ("{{ value_json.a if value_json.b else 0 }}", "condition"),
        ("{% if value_json.a %}1{% endif %}", "conditions are code"),
        ("{{ value_json.a }} %", "text around"),
        ("{{ value_json.a }}{{ value_json.b }}", "text around"),
        ("{{ value_json.get('a') }}", "call"),
        ("{{ value_json.items }}", "a method"),
        ("{{ value_json.a.values }}", "a method"),
        ("{{ value_json.a | lower }}", "filters"),
        ("{{ value_json.a | default(0) }}", "call|filters"),
        ("{{ value_json.a ~ 'x' }}", "texts together"),
        ("{{ value_json }}", "whole of value_json"),
        ("{{ value_json[0] }}", "element of the whole"),
        ("{{ value.a }}", "is a text"),
        ("{{ states('sensor.a') }}", "own states"),
        ("{{ value_json.a[-1] }}", "code"),
        ("{{ value_json.a[b] }}", "code"),
        ("value_json.a", "text around"),
        ("", "text around"),
        ("{{ value_json." + "a" * 600 + " }}", "500"),
    ],
)
def test_refusals(template: str, why: str) -> None:
    """Everything else is code, and the reason says what of it."""
    with pytest.raises(NotReadableError, match=why):
        place_of(template)


@given(text=st.one_of(st.text(max_size=60), st.text("{}%|.[]'\"value_json 019()-", max_size=60)))
def test_any_text(text: str) -> None:
    """A place or a refusal, at once."""
    for template in (text, "{{ value_json" + text + "}}"):
        with suppress(NotReadableError):
            place_of(template)
