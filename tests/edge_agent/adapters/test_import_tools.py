"""`restock-hub profiles import`: files of messages and overlays in, profiles that the hub loads out."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from edge_agent.__main__ import main
from edge_agent.adapters.import_tools import import_profiles, read_announcements
from edge_agent.adapters.profile_tools import check_profiles
from edge_agent.adapters.profiles import load_profiles
from edge_agent.core.importing.device import Announcement
from edge_agent.core.profile import Profile
from edge_agent.core.registry import Registry
from edge_agent.errors import ConfigurationError, ProfileError
from tests.edge_agent.core.importing.end_to_end import said, shipped
from tests.edge_agent.core.importing.test_ha import LEVEL
from tests.edge_agent.core.importing.test_matter import PURIFIER, WANTED
from tests.edge_agent.core.importing.test_sparkplug_births import BORN
from tests.edge_agent.core.importing.test_z2m import STATE, bridge

OVERLAY = """
overlay: home.feeder
device: "0x00aa"
id: feeder
signals:
  food.remaining: {from: fill}
consumables:
  food: {signal: food.remaining, change: {warning: {value: 20, unit: "%"}}}
"""


def line(message: Announcement) -> str:
    """As `mosquitto_sub -v` prints it."""
    return f"{message.topic} {message.payload.decode()}\n"


def heard(folder: Path, *lines: str) -> Path:
    """A file of messages."""
    file = folder / "heard.txt"
    file.write_text("".join(lines))
    return file


def overlay_file(folder: Path, text: str = OVERLAY) -> Path:
    """A file of an overlay."""
    file = folder / "feeder.overlay"
    file.write_text(text)
    return file


def beside_shipped(folder: Path) -> tuple[Profile, ...]:
    """The shipped profiles with those of a folder, none of which is refused."""
    own = load_profiles((folder,))
    assert own.refused == ()
    return Registry([*shipped(), *own.registry.profiles()]).profiles()


def test_from_messages_to_a_folder_that_the_hub_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The way of a user: import, fill in an overlay, import again, load."""
    file, out = (
        heard(tmp_path, line(bridge()), line(Announcement("zigbee2mqtt/cellar/feeder", json.dumps(STATE).encode()))),
        tmp_path / "own",
    )
    assert main(["profiles", "import", "--from", "z2m", str(file), "--out", str(out)]) == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["profiles"], first["devices"][0]["names"]) == ([], ["cellar/feeder", "0x00aa"])
    (draft,) = out.iterdir()
    assert draft.suffix == ".overlay"
    assert 'from: "fill"' in draft.read_text()
    added = overlay_file(tmp_path)
    arguments = ["profiles", "import", "--from", "z2m", str(file), "--overlay", str(added), "--out", str(out)]
    assert main(arguments) == 0
    (made,) = json.loads(capsys.readouterr().out)["profiles"]
    assert (made["profile"], made["device"], made["signals"]) == (
        "home.feeder",
        "home.feeder",
        ["food.remaining", "battery"],
    )
    assert check_profiles((out,)).problems == ()
    assert said(beside_shipped(out), "zigbee2mqtt/cellar/feeder", STATE) == {
        "food.remaining": (40.0, "%"),
        "battery": (71.0, "%"),
    }
    text = (out / "home.feeder.yaml").read_text()
    assert "recorded at the import" in text
    assert main(arguments) == 0  # again: the same file, and it is not its own rival
    assert (out / "home.feeder.yaml").read_text() == text


def test_a_dump_needs_no_overlay(tmp_path: Path) -> None:
    """Matter says itself what is consumable; the file is the dump as it came."""
    file = tmp_path / "node.json"
    file.write_text(json.dumps(PURIFIER, indent=1))
    report = import_profiles("matter", file, out=tmp_path / "own")
    assert [each.name for each in report.files] == ["matter.21.yaml"]
    assert said(beside_shipped(tmp_path / "own"), "bridge/matter/21/status", PURIFIER) == WANTED


def test_sparkplug_in_hex(tmp_path: Path) -> None:
    """A line is the topic and the payload in hex."""
    file = heard(tmp_path, *(f"{each.topic} {each.payload.hex()}\n" for each in BORN))
    found = import_profiles("sparkplug", file).found
    assert [each["title"] for each in found["devices"]] == ["home/cellar", "home/cellar/tank"]


def test_two_imports_of_one_device_go_one_after_the_other(tmp_path: Path) -> None:
    """A bridge that announces its devices in two ways: the later import is tried first, and neither is refused."""
    out, added = tmp_path / "own", overlay_file(tmp_path)
    import_profiles("z2m", heard(tmp_path, line(bridge())), overlays=[added], out=out)
    config = {"stat_t": "zigbee2mqtt/cellar/feeder", "val_tpl": "{{ value_json.fill }}", "unit_of_meas": "%"}
    other = overlay_file(tmp_path, OVERLAY.replace('"0x00aa"', "feeder").replace("home.feeder", "home.other"))
    file = heard(tmp_path, line(Announcement("homeassistant/sensor/feeder/fill/config", json.dumps(config).encode())))
    import_profiles("ha", file, overlays=[other], out=out)
    assert [each.profile for each in beside_shipped(out) if each.family == "home"] == [
        "home.feeder",
        "home.other",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a/b 12",
        '{"topic": "a/b", "payload": "12"}',
        '{"tst": "x", "topic": "a/b", "qos": 0, "retain": 1, "payloadlen": 2, "payload": 12}',
        '{"topic": "a/b", "text": "12"}',
        '{"topic": "a/b", "hex": "3132"}',
        json.dumps({"topic": "a/b", "base64": base64.b64encode(b"12").decode()}),
        '[{"topic": "a/b", "payload": "12"}]',
        "\r\na/b 12\r\n\r\n",
    ],
)
def test_forms_of_a_file(text: str, tmp_path: Path) -> None:
    """Lines and JSON, as tools write them."""
    assert read_announcements(heard(tmp_path, text), source="ha") == [Announcement("a/b", b"12")]


def test_a_prefix(tmp_path: Path) -> None:
    """Another discovery prefix, and the base topic of a list that came without its own."""
    config = json.dumps({"stat_t": "a/b", "unit_of_meas": "%"}).encode()
    file = heard(tmp_path, line(Announcement("ha/disc/sensor/x/y/config", config)))
    assert len(import_profiles("ha", file, prefix="ha/disc").found["devices"]) == 1
    assert import_profiles("ha", file).found["devices"] == []
    file.write_bytes(bridge().payload)
    found = import_profiles("z2m", file, prefix="home/zigbee").found["devices"][0]
    assert found["values"][0]["topic"] == "home/zigbee/cellar/feeder"


def test_an_empty_payload_is_read(tmp_path: Path) -> None:
    """It takes back what was announced."""
    assert read_announcements(heard(tmp_path, "a/b \na/b\n"), source="ha") == [Announcement("a/b", b"")] * 2


@pytest.mark.parametrize(
    ("text", "source", "why"),
    [
        ('{"payload": 1}\n{}', "ha", "line 1: a JSON object with topic"),
        ('{"a": 1}', "ha", "the topic says what was announced"),
        ("a/b {}", "sparkplug", "line 1: TOPIC and the payload in hex"),
        ('{"topic": "a", "hex": "zz"}', "ha", "message 1: its payload cannot be read"),
        ('{"topic": "a", "hex": 5}', "ha", "message 1: its payload cannot be read"),
        ('{"topic": "a", "base64": "?"}', "ha", "message 1: its payload cannot be read"),
        ("a/b 1\n" * 200_002, "ha", "more than 200000 lines"),
    ],
)
def test_refused_files(text: str, source: Any, why: str, tmp_path: Path) -> None:  # noqa: ANN401
    """What cannot be read, with the line."""
    with pytest.raises(ConfigurationError, match=why):
        read_announcements(heard(tmp_path, text), source=source)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("overlay: home.x\ndevice: oven\n", r"feeder.overlay: device 'oven' is not in this import"),
        ("overlay: home.x\ndevice: 0x00aa\nsignals: {food.remaining: {from: x}}\n", "'x' is no value of this device"),
        ("overlay: home.x\ndevice: a\ndevice: b\n", "feeder.overlay: line 3, column 1: the key 'device' stands twice"),
        ("overlay: home.x\ndevice: a\nmore: 1\n", "feeder.overlay: more: Extra inputs"),
        ("overlay: [", "feeder.overlay: line"),
    ],
)
def test_refused_overlays(text: str, why: str, tmp_path: Path) -> None:
    """The file, the place and what is allowed."""
    with pytest.raises(ProfileError, match=why):
        import_profiles("z2m", heard(tmp_path, line(bridge())), overlays=[overlay_file(tmp_path, text)])


def test_a_file_of_ones_own_is_never_written_over(tmp_path: Path) -> None:
    """A profile that a person wrote, and a draft that is filled in, stay as they are."""
    out = tmp_path / "own"
    out.mkdir()
    (out / "home.feeder.yaml").write_text("profile: home.feeder\n")
    with pytest.raises(ConfigurationError, match="was not made by an import"):
        import_profiles("z2m", heard(tmp_path, line(bridge())), overlays=[overlay_file(tmp_path)], out=out)
    import_profiles("ha", heard(tmp_path, line(LEVEL)), out=out)
    (draft,) = out.glob("*.overlay")
    draft.write_text("filled in")
    import_profiles("ha", heard(tmp_path, line(LEVEL)), out=out)
    assert draft.read_text() == "filled in"


def test_nothing_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, and every reason on standard error."""
    file = heard(tmp_path, "homeassistant/climate/x/config {}\n")
    assert main(["profiles", "import", "--from", "ha", str(file)]) == 1
    assert "tells nothing that is used up" in capsys.readouterr().err
    assert main(["profiles", "import", "--from", "ha", str(tmp_path / "none")]) == 2
