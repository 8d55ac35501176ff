"""restock-bridge: arguments, configuration, logging; the only exit.

Exit codes: 0 done, 1 failed, 2 for what a person must mend first: wrong usage or configuration, a newer program's store
(one line on standard error).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from cloud_bridge import __version__
from cloud_bridge.config import BridgeConfig, database_password, load, secrets_of
from cloud_bridge.errors import BridgeError, ConfigurationError, StoreNewerError
from cloud_bridge.merchants.capabilities import capability_of

_DONE, _FAILED, _WRONG = 0, 1, 2
_LEVELS = ("debug", "info", "warning", "error")


class _Parser(argparse.ArgumentParser):
    """Wrong usage is one line, too."""

    def error(self, message: str) -> NoReturn:
        self.exit(_WRONG, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and say how it ended."""
    os.umask(0o077)  # what the bridge keeps is for its own user, SQLite's side files too
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=options.log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    for noisy in ("alembic", "httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        return _run(options, os.environ)
    except (ConfigurationError, StoreNewerError) as exc:  # a restart would cure neither
        print(f"restock-bridge: {exc}", file=sys.stderr)
        return _WRONG
    except BridgeError as exc:
        print(f"restock-bridge: {exc}", file=sys.stderr)
        return _FAILED


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="restock-bridge", description="Takes signed order intents, places them once, follows them.")
    parser.add_argument("command", nargs="?", choices=("run", "report", "migrate", "thaw"), help="what to do")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the TOML file")
    parser.add_argument("--check-config", action="store_true", help="print the effective values and do nothing")
    parser.add_argument("--household", metavar="ID", help="whom to thaw, once a fork is explained")
    parser.add_argument("--json", action="store_true", help="report as one JSON object")
    parser.add_argument("--log-level", choices=_LEVELS, default="info")
    parser.add_argument("--version", action="version", version=f"restock-bridge {__version__}")
    return parser


def _run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    config = load(options.config)
    if options.check_config:
        return _check(config, environment)
    match options.command:
        case "run":
            return _serve(config, environment)
        case "report":
            return _report(config, environment, as_json=options.json)
        case "migrate":
            return _migrate(config, environment)
        case "thaw":
            return _thaw(config, environment, household=options.household)
        case _:
            raise ConfigurationError("command = None: run, report, migrate or thaw is wanted")


def _check(config: BridgeConfig, environment: Mapping[str, str]) -> int:
    secrets = secrets_of(config, environment)
    for merchant in config.merchants:
        capability_of(merchant)
    password = secrets.database_password
    effective = config.model_dump(mode="json") | {
        "secrets": {
            name: {kind: str(secret) for kind, secret in kinds.items()} for name, kinds in secrets.merchants.items()
        },
        "database_password": None if password is None else str(password),
    }
    print(json.dumps(effective, indent=2))
    return _DONE


def _serve(config: BridgeConfig, environment: Mapping[str, str]) -> int:
    from cloud_bridge import app  # noqa: PLC0415  the server's weight is not for --help or report

    async def serve() -> None:
        await app.run(config, secrets_of(config, environment), stop=asyncio.Event())

    asyncio.run(serve())
    return _DONE


def _report(config: BridgeConfig, environment: Mapping[str, str], *, as_json: bool) -> int:
    from cloud_bridge.store.database import Database  # noqa: PLC0415
    from cloud_bridge.store.orders import SqlOrderStore  # noqa: PLC0415

    database = Database(config.store.url, password=database_password(environment)).open_reader()
    try:
        report = asyncio.run(SqlOrderStore(database).report())
    finally:
        database.close()
    if as_json:
        print(json.dumps(asdict(report)))
        return _DONE
    for line in report.orders:
        print(f"{line.intent_id}  {line.state}  {line.merchant_order_id or '-'}  {line.total_minor or '-'}")
    print(f"{len(report.orders)} orders, {report.attempts} attempts")
    return _DONE


def _migrate(config: BridgeConfig, environment: Mapping[str, str]) -> int:
    from cloud_bridge.store.database import Database  # noqa: PLC0415

    with Database(config.store.url, password=database_password(environment)):
        print(f"the store {config.store.url} is up to date")
    return _DONE


def _thaw(config: BridgeConfig, environment: Mapping[str, str], *, household: str | None) -> int:
    from cloud_bridge.store.database import Database  # noqa: PLC0415
    from cloud_bridge.store.orders import SqlOrderStore  # noqa: PLC0415

    if household is None:
        raise ConfigurationError("--household = None: the id of the household to thaw is wanted")
    with Database(config.store.url, password=database_password(environment)) as database:
        was_frozen = asyncio.run(SqlOrderStore(database).thaw(household))
    print(f"household {household} {'may order again' if was_frozen else 'was not frozen'}")
    return _DONE


if __name__ == "__main__":
    sys.exit(main())
