"""A data folder that is backed up and put back, as the commands are typed."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from edge_agent.__main__ import EXIT_DONE, main
from edge_agent.adapters.backup.sealed_file import Cost
from edge_agent.commands import keeping
from edge_agent.commands.commission import set_up
from edge_agent.config import HubConfig, load

DEMO = Path(__file__).parents[4] / "firmware_sim" / "demo_household.toml"
PASSPHRASE = "a passphrase of the test"
CHEAP = Cost(memory_kib=64, passes=1, lanes=1)


class Hub:
    """One hub's folder `data` below `place`, its configuration, and the commands over it."""

    def __init__(self, place: Path, patch: pytest.MonkeyPatch) -> None:
        place.mkdir(exist_ok=True)
        self.place = place
        self.folder = place / "data"
        self.file = place / "hub.toml"
        self.file.write_text(f"[home]\ndata_dir = {json.dumps(str(self.folder))}\n", encoding="utf-8")
        self._patch = patch

    @property
    def config(self) -> HubConfig:
        """As it is read."""
        return load(self.file)

    def set_up(self) -> Hub:
        """With keys, an owner and the demo's household."""
        set_up(self.config, household_file=DEMO, owner="anna", password="a password of the test")
        return self

    def types(self, *words: str, stdin: str = PASSPHRASE) -> int:
        """One command; returns its exit code."""
        self._patch.setattr("sys.stdin", io.StringIO(f"{stdin}\n"))
        return main([*words, "--config", str(self.file)])

    def back_up(self, target: Path) -> Path:
        """A backup of it."""
        keeping.back_up(self.config, target, passphrase=PASSPHRASE, cost=CHEAP)
        return target

    def names(self) -> set[str]:
        """What lies in the data folder."""
        return {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()}

    def people(self, capsys: pytest.CaptureFixture[str]) -> list[str]:
        """Who belongs to the home."""
        capsys.readouterr()
        assert self.types("people", "list") == EXIT_DONE
        return [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()]
