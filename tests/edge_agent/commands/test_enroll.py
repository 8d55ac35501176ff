"""`restock-hub enroll` without a broker: what it writes, tells and refuses. On real brokers: tests/identity."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shlex
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from edge_agent.__main__ import _parser, main
from edge_agent.adapters import broker_config
from edge_agent.adapters.device_credentials import load_register, locked
from edge_agent.commands.enroll import Enrolment, Wish, check_together, overlap_of
from edge_agent.config import BrokerConfig, HomeAssistantConfig, HomeConfig, HubConfig, secrets_from
from edge_agent.errors import ConfigurationError, RefusedError, StoreBusyError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def enrolment(folder: Path, *, now: datetime = NOW, **broker: Any) -> Enrolment:  # noqa: ANN401 - BrokerConfig's fields
    """As a run of the command at `now` makes it."""
    config = HubConfig(home=HomeConfig(data_dir=str(folder)), broker=BrokerConfig(**broker))
    return Enrolment(config, now=lambda: now)


def text_of(folder: Path) -> str:
    """All that was written, in one."""
    return "".join(each.read_text() for each in sorted(folder.rglob("*")) if each.is_file())


def run(folder: Path, *arguments: str) -> int:
    """The command, with a configuration that keeps everything in `folder`."""
    config = folder / "hub.toml"
    config.write_text(f'[home]\ndata_dir = "{folder / "data"}"\n')
    return main(["enroll", *arguments, "--config", str(config)])


def test_a_password_is_told_once_and_kept_as_hashes(tmp_path: Path) -> None:
    """Each broker's form of it fits, and it stands in no file."""
    told = enrolment(tmp_path).enroll("fridge", Wish())
    password = str(told["password"])
    assert len(password) == 32
    assert password not in text_of(tmp_path)
    [credential] = load_register(tmp_path / "broker", home="home").devices[0].credentials
    assert bcrypt.checkpw(password.encode(), credential.nats.encode())
    _, form, rounds, salt, digest = credential.mosquitto.split("$")
    derived = hashlib.pbkdf2_hmac("sha512", password.encode(), base64.b64decode(salt), int(rounds))
    assert (form, base64.b64decode(digest)) == ("7", derived)


def test_no_two_passwords_are_alike(tmp_path: Path) -> None:
    """Nor are client ids."""
    told = [enrolment(tmp_path).enroll(name, Wish()) for name in ("a", "b", "c")]
    assert len({str(each["password"]) for each in told}) == 3
    assert len({str(each["client_id"]).split("-")[1] for each in told}) == 3


@pytest.mark.parametrize("broker", [{"kind": "mosquitto"}, {"kind": "nats"}, {"certificates": True, "names": ("hub",)}])
def test_every_file_is_closed_to_others(tmp_path: Path, broker: Mapping[str, Any]) -> None:
    """Whatever the mask of the caller, also where a file was open before."""
    before = os.umask(0)
    try:
        made = enrolment(tmp_path, **broker)
        made.enroll("fridge", Wish())
        (tmp_path / "broker" / "enrolled.json").chmod(0o644)
        made.revoke("fridge")
    finally:
        os.umask(before)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "broker").rglob("*")}
    assert {name: mode for name, mode in modes.items() if mode & 0o077} == {}


def test_the_hub_gets_a_login_for_each_connection(tmp_path: Path) -> None:
    """The file that its service reads gives them, each its own; nothing else holds them."""
    told = enrolment(tmp_path).write_again()
    lines = Path(told["hub"]["environment"]).read_text().splitlines()  # type: ignore[index]
    secrets = secrets_from(dict(line.split("=", 1) for line in lines))
    assert [each[0] for each in (secrets.reading, secrets.speaking, secrets.looking)] == ["hub", "hub-out", "hub-look"]
    assert len({each[1] for each in (secrets.reading, secrets.speaking, secrets.looking)}) == 3
    assert "hub" not in enrolment(tmp_path).write_again()


def test_a_hub_with_one_login_uses_it_throughout() -> None:
    """As before there were three."""
    secrets = secrets_from({"RESTOCK_MQTT_USER": "hub", "RESTOCK_MQTT_PASSWORD": "x"})
    assert secrets.reading == secrets.speaking == secrets.looking == ("hub", "x")


@pytest.mark.parametrize("text", ["", "RESTOCK_MQTT_USER=hub\nRESTOCK_MQTT_PASSWORD=x\n"])
def test_a_hub_whose_file_does_not_fit_gets_another(tmp_path: Path, text: str) -> None:
    """As after a run that was cut off between its file and the list: the two fit again."""
    enrolment(tmp_path).write_again()
    file = tmp_path / "broker" / "hub.env"
    file.write_text(text)
    assert "hub" in enrolment(tmp_path).write_again()
    assert "hub" not in enrolment(tmp_path).write_again()
    assert len(file.read_text().splitlines()) == 6


def test_a_name_is_enrolled_once(tmp_path: Path) -> None:
    """Again only after it was revoked, and then under the next user name."""
    made = enrolment(tmp_path)
    made.enroll("fridge", Wish())
    with pytest.raises(RefusedError, match="--rotate"):
        made.enroll("fridge", Wish())
    made.revoke("fridge")
    assert made.enroll("fridge", Wish())["user"] == "fridge~2"


@pytest.mark.parametrize("name", ["hub", "hub-out", "hub-look", "#", "+", "$SYS", "a b", "a/b", "é", "fridge~2", "a:b"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    """Nothing is written for it."""
    with pytest.raises(ConfigurationError, match="device"):
        enrolment(tmp_path).enroll(name, Wish())
    assert not (tmp_path / "broker").exists()


def test_whose_topics_meet_anothers_is_refused(tmp_path: Path) -> None:
    """Until the other one is revoked."""
    made = enrolment(tmp_path)
    made.enroll("bridge", Wish(topics=("tele/#",)))
    before = text_of(tmp_path)
    with pytest.raises(ConfigurationError, match="of bridge"):
        made.enroll("scale", Wish(family="tasmota.hx711"))
    assert text_of(tmp_path) == before
    made.revoke("bridge")
    assert made.enroll("scale", Wish(family="tasmota.hx711"))["may_publish"] == ("tele/scale/SENSOR",)


def test_topics_come_on_top_of_a_family(tmp_path: Path) -> None:
    """Each checked, none twice."""
    wish = Wish(
        family="tasmota.hx711",
        named=("Waage",),
        topics=("tele/Waage/LWT", "tele/Waage/SENSOR"),
        reads=("cmnd/Waage/Tare",),
    )
    told = enrolment(tmp_path).enroll("scale", wish)
    assert told["may_publish"] == ("tele/Waage/SENSOR", "tele/Waage/LWT")
    assert told["may_read"] == ("cmnd/Waage/Tare",)


def test_ears_alone_come_on_top_of_a_family_too(tmp_path: Path) -> None:
    """Without other topics to say."""
    told = enrolment(tmp_path).enroll("scale", Wish(family="tasmota.hx711", reads=("cmnd/scale/Tare",)))
    assert (told["may_publish"], told["may_read"]) == (("tele/scale/SENSOR",), ("cmnd/scale/Tare",))


@pytest.mark.parametrize(
    "wish",
    [
        Wish(family="no.such"),
        Wish(topics=("#",)),
        Wish(topics=("a/b",), reads=("a/#",)),
        Wish(named=("x",)),
        Wish(reads=("x/y",)),
        Wish(certificate=True),
    ],
)
def test_a_wish_that_cannot_be_is_refused(tmp_path: Path, wish: Wish) -> None:
    """With what is wrong, and nobody enrolled."""
    made = enrolment(tmp_path)
    with pytest.raises(ConfigurationError):
        made.enroll("scale", wish)
    assert made.listed() == []


def test_an_overlap_is_kept_and_bounded(tmp_path: Path) -> None:
    """A second rotation does not lengthen the first one's, and what is over is gone with the next run."""
    made = enrolment(tmp_path)
    made.enroll("fridge", Wish())
    made.rotate("fridge", Wish(), overlap=timedelta(hours=1))
    made.rotate("fridge", Wish(), overlap=timedelta(days=7))
    [told] = made.listed()
    untils = [each["until"] for each in told["credentials"]]  # type: ignore[attr-defined]
    assert untils == [(NOW + timedelta(hours=1)).isoformat(), (NOW + timedelta(days=7)).isoformat(), None]
    with pytest.raises(ConfigurationError, match="overlap"):
        made.rotate("fridge", Wish(), overlap=timedelta(days=91))
    later = enrolment(tmp_path, now=NOW + timedelta(hours=1))
    later.write_again()
    assert "user fridge\n" not in (tmp_path / "broker" / "mosquitto.acl").read_text()
    assert "user fridge~2\n" in (tmp_path / "broker" / "mosquitto.acl").read_text()


def test_logins_that_overlap_are_bounded(tmp_path: Path) -> None:
    """A loop of rotations ends."""
    made = enrolment(tmp_path)
    made.enroll("fridge", Wish())
    for _ in range(7):
        made.rotate("fridge", Wish(), overlap=timedelta(days=1))
    with pytest.raises(RefusedError, match="overlap"):
        made.rotate("fridge", Wish(), overlap=timedelta(days=1))


@pytest.mark.parametrize("does", ["rotate", "revoke"])
def test_who_is_not_enrolled_is_named(tmp_path: Path, does: str) -> None:
    """A typing error revokes nobody in silence."""
    made = enrolment(tmp_path)
    with pytest.raises(RefusedError, match="fridgge is not enrolled"):
        made.revoke("fridgge") if does == "revoke" else made.rotate("fridgge", Wish(), overlap=timedelta(0))


def test_a_run_that_was_cut_off_is_finished_by_the_next(tmp_path: Path) -> None:
    """All files come from the list of who is enrolled."""
    made = enrolment(tmp_path, certificates=True, names=("hub",))
    made.enroll("fridge", Wish())
    folder = tmp_path / "broker"
    before = {each: (folder / each).read_bytes() for each in ("mosquitto.acl", "mosquitto.passwd", "mosquitto.conf")}
    for name in before:
        (folder / name).unlink()
    (folder / "server.crt").unlink()
    made.write_again()
    assert {each: (folder / each).read_bytes() for each in before} == before
    assert (folder / "server.crt").exists()


def test_another_kind_of_broker_takes_the_same_logins(tmp_path: Path) -> None:
    """Whoever is enrolled stays so, with the password that they have."""
    enrolment(tmp_path).enroll("fridge", Wish())
    told = enrolment(tmp_path, kind="nats").write_again()
    assert 'user: "fridge", password: "$2b$08$' in (tmp_path / "broker" / "nats-users.conf").read_text()
    assert str(told["start"]).startswith("nats-server -c /")


def test_nats_with_certificates_takes_nobody_elses_password(tmp_path: Path) -> None:
    """It is said before anything is written: the hub keeps its logins."""
    enrolment(tmp_path).enroll("fridge", Wish())
    before = text_of(tmp_path)
    with pytest.raises(ConfigurationError, match="fridge has a password"):
        enrolment(tmp_path, kind="nats", certificates=True, names=("hub",)).write_again()
    assert text_of(tmp_path) == before


def test_a_broker_for_the_network_needs_a_name(tmp_path: Path) -> None:
    """Without one no device could check its certificate."""
    with pytest.raises(ConfigurationError, match=r"broker\.names"):
        enrolment(tmp_path, host="192.168.1.2").write_again()


def test_a_key_is_handed_out_and_not_kept(tmp_path: Path) -> None:
    """The device's files are where its owner wants them, and never over others."""
    out = tmp_path / "out"
    out.mkdir()
    made = enrolment(tmp_path / "data", certificates=True, names=("hub",))
    told = made.enroll("fridge", Wish(certificate=True, out=out))
    key = Path(str(told["key"]))
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_text() not in text_of(tmp_path / "data")
    made.revoke("fridge")
    (out / "fridge~2.key").touch()
    with pytest.raises(ConfigurationError, match="--out"):
        made.enroll("fridge", Wish(certificate=True, out=out))
    with pytest.raises(ConfigurationError, match="no such folder"):
        made.enroll("fridge", Wish(certificate=True, out=out / "nowhere"))


@pytest.mark.parametrize(
    "request_pem",
    [b"", b"x", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----", b"x" * 20_000],
)
def test_a_request_that_is_none_is_refused(tmp_path: Path, request_pem: bytes) -> None:
    """Nothing is issued for it."""
    made = enrolment(tmp_path, certificates=True, names=("hub",))
    with pytest.raises(ConfigurationError, match="signing request"):
        made.enroll("fridge", Wish(certificate=True, request=request_pem, out=tmp_path))
    assert made.listed() == []


def test_only_one_changes_it_at_a_time(tmp_path: Path) -> None:
    """A second run says so instead of losing the first one's change."""
    made = enrolment(tmp_path)
    made.write_again()
    with locked(tmp_path / "broker"), pytest.raises(StoreBusyError, match="another restock-hub enroll"):
        made.enroll("fridge", Wish())
    made.enroll("fridge", Wish())


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"version": 2, "home": "home"}',
        '{"version": 1, "home": "other"}',
        '{"version": 1, "home": "home", "devices": [{"device": "#", "writes": [], "reads": []}]}',
    ],
)
def test_a_list_that_is_damaged_is_not_written_over(tmp_path: Path, text: str) -> None:
    """Else everybody would be locked out, or somebody let in."""
    made = enrolment(tmp_path)
    made.write_again()
    file = tmp_path / "broker" / "enrolled.json"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"enrolled\.json"):
        made.enroll("fridge", Wish())
    assert file.read_text() == text


@pytest.mark.parametrize(("text", "is_s"), [("0s", 0), ("30m", 1_800), ("12h", 43_200), ("7d", 604_800)])
def test_an_overlap_is_a_time(text: str, is_s: int) -> None:
    """With its unit."""
    assert overlap_of(text) == timedelta(seconds=is_s)


@pytest.mark.parametrize("text", ["", "7", "-1d", "1w", "1.5h", "d", "٣d", "1d "])
def test_an_overlap_that_is_none_is_refused(text: str) -> None:
    """Rather than guessed."""
    with pytest.raises(ConfigurationError, match="overlap"):
        overlap_of(text)


def test_a_stranger_in_a_stale_pid_file_is_left_alone(tmp_path: Path) -> None:
    """A number that is another program's by now gets no signal, which would end it."""
    pid_file = tmp_path / "broker.pid"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        pid_file.write_text(str(stranger.pid))
        assert broker_config.tell_broker(tmp_path, settings="x", logins=("y",)) is broker_config.Told.NOT_RUNNING
        assert stranger.poll() is None
        stranger.send_signal(signal.SIGTERM)
    for text in ("", "x", "0", "-1", "999999999"):
        pid_file.write_text(text)
        assert broker_config.tell_broker(tmp_path, settings="x", logins=("y",)) is broker_config.Told.NOT_RUNNING


def test_who_gets_near_the_end_is_named(tmp_path: Path) -> None:
    """Sixty days before a certificate is over, each run says whose."""
    made = enrolment(tmp_path, certificates=True, names=("hub",))
    made.enroll("fridge", Wish(certificate=True, out=tmp_path))
    assert "expires_soon" not in enrolment(tmp_path, now=NOW + timedelta(days=600), certificates=True).write_again()
    late = enrolment(tmp_path, now=NOW + timedelta(days=680), certificates=True, names=("hub",))
    assert late.write_again()["expires_soon"] == ["fridge"]


def test_the_command_tells_a_person_what_to_type(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Enrol, list, rotate and revoke; a password is on the terminal once and in no list."""
    assert run(tmp_path, "fridge") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["addresses"] == ["mqtt://127.0.0.1:1883"]
    assert run(tmp_path, "fridge", "--rotate", "--overlap", "12h") == 0
    again = json.loads(capsys.readouterr().out)
    assert run(tmp_path, "--list") == 0
    out, err = capsys.readouterr()
    assert [each["user"] for each in json.loads(out)["credentials"]] == ["fridge", "fridge~2"]
    assert not {told["password"], again["password"]} & set((out + err).replace('"', " ").split())
    assert run(tmp_path, "--revoke", "fridge") == 0
    assert json.loads(capsys.readouterr().out)["revoked"] == "fridge"
    assert run(tmp_path, "--revoke", "fridge") == 1
    assert run(tmp_path, "#") == 2
    assert run(tmp_path, "scale", "--topics", "tele/a/b", "--reads", "cmnd/#") == 2
    assert run(tmp_path, "scale", "--csr", str(tmp_path / "none.csr")) == 2
    assert run(tmp_path) == 0


def test_an_observer_stands_beside_the_device(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both may be enrolled, in either order; the hub may say no more for its sake, and it is rotated alike."""
    assert run(tmp_path, "watcher", "--observes", "fridge") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["may_publish"], told["may_read"]) == ([], ["restock/v1/home/fridge/#"])
    alone = text_of(tmp_path)
    assert run(tmp_path, "fridge") == 0
    assert run(tmp_path, "second", "--observes", "fridge") == 0
    assert run(tmp_path, "watcher", "--rotate") == 0
    capsys.readouterr()
    assert run(tmp_path, "--list") == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {each["device"]: each.get("observes") for each in listed} == {
        "watcher": "fridge", "fridge": None, "second": "fridge",
    }  # fmt: skip
    assert "topic read restock/v1/home/fridge/#" in alone
    assert "topic write restock/v1/home/fridge/#" not in alone, "nor for the hub"
    assert run(tmp_path, "watcher2", "--observes", "+") == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("--rotate",),
        ("fridge", "--revoke", "washer"),
        ("fridge", "--list"),
        ("fridge", "--overlap", "1d"),
        ("fridge", "--rotate", "--topics", "a/b"),
        ("--topics", "a/b"),
        ("--certificate",),
        ("--observes", "fridge"),
        ("watcher", "--observes", "fridge", "--family", "tasmota.hx711"),
        ("watcher", "--observes", "fridge", "--reads", "a/b"),
        ("fridge", "--rotate", "--observes", "washer"),
        ("fridge", "--rotate", "--overlap", "soon"),
    ],
)
def test_arguments_that_make_no_sense_together_are_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Rather than one of them being passed over."""
    assert run(tmp_path, "fridge") == 0
    before = text_of(tmp_path)
    assert run(tmp_path, *arguments) == 2
    assert text_of(tmp_path) == before


def test_the_guide_says_what_can_be_typed() -> None:
    """Every line of docs/device-identity.md that calls the command is one that it takes."""
    guide = (Path(__file__).parents[3] / "docs" / "device-identity.md").read_text(encoding="utf-8")
    lines = [line.split("#")[0] if "'" not in line else line for line in guide.splitlines()]
    typed = [line.replace("[", "").replace("]", "") for line in lines if line.startswith("restock-hub enroll")]
    assert len(typed) >= 8
    for line in typed:
        check_together(_parser().parse_args(shlex.split(line, comments=True)[1:]))


@pytest.mark.parametrize("kind", ["mosquitto", "nats"])
def test_home_assistant_costs_a_login_only_where_it_is_wanted(tmp_path: Path, kind: str) -> None:
    """Turned on later, the hub gets one more, which speaks to Home Assistant alone; before that nothing is changed."""
    wanted = HomeAssistantConfig(enabled=True)
    plain = HubConfig(home=HomeConfig(data_dir=str(tmp_path)), broker=BrokerConfig(kind=kind))  # type: ignore[arg-type]
    Enrolment(plain).write_again()
    told = Enrolment(plain.model_copy(update={"home_assistant": wanted})).write_again()
    lines = Path(told["hub"]["environment"]).read_text().splitlines()  # type: ignore[index]
    secrets = secrets_from(dict(line.split("=", 1) for line in lines))
    assert secrets.home_assistant[0] == "hub-ha"
    name = "mosquitto.acl" if kind == "mosquitto" else "nats-users.conf"
    rules = (tmp_path / "broker" / name).read_text().partition("hub-ha")[2]
    assert ("restock/ha/home/command" if kind == "mosquitto" else "restock.ha.home.command") in rules
    assert "restock/v1" not in rules
    assert "restock.v1" not in rules
