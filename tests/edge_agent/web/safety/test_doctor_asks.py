"""The doctor asks the running hub at an address that the hub has."""

from __future__ import annotations

from functools import partial

import httpx

from edge_agent.adapters.api_client import ApiClient
from edge_agent.adapters.doctor.running import look_at_running_hub
from edge_agent.config import HubConfig
from edge_agent.web.api.acts import ACTS


def test_what_the_doctor_asks_for_is_there() -> None:
    """Else every hub that runs is one that could not be asked."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json={"problems": [], "bridge_reachable": True, "waiting_since": None})

    client = partial(ApiClient, transport=httpx.MockTransport(answer))
    list(look_at_running_hub(HubConfig(), token="rstk_" + "a" * 43, client=client))
    assert asked
    assert set(asked) <= {act.path for act in ACTS}
