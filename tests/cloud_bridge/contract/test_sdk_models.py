"""Every request that we send, judged by the official SDK's models of the version that it is in.

Only one SDK fits into an environment: 0.1 is in ours, 0.4 and 0.5 get one each, made once a session.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cloud_bridge.core.outcome import Placed
from cloud_bridge.core.quote import Wanted
from tests.cloud_bridge.rig import MILK, Signer
from tests.cloud_bridge.versioned_shop import shop_and_connector
from tests.environments import environment

ORACLE = Path(__file__).with_name("sdk_oracle.py")
LOCKS = {"2026-04-08": "ucp-04.lock", "2026-08-25": "ucp-05.lock"}

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The interpreter that has the SDK of a version."""
    made: dict[str, Path] = {}

    def of(version: str) -> str:
        if version not in LOCKS:
            return sys.executable
        if version not in made:
            folder = tmp_path_factory.mktemp(version)
            made[version] = environment(folder, LOCKS[version])
        return str(made[version])

    return of


def _judged(python: str, version: str, bodies: list[dict[str, Any]]) -> list[str]:
    done = subprocess.run(
        [python, str(ORACLE), version],
        input=json.dumps(bodies),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=ORACLE.parent,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


async def _sent(version: str, *, ap2: bool) -> list[dict[str, Any]]:
    """The bodies of a whole order: opened, updated, priced again and completed."""
    leave = Signer().intent()
    async with shop_and_connector(version, ap2=ap2) as (shop, merchant):
        quote = await merchant.quote(Wanted(MILK, 2, "home"), key=str(uuid4()))
        await merchant.quote(Wanted(MILK, 2, "home"), key=str(uuid4()), session_id=quote.session_id)
        assert isinstance(await merchant.place(quote.session_id, key=str(uuid4()), leave=leave), Placed)
        return [{"operation": each.operation, "body": each.body} for each in shop.kept]


@pytest.mark.parametrize("version", ["2026-01-11", "2026-04-08", "2026-08-25"])
async def test_what_we_send_is_what_the_sdk_of_its_version_has(version: str, interpreter: Callable[[str], str]) -> None:
    """No member is missing, of another type or unknown; and the same oracle sees when one is."""
    bodies = await _sent(version, ap2=False)
    bodies += await _sent(version, ap2=True) if version != "2026-01-11" else []
    assert {each["operation"] for each in bodies} == {"create", "update", "complete"}
    python = interpreter(version)
    assert _judged(python, version, bodies) == []
    spoilt = json.loads(json.dumps(bodies))
    for each in spoilt:
        each["body"].pop("line_items", None)
        each["body"].pop("payment", None)
        each["body"].pop("payment_data", None)
        each["body"]["surprise"] = 1
    assert len(_judged(python, version, spoilt)) >= len(spoilt)
