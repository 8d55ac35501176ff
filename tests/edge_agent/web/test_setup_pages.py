"""The setup pages: one browser gets in, everybody else gets nothing, and what is told survives a restart."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp

from edge_agent.adapters.household import HouseholdFile
from edge_agent.adapters.setup_files import BROKER_FILE, DRAFT_FILE, DraftFile, is_due, with_chosen_broker
from edge_agent.adapters.store.accounts import Accounts
from edge_agent.adapters.store.opening import open_store
from edge_agent.commands.commission import set_up
from edge_agent.commands.discover import SoFar
from edge_agent.config import HomeConfig, HubConfig, Secrets
from edge_agent.core.inventory.devices import DeviceLine, Inventory, OfferLine, SignalLine
from edge_agent.core.people import Role
from edge_agent.core.setup.code import CODE_LIFE_MS, SetupCode
from edge_agent.core.setup.first_steps import Broker, Offered
from edge_agent.core.setup.words import welcome
from edge_agent.errors import BrokerUnreachableError, RefusedError
from edge_agent.first_run import FirstRun, Listener, complete, renderer_of
from edge_agent.folder import HOUSEHOLD_FILE, STORE_FILE
from edge_agent.web.cookies import Cookies
from edge_agent.web.routes import PAGES as HOME_PAGES
from edge_agent.web.setup.door import IDLE_MAX_MS, Door
from edge_agent.web.setup.routes import PAGES, SetupRule, create_setup_app
from edge_agent.web.setup.visit import SetupSite
from firmware_sim.services import HOUSEHOLD_FILE as DEMO_FILE
from tests.edge_agent.web.house import COMPILED

CODE = "7K2QM-0XW1D"
PASSWORD = "a password of the test"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OWNER = {"name": "anna", "new_password": PASSWORD, "new_password_again": PASSWORD}
BROKER = {"host": "192.168.1.20", "port": "1883", "tls": "no", "user": "hub", "password": "of the broker"}
MILK = {
    "key": "fridge/milk.amount",
    "name": "Milk",
    "title": "Whole milk, 1 l",
    "pack_amount": "1035",
    "pack_days": "1.5",
    "merchant": "grocer",
    "sku": "milk-whole-1l",
    "gtin14": "",
    "mode": "ask",
}


async def _heard(config: HubConfig, secret: Secrets, *, for_s: float, ready: Callable[[SoFar], None]) -> None:
    """A fridge, on any broker but one that is away."""
    del secret
    assert for_s > 0
    if "10.9.9.9" in config.mqtt.url:
        raise BrokerUnreachableError("mqtt: [Errno 111] Connection refused") from OSError("Connection refused")
    signals = tuple(
        SignalLine(name, "value", value, unit, NOW, True, "level", "down", ())
        for name, value, unit in (("milk.amount", 500.0, "g"), ("detergent.remaining", 40.0, "%"))
    )
    kept = SignalLine("soap.remaining", "value", 30.0, "%", NOW, False, "level", "down", (), is_retained=True)
    signals = (*signals, kept)
    device = DeviceLine("fridge", None, "<b>Fridge</b>", "t", None, True, NOW, signals)
    offers = tuple(OfferLine("fridge", each.signal, each.unit, ()) for each in signals)
    ready(lambda: Inventory(as_of=NOW, source="test", devices=(device,), offers=offers))


class Hub:
    """The first run of one folder, as after a start; `at_ms` is its clock."""

    def __init__(
        self,
        folder: Path,
        *,
        addon: Broker | None = None,
        offers: tuple[Offered, ...] = (),
        name: str = "Our home",
        listen: Listener = _heard,
        mark: str = "",
    ) -> None:
        async def find() -> tuple[Offered, ...]:
            return offers

        self.config = HubConfig(home=HomeConfig(name=name, data_dir=str(folder)))
        self.at_ms = 0
        self.finished = 0
        self.work = FirstRun(self.config, Secrets(), addon=addon, listen=listen, find=find)
        door = Door(
            SetupCode(CODE, printed_ms=0), ticks_ms=lambda: self.at_ms, form_key=b"k" * 32, cookies=Cookies(mark)
        )
        site = SetupSite(
            work=self.work, door=door, renderer=renderer_of(self.config, compiled=COMPILED), finished=self._finish
        )
        self.app: ASGIApp = create_setup_app(site, web=self.config.web)

    def _finish(self) -> None:
        self.finished += 1

    @asynccontextmanager
    async def visitor(self) -> AsyncIterator[Visitor]:
        """A browser that has never been here."""
        transport = httpx.ASGITransport(app=self.app, client=("192.168.1.5", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield Visitor(client)


class Visitor:
    """Fills in forms as a browser does: with the token that the page carries."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str) -> httpx.Response:
        """The page at the end of the way there."""
        return await self.client.get(path, follow_redirects=True)

    async def send(self, path: str, form: dict[str, str], *, of: str = "/setup/owner") -> httpx.Response:
        """A form with the token that the page `of` carries."""
        page = await self.client.get(of)
        found = re.search(r'name="csrf" value="([^"]+)"', page.text)
        token = {"csrf": found[1]} if found else {}
        return await self.client.post(path, data=form | token)

    async def give(self, code: str) -> httpx.Response:
        """The code, in the form for it."""
        return await self.send("/setup/code", {"code": code}, of="/")


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Hub]:
    """Starts the hub on the same folder, once or again."""
    return lambda **told: Hub(tmp_path / "data", **told)


async def test_the_whole_way(start: Callable[..., Hub], tmp_path: Path) -> None:
    """Code, owner, broker, an item, the end: then there is a home, and all of it is as it was told."""
    hub = start()
    async with hub.visitor() as anna:
        assert (await anna.give(CODE)).headers["location"] == "/setup/owner"
        assert (await anna.send("/setup/owner", OWNER)).headers["location"] == "/setup/broker"
        assert (await anna.send("/setup/broker", BROKER)).headers["location"] == "/setup/devices"
        page = (await anna.get("/setup/devices")).text
        assert "&lt;b&gt;Fridge" in page
        assert "<b>Fridge" not in page
        assert (await anna.send("/setup/item", MILK)).headers["location"] == "/setup/devices"
        done = await anna.send("/setup/finish", {"currency": "eur"})
    assert done.status_code == 200
    assert "public key" in done.text
    assert hub.finished == 1
    folder = tmp_path / "data"
    assert not is_due(folder)
    assert not (folder / DRAFT_FILE).exists()
    household = HouseholdFile(folder / HOUSEHOLD_FILE).load()
    assert [(item.id, item.unit, item.mode, item.prior_use_per_day) for item in household.items] == [
        ("milk", "g", "ask", 690.0)
    ]
    assert household.preferences.currency == "EUR"
    with open_store(folder, hub.config, keep_time=False) as store:
        owner = Accounts(store.connection).account("anna")
    assert owner is not None
    assert owner.role is Role.OWNER
    assert await hub.work._passwords.verify(owner.password_hash, PASSWORD)
    config, secret = with_chosen_broker(hub.config, Secrets())
    assert (config.mqtt.url, secret.reading) == ("mqtt://192.168.1.20:1883", ("hub", "of the broker"))
    assert {(folder / name).stat().st_mode & 0o077 for name in (BROKER_FILE, HOUSEHOLD_FILE, "household.key")} == {0}


async def test_what_the_broker_kept_is_not_told_as_known(start: Callable[..., Hub]) -> None:
    """It was said at some time; the hub will refuse it, and the page says what is needed."""
    hub = start()
    async with hub.visitor() as anna:
        await anna.give(CODE)
        await anna.send("/setup/broker", BROKER)
        page = (await anna.get("/setup/devices")).text
    kept = page.split('data-proposal="fridge/soap.remaining"')[1].split("</article>")[0]
    assert "Last said 30 % (kept by the broker, age unknown); a fresh reading is needed." in kept
    assert kept.count("30 %") == 1
    assert "data-old" not in page.split('data-proposal="fridge/milk.amount"')[1].split("</article>")[0]


async def test_two_hubs_on_one_machine_keep_their_cookies_apart(start: Callable[..., Hub], tmp_path: Path) -> None:
    """A browser keeps cookies by host and not by port: the second hub's take nothing from the first."""
    first, second = start(mark="11111111"), Hub(tmp_path / "other", mark="22222222")
    async with first.visitor() as anna, second.visitor() as there:
        await anna.give(CODE)
        there.client.cookies.update(anna.client.cookies)
        await there.give(CODE)
        anna.client.cookies.update(there.client.cookies)
        assert {"restock_setup_11111111", "restock_setup_22222222"} <= set(anna.client.cookies)
        assert (await anna.client.get("/setup/owner")).status_code == 200
        assert (await there.client.get("/setup/owner")).status_code == 200


@pytest.mark.parametrize(
    ("headers", "is_secure"),
    [
        ([], False),
        ([("x-forwarded-proto", "https")], True),
        ([("x-forwarded-proto", "http")], False),
        ([("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")], False),
        ([("x-forwarded-proto", "https, http")], False),
    ],
)
async def test_the_setup_cookies_are_for_https_only_where_the_browser_came_by_it(
    start: Callable[..., Hub], headers: list[tuple[str, str]], *, is_secure: bool
) -> None:
    """By the rule of the household's pages; who makes the header up marks a cookie of their own and no other's."""
    hub = start()
    async with hub.visitor() as anna, hub.visitor() as other:
        page = await anna.client.get("/", headers=headers)
        assert ("Secure" in page.headers["set-cookie"]) is is_secure
        assert "Secure" not in (await other.client.get("/")).headers["set-cookie"]
        token = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert token is not None
        nonce = page.cookies["restock_setup_form"]
        given = await anna.client.post(
            "/setup/code",
            data={"csrf": token[1], "code": CODE},
            headers=[*headers, ("cookie", f"restock_setup_form={nonce}")],
        )
        assert ("Secure" in given.headers["set-cookie"]) is is_secure


@pytest.mark.parametrize(("typed", "kept"), [("left_alone", "left_alone"), ("", "asked_again"), ("buy", "asked_again")])
async def test_what_comes_of_an_unanswered_question_is_chosen_in_the_form(
    start: Callable[..., Hub], typed: str, kept: str
) -> None:
    """To be asked again, or to be left alone; nothing else can be chosen, and least of all to buy."""
    hub = start()
    async with hub.visitor() as anna:
        await anna.give(CODE)
        await anna.send("/setup/broker", BROKER)
        page = (await anna.get("/setup/item?key=fridge/milk.amount")).text
        await anna.send("/setup/item", MILK | {"if_unanswered": typed})
    field = page.split('name="if_unanswered"')[1].split("</select>")[0]
    assert re.findall(r'<option value="(\w+)"( selected)?', field) == [("asked_again", " selected"), ("left_alone", "")]
    assert "never buys anything" in page
    (item,) = hub.work.draft.items
    assert item.if_unanswered == kept


async def test_an_item_without_a_merchant_is_kept_and_only_watched(start: Callable[..., Hub]) -> None:
    """No order service is there yet; half of an article is named as a slip."""
    hub = start()
    async with hub.visitor() as anna:
        await anna.give(CODE)
        await anna.send("/setup/broker", BROKER)
        half = await anna.send("/setup/item", MILK | {"merchant": ""})
        assert (half.status_code, 'id="merchant-error"' in half.text) == (422, True)
        await anna.send("/setup/item", MILK | {"merchant": "", "sku": ""})
        page = (await anna.get("/setup/devices")).text
    (item,) = hub.work.draft.items
    assert (item.mode, item.product.can_be_ordered) == ("shadow", False)
    assert "nobody can order it yet" in page


class Home:
    """A broker at which a washer says who it is at once, and what it has when `speaks` is told to it."""

    def __init__(self) -> None:
        self.speaks = False
        self.goes_away = asyncio.Event()

    async def listen(self, config: HubConfig, secret: Secrets, *, for_s: float, ready: Callable[[SoFar], None]) -> None:
        """Until the broker goes away."""
        del config, secret, for_s
        ready(self._so_far)
        await self.goes_away.wait()
        raise BrokerUnreachableError("mqtt: gone")

    def _so_far(self) -> Inventory:
        line = SignalLine("salt.remaining", "value", 40.0, "%", NOW, True, "level", "down", ())
        device = DeviceLine("washer", None, "", "t", None, True, NOW, (line,) if self.speaks else ())
        offers = (OfferLine("washer", "salt.remaining", "%", ()),) if self.speaks else ()
        return Inventory(as_of=NOW, source="test", devices=(device,), offers=offers)


async def test_what_is_told_late_shows_by_itself(start: Callable[..., Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub goes on listening; the page says that most tell little at first, and looks again while more may come."""
    monkeypatch.setattr("edge_agent.first_run.TRY_S", 0.0)
    home = Home()
    hub = start(listen=home.listen)
    async with hub.visitor() as anna:
        await anna.give(CODE)
        await anna.send("/setup/broker", BROKER)
        page = (await anna.get("/setup/devices")).text
        assert "nothing told yet" in page
        assert "only every half hour" in page
        assert 'data-live-from="/setup/devices/news"' in page
        assert "/static/live.js?" in page  # which hears of the news
        assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page
        assert "data-proposal" not in page
        news = await anna.get("/setup/devices/news")
        assert (news.headers["content-type"], news.text) == ("text/event-stream; charset=utf-8", "retry: 5000\n\n")
        home.speaks = True
        page = (await anna.get("/setup/devices")).text
        assert 'data-proposal="washer/salt.remaining"' in page.split('data-live="could"')[1]
        assert "data-silent" not in page
        home.goes_away.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert (await anna.get("/setup/devices/news")).text.startswith("event: end\n")
        assert "data-live-from" not in (await anna.get("/setup/devices")).text
    await hub.work.hush()


async def test_a_broker_that_says_nothing_is_given_up(
    start: Callable[..., Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took the connection; the person is asked whether that is the port."""
    monkeypatch.setattr("edge_agent.first_run._BEGINS_WITHIN_S", 0.0)
    ended = asyncio.Event()

    async def listen(config: HubConfig, secret: Secrets, *, for_s: float, ready: Callable[[SoFar], None]) -> None:
        del config, secret, for_s, ready
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    hub = start(listen=listen)
    trial = await hub.work.try_broker(Broker(host="192.168.1.20"))
    assert not trial.worked
    assert "then said nothing" in trial.text
    await asyncio.wait_for(ended.wait(), 5)
    assert hub.work.draft.broker is None


async def test_of_two_robots_one_gets_the_hub(start: Callable[..., Hub]) -> None:
    """Both hold a form and the right code, and send it at the same moment."""
    hub = start()
    async with hub.visitor() as first, hub.visitor() as second:
        answers = await asyncio.gather(first.give(CODE), second.give(CODE))
        assert sorted(answer.status_code for answer in answers) == [303, 403]
        loser = second if answers[0].status_code == 303 else first
        assert (await loser.client.post("/setup/owner", data=OWNER)).status_code == 403
    assert hub.work.draft.owner is None


@pytest.mark.parametrize("page", [page for page in PAGES if page.rule is SetupRule.INSIDE], ids=lambda page: page.path)
@pytest.mark.parametrize("is_claimed", [False, True])
async def test_a_stranger_gets_nothing(start: Callable[..., Hub], page: object, *, is_claimed: bool) -> None:
    """Every address but the code's, before and after somebody came in, with a forged cookie too."""
    hub = start()
    assert hasattr(page, "method")
    assert hasattr(page, "path")
    async with hub.visitor() as anna, hub.visitor() as stranger:
        if is_claimed:
            await anna.give(CODE)
            await anna.send("/setup/owner", OWNER)
        stranger.client.cookies.set("restock_setup", "x" * 43)
        answer = await stranger.client.request(page.method, page.path)
        assert answer.status_code in ({403} if is_claimed or page.method == "POST" else {303})
        assert "anna" not in answer.text
        assert "<form" not in answer.text
        front = await stranger.get("/")
        assert front.status_code == (403 if is_claimed else 200)
        assert ("Setup code" in front.text) is not is_claimed


async def test_what_is_not_listed_does_not_exist(start: Callable[..., Hub]) -> None:
    """The household's own addresses are not served by a hub without a home, nor the other way round."""
    hub = start()
    async with hub.visitor() as anna:
        await anna.give(CODE)
        for path in ("/login", "/people", "/prompts/x", "/setup", "/setup/", "/setup/owner/", "//setup/owner"):
            assert (await anna.client.get(path)).status_code == 404
    assert not any(page.path.startswith("/setup") for page in HOME_PAGES)


async def test_wrong_codes_are_throttled(start: Callable[..., Hub]) -> None:
    """The sixth try of one address is not checked, right or wrong; half a minute later one is."""
    hub = start()
    async with hub.visitor() as robot:
        for _ in range(5):
            assert (await robot.give("00000-00000")).status_code == 403
        assert (await robot.give(CODE)).status_code == 429
        hub.at_ms += 31_000
        assert (await robot.give(CODE)).status_code == 303


async def test_a_code_that_is_over_opens_nothing(start: Callable[..., Hub]) -> None:
    """The page says that a restart prints another one."""
    hub = start()
    hub.at_ms = CODE_LIFE_MS
    async with hub.visitor() as anna:
        answer = await anna.give(CODE)
    assert answer.status_code == 403
    assert "Restart the hub" in answer.text


async def test_who_does_nothing_for_an_hour_is_out(start: Callable[..., Hub]) -> None:
    """And nobody else can come in with the code that was used."""
    hub = start()
    async with hub.visitor() as anna:
        await anna.give(CODE)
        hub.at_ms += IDLE_MAX_MS
        assert (await anna.client.get("/setup/owner")).status_code == 403
        assert (await anna.client.get("/")).status_code == 403


@pytest.mark.parametrize(
    ("path", "form"),
    [(page.path, {"csrf": "x" * 43}) for page in PAGES if page.method == "POST"],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_a_form_of_another_site_changes_nothing(
    start: Callable[..., Hub], path: str, form: dict[str, str]
) -> None:
    """By its origin, and by the token."""
    hub = start()
    async with hub.visitor() as anna:
        await anna.give(CODE)
        assert (await anna.client.post(path, data=form)).status_code == 403
        assert (await anna.client.post(path, data=form, headers={"origin": "http://evil.test"})).status_code == 403


async def test_a_foreign_name_is_refused(start: Callable[..., Hub]) -> None:
    """A page that was rebound to this hub by DNS gets nothing."""
    hub = start()
    async with hub.visitor() as anna:
        answer = await anna.client.get("/", headers={"host": "evil.test"})
        own = await anna.client.get("/")
    assert answer.status_code == 421
    assert "frame-ancestors 'none'" in own.headers["content-security-policy"]


async def test_a_restart_in_the_middle_loses_nothing_and_leaves_no_half_home(
    start: Callable[..., Hub], tmp_path: Path
) -> None:
    """After it another browser gives the new code and goes on with what was told; before the end there is no home."""
    folder = tmp_path / "data"
    hub = start()
    async with hub.visitor() as anna:
        await anna.give(CODE)
        await anna.send("/setup/owner", OWNER)
        await anna.send("/setup/broker", BROKER)
        await anna.send("/setup/item", MILK)
    assert {path.name for path in folder.iterdir()} <= {DRAFT_FILE, "profiles.cache"}
    assert PASSWORD not in (folder / DRAFT_FILE).read_text(encoding="utf-8")
    hub = start()
    async with hub.visitor() as anna:
        assert (await anna.client.get("/setup/devices")).headers["location"] == "/"
        assert (await anna.give(CODE)).headers["location"] == "/setup/devices"
        assert 'data-item="milk"' in (await anna.get("/setup/devices")).text
        await anna.send("/setup/finish", {"currency": "EUR"}, of="/setup/devices")
    assert HouseholdFile(folder / HOUSEHOLD_FILE).load().item("milk") is not None


class Cut(BaseException):
    """The power went."""


@pytest.mark.parametrize("last", ["keep_broker", "load_or_create", "open_store", "save", "put_account", "remove"])
async def test_power_that_goes_while_the_home_is_made(
    start: Callable[..., Hub], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    """Cut off before any step of the end, the next start makes the same home, without a code and without a doubt."""
    hub = start()
    await hub.work.set_owner("anna", password=PASSWORD)
    await hub.work.try_broker(Broker(host="192.168.1.20"))
    targets = {
        "keep_broker": "edge_agent.first_run.keep_broker",
        "load_or_create": "edge_agent.commands.commission.load_or_create",
        "open_store": "edge_agent.commands.commission.open_store",
        "save": "edge_agent.commands.commission.HouseholdFile.save",
        "put_account": "edge_agent.commands.commission.Accounts.put_account",
        "remove": "edge_agent.first_run.DraftFile.remove",
    }

    def cut(*_: object, **__: object) -> None:
        raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(targets[last], cut)
        with pytest.raises(Cut):
            hub.work.finish(currency="EUR")
    folder = tmp_path / "data"
    assert is_due(folder)
    assert DraftFile(folder).load().is_finished
    complete(hub.config)
    assert not is_due(folder)
    with open_store(folder, hub.config, keep_time=False) as store:
        assert [account.name for account in Accounts(store.connection).accounts()] == ["anna"]
    assert not list(folder.glob("*damaged*"))
    assert (folder / BROKER_FILE).exists()


async def test_a_broker_that_is_away_is_said_beside_what_was_typed(start: Callable[..., Hub]) -> None:
    """The fields stay, but for the password; nothing is kept."""
    hub = start()
    async with hub.visitor() as anna:
        await anna.give(CODE)
        answer = await anna.send("/setup/broker", BROKER | {"host": "10.9.9.9"})
        assert answer.status_code == 422
        assert "Nothing listens at this address and port." in answer.text
        assert 'value="10.9.9.9"' in answer.text
        assert "of the broker" not in answer.text
        assert (await anna.client.get("/setup/devices")).headers["location"] == "/setup/broker"
    assert hub.work.draft.broker is None


@pytest.mark.parametrize(
    ("field", "typed"),
    [("host", "mqtt://x"), ("host", ""), ("port", "0"), ("port", "70000"), ("tls", "maybe"), ("user", "x" * 300)],
)
async def test_a_wrong_broker_field_is_named(start: Callable[..., Hub], field: str, typed: str) -> None:
    """Beside the field, and nothing is connected to."""
    hub = start()
    async with hub.visitor() as anna:
        await anna.give(CODE)
        answer = await anna.send("/setup/broker", BROKER | {field: typed})
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert hub.work.inventory() is None


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("name", ""),
        ("title", " "),
        ("pack_amount", "0"),
        ("pack_amount", "nan"),
        ("pack_days", "-1"),
        ("merchant", "my shop"),
        ("sku", ""),
        ("gtin14", "4006381333932"),
    ],
)
async def test_a_wrong_item_field_is_named(start: Callable[..., Hub], field: str, typed: str) -> None:
    """Beside the field; the others keep what was typed."""
    hub = start()
    async with hub.visitor() as anna:
        await anna.give(CODE)
        await anna.send("/setup/broker", BROKER)
        answer = await anna.send("/setup/item", MILK | {field: typed})
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert hub.work.draft.items == ()


async def test_a_level_in_percent_needs_its_full_amount(start: Callable[..., Hub]) -> None:
    """The binding holds what 100 % are, in the unit that the person chose."""
    form = MILK | {"key": "fridge/detergent.remaining", "name": "Detergent", "unit": "mL"}
    hub = start()
    async with hub.visitor() as anna:
        await anna.give(CODE)
        await anna.send("/setup/broker", BROKER)
        assert 'id="full_amount-error"' in (await anna.send("/setup/item", form)).text
        assert 'id="unit-error"' in (await anna.send("/setup/item", form | {"full_amount": "500", "unit": "%"})).text
        await anna.send("/setup/item", form | {"full_amount": "1500", "mode": "shadow"})
    (item,) = hub.work.draft.items
    assert (item.unit, item.mode, item.category) == ("mL", "shadow", "laundry_detergent")
    assert item.binding is not None
    assert item.binding.full_amount == 1500.0


async def test_home_assistants_broker_is_taken_with_its_login(start: Callable[..., Hub]) -> None:
    """One press; the login is never on a page."""
    addon = Broker.model_validate({"host": "core-mosquitto", "user": "addons", "password": "of the add-on"})
    hub = start(addon=addon)
    async with hub.visitor() as anna:
        await anna.give(CODE)
        page = (await anna.get("/setup/broker")).text
        assert "Home Assistant" in page
        assert "of the add-on" not in page
        await anna.send("/setup/broker", {"offer": "addon"})
    assert hub.work.draft.broker == addon


async def test_what_the_network_announces_is_only_filled_in(start: Callable[..., Hub]) -> None:
    """Nothing is connected to before the person presses the button."""
    hub = start(offers=(Offered("Mosquitto", Broker(host="192.168.1.30", port=1884)),))
    async with hub.visitor() as anna:
        await anna.give(CODE)
        await anna.send("/setup/broker/search", {})
        page = (await anna.get("/setup/broker?take=0")).text
        assert 'value="192.168.1.30"' in page
        assert 'value="1884"' in page
        assert (await anna.get("/setup/broker?take=99")).status_code == 200
    assert hub.work.inventory() is None


async def test_a_home_that_was_set_up_by_command_meanwhile_stands(start: Callable[..., Hub], tmp_path: Path) -> None:
    """The pages do not write over it, and the draft opens nothing afterwards."""
    hub = start()
    await hub.work.set_owner("anna", password=PASSWORD)
    await hub.work.try_broker(Broker(host="192.168.1.20"))
    set_up(hub.config, household_file=DEMO_FILE, owner="bert", password=PASSWORD)
    with pytest.raises(RefusedError, match="by command"):
        hub.work.finish(currency="EUR")
    assert not is_due(tmp_path / "data")


async def test_nothing_is_finished_with_a_step_missing(start: Callable[..., Hub], tmp_path: Path) -> None:
    """A home without an owner could be entered by nobody."""
    hub = start()
    await hub.work.try_broker(Broker(host="192.168.1.20"))
    with pytest.raises(RefusedError, match="step is missing"):
        hub.work.finish(currency="EUR")
    assert not (tmp_path / "data" / STORE_FILE).exists()


def test_a_store_that_was_lost_does_not_open_the_setup_again(tmp_path: Path) -> None:
    """Who breaks the store's file does not become the owner."""
    config = HubConfig(home=HomeConfig(data_dir=str(tmp_path)))
    assert is_due(tmp_path)
    set_up(config, household_file=DEMO_FILE, owner="anna", password=PASSWORD)
    for name in (STORE_FILE, HOUSEHOLD_FILE):
        (tmp_path / name).unlink()
    assert not is_due(tmp_path)


@pytest.mark.parametrize(
    ("asks_for", "currency"),
    [
        ("en-US,en", "USD"),
        ("de-AT;q=0.9", "EUR"),
        ("zh-Hans-CN,zh", "CNY"),
        ("fr", "USD"),
        ("xx-ZZ", "USD"),
        ("", "USD"),
    ],
)
async def test_the_currency_of_the_readers_country_is_filled_in(
    start: Callable[..., Hub], asks_for: str, currency: str
) -> None:
    """From what the browser says; the person may type another."""
    hub = start()
    async with hub.visitor() as anna:
        await anna.give(CODE)
        await anna.send("/setup/owner", OWNER)
        await anna.send("/setup/broker", BROKER)
        page = await anna.client.get("/setup/devices", headers={"accept-language": asks_for})
    assert f'name="currency" type="text" value="{currency}"' in page.text


async def test_a_search_that_found_nothing_says_so(start: Callable[..., Hub]) -> None:
    """Else a person would press the button again and again."""
    hub = start()
    async with hub.visitor() as anna:
        await anna.give(CODE)
        await anna.send("/setup/owner", OWNER)
        assert 'data-found="none"' not in (await anna.get("/setup/broker")).text
        await anna.send("/setup/broker/search", {})
        assert 'data-found="none"' in (await anna.get("/setup/broker")).text


async def test_the_setup_pages_follow_the_browsers_language(start: Callable[..., Hub]) -> None:
    """From the first page on."""
    hub = start()
    async with hub.visitor() as anna:
        page = await anna.client.get("/", headers={"accept-language": "zh-CN"})
    assert '<html lang="zh-Hans">' in page.text


@pytest.mark.parametrize(
    ("address", "names", "where", "is_only_here"),
    [
        (("127.0.0.1", 8480), ("127.0.0.1", "localhost"), "http://127.0.0.1:8480/", True),
        (("0.0.0.0", 8480), ("localhost", "hub.local"), "http://hub.local:8480/", False),  # noqa: S104 - printed only
        (("::", 80), ("localhost",), "http://127.0.0.1:80/", True),
        (("192.168.1.5", 8480), ("192.168.1.5",), "http://192.168.1.5:8480/", False),
        (("fd00::5", 8480), ("fd00::5",), "http://[fd00::5]:8480/", False),
    ],
)
def test_the_printed_address_can_be_typed(
    address: tuple[str, int], names: tuple[str, ...], where: str, is_only_here: bool
) -> None:
    """Never an address that stands for all of them; and where no phone reaches it, the way to change that."""
    told = welcome(CODE, address=address, names=names)
    assert f"Open {where} and give this setup code: {CODE}" in told
    assert ("web.host" in told) is is_only_here
