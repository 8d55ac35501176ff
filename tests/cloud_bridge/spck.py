"""Access to the independent conformance kit: its adversarial merchant and its own implementation of the signatures.

The kit is written as loose modules beside one folder; they are loaded from there, and the search path is put back.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import spck_conformance

ROOT = Path(str(spck_conformance.__file__)).parent / "_bundle" / "conformance"
REQUIREMENTS = ROOT / "requirements"


@dataclass(frozen=True)
class Sandbox:
    """Where the kit's merchant listens, and what it saw us do."""

    url: str
    observed: list[tuple[Any, ...]]

    @property
    def paths(self) -> list[str]:
        """The paths that were posted to, and those of its pages that somebody opened."""
        return [str(seen[1]) for seen in self.observed]


@contextmanager
def _on_the_path(*folders: Path) -> Iterator[None]:
    before = list(sys.path)
    sys.path[:0] = [str(folder) for folder in folders]
    try:
        yield
    finally:
        sys.path[:] = before


@cache
def crypto() -> ModuleType:
    """Its signatures: ES256, RFC 9421 and detached JWS in plain Python."""
    with _on_the_path(ROOT):
        return importlib.import_module("common.crypto")


@contextmanager
def sandbox(scenario: str = "conformant", *, agent_jwks: Sequence[Mapping[str, Any]] = ()) -> Iterator[Sandbox]:
    """Its merchant on a free port of loopback; with keys given, it refuses what these did not sign."""
    with _sandbox().serve(scenario=scenario, agent_jwks=[dict(each) for each in agent_jwks]) as (url, server):
        try:
            yield Sandbox(url, server.observed)
        finally:
            server.server_close()


@cache
def _sandbox() -> ModuleType:
    crypto()
    with _on_the_path(ROOT / "agent", ROOT):
        return importlib.import_module("sandbox")
