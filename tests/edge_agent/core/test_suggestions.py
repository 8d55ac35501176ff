"""Products that a device names itself: only numbers that are right, only for what the profile says is used up."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.core.messages import Suggestion
from edge_agent.core.suggestions import suggester
from tests.edge_agent.shipped import shipped_registry

PROFILES = {each.profile: each for each in shipped_registry().profiles()}
EAN = Suggestion("hepa_filter", "ean", "4006381333931")


@pytest.mark.parametrize(
    ("listed", "wanted"),
    [
        ([{"0": 2, "1": "4006381333931"}], (EAN,)),
        ([{"productIdentifierType": 2, "productIdentifierValue": "4006381333931"}], (EAN,)),
        ([{"0": 0, "1": "036000291452"}], (Suggestion("hepa_filter", "upc", "036000291452"),)),
        ([{"0": 1, "1": "73513537"}], (Suggestion("hepa_filter", "gtin8", "73513537"),)),
        ([{"0": 3, "1": "14006381333938"}, {"0": 2, "1": "4006381333932"}],
         (Suggestion("hepa_filter", "gtin14", "14006381333938"),)),
        ([{"0": 4, "1": "oem-7"}], ()),
        ([{"0": 2, "1": "036000291452"}], ()),
        ([{"0": True, "1": "73513537"}], ()),
        ([{"0": 9, "1": "73513537"}], ()),
        ([{"0": 1, "1": 73513537}], ()),
        ([{"0": 4, "1": "x"}] * 5 + [{"0": 2, "1": "4006381333931"}], ()),
        ([None, 5, [], {}], ()),
        ({"0": 2, "1": "4006381333931"}, ()),
        (None, ()),
    ],
)  # fmt: skip
def test_what_a_filter_suggests(listed: Any, wanted: tuple[Suggestion, ...]) -> None:  # noqa: ANN401
    """Each type with its check digit; nothing of a maker's own number, of a sixth entry, or of another form."""
    suggest = suggester(PROFILES["matter.node"])
    assert suggest is not None
    assert suggest({"attributes": {"1/113/5": listed}}) == wanted


def test_a_profile_that_reads_no_list_suggests_nothing() -> None:
    """Most do not, and cost nothing."""
    assert suggester(PROFILES["samsung.washer"]) is None
