"""The services: users of their own, one folder each, nothing else to write, and files that agree with each other."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

import cloud_bridge.config
import edge_agent.config
from edge_agent.adapters.setup_files import names_broker

PACKAGING = Path(__file__).parents[2] / "packaging"
SYSTEMD = PACKAGING / "systemd"
DEBIAN = PACKAGING / "deb" / "debian"
PARTS = ("hub", "bridge")
EXPOSURE_MAX = 25  # tenths; systemd calls less than 50 "OK", less than 20 "SAFE"


def unit(part: str) -> configparser.RawConfigParser:
    """A service's file; of a name that stands there twice, the last."""
    read = configparser.RawConfigParser(strict=False, delimiters=("=",))
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read(SYSTEMD / f"restock-{part}.service", encoding="utf-8")
    return read


@pytest.mark.parametrize("part", PARTS)
def test_the_service_may_write_its_folder_only(part: str) -> None:
    """Read-only code, no more privileges, bounded memory, and one folder."""
    service = unit(part)["Service"]
    for name, wanted in {
        "User": f"restock-{part}", "Group": f"restock-{part}", "StateDirectory": f"restock-{part}",
        "StateDirectoryMode": "0700", "UMask": "0077", "ProtectSystem": "strict", "ProtectHome": "yes",
        "NoNewPrivileges": "yes", "PrivateTmp": "yes", "CapabilityBoundingSet": "", "Restart": "on-failure",
        "RestartPreventExitStatus": "2",
    }.items():  # fmt: skip
        assert service[name] == wanted, name
    assert service["MemoryMax"].endswith("M")
    assert "ReadWritePaths" not in service


@pytest.mark.parametrize("part", PARTS)
def test_the_service_does_not_wait_for_a_word_that_never_comes(part: str) -> None:
    """Type=notify is for programs that tell systemd when they are ready."""
    package = {"hub": "edge_agent", "bridge": "cloud_bridge"}[part]
    sources = (PACKAGING.parent / package).rglob("*.py")
    says_so = any("NOTIFY_SOCKET" in path.read_text(encoding="utf-8") for path in sources)
    assert (unit(part)["Service"]["Type"] == "notify") == says_so


@pytest.mark.parametrize("part", PARTS)
def test_the_folder_is_the_same_in_every_file(part: str) -> None:
    """Service, configuration, folders and users name the same place and owner."""
    folder = f"/var/lib/restock-{part}"
    users = (DEBIAN / "restock.sysusers").read_text(encoding="utf-8")
    folders = (DEBIAN / "restock.tmpfiles").read_text(encoding="utf-8")
    assert f"d {folder} 0700 restock-{part} restock-{part} -" in folders.splitlines()
    assert any(line.startswith(f"u restock-{part} ") for line in users.splitlines())
    assert unit(part)["Service"]["WorkingDirectory"] == folder


def test_the_configurations_that_are_installed_are_valid() -> None:
    """Both programs take the files as the package brings them, and listen on this machine only."""
    hub = edge_agent.config.load(DEBIAN / "hub.toml")
    bridge = cloud_bridge.config.load(DEBIAN / "bridge.toml")
    assert hub.home.data_dir == "/var/lib/restock-hub"
    assert not names_broker(hub), "the first run's page could not choose one"
    assert bridge.store.url == "sqlite:////var/lib/restock-bridge/bridge.sqlite3"
    assert (hub.web.host, bridge.server.host) == ("127.0.0.1", "127.0.0.1")
    assert hub.bridge.url == f"http://{bridge.server.host}:{bridge.server.port}"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze, of Debian's systemd")
@pytest.mark.parametrize("part", PARTS)
def test_systemd_reads_the_unit_and_finds_it_closed(part: str, tmp_path: Path) -> None:
    """No unknown or misspelt setting, and an exposure that systemd itself calls low."""
    file = tmp_path / f"restock-{part}.service"
    text = (SYSTEMD / file.name).read_text(encoding="utf-8")
    file.write_text(text.replace(f"/usr/bin/restock-{part}", "/bin/true"))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (verified.returncode, file.name in verified.stderr) == (0, False), verified.stderr
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", file],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert judged.returncode == 0, judged.stdout[-2_000:] + judged.stderr


@pytest.mark.parametrize(
    "script", [*sorted(PACKAGING.rglob("*.sh")), DEBIAN / "restock.postinst", DEBIAN / "restock.postrm"]
)
def test_every_script_is_read_by_the_shell(script: Path) -> None:
    """A slip in a script of the package shows here, and not at a household."""
    read = subprocess.run(["sh", "-n", script], capture_output=True, text=True, check=False)
    assert (read.returncode, read.stderr) == (0, "")


def purge(answer: str | None, *, at: Path) -> str:
    """What a purge says, with its folders and debconf's answer in a place of the test's own."""
    confmodule = at / "confmodule"
    if answer is not None:
        confmodule.write_text(
            f"db_fset() {{ :; }}\ndb_input() {{ :; }}\ndb_go() {{ :; }}\ndb_get() {{ RET={answer}; }}\n",
            encoding="utf-8",
        )
    script = (DEBIAN / "restock.postrm").read_text(encoding="utf-8")
    for real in ("/var/lib/restock", "/etc/restock"):
        script = script.replace(real, f"{at}{real}")
    script = script.replace("/usr/share/debconf/confmodule", str(confmodule)).replace("getent passwd", "false")
    said = subprocess.run(["sh", "-c", script, "postrm", "purge"], capture_output=True, text=True, check=True)
    return said.stderr


@pytest.mark.parametrize(("answer", "stays"), [("true", False), ("false", True), ("", True), (None, True)])
def test_a_purge_deletes_data_after_a_clear_word_only(answer: str | None, *, stays: bool, tmp_path: Path) -> None:
    """Without debconf, and without an answer, what cannot be made again stays, and is named."""
    folders = [tmp_path / "var/lib/restock-hub", tmp_path / "var/lib/restock-bridge", tmp_path / "etc/restock"]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "bridge.env").write_text("x", encoding="utf-8")
    said = purge(answer, at=tmp_path)
    assert [folder.exists() for folder in folders] == [stays] * 3
    assert ("data was kept" in said) == stays
