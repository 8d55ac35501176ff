"""`restock-hub doctor`: each thing that is broken is found, named and answered, and nothing is changed by looking."""

from __future__ import annotations

import asyncio
import functools
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import httpx
import pytest

from cloud_bridge.wire import Head
from edge_agent.__main__ import EXIT_FAILED
from edge_agent.adapters.api_client import ApiClient
from edge_agent.adapters.doctor import outside
from edge_agent.adapters.doctor.running import look_at_running_hub
from edge_agent.adapters.egress import Egress
from edge_agent.adapters.home_ca import HomeAuthority
from edge_agent.adapters.store.opening import open_store
from edge_agent.commands.examining import Examination, examine
from edge_agent.config import secrets_from
from edge_agent.core.doctor import Finding, Severity
from edge_agent.folder import RESTORE_FOLDER, RESTORE_MARK, STORE_FILE
from tests.edge_agent.commands.keeping.home import Hub

if TYPE_CHECKING:
    from tests.conftest import Broker

_HOLDS = """
import apsw, sys
db = apsw.Connection(sys.argv[1])
db.execute("PRAGMA locking_mode=EXCLUSIVE")
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


class Bridge:
    """What the order service says of itself."""

    def __init__(self) -> None:
        self.status, self.frozen, self.ahead = 200, False, timedelta(0)
        self.asked: list[str] = []

    def reply(self, request: httpx.Request) -> httpx.Response:
        """One answer."""
        self.asked.append(f"{request.method} {request.url.path}")
        head = Head(at=datetime.now(UTC) + self.ahead, handover=3, event_seq=3, frozen=self.frozen, intents=())
        return httpx.Response(self.status, content=head.model_dump_json())


class LooksIntoTheLedger(Bridge):
    """One that knows what the home had written down when the question came."""

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self.written: list[tuple[str, str, str]] = []
        self._hub = hub

    def reply(self, request: httpx.Request) -> httpx.Response:
        """One answer."""
        self.written = rows_of(self._hub)
        return super().reply(request)


def rows_of(hub: Hub) -> list[tuple[str, str, str]]:
    """Purpose, recipient and path of all that left the home."""
    place = f"{(hub.folder / STORE_FILE).as_uri()}?immutable=1"
    db = apsw.Connection(place, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    try:
        return list(db.execute("SELECT purpose, recipient, path FROM egress"))
    finally:
        db.close()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A home that was set up, and whose hub is stopped."""
    return Hub(tmp_path / "home", monkeypatch).set_up()


async def look(hub: Hub, bridge: Bridge | None = None, url: str = "mqtt://127.0.0.1:9") -> Examination:
    """One examination, after which every file is as it was, but for the store where the bridge was asked."""
    text = hub.file.read_text(encoding="utf-8").split("[mqtt]")[0]
    hub.file.write_text(f'{text}[mqtt]\nurl = "{url}"\n', encoding="utf-8")
    before = state(hub.folder)
    bridge = bridge or Bridge()
    transport = httpx.MockTransport(bridge.reply)
    found = await examine(hub.file, {}, gate=functools.partial(Egress, transport=transport))
    assert changed(before, state(hub.folder)) <= ({"data", STORE_FILE} if bridge.asked else set())
    return found


def changed(before: dict[str, tuple[int, int, int]], after: dict[str, tuple[int, int, int]]) -> set[str]:
    """The names of what is not as it was."""
    return {Path(each).name for each in before.keys() | after.keys() if before.get(each) != after.get(each)}


def state(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Size, rights and last change of everything there."""
    facts = {path: path.lstat() for path in (folder, *folder.rglob("*"))}
    return {str(path): (each.st_size, each.st_mode, each.st_mtime_ns) for path, each in facts.items()}


def problems(found: Examination) -> list[Finding]:
    """What is broken, but for the broker that is not there."""
    return [each for each in found.findings if each.severity is Severity.PROBLEM and "mqtt:" not in each.where]


@pytest.mark.broker
async def test_a_sound_home_is_called_so(hub: Hub, broker: Broker) -> None:
    """The broker lets it in, the bridge was asked one question, and a script can read what was found."""
    bridge = Bridge()
    found = await look(hub, bridge, broker.url)
    assert found.is_sound, found.as_text()
    assert bridge.asked == ["GET /v1/head"]
    told = json.loads(found.as_json())
    assert told["sound"] is True
    assert {"severity", "what", "where", "do"} == set(told["findings"][0])


async def test_a_broker_that_is_away(hub: Hub) -> None:
    """What is wrong, where, and what to do."""
    found = await look(hub)
    [away] = [each for each in found.findings if each.severity is Severity.PROBLEM]
    assert (away.where, "RESTOCK_MQTT_USER" in away.do) == ("mqtt://127.0.0.1:9", True)


async def test_a_running_hub_is_left_alone(hub: Hub) -> None:
    """It holds its store: that is a note, the rest is looked at."""
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _HOLDS, str(hub.folder / STORE_FILE), stdin=PIPE, stdout=PIPE
    )
    bridge = Bridge()
    try:
        assert holder.stdout is not None
        assert await holder.stdout.readline() == b"held\n"
        found = await look(hub, bridge)
    finally:
        await holder.communicate(b"")
    [held] = [each for each in found.findings if "holds its store" in each.what]
    assert held.severity is Severity.NOTE
    assert problems(found) == []
    assert not bridge.asked, "it could not be written down"
    assert any("asks the order service itself" in each.what for each in found.findings)


async def test_its_question_is_in_the_ledger_before_it_leaves(hub: Hub) -> None:
    """As all that leaves the home; and no other row with it."""
    bridge = LooksIntoTheLedger(hub)
    assert problems(await look(hub, bridge)) == []
    [(purpose, recipient, path)] = bridge.written
    assert (purpose, recipient, path.partition("?")[0]) == ("head", "127.0.0.1:8490", "/v1/head")
    assert rows_of(hub) == bridge.written


async def test_without_a_ledger_nothing_is_asked(hub: Hub) -> None:
    """A store that takes no row is said to be so, and the bridge hears nothing."""
    bridge = Bridge()
    _newer_store(hub, bridge)
    found = await look(hub, bridge)
    assert not bridge.asked
    assert any("was not asked" in each.what for each in found.findings)


@pytest.mark.parametrize(("look_user", "tried"), [("", 0), ("looker", 1)])
async def test_a_running_hubs_session_is_not_put_at_risk(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, look_user: str, tried: int
) -> None:
    """A broker may give each user one session: beside a running hub only a login of its own is tried."""
    logins: list[tuple[str, str]] = []

    async def look_in(_config: object, *, login: tuple[str, str]) -> None:
        logins.append(login)

    monkeypatch.setattr(outside, "look_in", look_in)
    secret = secrets_from({"RESTOCK_MQTT_USER": "reader", "RESTOCK_MQTT_LOOK_USER": look_user})
    [found] = await outside.look_at_broker(hub.config, secret, hub_runs=True)
    assert len(logins) == tried
    assert ("not tried" in found.what) == (not tried)
    assert await outside.look_at_broker(hub.config, secret, hub_runs=False)
    assert len(logins) == tried + 1


_WELL: dict[str, object] = {
    "status": "ok",
    "sends": True,
    "bridge_reachable": True,
    "waiting_since": None,
    "problems": [],
}


@pytest.mark.parametrize(
    ("status", "body", "severity", "what"),
    [
        (200, _WELL, Severity.FINE, "all is well"),
        (
            200,
            _WELL | {"bridge_reachable": False, "waiting_since": "2026-03-01T08:00:00Z"},
            Severity.PROBLEM,
            "since 2026",
        ),
        (200, _WELL | {"problems": [{"code": "no_room", "text": "No room."}]}, Severity.PROBLEM, "No room."),
        (401, {"detail": "This token is not known."}, Severity.NOTE, "This token is not known."),
        (200, [], Severity.PROBLEM, "gives no answer"),
    ],
)
def test_a_running_hub_says_what_it_knows(hub: Hub, status: int, body: object, severity: Severity, what: str) -> None:
    """Asked over loopback, with a token; whatever answers there."""
    answer = httpx.MockTransport(lambda _: httpx.Response(status, json=body))
    client = functools.partial(ApiClient, transport=answer)
    [found] = look_at_running_hub(hub.config, token=f"rstk_{'a' * 43}", client=client)
    assert found.severity is severity
    assert what in found.what


async def test_a_store_that_was_not_closed_well_is_read_with_its_log(hub: Hub) -> None:
    """As a killed hub leaves it: what stands only in the log counts, and the log stays."""
    with open_store(hub.folder, hub.config) as store:
        store.chain.record({"event": "test_event"})
        files = {path: path.read_bytes() for path in hub.folder.glob(f"{STORE_FILE}*")}
    for path, content in files.items():
        path.write_bytes(content)
        path.chmod(0o600)
    assert (hub.folder / f"{STORE_FILE}-wal").stat().st_size > 0
    found = await look(hub)
    assert problems(found) == []
    assert any("are whole" in each.what for each in found.findings)


def _other_users(hub: Hub, bridge: Bridge) -> None:
    (hub.folder / "household.key").chmod(0o640)


def _no_key(hub: Hub, bridge: Bridge) -> None:
    (hub.folder / "household.key").unlink()


def _bad_key(hub: Hub, bridge: Bridge) -> None:
    (hub.folder / "household.key").write_bytes(b"no key")


def _no_store(hub: Hub, bridge: Bridge) -> None:
    (hub.folder / STORE_FILE).unlink()


def _damaged_store(hub: Hub, bridge: Bridge) -> None:
    path = hub.folder / STORE_FILE
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 5] = b"\xff" * 8192
    path.write_bytes(content)


def _newer_store(hub: Hub, bridge: Bridge) -> None:
    _sql(hub, "PRAGMA user_version=999")


def _edited_record(hub: Hub, bridge: Bridge) -> None:
    _sql(hub, "INSERT INTO audit (seq, prev_hash, hash, event) VALUES (99, 'a', 'b', '{}')")


def _sql(hub: Hub, statement: str) -> None:
    db = apsw.Connection(str(hub.folder / STORE_FILE))
    db.execute(statement)
    db.close()


def _household(hub: Hub, bridge: Bridge) -> None:
    path = hub.folder / "household.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"unit"', '"unti"', 1), encoding="utf-8")


def _half_restored(hub: Hub, bridge: Bridge) -> None:
    (hub.folder / RESTORE_FOLDER).mkdir(mode=0o700)
    (hub.folder / RESTORE_FOLDER / RESTORE_MARK).touch(mode=0o600)


def _old_certificate(hub: Hub, bridge: Bridge) -> None:
    broker = hub.folder / "broker"
    broker.mkdir(mode=0o700)
    authority = HomeAuthority.load_or_make(broker, home="home", now=datetime(2020, 1, 1, tzinfo=UTC))
    authority.keep_server(["localhost"], now=datetime(2020, 1, 1, tzinfo=UTC))


def _unknown_to_the_bridge(hub: Hub, bridge: Bridge) -> None:
    bridge.status = 401


def _failing_bridge(hub: Hub, bridge: Bridge) -> None:
    bridge.status = 500


def _frozen(hub: Hub, bridge: Bridge) -> None:
    bridge.frozen = True


def _clocks_apart(hub: Hub, bridge: Bridge) -> None:
    bridge.ahead = timedelta(hours=1)


def _no_model(hub: Hub, bridge: Bridge) -> None:
    _config(hub, f"[model]\nartefact_dir = {json.dumps(str(hub.place))}\n")


def _bad_profile(hub: Hub, bridge: Bridge) -> None:
    (hub.place / "profiles").mkdir()
    (hub.place / "profiles" / "mine.yaml").write_text("id: 1\n", encoding="utf-8")
    text = hub.file.read_text(encoding="utf-8")
    hub.file.write_text(f"profiles = [{json.dumps(str(hub.place / 'profiles'))}]\n{text}", encoding="utf-8")


def _config(hub: Hub, more: str) -> None:
    hub.file.write_text(hub.file.read_text(encoding="utf-8") + more, encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "what", "where"),
    [
        (_other_users, "Other users can read", "household.key"),
        (_no_key, "keys are not both there", "data"),
        (_bad_key, "keys cannot be used", "data"),
        (_no_store, "store is gone", STORE_FILE),
        (_damaged_store, "damaged", STORE_FILE),
        (_newer_store, "schema 999", STORE_FILE),
        (_edited_record, "audit log is broken", STORE_FILE),
        (_household, "line ", "household.json"),
        (_half_restored, "only in part", "data"),
        (_old_certificate, "ended on 2022", "server.crt"),
        (_unknown_to_the_bridge, "does not know this home", "http"),
        (_failing_bridge, "answers 500", "http"),
        (_frozen, "Two hubs", "http"),
        (_clocks_apart, "s apart", "http"),
        (_no_model, "model cannot be used", "home"),
        (_bad_profile, "profile is refused", "profiles"),
    ],
)
async def test_what_is_broken_is_found(hub: Hub, spoil: Callable[[Hub, Bridge], None], what: str, where: str) -> None:
    """One thing is broken, and one problem is named: what, where, and what to do."""
    bridge = Bridge()
    spoil(hub, bridge)
    found = problems(await look(hub, bridge))
    assert [(what in each.what, where in each.where, bool(each.do)) for each in found] == [(True, True, True)], found


def test_a_configuration_that_cannot_be_read_is_a_finding(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    """By the command: exit code 1, and one JSON object."""
    _config(hub, "[nonsense]\n")
    assert hub.types("doctor", "--json") == EXIT_FAILED
    [found] = json.loads(capsys.readouterr().out)["findings"]
    assert "nonsense" in found["what"]


async def test_where_no_home_is_yet_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the folder."""
    hub = Hub(tmp_path / "home", monkeypatch)
    found = await examine(hub.file, {})
    assert any("no data folder" in each.what for each in found.findings)
    assert not hub.folder.exists()
