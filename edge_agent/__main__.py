"""`restock-hub`: arguments, configuration, logging, and the only exit of the hub."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from edge_agent import __version__
from edge_agent.config import HubConfig, load, secrets_from
from edge_agent.errors import ConfigurationError, HubError

_ROLES = ("owner", "member", "guest", "child")
EXIT_DONE, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
# What our libraries load where it happens to be installed, and the hub never uses: httpx's command line (with rich and
# pygments), paho's look-up of brokers by DNS. Together up to 12 MB and a fifth of a second of start-up.
_NEVER_USED = ("httpx._main", "dns")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    arguments = _parser().parse_args(argv)
    os.umask(0o077)  # what the hub keeps is for its own user, SQLite's side files too
    logging.basicConfig(level=arguments.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("httpx", "httpcore", "hypercorn.error"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        return _command(arguments)
    except ConfigurationError as exc:
        print(f"restock-hub: {exc}", file=sys.stderr)
        return EXIT_USAGE
    except HubError as exc:
        print(f"restock-hub: {type(exc).__name__}: {exc}", file=sys.stderr)
        return EXIT_FAILED


def _command(arguments: argparse.Namespace) -> int:
    if arguments.command == "profiles":
        return _profiles(arguments)
    config = load(arguments.config)
    if arguments.check_config:
        print(
            json.dumps(
                config.model_dump(mode="json") | {"secrets": secrets_from(os.environ).model_dump(mode="json")}, indent=2
            )
        )
        return EXIT_DONE
    does: dict[str, Callable[[], int]] = {
        "run": lambda: _run(config),
        "setup": lambda: _set_up(config, arguments),
        "report": lambda: _report(config, as_json=arguments.json),
        "people": lambda: _people(config, arguments),
        "store": lambda: _store(config, arguments),
    }
    return does[arguments.command]()


def _run(config: HubConfig) -> int:
    from edge_agent.adapters.allocator import stay_small  # noqa: PLC0415

    stay_small()
    for unused in _NEVER_USED:
        # Importing it now fails, as if it were not installed.
        sys.modules[unused] = None  # type: ignore[assignment]
    from edge_agent.app import run  # noqa: PLC0415 - only this command pays for what it imports

    try:
        asyncio.run(run(config, secrets_from(os.environ)))
    except BaseExceptionGroup as group:
        raise _first_of_ours(group) or group from None
    return EXIT_DONE


def _first_of_ours(group: BaseExceptionGroup[BaseException]) -> HubError | None:
    """The first error of ours in a group of tasks that failed together: that one a person can act on."""
    for error in group.exceptions:
        found = _first_of_ours(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, HubError):
            return found
    return None


def _set_up(config: HubConfig, arguments: argparse.Namespace) -> int:
    from edge_agent.commission import set_up  # noqa: PLC0415

    password = _typed_password(f"the account {arguments.owner}")
    known = set_up(config, household_file=arguments.household, owner=arguments.owner, password=password)
    print(json.dumps(known))
    return EXIT_DONE


def _typed_password(whose: str) -> str:
    """One line of standard input."""
    if sys.stdin.isatty():
        print(f"Password for {whose} (at least 12 characters), then Enter:", file=sys.stderr)
    return sys.stdin.readline().rstrip("\n")


def _people(config: HubConfig, arguments: argparse.Namespace) -> int:
    from edge_agent.administer import change_people, list_people  # noqa: PLC0415

    if arguments.action != "list":
        needs_password = arguments.action in {"add", "password"}
        password = _typed_password(f"the account {arguments.name}") if needs_password else ""
        role = getattr(arguments, "role", None)
        change_people(config, arguments.action, name=arguments.name, role=role, password=password)
    for person in list_people(config):
        print(json.dumps(person))
    return EXIT_DONE


def _store(config: HubConfig, arguments: argparse.Namespace) -> int:
    from edge_agent import administer  # noqa: PLC0415

    match arguments.action:
        case "accept":
            print(json.dumps(administer.accept_store(config)))
        case "put-back":
            print(json.dumps(administer.put_store_back(config, arguments.backup, drop_orders=arguments.drop_orders)))
        case _:
            for kept in administer.store_kept_apart(config):
                print(json.dumps(kept))
    return EXIT_DONE


def _report(config: HubConfig, *, as_json: bool) -> int:
    from edge_agent.commission import report  # noqa: PLC0415

    counted = report(config)
    if as_json:
        print(json.dumps(counted))
    else:
        for name, value in counted.items():
            print(f"{name}: {json.dumps(value)}")
    return EXIT_DONE if counted["audit_ok"] else EXIT_FAILED


def _profiles(arguments: argparse.Namespace) -> int:
    from edge_agent.adapters import profile_tools, profiles  # noqa: PLC0415

    if arguments.action == "check":
        folders = (arguments.folder,) if arguments.folder else profiles.profile_folders()
        checked = profile_tools.check_profiles(folders)
        for problem in checked.problems:
            print(problem, file=sys.stderr)
        print(f"{len(checked.profiles)} profiles, {checked.samples} samples, {len(checked.problems)} problems")
        return EXIT_FAILED if checked.problems else EXIT_DONE
    loaded = profiles.load_profiles(profiles.profile_folders())
    decoded = profile_tools.decode_manifest(arguments.manifest, registry=loaded.registry, now=datetime.now(UTC))
    print(json.dumps(decoded))
    return EXIT_DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="restock-hub", description="The hub of a home: stock, prompts, orders.")
    parser.add_argument("--version", action="version", version=f"restock-hub {__version__}")
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    commands = parser.add_subparsers(dest="command", required=True)

    run = commands.add_parser("run", help="run the hub until it is told to stop")
    set_up = commands.add_parser("setup", help="make the household's key, documents and owner account")
    set_up.add_argument("--household", type=Path, required=True, help="TOML file with items and preferences")
    set_up.add_argument("--owner", default="owner", help="name of the owner's account (its password: standard input)")
    report = commands.add_parser("report", help="count what the store holds; the hub must be stopped")
    report.add_argument("--json", action="store_true", help="one JSON object on standard output")
    people = commands.add_parser("people", help="who belongs to the home; the hub must be stopped")
    store = commands.add_parser("store", help="a store that was damaged and set aside; the hub must be stopped")
    for command in (run, set_up, report, *_add_people(people), *_add_store(store)):
        command.add_argument("--config", type=Path, help="TOML file; without it the defaults hold")
        command.add_argument("--check-config", action="store_true", help="print the effective values and stop")

    actions = commands.add_parser("profiles", help="device profiles").add_subparsers(dest="action", required=True)
    check = actions.add_parser("check", help="load profiles and run the samples inside them")
    check.add_argument("folder", type=Path, nargs="?", help="a folder of profiles; without it, those that ship")
    decode = actions.add_parser("decode", help="decode recorded payloads")
    decode.add_argument("--manifest", type=Path, required=True, help='JSON: [{"file": path, "topic": topic}, ...]')
    decode.add_argument("--json", action="store_true", help="accepted for scripts; the output is JSON either way")
    return parser


def _add_people(people: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    actions = people.add_subparsers(dest="action", required=True)
    listed = actions.add_parser("list", help="everybody with role, one JSON object a line")
    add = actions.add_parser("add", help="one person more (password: standard input)")
    role = actions.add_parser("role", help="give somebody another role")
    disable = actions.add_parser("disable", help="end somebody's sessions, and let them in no more")
    password = actions.add_parser("password", help="give somebody another password (standard input), and let them in")
    for action in (add, role, disable, password):
        action.add_argument("name", help="name of the account")
    for action in (add, role):
        action.add_argument("role", choices=_ROLES, help="what the person may do")
    return [listed, add, role, disable, password]


def _add_store(store: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    actions = store.add_subparsers(dest="action", required=True)
    show = actions.add_parser("show", help="what was set aside, one JSON object a line")
    put_back = actions.add_parser("put-back", help="let a backup take the store's place, with the readings since")
    put_back.add_argument("backup", type=Path, help="the hub.sqlite3 of a backup")
    put_back.add_argument(
        "--drop-orders", action="store_true", help="even if orders were approved since that the bridge does not have"
    )
    accept = actions.add_parser("accept", help="go on with the store that lies there; orders are sent again")
    return [show, put_back, accept]


if __name__ == "__main__":
    sys.exit(main())
