"""One product asked online: what leaves, what is written down first, and which answers count."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from edge_agent.adapters.egress import ProductEgress
from edge_agent.adapters.open_food_facts import OpenFoodFacts
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.core.product_hint import FIELDS
from edge_agent.errors import EgressRefusedError, ProductsUnreachableError
from tests.edge_agent.outgoing_home import Wall, opened
from tests.edge_agent.product_records import CODE, GTIN, hint, record

ORIGIN = "https://world.openfoodfacts.org"
FOUND = {"code": CODE, "status": 1, "status_verbose": "product found", "product": record()}
NONE = {"code": CODE, "status": 0, "status_verbose": "product not found"}


class Asked:
    """What was asked of a source that gives one answer."""

    def __init__(self, ledger: EgressLedger, answer: httpx.Response | Exception) -> None:
        self.ledger = ledger
        self.requests: list[httpx.Request] = []
        self._answer = answer
        self.gate = ProductEgress(
            ledger=ledger,
            origin=ORIGIN,
            user_agent="Restock/1.0 (home@example.org)",
            timeout_s=5,
            transport=httpx.MockTransport(self._reply),
        )
        self.source = OpenFoodFacts(self.gate)

    def _reply(self, request: httpx.Request) -> httpx.Response:
        assert self.ledger.rows(limit=1, before_id=None), "nothing was written down before it was sent"
        self.requests.append(request)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@contextmanager
def asking(folder: Path, answer: httpx.Response | Exception) -> Iterator[Asked]:
    """A source behind the gate of a real store."""
    with opened(folder, Wall()) as store:
        yield Asked(EgressLedger(store.connection, clock=store.clock), answer)


def told(content: object, *, status: int = 200) -> httpx.Response:
    """An answer in JSON."""
    return httpx.Response(status, content=json.dumps(content))


async def test_the_number_leaves_and_nothing_else(tmp_path: Path) -> None:
    """One GET, by whom it is asked, in the ledger under a purpose of its own."""
    with asking(tmp_path, told(FOUND)) as asked:
        assert await asked.source.product(GTIN) == hint()
        [request] = asked.requests
        assert str(request.url) == f"{ORIGIN}/api/v2/product/{CODE}?fields={FIELDS}"
        assert (request.method, request.content) == ("GET", b"")
        assert request.headers["user-agent"] == "Restock/1.0 (home@example.org)"
        assert set(request.headers) <= {"user-agent", "accept", "host", "accept-encoding", "connection"}
        [row] = asked.ledger.rows(limit=5, before_id=None)
        assert (row.purpose, row.recipient, row.method) == ("product", "world.openfoodfacts.org", "GET")
        assert row.path == request.url.raw_path.decode()


@pytest.mark.parametrize("gtin", ["", "milk", "4006381333931/../x", "4006381333931?x=1", "٤٠٠٦٣٨١٣٣٣٩٣١", "1" * 15])
async def test_nothing_but_a_number_is_asked_for(tmp_path: Path, gtin: str) -> None:
    """It is refused, and there is no row of it."""
    with asking(tmp_path, told(FOUND)) as asked:
        with pytest.raises(EgressRefusedError):
            await asked.gate.ask(gtin)
        assert asked.requests == []
        assert asked.ledger.rows(limit=5, before_id=None) == []


@pytest.mark.parametrize("answer", [told(NONE), told(NONE, status=404), told(FOUND | {"product": {}})])
async def test_that_there_is_no_such_product(tmp_path: Path, answer: httpx.Response) -> None:
    """Said in so many words, or a record that says nothing."""
    with asking(tmp_path, answer) as asked:
        assert await asked.source.product(GTIN) is None


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError("away"),
        httpx.Response(404, content=b"<html>no such page</html>"),
        told({"status": "failure"}, status=404),
        told(FOUND, status=429),
        httpx.Response(302, headers={"location": "https://elsewhere.example/"}),
        httpx.Response(200, content=b"[" * 100_000),
        httpx.Response(200, content=b'{"status": 1, "product": "' + b"x" * 300_000),
        told([FOUND]),
        told({"status": 1}),
        told(FOUND | {"product": record(code="96385074")}),
    ],
)  # fmt: skip
async def test_every_other_answer_is_none(tmp_path: Path, answer: httpx.Response | Exception) -> None:
    """A page that is not there does not say that the product is not; one of another product says nothing of this."""
    with asking(tmp_path, answer) as asked:
        with pytest.raises(ProductsUnreachableError):
            await asked.source.product(GTIN)
        assert len(asked.requests) == 1
