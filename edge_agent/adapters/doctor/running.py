"""The running hub, asked over loopback what it knows: it holds the store, and talks with the bridge already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from edge_agent.adapters.api_client import ApiClient, checked
from edge_agent.config import HubConfig
from edge_agent.core.doctor import Finding, fine, note, problem
from edge_agent.errors import ConfigurationError, RefusedError, RetryLaterError

_NOT_ASKED = "The hub runs and asks the order service itself, so doctor does not."
_ITS_PAGE = "The hub's page says what is wrong, too."


def look_at_running_hub(
    config: HubConfig, *, token: str, client: Callable[..., ApiClient] = ApiClient
) -> Iterator[Finding]:
    """What it says is wrong, and whether the order service answers it; without a token, where that stands."""
    where = f"{config.web.host}:{config.web.port}"
    if not token:
        do = "Put a token that may look into RESTOCK_TOKEN (page Tokens), and doctor asks the hub; or look at its page."
        yield note(_NOT_ASKED, where, do)
        return
    try:
        with client(config.web, checked(token, source="RESTOCK_TOKEN")) as asked:
            told = asked.get("/health")
    except RetryLaterError as exc:
        yield problem(f"The hub runs, and its page gives no answer ({exc}).", where, "Look at its log.")
    except (ConfigurationError, RefusedError) as exc:
        yield note(f"{_NOT_ASKED} It could not be asked what it knows ({exc}).", where, "Look at its page.")
    else:
        yield from _said(told, where)


def _said(told: Mapping[str, Any], where: str) -> Iterator[Finding]:
    for each in told["problems"]:
        yield problem(str(each["text"]), where, _ITS_PAGE)
    if not told["bridge_reachable"]:
        since = f" since {told['waiting_since']}" if told["waiting_since"] else ""
        do = "Look whether it runs, at bridge.url, and at the network. Orders wait meanwhile."
        yield problem(f"The order service gives the running hub no answer{since}.", where, do)
    elif not told["problems"]:
        yield fine("The running hub says that all is well, and that the order service answers it.", where)
