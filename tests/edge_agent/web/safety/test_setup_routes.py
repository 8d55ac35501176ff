"""Every address of the first run, written down once more: a new one fails here until somebody decides its rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.web.setup.routes import PAGES
from tests.edge_agent.web.test_setup_pages import CODE, Hub

EXPECTED = {
    ("GET", "/static/{name}"): "public",
    ("GET", "/healthz"): "public",
    ("GET", "/"): "public",
    ("POST", "/setup/code"): "public",
    ("GET", "/setup/owner"): "inside",
    ("POST", "/setup/owner"): "inside",
    ("GET", "/setup/broker"): "inside",
    ("POST", "/setup/broker"): "inside",
    ("POST", "/setup/broker/search"): "inside",
    ("GET", "/setup/devices"): "inside",
    ("GET", "/setup/devices/news"): "inside",
    ("POST", "/setup/devices/listen"): "inside",
    ("GET", "/setup/item"): "inside",
    ("POST", "/setup/item"): "inside",
    ("POST", "/setup/item/drop"): "inside",
    ("POST", "/setup/finish"): "inside",
}


def test_every_address_has_the_rule_that_was_agreed(tmp_path: Path) -> None:
    """The router itself is asked, so an address added around the table is found."""
    app = Hub(tmp_path / "data").app
    while not hasattr(app, "routes"):
        app = app._app  # type: ignore[attr-defined]
    found = {(method, route.path) for route in app.routes for method in route.methods - {"HEAD"}}
    assert found == set(EXPECTED)
    assert {(page.method, page.path): str(page.rule) for page in PAGES} == EXPECTED


@pytest.mark.parametrize(
    "path",
    ["//", "/setup//owner", "/setup/owner/", "/SETUP/owner", "/setup/owner;a", "/setup/%2e%2e/setup/owner", "/login"],
)
async def test_another_spelling_is_no_address(tmp_path: Path, path: str) -> None:
    """404 for a stranger, and for who is inside."""
    hub = Hub(tmp_path / "data")
    async with hub.visitor() as anna, hub.visitor() as stranger:
        await anna.give(CODE)
        for visitor in (anna, stranger):
            assert (await visitor.client.get(f"http://127.0.0.1{path}")).status_code == 404


@pytest.mark.parametrize("key", [key for key in EXPECTED if key[0] == "POST"])
async def test_no_form_is_taken_without_its_token_or_from_elsewhere(tmp_path: Path, key: tuple[str, str]) -> None:
    """Not even of the browser that is inside."""
    hub = Hub(tmp_path / "data")
    async with hub.visitor() as anna:
        await anna.give(CODE)
        for headers in ({}, {"origin": "http://evil.example"}, {"sec-fetch-site": "same-site"}):
            assert (await anna.client.post(key[1], data={"csrf": "x"}, headers=headers)).status_code == 403
    assert hub.work.draft.owner is None
    assert hub.finished == 0
