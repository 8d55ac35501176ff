"""No page shows a word that no catalogue could translate: every page is read in a language that marks what it says."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from gettext import NullTranslations
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from edge_agent.core.deciding.shadow import ShadowReport
from edge_agent.core.intent import IntentState
from edge_agent.core.leave.policy import Policy
from edge_agent.core.overview import BridgeStatus
from edge_agent.core.people import Role
from edge_agent.core.prompt import Endorsement
from edge_agent.core.safety import SafetyCode, SafetyProblem
from edge_agent.core.said import say
from edge_agent.web.language import CHINESE, LANGUAGES, Languages, Translated
from edge_agent.web.routes import PAGES
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.fake_channels import token_of
from tests.edge_agent.web.house import HOME, House, field, opened, sign_in
from tests.edge_agent.web.sample_home import sample_home
from tests.edge_agent.web.test_setup_pages import BROKER, CODE, MILK, OWNER, Hub

_WORD = re.compile(r"[^\W\d_\u4e00-\u9fff]{2,}")
_UNITS = re.compile(r"\d[\d.,]*\s*(?:kg|mL|MiB|kB|GB)\b|\bUSD\b|\bSHA-256\b")
_SPOKEN = ("aria-label", "title", "placeholder", "alt")
_NAMED = {"bdi", "code", "pre", "script", "style"}
_BLANK = re.compile(r"\{\w+\}|\s")
_EMPTY = {"meta", "link", "input", "br", "hr", "img", "path", "rect", "circle", "line", "polyline", "polygon"}


class _Marked(NullTranslations):
    """Says everything in English between brackets; a pattern without words of its own marks nothing."""

    def gettext(self, message: str) -> str:
        is_alone = message in {"{day}", "{sum}"}
        return f"⟦{message}⟧" if is_alone or _BLANK.sub("", message) else message

    def ngettext(self, one: str, several: str, number: int) -> str:
        return self.gettext(one if number == 1 else several)


class _Reader(HTMLParser):
    """Collects the words of a page that stand outside of every mark, and are no name."""

    def __init__(self) -> None:
        super().__init__()
        self.unmarked: list[str] = []
        self._open: list[str] = []
        self._marks = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _EMPTY:
            self._open.append(tag)
        for name, value in attrs:
            if name in _SPOKEN and value:
                self._collect(self._outside(value, 0)[0], at=f"{tag} {name}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _EMPTY:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        text, self._marks = self._outside(data, self._marks)
        if not _NAMED & set(self._open):
            self._collect(text, at=self._open[-1] if self._open else "")

    def _collect(self, text: str, *, at: str) -> None:
        text = _UNITS.sub("", text.replace(HOME.name, "")).strip(" \n·")
        is_name = (at in {"option", "title"} or " " in at) and text in _NAMES_OF_HOME  # no element can stand in there
        self.unmarked += [f"<{at}> {text}"] if _WORD.search(text) and not is_name else []

    @staticmethod
    def _outside(text: str, marks: int) -> tuple[str, int]:
        kept = []
        for char in text:
            marks += (char == "⟦") - (char == "⟧")
            if marks == 0 and char != "⟧":
                kept.append(char)
        return "".join(kept), marks


_HOME = sample_home(ManualClock())
_NAMES_OF_HOME = {
    *LANGUAGES.values(),
    *(f"the-{role}" for role in Role),
    *(known.item.name for known in _HOME.known.values()),
    *(device.device for device in (*_HOME.inventory.devices, *_HOME.all_devices)),
    *(device.profile for device in _HOME.inventory.devices),
    *(signal.signal for device in _HOME.inventory.devices for signal in device.signals),
    "fridge-scale",  # of whose readings the data page tells
}
_READ = (
    "/", "/items/milk", "/items/coffee", "/prompts/p-milk", "/prompts/p-fluid", "/orders", "/mandates", "/merchants",
    "/mandates/m-milk", "/mandates/m-waits", "/new-mandate", "/new-mandate/milk", "/devices", "/devices/washer",
    "/devices/washer/softener.remaining", "/devices/fridge/milk.amount", "/household", "/data", "/report", "/account",
    "/people", "/tokens", "/sent", "/sent/3", "/nothing", "/new-item", "/scan", "/channels", "/recalls",
    "/new-item?device=washer&signal=softener.remaining", "/scan?code=96385074", "/devices?q=x",
    "/car", "/car?done=half",
)  # fmt: skip


def unmarked(html: str) -> list[str]:
    """What a page says outside of the catalogue."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.unmarked


@pytest.fixture
def marked(tmp_path: Path, clock: ManualClock) -> House:
    """A house whose pages are all read in the language of marks."""
    with opened(tmp_path, clock, languages=_in_marks()) as house:
        yield house  # type: ignore[misc]


@pytest.fixture
async def reader(marked: House) -> AsyncIterator[httpx.AsyncClient]:
    """The owner's browser."""
    async with marked.client() as client:
        assert (await sign_in(client)).status_code == 303
        yield client


def test_the_reader_finds_what_is_not_marked() -> None:
    """Text, attributes and options outside of marks are found; names, numbers and units are not."""
    page = (
        '<p>⟦Buy <bdi>Milk</bdi> now⟧ 3 kg</p><p>Not me <b>⟦x⟧</b></p><a title="Nor me">⟦y⟧</a><br>'
        "<select><option>English</option><option>Other</option></select><code>a.b</code>"
    )
    assert unmarked(page) == ["<p> Not me", "<a title> Nor me", "<option> Other"]


@pytest.mark.parametrize("path", _READ)
async def test_a_page_says_nothing_of_its_own(path: str, reader: httpx.AsyncClient) -> None:
    """Every word came through the catalogue, or is a name."""
    assert unmarked((await reader.get(path)).text) == []


async def test_the_sign_in_says_nothing_of_its_own(marked: House) -> None:
    """Before anybody is signed in, and when the password was wrong."""
    async with marked.client() as client:
        page = await client.get("/login")
        assert unmarked(page.text) == []
        wrong = {"name": "the-owner", "password": "no", "csrf": field(page.text, "csrf")}
        assert unmarked((await client.post("/login", data=wrong)).text) == []


def test_every_page_of_the_router_is_read() -> None:
    """A page that is new is read here too, or named with why not."""
    others = {"/healthz", "/static/{name}", "/login", "/sw.js", "/n/{link}", "/look",
              "/items/{item}/decision.json", "/prompts/{prompt}/decision.json", "/data/export.jsonl",
              "/orders/{intent}/record.json"}  # fmt: skip
    read = [re.compile(re.sub(r"\{\w+\}", "[^/]+", page.path)) for page in PAGES if page.method == "GET"]
    assert [
        path for path in _READ if path != "/nothing" and not any(each.fullmatch(_bare(path)) for each in read)
    ] == []
    patterns = {page.path for page in PAGES if page.method == "GET"} - others
    assert [path for path in sorted(patterns) if not _is_read(path)] == []


def _is_read(path: str) -> bool:
    pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", path))
    return any(pattern.fullmatch(_bare(read)) for read in _READ)


def _bare(path: str) -> str:
    return path.partition("?")[0]


async def test_a_look_by_link_says_nothing_of_its_own(marked: House) -> None:
    """The link's page, what it opens for who is not signed in, and the link that was used."""
    link = f"/n/{token_of()}"
    async with marked.client() as client:
        page = await client.get(link)
        assert unmarked(page.text) == []
        used = await client.post(link, data={"csrf": field(page.text, "csrf")})
        assert used.headers["location"] == "/look"
        for path, status in (("/look", 200), (link, 410)):
            page = await client.get(path)
            assert (page.status_code, unmarked(page.text)) == (status, [])


async def test_the_first_run_says_nothing_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the code to the end, with what is refused on the way."""
    monkeypatch.setattr(Languages, "shipped", _in_marks)
    async with Hub(tmp_path / "data", name=HOME.name).visitor() as anna:
        assert unmarked((await anna.get("/")).text) == []
        assert unmarked((await anna.give("00000-00000")).text) == []
        await anna.give(CODE)
        steps = (
            ("/setup/owner", OWNER), ("/setup/broker", BROKER), ("/setup/broker/search", {}),
            ("/setup/devices/listen", {}), ("/setup/item", MILK), ("/setup/item/drop", {"item": "milk"}),
        )  # fmt: skip
        for path, form in steps:
            for values in (dict.fromkeys(form, "nonsense !"), form):
                assert unmarked((await anna.send(path, values)).text) == []
            for page in (
                "/",
                "/setup/owner",
                "/setup/broker",
                "/setup/devices",
                "/setup/item",
                "/setup/item?key=fridge/x",
            ):
                assert unmarked((await anna.get(page)).text) == []
        done = await anna.send("/setup/finish", {"currency": "eur"})
        assert done.status_code == 200
        assert unmarked(done.text) == []


def _in_marks() -> Languages:
    language = Translated(CHINESE, locale="zh_Hans_CN", translations=_Marked())
    return Languages(lambda _code: language)


_POSTS = sorted({page.path for page in PAGES if page.method == "POST"} - {"/login", "/logout"})
_NAMES = {
    "item": "milk", "prompt": "p-milk", "intent": "i-p-fluid", "mandate": "m-milk", "token": "t-1", "device": "washer",
    "signal": "softener.remaining", "channel": "c-the-owner", "link": token_of(), "recall": "r-1",
}  # fmt: skip


@pytest.mark.parametrize("path", _POSTS)
async def test_a_form_that_is_not_taken_says_nothing_of_its_own(path: str, reader: httpx.AsyncClient) -> None:
    """What is wrong with an empty form, or one with nonsense in it, is said through the catalogue."""
    address = re.sub(r"\{(\w+)\}", lambda found: _NAMES[found[1]], path)
    csrf = field((await reader.get("/account")).text, "csrf")
    for typed in ("", "nonsense !"):
        values = dict.fromkeys(_FIELDS, typed) | {"csrf": csrf}
        answer = await reader.post(address, data=values)
        assert answer.status_code != 403, "the form's token no longer fits"
        assert unmarked(answer.text) == []
        if answer.is_redirect:
            assert unmarked((await reader.get(answer.headers["location"])).text) == []


_FIELDS = (
    "what", "packs", "mode", "terms_hash", "hours", "reason", "pin", "own_password", "new_pin", "new_pin_again", "name",
    "new_password", "new_password_again", "role", "password", "label", "days", "scope", "first", "last", "kind",
    "budget", "quiet_start", "quiet_end", "found", "address", "title", "gtin", "unit",
)  # fmt: skip


def _away(house: House) -> None:
    house.home.bridge_status = BridgeStatus(reachable=False, waiting_since=NOW, last_error="ReadTimeout")


def _no_service(house: House) -> None:
    house.home.bridge_status = BridgeStatus(reachable=False, is_set_up=False)


def _stopped(house: House) -> None:
    house.safety.found = (SafetyProblem(SafetyCode.CLOCK_UNTRUSTED, say("The clock went back.")),)


def _pin(house: House) -> None:
    house.policies.policy = Policy(two_people_above_minor=1_000, pin_above_minor=1)
    house.give_pin("the-owner", "123456")
    prompt = house.home.all_prompts["p-milk"]
    house.home.all_endorsements["p-milk"] = [Endorsement(by="the-member", terms_hash=prompt.terms_hash, at=NOW)]


def _shadow(house: House) -> None:
    known = house.home.known["milk"]
    house.home.known["milk"] = replace(known, item=known.item.model_copy(update={"mode": "shadow"}))
    house.decisions.reported = ShadowReport(NOW.date(), 3, 12, 1_548, "USD", avoided_days=2, doubles=1)


@pytest.mark.parametrize("change", [_away, _no_service, _stopped, _pin, _shadow])
@pytest.mark.parametrize("path", ["/", "/items/milk", "/prompts/p-milk", "/orders", "/account"])
async def test_a_home_out_of_the_ordinary_says_nothing_of_its_own(
    change: Callable[[House], None], path: str, marked: House, reader: httpx.AsyncClient
) -> None:
    """Neither where the order service is away, nothing is sent, a PIN or a second person is asked for, or in shadow."""
    change(marked)
    assert unmarked((await reader.get(path)).text) == []


@pytest.mark.parametrize("state", sorted(IntentState))
async def test_an_order_says_nothing_of_its_own(state: IntentState, marked: House, reader: httpx.AsyncClient) -> None:
    """In every state that an order can have."""
    order = replace(marked.home.all_intents["i-p-fluid"], state=state, handoff_url="https://shop.example/finish?id=1")
    marked.home.all_intents["i-p-fluid"] = order
    for path in ("/orders", "/prompts/p-fluid"):
        assert unmarked((await reader.get(path)).text) == []
