"""What left the home, in words and to the byte."""

from __future__ import annotations

import hashlib
import html
import re
from dataclasses import replace

import httpx
import pytest

from edge_agent.web.pages.ledger import ROWS_SHOWN
from tests.edge_agent.web.house import House


def rows_of(page: str) -> list[int]:
    """The messages that a page names, in its order."""
    return [int(number) for number in re.findall(r'data-sent="(\d+)"', page)]


async def test_every_message_has_purpose_recipient_size_and_time(owner: httpx.AsyncClient) -> None:
    """Newest first."""
    page = (await owner.get("/sent")).text
    assert rows_of(page) == [3, 2, 1]
    for words in ("An order", "News of orders", "bridge.example:443", "80 bytes", "today, 03:00"):
        assert words in page
    assert "order_status" not in page


async def test_a_message_is_shown_to_the_byte(owner: httpx.AsyncClient, house: House) -> None:
    """What the page shows has the digest that it names."""
    page = (await owner.get("/sent/3")).text
    found = re.search(r"<pre><code><bdi>(.*?)</bdi>", page, re.DOTALL)
    assert found is not None
    shown = html.unescape(found[1]).encode()
    assert shown == house.ledger.sent[-1].body
    assert hashlib.sha256(shown).hexdigest() in page


async def test_what_is_no_longer_kept_is_not_made_up(owner: httpx.AsyncClient) -> None:
    """An empty question and a forgotten body are told apart."""
    assert "It had no content" in (await owner.get("/sent/2")).text
    assert "no longer kept" in (await owner.get("/sent/1")).text


async def test_bytes_that_are_no_text_do_not_break_the_page(owner: httpx.AsyncClient, house: House) -> None:
    """Shown as escapes."""
    house.ledger.sent = [replace(house.ledger.sent[-1], body=b"\xff\x00<b>")]
    answer = await owner.get("/sent/3")
    assert answer.status_code == 200
    assert "\\xff\ufffd&lt;b&gt;" in answer.text


async def test_the_same_question_all_day_is_one_line(owner: httpx.AsyncClient, house: House) -> None:
    """With how often and since when; an order in between stands by itself."""
    order, poll = house.ledger.sent[2], house.ledger.sent[1]
    polls = [replace(poll, id=number) for number in (*range(10, 20), *range(21, 31))]
    house.ledger.sent = [*polls, replace(order, id=20)]
    page = (await owner.get("/sent")).text
    assert rows_of(page) == [30, 20, 19]
    assert page.count("10 times since today, 02:00") == 2


async def test_older_messages_are_a_page_away(owner: httpx.AsyncClient, house: House) -> None:
    """No message is skipped or shown twice between two pages."""
    order = house.ledger.sent[2]
    house.ledger.sent = [replace(order, id=number, sha256=f"{number:064}") for number in range(1, ROWS_SHOWN + 6)]
    first = (await owner.get("/sent")).text
    older = re.search(r'href="(/sent\?before=\d+)"', first)
    assert older is not None
    second = (await owner.get(older[1])).text
    assert rows_of(first) + rows_of(second) == list(range(ROWS_SHOWN + 5, 0, -1))
    assert "Older" not in second


@pytest.mark.parametrize("row", ["0", "9", "-1", "x", "1e3", "٣", "9" * 16, "3.0"])
async def test_a_row_that_is_none_is_missing(owner: httpx.AsyncClient, row: str) -> None:
    """404, for the row and for the page that would begin there, where it is no number."""
    assert (await owner.get(f"/sent/{row}")).status_code == 404
    before = await owner.get("/sent", params={"before": row})
    assert before.status_code == (200 if row in {"0", "9"} else 404)
