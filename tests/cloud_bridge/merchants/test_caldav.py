"""A household's list on a real CalDAV server, read by others' software; and answers that no list should give."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from cloud_bridge import counterparts
from cloud_bridge.config import load, merchant_secrets
from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Followed, Open, Outcome, Placed, Progress, Rejected, Standing, Unknown
from cloud_bridge.core.quote import Wanted
from cloud_bridge.counterparts import Own
from cloud_bridge.errors import ConfigurationError, MerchantAwayError, MerchantRefusedError, MerchantUnclearError
from cloud_bridge.merchant_config import CalDavConfig, SecretKind
from cloud_bridge.merchants.caldav import CalDavMerchant
from cloud_bridge.merchants.caldav_entry import entry_text, read_entry
from cloud_bridge.merchants.http import Answer, MerchantHttp
from cloud_bridge.merchants.list_session import ListSession, session_of, uid_of
from cloud_bridge.prices import PriceDesk
from cloud_bridge.wire import PriceLine, PriceList, PriceQuery
from tests.cloud_bridge.radicale import PASSWORD, Task, TaskList, connect, list_config
from tests.cloud_bridge.rig import MERCHANT, MILK, HandClock
from tests.cloud_bridge.sample_merchant import AGENT_KEY

WANTED = Wanted(MILK, 2, "home")
real = pytest.mark.merchant


async def _session(merchant: CalDavMerchant, wanted: Wanted = WANTED) -> str:
    return (await merchant.quote(wanted, key=str(uuid4()))).session_id


async def _put(merchant: CalDavMerchant) -> Placed:
    placed = await merchant.place(await _session(merchant), key=str(uuid4()))
    assert isinstance(placed, Placed)
    return placed


# --- what the household sees -------------------------------------------------------------------------


@real
async def test_a_quote_changes_nothing_on_the_list(tasks: TaskList) -> None:
    """Not even the mark of its state."""
    async with connect(tasks) as merchant:
        first = session_of(await _session(merchant))
        again = session_of(await _session(merchant))
    assert first is not None
    assert again is not None
    assert (first.mark is not None, first.mark) == (True, again.mark)
    assert tasks.entries() == {}


@real
@pytest.mark.parametrize(
    "title",
    ["Whole milk 1 L", "a;b,c\\d: “e”", "x\\nBEGIN:VTODO\\nUID:other", "牛奶 1 升 🥛", "long" * 50],
)
async def test_the_task_app_sees_number_and_title(tasks: TaskList, title: str) -> None:
    """Whatever the title holds, it is one entry with this text."""
    async with connect(tasks, articles={MILK: title}) as merchant:
        placed = await _put(merchant)
    assert tasks.entries() == {placed.merchant_order_id: Task(f"2 x {title}", "NEEDS-ACTION")}


@real
async def test_an_article_without_a_text_stands_there_by_its_sku(tasks: TaskList) -> None:
    """The hub sends no titles."""
    async with connect(tasks, articles={}) as merchant:
        await _put(merchant)
    assert [entry.summary for entry in tasks.entries().values()] == [f"2 x {MILK}"]


def test_a_title_with_line_breaks_stays_one_property() -> None:
    """The library escapes what the configuration would refuse, too."""
    session = ListSession(uid_of("key"), MILK, 2)
    text = entry_text(session, title="a\r\nEND:VTODO\r\nX-RESTOCK-REFERENCE:b", reference="r", at=datetime.now(UTC))
    assert text.count(b"\r\nEND:VTODO") == 1
    assert read_entry(text).reference == "r"


@real
async def test_what_was_ticked_off_is_bought(tasks: TaskList) -> None:
    """All of it; and a tick that is taken back is none."""
    async with connect(tasks) as merchant:
        uid = (await _put(merchant)).merchant_order_id
        assert await merchant.events(uid) == Followed(Progress.PREPARING, ordered=2)
        tasks.tick(uid)
        assert await merchant.events(uid) == Followed(Progress.DELIVERED, ordered=2, delivered=2)
        tasks.change(uid, STATUS="NEEDS-ACTION")
        assert await merchant.events(uid) == Followed(Progress.PREPARING, ordered=2)


@real
@pytest.mark.parametrize(
    ("properties", "followed"),
    [
        ({"STATUS": "IN-PROCESS", "PERCENT-COMPLETE": "50"}, Followed(Progress.PREPARING, ordered=2)),
        ({"PERCENT-COMPLETE": "100"}, Followed(Progress.PREPARING, ordered=2)),
        ({"SUMMARY": "12 x Whole milk 1 L"}, Followed(Progress.PREPARING, ordered=2)),
        ({"STATUS": "CANCELLED"}, Followed(Progress.CANCELLED, by_household=True)),
        ({"X-RESTOCK-QUANTITY": None}, Followed(Progress.PREPARING)),
        ({"X-RESTOCK-REFERENCE": None}, Followed(Progress.PREPARING, ordered=2)),
    ],
)
async def test_only_the_status_of_an_entry_is_read(
    tasks: TaskList, properties: dict[str, str | None], followed: Followed
) -> None:
    """A percentage is no count, a summary that somebody changed is no number; what is gone is not guessed."""
    async with connect(tasks) as merchant:
        uid = (await _put(merchant)).merchant_order_id
        tasks.change(uid, **properties)
        assert await merchant.events(uid) == followed


@real
async def test_an_entry_that_was_removed_is_the_households_cancel(tasks: TaskList) -> None:
    """And stays an order that was placed: nobody may think that it was not there."""
    async with connect(tasks) as merchant:
        session_id = await _session(merchant)
        await merchant.place(session_id, key="k")
        uid = next(iter(tasks.entries()))
        tasks.remove(uid)
        assert await merchant.events(uid) == Followed(Progress.CANCELLED, by_household=True)
        assert await merchant.get(session_id) == Placed(uid, 0, "USD", sku=MILK, quantity=2)
        with pytest.raises(MerchantRefusedError) as refused:
            await merchant.quote(WANTED, key="-", session_id=session_id)
    assert refused.value.code == Detail.SESSION_CLOSED


@real
async def test_an_entry_that_was_changed_meanwhile_is_not_written_over(tasks: TaskList) -> None:
    """The household's tick stands although the same order is asked for once more."""
    async with connect(tasks) as merchant:
        session_id = await _session(merchant)
        first = await merchant.place(session_id, key="k")
        [uid] = tasks.entries()
        tasks.tick(uid)
        assert await merchant.place(session_id, key="k") == first
    assert tasks.entries()[uid].status == "COMPLETED"


@real
async def test_what_must_not_come_any_more_leaves_a_cancelled_entry(tasks: TaskList) -> None:
    """A request that is still on its way finds its place taken; the app shows it as cancelled."""
    async with connect(tasks) as merchant:
        session_id = await _session(merchant)
        await merchant.cancel(session_id)
        assert await merchant.place(session_id, key="k") == Rejected(Detail.SESSION_CLOSED)
        assert await merchant.get(session_id) is Standing.CLOSED
    assert [entry.status for entry in tasks.entries().values()] == ["CANCELLED"]


@real
async def test_the_price_list_of_a_list_has_no_prices_and_leaves_nothing_there(tasks: TaskList) -> None:
    """No session is closed by an entry, and what nobody knows is not zero."""
    async with connect(tasks) as merchant:
        desk = PriceDesk({MERCHANT: merchant}, clock=HandClock(), new_key=lambda: str(uuid4()))
        told = await desk.list_prices(PriceQuery(merchant=MERCHANT, delivery_ref="home", skus=(MILK, "eggs")))
    assert (told.charges, told.merchant_class) == (False, "A")
    assert {(line.sku, line.title, line.unit_price_minor, line.delivery_minor) for line in told.lines} == {
        (MILK, "Whole milk 1 L", None, None),
        ("eggs", "eggs", None, None),
    }
    assert all(line.available for line in told.lines)
    assert tasks.entries() == {}


def test_prices_and_charging_go_together() -> None:
    """A list with prices is no list, and a shop without is none either."""
    line = PriceLine(sku="a", title="a", unit_price_minor=0, delivery_minor=0, currency="USD", available=True)
    blank = line.model_copy(update={"unit_price_minor": None, "delivery_minor": None})
    half = line.model_copy(update={"unit_price_minor": None})
    for charges, wrong in ((False, line), (True, blank), (True, half), (False, half)):
        with pytest.raises(ValidationError):
            PriceList(merchant="m", merchant_class="A", at=datetime.now(UTC), charges=charges, lines=(wrong,))


# --- what else may be there --------------------------------------------------------------------------


def _foreign(uid: str, *lines: str) -> str:
    todo = ("BEGIN:VTODO", f"UID:{uid}", "DTSTAMP:20260101T000000Z", "SUMMARY:mine", *lines, "END:VTODO")
    return "\r\n".join(("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", *todo, "END:VCALENDAR", ""))


@real
@pytest.mark.parametrize(("named", "lines"), [(None, ()), ("other", ("X-RESTOCK-REFERENCE:k",))])
async def test_another_persons_entry_under_our_name_is_not_ours(
    tasks: TaskList, named: str | None, lines: tuple[str, ...]
) -> None:
    """It is neither taken for the order nor written over."""
    async with connect(tasks) as merchant:
        session_id = await _session(merchant)
        uid = session_id.split(" ")[0]
        tasks.put(uid, _foreign(named or uid, *lines))
        before = tasks.read(uid)
        assert await merchant.place(session_id, key="k") == Unknown(Detail.NO_ANSWER)
        with pytest.raises(MerchantUnclearError):
            await merchant.get(session_id)
        assert tasks.read(uid) == before


@real
async def test_a_list_that_is_gone_is_no_household_that_cancelled_everything(tasks: TaskList) -> None:
    """Nothing is placed, nothing is cancelled, and nothing is told of what stood there."""
    async with connect(tasks) as merchant:
        uid = (await _put(merchant)).merchant_order_id
        waiting = await _session(merchant)
        tasks.drop()
        with pytest.raises(MerchantAwayError):
            await merchant.events(uid)
        with pytest.raises(MerchantAwayError):
            await merchant.quote(WANTED, key="another")
        with pytest.raises(MerchantAwayError):
            await merchant.cancel(waiting)
        assert await merchant.place(waiting, key="k") == Rejected(Detail.MERCHANT_REFUSED)


@real
async def test_a_wrong_password_changes_nothing(tasks: TaskList) -> None:
    """The order waits at its quote; the password stands in no message."""
    async with connect(tasks, password="wrong") as merchant:
        with pytest.raises(MerchantAwayError, match="status 401") as refused:
            await merchant.quote(WANTED, key="k")
    assert "wrong" not in str(refused.value)


class Forgetful(MerchantHttp):
    """The real client, before a server that marks no states: RFC 6578 is not everybody's."""

    async def ask(self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Ask, and take the mark out of the answer."""
        answer = await super().ask(method, path, headers=headers, body=body)
        return Answer(answer.status, answer.body.replace(b"sync-token", b"no-token"), answer.headers)


@real
async def test_a_server_that_remembers_nothing_leaves_what_is_not_there_unknown(tasks: TaskList) -> None:
    """It may never have been there, or was removed: nothing is put there a second time on a guess."""
    async with connect(tasks, http=Forgetful(tasks.url, deadline_s=10)) as merchant:
        session_id = await _session(merchant)
        with pytest.raises(MerchantUnclearError):
            await merchant.get(session_id)
        assert (await merchant.quote(WANTED, key="-", session_id=session_id)).session_id == session_id
        assert isinstance(await merchant.place(session_id, key="k"), Placed)
        assert isinstance(await merchant.get(session_id), Placed)


@real
async def test_a_mark_that_the_server_forgot_proves_nothing(tasks: TaskList) -> None:
    """Radicale answers 403 to a mark that it does not know (any more)."""
    async with connect(tasks) as merchant:
        known = session_of(await _session(merchant))
        assert known is not None
        unknown = ListSession(known.uid, known.sku, known.quantity, "http://radicale.org/ns/sync/" + "0" * 64)
        assert await merchant.get(known.name) == Open(0, "USD")
        with pytest.raises(MerchantUnclearError):
            await merchant.get(unknown.name)


# --- answers that no list should give ----------------------------------------------------------------

_UID = uid_of("k")
_SESSION = ListSession(_UID, MILK, 2, "token").name
_COLLECTION = (
    '<multistatus xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><response><href>/l/</href><propstat><prop>'
    "<resourcetype><collection/><C:calendar/></resourcetype><sync-token>token</sync-token></prop>"
    "<status>HTTP/1.1 200 OK</status></propstat></response></multistatus>"
)
_FOLDER = _COLLECTION.replace("<C:calendar/>", "").encode()
_TYPE = '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
_BOMB = _TYPE + _COLLECTION.replace(">token<", ">&c;<")


@dataclass(frozen=True)
class Said:
    """An answer, as bytes on the wire."""

    status: int
    body: bytes = b""


class Canned(httpx.AsyncBaseTransport):
    """A server that gives prepared answers by method, and notes where it was asked."""

    def __init__(self, **answers: Said) -> None:
        self._answers = answers
        self.asked: set[str] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The one for this method."""
        self.asked.add(str(request.url))
        said = self._answers[request.method]
        headers = {"Location": "https://evil.example/"}
        return httpx.Response(said.status, headers=headers, stream=httpx.ByteStream(said.body))


@contextlib.asynccontextmanager
async def _before(server: httpx.AsyncBaseTransport) -> AsyncIterator[CalDavMerchant]:
    """A connector before this server."""
    config = list_config("https://lists.example/l")
    async with MerchantHttp(config.url, deadline_s=5, transport=server) as http:
        yield CalDavMerchant(config, http=http, password=SecretStr(PASSWORD), now=lambda: datetime.now(UTC))


_NOT_THERE = Said(404)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Said(201), Placed(_UID, 0, "USD", "k", MILK, 2)),
        (Said(204), Placed(_UID, 0, "USD", "k", MILK, 2)),
        *((Said(status), Rejected(Detail.MERCHANT_REFUSED)) for status in (401, 403, 404, 409, 413, 415, 507)),
        *((Said(status), Unknown(Detail.NO_ANSWER)) for status in (202, 301, 307, 429, 500, 502, 503)),
        (Said(409, b"<C:no-uid-conflict/>"), Unknown(Detail.NO_ANSWER)),
        (Said(201, b"x" * 300_000), Unknown(Detail.NO_ANSWER)),
        (Said(412), Unknown(Detail.NO_ANSWER)),  # and then nothing that can be read
    ],
)
async def test_what_an_answer_to_a_put_means(answer: Said, outcome: Outcome) -> None:
    """Stored, clearly not stored, or unknown; a redirect leads nowhere."""
    server = Canned(PUT=answer, GET=Said(200, b"<html>"))
    async with _before(server) as merchant:
        assert await merchant.place(_SESSION, key="k") == outcome
    assert server.asked == {f"https://lists.example/l/{_UID}.ics"}


async def test_a_connection_that_fails_has_changed_nothing() -> None:
    """It never came about."""
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        tasks = TaskList(f"http://127.0.0.1:{taken.getsockname()[1]}/l")
        async with connect(tasks) as merchant:
            assert await merchant.place(_SESSION, key="k") == Unknown(Detail.MERCHANT_AWAY)
            with pytest.raises(MerchantAwayError):
                await merchant.cancel(_SESSION)


@pytest.mark.parametrize(
    "answer",
    [
        Said(207, _BOMB.encode()),
        Said(207, _FOLDER),
        Said(207, b"<multistatus"),
        Said(207, b"<html/>"),
        Said(207, _COLLECTION.replace("</multistatus>", "<response/></multistatus>").encode()),
        Said(207, b"<a>" * 80_000),
        Said(207, b" " * 300_000),
        Said(207, b'<?xml version="1.0" encoding="utf-99"?><a/>'),
        *(Said(status) for status in (200, 301, 401, 403, 404, 500)),
    ],
)
async def test_a_list_that_is_not_told_of_as_one_gives_no_session(answer: Said) -> None:
    """Bombs, cut answers and refusals: the merchant is away, and nothing was asked of it."""
    async with _before(Canned(GET=_NOT_THERE, PROPFIND=answer)) as merchant:
        with pytest.raises(MerchantAwayError):
            await merchant.quote(WANTED, key="k")


def _changes(*responses: str) -> str:
    return f'<D:multistatus xmlns:D="DAV:">{"".join(responses)}<D:sync-token>t</D:sync-token></D:multistatus>'


def _change(href: str, status: str) -> str:
    return f"<D:response><D:href>{href}</D:href><D:status>HTTP/1.1 {status}</D:status></D:response>"


_HERE = f"/l/{_UID}.ics"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (_changes(), Open(0, "USD")),
        (_changes(_change("/l/another.ics", "404 Not Found")), Open(0, "USD")),
        (_changes(_change(_HERE, "404 Not Found")), Placed(_UID, 0, "USD", None, MILK, 2)),
        (_changes(_change(f"https://lists.example{_HERE}", "404 Gone")), Placed(_UID, 0, "USD", None, MILK, 2)),
        (_changes(_change("/l/", "507 Insufficient Storage")), None),  # the answer is cut short
        (_changes(f"<D:response><D:href>{_HERE}</D:href><D:propstat/></D:response>"), None),  # it has just come
        (_BOMB, None),
        ("", None),
    ],
)
async def test_what_the_report_of_changes_means(text: str, found: object) -> None:
    """Never there, removed by somebody, or unknown."""
    async with _before(Canned(GET=_NOT_THERE, REPORT=Said(207, text.encode()))) as merchant:
        if found is None:
            with pytest.raises(MerchantUnclearError):
                await merchant.get(_SESSION)
        else:
            assert await merchant.get(_SESSION) == found


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        b"BEGIN:VCALENDAR\r\n" * 5_000,
        b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nSUMMARY:no uid\r\nEND:VTODO\r\nEND:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nUID:a\r\nUID:b\r\nEND:VTODO\r\nEND:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nUID:a\r\nEND:VTODO\r\nBEGIN:VTODO\r\nUID:a\r\nEND:VTODO\r\nEND:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nUID:" + b"a" * 200_000 + b"\r\nEND:VTODO\r\nEND:VCALENDAR\r\n",
    ],
)
def test_a_text_that_is_not_one_entry_is_unclear(body: bytes) -> None:
    """It is never half an entry."""
    with pytest.raises(MerchantUnclearError):
        read_entry(body)


@pytest.mark.parametrize("status", [301, 401, 403, 500, 503])
async def test_an_entry_that_cannot_be_read_is_no_progress(status: int) -> None:
    """Only "not there" at a list that is there is the household's cancel."""
    async with _before(Canned(GET=Said(status))) as merchant:
        with pytest.raises(MerchantAwayError):
            await merchant.events(_UID)


@pytest.mark.parametrize("collection", [Said(404), Said(401), Said(207, _FOLDER)])
async def test_a_place_that_is_no_list_has_no_cancelled_entries(collection: Said) -> None:
    """A folder, a login, or nothing at all: nobody removed anything."""
    async with _before(Canned(GET=_NOT_THERE, PROPFIND=collection)) as merchant:
        with pytest.raises(MerchantAwayError):
            await merchant.events(_UID)


# --- sessions and configuration ----------------------------------------------------------------------


@pytest.mark.parametrize("mark", [None, "http://radicale.org/ns/sync/" + "a" * 64, "data:,1"])
def test_a_session_is_all_in_its_name(mark: str | None) -> None:
    """What is written is what is read, within the store's 255 characters."""
    session = ListSession(uid_of("any key"), "s" * 64, 99, mark)
    assert len(session.name) <= 255
    assert session_of(session.name) == session


@pytest.mark.parametrize("mark", ["x" * 200, "has a space", "ümlaut", "line\nbreak", ""])
def test_a_mark_that_does_not_fit_is_left_out(mark: str) -> None:
    """Then nobody can tell later what was removed, and nothing is guessed."""
    assert session_of(ListSession(uid_of("k"), "s" * 64, 99, mark).name) == ListSession(uid_of("k"), "s" * 64, 99)


@pytest.mark.parametrize("name", ["", "x", f"{_UID} 0 milk", f"{_UID} 100 milk", f"{_UID} 1 a/b", f"../{_UID} 1 milk"])
def test_a_name_that_no_list_gave_is_no_session(name: str) -> None:
    """Not even nearly."""
    assert session_of(name) is None


async def test_a_session_is_for_what_it_was_opened_for() -> None:
    """Another number or article is another session."""
    async with _before(Canned(GET=_NOT_THERE, REPORT=Said(403))) as merchant:
        for wanted in (Wanted(MILK, 3, "home"), Wanted("eggs", 2, "home")):
            with pytest.raises(MerchantRefusedError):
                await merchant.quote(wanted, key="k", session_id=_SESSION)


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://lists.example/l"},
        {"url": "https://home@lists.example/l"},
        {"user": ""},
        {"user": "a:b"},
        {"user": "a\nb"},
        {"articles": {"milk": "two\nlines"}},
        {"articles": {"no sku": "x"}},
        {"merchant_class": "D"},
    ],
)
def test_a_section_that_cannot_be_is_refused(changes: dict[str, object]) -> None:
    """Plain http beyond loopback, names that cannot be sent, texts that are no line."""
    with pytest.raises(ValidationError):
        list_config(**{"url": "https://lists.example/l", **changes})  # type: ignore[arg-type]


def test_a_list_stands_in_the_file_as_the_guide_shows_it(tmp_path: Path) -> None:
    """The section of docs/merchants/caldav.md, read as the bridge reads it, and its password by its name."""
    guide = Path(__file__).parents[3] / "docs" / "merchants" / "caldav.md"
    [section] = re.findall(r"```toml\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "bridge.toml").write_text(section, encoding="utf-8")
    config = load(tmp_path / "bridge.toml")
    [merchant] = config.merchants
    assert isinstance(merchant, CalDavConfig)
    assert merchant.articles == {MILK: "Whole milk 1 L"}
    assert set(merchant_secrets(config, {"RESTOCK_PASSWORD_KITCHEN_LIST": "x"})["kitchen_list"]) == {
        SecretKind.PASSWORD
    }
    with pytest.raises(ConfigurationError, match="RESTOCK_PASSWORD_KITCHEN_LIST"):
        merchant_secrets(config, {})


@real
async def test_a_list_is_wired_like_any_merchant(tasks: TaskList) -> None:
    """It sends no webhooks, so nobody speaks for it."""
    own = Own(key=AGENT_KEY, public_url="https://bridge.example", now=lambda: datetime.now(UTC))
    secrets = {SecretKind.PASSWORD: SecretStr(PASSWORD)}
    async with contextlib.AsyncExitStack() as stack:
        wired = await counterparts.connect(stack, list_config(tasks.url), secrets=secrets, own=own)
        assert wired.verifier is None
        assert (await wired.merchant.quote(WANTED, key="k")).title == "Whole milk 1 L"


@pytest.mark.parametrize(("password", "is_good"), [("a b:c", True), ("", False), ("a\nb", False)])
def test_the_password_can_be_sent_as_it_is(password: str, is_good: bool) -> None:
    """Where it cannot, the fault does not tell it."""
    fault = list_config("https://lists.example/l").secret_fault(SecretKind.PASSWORD, SecretStr(password))
    assert (fault is None) == is_good
    assert not password or password not in (fault or "")
