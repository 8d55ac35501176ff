"""The package in a root that holds nothing but Debian: installed, started, upgraded, taken back, removed for good.

It needs root, and the package: `make deb`, then RESTOCK_DEB=dist/restock_....deb. RESTOCK_ROOT_TAR may name a root that
was made before (`mmdebstrap --variant=minbase --include=python3,systemd,ca-certificates,tzdata RELEASE FILE`).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

DEB = os.environ.get("RESTOCK_DEB", "")
HAS_TOOLS = all(shutil.which(tool) for tool in ("mmdebstrap", "dpkg-deb", "chroot"))
HOUSEHOLD = Path(__file__).parents[2] / "firmware_sim" / "demo_household.toml"
NEXT_STEP = "CREATE TABLE tried (it INTEGER NOT NULL) STRICT;\n"
HUB = ("restock-hub", "run", "--config", "/etc/restock/hub.toml")
# What apt, dpkg and debconf write about every package, and what lies in memory on a running machine.
_OF_DEBIAN = ("/var/cache/", "/var/log/", "/var/lib/dpkg/", "/var/lib/apt/", "/proc/", "/dev/", "/run/", "/tmp/")

pytestmark = [
    pytest.mark.skipif(not DEB, reason="needs RESTOCK_DEB, the package that `make deb` made"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to enter a root of its own"),
    pytest.mark.skipif(not HAS_TOOLS, reason="needs Debian's mmdebstrap and dpkg-deb"),
    pytest.mark.timeout(3_000),
]


class Root:
    """A Debian in a folder, entered by chroot."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def run(
        self, *command: str, user: str = "", check: bool = True, typed: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """One command inside, as root or as `user`; standard error is part of what it says."""
        as_user = [f"--userspec={user}:{user}"] if user else []
        done = subprocess.run(
            ["chroot", *as_user, self.place, *command], input=typed, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.environment,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stdout
        return done

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of the machine outside."""
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}

    def apt(self, *arguments: str) -> str:
        """What apt says; it starts no service."""
        return self.run("apt-get", "-y", "-qq", *arguments).stdout

    def files(self) -> set[str]:
        """Every path but those that Debian writes about every package."""
        found = self.run("find", "/", "-xdev", "-path", "/proc", "-prune", "-o", "-print").stdout.splitlines()
        return {path for path in found if not path.startswith(_OF_DEBIAN)}

    @contextlib.contextmanager
    def serving(self, said_where: str = r"serving page=(\S+)") -> Iterator[re.Match[str]]:
        """The service's own command line as its user, until it has said where the page is; then it is told to stop."""
        unit = (self.place / "lib/systemd/system/restock-hub.service").read_text(encoding="utf-8")
        assert f"ExecStart=/usr/bin/{' '.join(HUB)}\n" in unit
        with subprocess.Popen(
            ["chroot", "--userspec=restock-hub:restock-hub", self.place, *HUB], text=True, env=self.environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as hub:  # fmt: skip
            assert hub.stdout is not None
            said = []
            for line in hub.stdout:
                said.append(line)
                if found := re.search(said_where, line):
                    try:
                        yield found
                    finally:
                        hub.terminate()
                        hub.communicate(timeout=60)
                    assert hub.returncode == 0
                    return
            pytest.fail("".join(said))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Root]:
    """A root with the package's Debian dependencies and no trace of the package."""
    place = tmp_path_factory.mktemp("root") / "debian"
    tar = os.environ.get("RESTOCK_ROOT_TAR", "")
    if tar:
        place.mkdir()
        subprocess.run(["tar", "-xpf", tar, "-C", place], check=True)
    else:
        wanted = "--include=python3,systemd,ca-certificates,tzdata,libstdc++6"
        sources = ["/etc/apt/sources.list.d/debian.sources"]
        release = subprocess.run(
            ["sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME"], capture_output=True, text=True, check=True
        )
        subprocess.run(["mmdebstrap", "--variant=minbase", wanted, release.stdout.strip(), place, *sources], check=True)
    (place / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    (place / "usr/sbin/policy-rc.d").chmod(0o755)
    (place / "etc/dpkg/dpkg.cfg.d/fast").write_text("force-unsafe-io\n", encoding="utf-8")
    (place / "proc").mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "proc", "proc", place / "proc"], check=True)
    try:
        yield Root(place)
    finally:
        subprocess.run(["umount", place / "proc"], check=True)
        shutil.rmtree(place)


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The package, and one of a later version whose store has one schema more."""
    work = tmp_path_factory.mktemp("packages")
    tree = work / "tree"
    subprocess.run(["dpkg-deb", "-R", DEB, tree], check=True)
    [schema] = tree.glob("opt/restock/lib/python3*/site-packages/edge_agent/adapters/store/schema")
    number = len(list(schema.glob("*.sql"))) + 1
    (schema / f"{number:04}.sql").write_text(NEXT_STEP, encoding="utf-8")
    control = tree / "DEBIAN/control"
    control.write_text(
        re.sub(r"^(Version: .*)$", r"\1+next", control.read_text(encoding="utf-8"), flags=re.MULTILINE),
        encoding="utf-8",
    )
    (tree / "DEBIAN/md5sums").unlink(missing_ok=True)
    newer = work / "newer.deb"
    subprocess.run(["dpkg-deb", "-Zzstd", "-z1", "--root-owner-group", "-b", tree, newer], check=True)
    return Path(DEB), newer


def test_it_is_installed_kept_and_removed(root: Root, packages: tuple[Path, Path]) -> None:
    """One life of the package, in the order in which a household goes through it."""
    before = root.files()
    for name, package in zip(("older.deb", "newer.deb"), packages, strict=True):
        shutil.copy(package, root.place / "tmp" / name)
    said = root.apt("install", "--no-install-recommends", "/tmp/older.deb")
    assert "http://127.0.0.1:8480" in said
    check_commands(root)
    check_owners(root)
    check_first_start(root)
    set_up(root)
    check_serving(root)
    check_keeping(root)

    root.apt("install", "/tmp/newer.deb")
    check_serving(root)
    data = root.place / "var/lib/restock-hub"
    [copy] = data.glob("hub.sqlite3.schema-*")

    root.apt("install", "--allow-downgrades", "/tmp/older.deb")
    refused = root.run(*HUB, user="restock-hub", check=False)
    assert refused.returncode == 2, "systemd starts it again after any other code"
    assert "this program knows" in refused.stdout
    assert not list(data.glob("*.damaged-*"))
    for side in ("", "-wal", "-shm"):
        (data / f"hub.sqlite3{side}").unlink(missing_ok=True)
    copy.rename(data / "hub.sqlite3")
    check_serving(root)

    root.apt("remove", "restock")
    assert not (root.place / "opt/restock").exists()
    assert (data / "household.key").exists()
    assert "data was kept" in root.apt("purge", "restock")
    assert (data / "household.key").exists()
    root.apt("install", "--no-install-recommends", "/tmp/older.deb")
    check_serving(root)
    root.run("debconf-set-selections", typed="restock restock/remove-data boolean true\n")
    root.apt("purge", "restock")
    assert not left_over(before, root.files())
    assert "restock" not in (root.place / "etc/passwd").read_text(encoding="utf-8")


def left_over(before: set[str], after: set[str]) -> set[str]:
    """What is there that was not, but for the copies that account files keep of themselves."""
    return {path for path in after - before if not re.fullmatch(r"/etc/(passwd|group|shadow|gshadow)-", path)}


def check_commands(root: Root) -> None:
    """Both programs start from read-only code, as their users."""
    for part in ("hub", "bridge"):
        user = f"restock-{part}"
        assert root.run(user, "--version", user=user).stdout.startswith(f"{user} ")
        assert root.run("test", "-w", "/opt/restock/bin", user=user, check=False).returncode == 1
    bridge = root.run(
        "restock-bridge", "run", "--config", "/etc/restock/bridge.toml", "--check-config", user="restock-bridge"
    )
    assert "/var/lib/restock-bridge/bridge.sqlite3" in bridge.stdout


def check_owners(root: Root) -> None:
    """Each data folder is closed to the other, and the bridge's file to all but the bridge."""
    for part in ("hub", "bridge"):
        told = root.run("stat", "-c", "%a %U", f"/var/lib/restock-{part}").stdout
        assert told == f"700 restock-{part}\n"
    assert root.run("stat", "-c", "%a %G", "/etc/restock/bridge.toml").stdout == "640 restock-bridge\n"
    assert root.run("cat", "/etc/restock/bridge.toml", user="restock-hub", check=False).returncode == 1


def check_first_start(root: Root) -> None:
    """The journal gets the setup code at once; the page asks for it."""
    hub = root.place / "etc/restock/hub.toml"
    hub.write_text(hub.read_text(encoding="utf-8") + "\n[web]\nport = 0\n", encoding="utf-8")
    with root.serving(r"Open (http://\S+) and give this setup code: (\S+)") as said:
        page = httpx.get(said[1], timeout=30, follow_redirects=True)
        assert page.status_code == 200
        assert said[2] not in page.text


def set_up(root: Root) -> None:
    """The home of the demo."""
    shutil.copy(HOUSEHOLD, root.place / "tmp/household.toml")
    said = root.run(
        "restock-hub", "setup", "--config", "/etc/restock/hub.toml", "--household", "/tmp/household.toml",
        user="restock-hub", typed="correct horse battery\n",
    )  # fmt: skip
    assert "public_key" in said.stdout


def check_keeping(root: Root) -> None:
    """Doctor misses broker and bridge only; a backup takes the place of what it was made of."""
    options = ("--config", "/etc/restock/hub.toml")
    said = root.run("restock-hub", "doctor", "--json", *options, user="restock-hub", check=False).stdout
    found = json.loads(said[said.index("{\n") :])["findings"]
    assert {each["where"] for each in found if each["severity"] == "problem"} == {
        "mqtt://127.0.0.1:1883", "http://127.0.0.1:8490",
    }, said  # fmt: skip
    phrase = "correct horse battery\n"
    root.run("restock-hub", "backup", "/tmp/home.restock", *options, user="restock-hub", typed=phrase)
    restore = ("restock-hub", "restore", "--replace", "/tmp/home.restock", *options)
    root.run(*restore, user="restock-hub", typed=f"{phrase}replace\n")
    assert "owner" in root.run("restock-hub", "people", "list", *options, user="restock-hub").stdout
    root.run("restock-bridge", "migrate", "--config", "/etc/restock/bridge.toml", user="restock-bridge")


def check_serving(root: Root) -> None:
    """The service's command line runs, says where the page is, and the page answers."""
    with root.serving() as said:
        assert httpx.get(f"{said[1]}/healthz", timeout=30).json() == {"status": "ok"}
