"""To-do lists of Home Assistant: a fake of ours that is as strict as 2025.4.4 was seen to be, and the real one.

RESTOCK_HASS names the program of a real one (`tests.edge_agent.hass`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4

import httpx
from pydantic import SecretStr

from cloud_bridge.merchant_config import HaTodoConfig
from cloud_bridge.merchants.ha_todo import HaTodo
from cloud_bridge.merchants.http import MerchantHttp
from cloud_bridge.merchants.marked_list import MarkedListMerchant
from tests import loopback
from tests.cloud_bridge.kept_list import Kept, served_by
from tests.cloud_bridge.rig import MERCHANT, MILK
from tests.edge_agent.hass import Hass, home_assistant

TOKEN = "a.token-of_this.home"
Made = TypeVar("Made")
EVERYTHING, NO_DESCRIPTIONS = 127, 15
_FIELDS: dict[str, tuple[set[str], set[str]]] = {  # wanted, and allowed beside
    "add_item": ({"entity_id", "item"}, {"description", "due_date", "due_datetime"}),
    "get_items": ({"entity_id"}, {"status"}),
}


def todo_config(url: str, **changes: object) -> HaTodoConfig:
    """The list as a bridge's configuration names it."""
    values: dict[str, Any] = {
        "id": MERCHANT,
        "kind": "ha_todo",
        "url": url,
        "currency": "USD",
        "entity": "todo.kitchen",
        "articles": {MILK: "Whole milk 1 L"},
        **changes,
    }
    return HaTodoConfig(**values)


def _connector(http: MerchantHttp, config: HaTodoConfig, *, token: str) -> MarkedListMerchant:
    return MarkedListMerchant(config, entries=HaTodo(config, http=http, token=SecretStr(token)))


def _is_adding(request: httpx.Request) -> bool:
    return request.url.path.endswith("/todo/add_item")


@dataclass
class FakeHass:
    """One list, `todo.kitchen`. `features` are what it takes; not `loaded`: its integration is not there yet."""

    url: str = "https://hass.example"
    features: int = EVERYTHING
    loaded: bool = True
    items: dict[str, dict[str, str]] = field(default_factory=dict)
    change: Callable[[Any], Any] = lambda told: told

    def transport(self) -> httpx.AsyncBaseTransport:
        """The way there."""
        return served_by(self._answer)

    def connector(self, http: MerchantHttp, *, token: str = TOKEN, **changes: object) -> MarkedListMerchant:
        """A connector to it."""
        return _connector(http, todo_config(self.url, **changes), token=token)

    def entries(self) -> dict[str, Kept]:
        """As its page shows them."""
        return {
            uid: Kept(" ".join(filter(None, (item["summary"], item.get("description")))), item["status"] == "completed")
            for uid, item in self.items.items()
        }

    def tick(self, entry_id: str) -> None:
        """Mark it as bought."""
        self.items[entry_id]["status"] = "completed"

    def remove(self, entry_id: str) -> None:
        """Take it off."""
        del self.items[entry_id]

    def write(self, text: str) -> None:
        """What a person says to it."""
        self.items[str(uuid4())] = {"summary": text, "status": "needs_action"}

    is_adding = staticmethod(_is_adding)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return httpx.Response(401, text="401: Unauthorized")
        match request.method, request.url.path.split("/")[1:]:
            case "GET", ["api", "states", entity]:
                return self._state(entity)
            case "POST", ["api", "services", "todo", service] if service in _FIELDS:
                return self._call(service, request)
            case _:
                return httpx.Response(404, text="404: Not Found")

    def _state(self, entity: str) -> httpx.Response:
        if entity != "todo.kitchen":
            return httpx.Response(404, json={"message": "Entity not found."})
        is_open = sum(item["status"] == "needs_action" for item in self.items.values())
        state = str(is_open) if self.loaded else "unavailable"
        return self._say({"entity_id": entity, "state": state, "attributes": {"supported_features": self.features}})

    def _call(self, service: str, request: httpx.Request) -> httpx.Response:
        if ("return_response" in request.url.params) != (service == "get_items"):
            return httpx.Response(400, json={"message": "return_response"})
        try:
            data = json.loads(request.content)
        except ValueError:
            return httpx.Response(400, json={"message": "Data should be valid JSON."})
        wanted, allowed = _FIELDS[service]
        if not wanted <= set(data) <= wanted | allowed or not str(data.get("item", "x")).strip():
            return httpx.Response(400, text="400: Bad Request")
        return self._get(data) if service == "get_items" else self._add(data)

    def _get(self, data: dict[str, Any]) -> httpx.Response:
        if data["entity_id"] != "todo.kitchen" or not self.loaded:
            return httpx.Response(500, text="500 Internal Server Error")
        items = [
            {"uid": uid, **item}
            for uid, item in self.items.items()
            if "status" not in data or item["status"] in data["status"]
        ]
        return self._say({"changed_states": [], "service_response": {"todo.kitchen": {"items": items}}})

    def _add(self, data: dict[str, Any]) -> httpx.Response:
        if data["entity_id"] != "todo.kitchen" or not self.loaded:
            return self._say([])  # as if nothing were wrong
        if "description" in data and not self.features & 64:
            return httpx.Response(500, text="500 Internal Server Error")
        described = {"description": data["description"]} if "description" in data else {}
        self.items[str(uuid4())] = {"summary": data["item"], "status": "needs_action", **described}
        return self._say([])

    def _say(self, told: object) -> httpx.Response:
        return httpx.Response(200, json=self.change(told))


@dataclass
class RealList:
    """A list of a Home Assistant that runs."""

    url: str
    token: str
    entity: str

    def transport(self) -> httpx.AsyncBaseTransport:
        """The way there."""
        return httpx.AsyncHTTPTransport(verify=loopback.NOBODY)

    def connector(self, http: MerchantHttp, **changes: object) -> MarkedListMerchant:
        """A connector to it."""
        return _connector(http, todo_config(self.url, entity=self.entity, **changes), token=self.token)

    def entries(self) -> dict[str, Kept]:
        """As its page shows them."""
        told = self._call("get_items?return_response", status=["needs_action", "completed"])
        return {
            item["uid"]: Kept(
                " ".join(filter(None, (item["summary"], item.get("description")))), item["status"] == "completed"
            )
            for item in told["service_response"][self.entity]["items"]
        }

    def tick(self, entry_id: str) -> None:
        """Mark it as bought."""
        self._call("update_item", item=entry_id, status="completed")

    def remove(self, entry_id: str) -> None:
        """Take it off."""
        self._call("remove_item", item=entry_id)

    def write(self, text: str) -> None:
        """What a person says to it."""
        self._call("add_item", item=text)

    is_adding = staticmethod(_is_adding)

    def _call(self, service: str, **data: object) -> Any:  # noqa: ANN401 - JSON of many kinds
        headers = {"Authorization": f"Bearer {self.token}"}
        body = {"entity_id": self.entity, **data}
        answer = loopback.post(f"{self.url}/api/services/todo/{service}", json=body, headers=headers, timeout=20)
        return answer.raise_for_status().json()


@contextmanager
def real_lists() -> Iterator[dict[str, RealList]]:
    """A Home Assistant of its own with two lists: one takes descriptions, its Shopping List does not."""
    with ThreadPoolExecutor(1) as thread:  # a loop of its own: a test's may run already

        def run(work: Coroutine[Any, Any, Made]) -> Made:
            return thread.submit(runner.run, work).result()

        runner, stack = asyncio.Runner(), AsyncExitStack()
        try:
            hass = run(stack.enter_async_context(home_assistant()))
            run(_furnish(hass))
            lists = ("todo.kitchen", "todo.shopping_list")
            yield {each: RealList(hass.address, hass.token, each) for each in lists}
        finally:
            run(stack.aclose())
            thread.submit(runner.close).result()


async def _furnish(hass: Hass) -> None:
    await hass.move_in()
    await hass.add("local_todo", todo_list_name="Kitchen")
    await hass.add("shopping_list")
