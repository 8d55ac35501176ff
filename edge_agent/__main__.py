"""`restock-hub`: arguments, configuration, logging, and the only exit of the hub."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent import __version__
from edge_agent.config import HubConfig, load, secrets_from
from edge_agent.errors import BugError, ConfigurationError, HubError, StoreNewerError

if TYPE_CHECKING:
    from edge_agent.adapters.api_client import ApiClient

_ROLES = ("owner", "member", "guest", "child")
_DECLINE_REASONS = ("have_spare", "too_dear", "not_now", "wrong_product", "going_away")
_ASKING = ("prompts", "approve", "decline", "items", "why", "merchants", "record", "recall")
EXIT_DONE, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
# What our libraries load where it happens to be installed, and the hub never uses: httpx's command line (with rich and
# pygments), paho's look-up of brokers by DNS. Together up to 12 MB and a fifth of a second of start-up.
_NEVER_USED = ("httpx._main", "dns")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        code = _answered(_parser().parse_args(argv))
        sys.stdout.flush()
    except BrokenPipeError:  # who reads what is printed, the help too, has read enough
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - until the end of the process
        return EXIT_FAILED
    return code


def _answered(arguments: argparse.Namespace) -> int:
    os.umask(0o077)  # what the hub keeps is for its own user, SQLite's side files too
    logging.basicConfig(level=arguments.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        return _command(arguments)
    except (ConfigurationError, StoreNewerError) as exc:  # to start it again and again would cure neither
        print(f"restock-hub: {exc}", file=sys.stderr)
        return EXIT_USAGE
    except HubError as exc:
        kind = f"{type(exc).__name__}: " if isinstance(exc, BugError) else ""  # only who mends it needs its name
        print(f"restock-hub: {kind}{exc}", file=sys.stderr)
        return EXIT_FAILED


def _command(arguments: argparse.Namespace) -> int:
    if arguments.command == "profiles":
        return _profiles(arguments)
    if arguments.command == "replay":
        return _replay(arguments)
    if arguments.command == "check-record":
        return _check_record(arguments)
    if arguments.command == "doctor":
        return _doctor(arguments)
    config = load(arguments.config)
    more_profiles = tuple(getattr(arguments, "profiles", None) or ())
    config = config.model_copy(update={"profiles": (*config.profiles, *more_profiles)})
    if arguments.check_config:
        return _check(config)
    does: dict[str, Callable[[], int]] = {
        "run": lambda: _run(config),
        "setup": lambda: _set_up(config, arguments),
        "report": lambda: _report(config, as_json=arguments.json),
        "people": lambda: _people(config, arguments),
        "store": lambda: _store(config, arguments),
        "products": lambda: _products(config, arguments),
        "enroll": lambda: _enroll(config, arguments),
        "devices": lambda: _devices(config, arguments),
        **dict.fromkeys(_ASKING, lambda: _ask(config, arguments)),
        "backup": lambda: _backup(config, arguments),
        "restore": lambda: _restore(config, arguments),
    }
    return does[arguments.command]()


def _check(config: HubConfig) -> int:
    """The values in force, with the broker that the first run has chosen; secrets are stars."""
    from edge_agent.adapters.setup_files import with_chosen_broker  # noqa: PLC0415

    config, secret = with_chosen_broker(config, secrets_from(os.environ))
    print(json.dumps(config.model_dump(mode="json") | {"secrets": secret.model_dump(mode="json")}, indent=2))
    return EXIT_DONE


def _run(config: HubConfig) -> int:
    from edge_agent.adapters.allocator import stay_small  # noqa: PLC0415

    stay_small()
    for unused in _NEVER_USED:
        # Importing it now fails, as if it were not installed.
        sys.modules[unused] = None  # type: ignore[assignment]
    from edge_agent.app import run  # noqa: PLC0415 - only this command pays for what it imports
    from edge_agent.core.setup.first_steps import addon_broker  # noqa: PLC0415

    try:
        asyncio.run(run(config, secrets_from(os.environ), addon=addon_broker(os.environ), tell=_said))
    except BaseExceptionGroup as group:
        raise _first_of_ours(group) or group from None
    return EXIT_DONE


def _said(text: str) -> None:
    """A line for whoever started the hub, at once: a service's journal is no terminal, and print would keep it back."""
    print(text, flush=True)


def _first_of_ours(group: BaseExceptionGroup[BaseException]) -> HubError | None:
    """The first error of ours in a group of tasks that failed together: that one a person can act on."""
    for error in group.exceptions:
        found = _first_of_ours(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, HubError):
            return found
    return None


def _set_up(config: HubConfig, arguments: argparse.Namespace) -> int:
    from edge_agent.commands.commission import set_up  # noqa: PLC0415

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
    from edge_agent.commands.administer import change_people, list_people  # noqa: PLC0415

    if arguments.action != "list":
        needs_password = arguments.action in {"add", "password"}
        password = _typed_password(f"the account {arguments.name}") if needs_password else ""
        role = getattr(arguments, "role", None)
        change_people(config, arguments.action, name=arguments.name, role=role, password=password)
    for person in list_people(config):
        print(json.dumps(person))
    return EXIT_DONE


def _store(config: HubConfig, arguments: argparse.Namespace) -> int:
    from edge_agent.commands import administer  # noqa: PLC0415

    match arguments.action:
        case "accept":
            print(json.dumps(administer.accept_store(config)))
        case "put-back":
            print(json.dumps(administer.put_store_back(config, arguments.backup, drop_orders=arguments.drop_orders)))
        case _:
            for kept in administer.store_kept_apart(config):
                print(json.dumps(kept))
    return EXIT_DONE


def _products(config: HubConfig, arguments: argparse.Namespace) -> int:
    from edge_agent.commands.administer import import_products  # noqa: PLC0415

    told = import_products(
        config,
        arguments.file,
        only=arguments.only_gtins,
        countries=arguments.country or (),
        rows_max=arguments.most,
        progress=_progress("importing"),
    )
    print(json.dumps(told))
    return EXIT_DONE


def _enroll(config: HubConfig, arguments: argparse.Namespace) -> int:
    from edge_agent.commands.enroll import Enrolment, check_together, overlap_of, wish_of  # noqa: PLC0415

    check_together(arguments)
    enrolment, device = Enrolment(config), arguments.revoke or arguments.device
    if arguments.list:
        for each in enrolment.listed():
            print(json.dumps(each))
        return EXIT_DONE
    if arguments.revoke:
        told = enrolment.revoke(device)
    elif not device:
        told = enrolment.write_again()
    elif arguments.rotate:
        told = enrolment.rotate(device, wish_of(arguments), overlap=overlap_of(arguments.overlap))
    else:
        told = enrolment.enroll(device, wish_of(arguments))
    print(json.dumps(told, indent=2))
    return EXIT_DONE if told["in_force"] else EXIT_FAILED


def _backup(config: HubConfig, arguments: argparse.Namespace) -> int:
    from edge_agent.commands.keeping import back_up  # noqa: PLC0415

    passphrase = _passphrase(is_new=True)
    told = back_up(config, arguments.file, passphrase=passphrase, progress=_progress("backing up"))
    print(json.dumps(told, indent=2))
    return EXIT_DONE


def _restore(config: HubConfig, arguments: argparse.Namespace) -> int:
    from edge_agent.commands.keeping import CLEAR_WORD, put_back  # noqa: PLC0415

    passphrase = _passphrase(is_new=False)
    if arguments.replace:
        print(f"What lies in {config.home.data_dir} gives place to the backup.", file=sys.stderr)
        print(f"Type {CLEAR_WORD}, then Enter:", file=sys.stderr)
        if sys.stdin.readline().strip() != CLEAR_WORD:
            raise ConfigurationError(f"the word {CLEAR_WORD} was not typed: nothing was changed")
    told = put_back(
        config, arguments.file, passphrase=passphrase, replace=arguments.replace, progress=_progress("restoring")
    )
    print(json.dumps(told, indent=2))
    return EXIT_DONE


def _passphrase(*, is_new: bool) -> str:
    """Of a backup: not shown while it is typed, and typed twice when it is new; from a script, a line of its input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    typed = getpass.getpass("Passphrase of the backup: ")
    if is_new and getpass.getpass("Once more: ") != typed:
        raise ConfigurationError("the two passphrases differ: nothing was made")
    return typed


def _progress(what: str) -> Callable[[float], None]:
    """Shows a person how far long work has come; a script is told nothing."""
    shown = -1

    def show(share: float) -> None:
        nonlocal shown
        tenth = int(share * 10)
        if tenth > shown and sys.stderr.isatty():
            shown = tenth
            print(f"{what}: {tenth * 10} %", file=sys.stderr)

    return show


def _doctor(arguments: argparse.Namespace) -> int:
    from edge_agent.commands.examining import examine  # noqa: PLC0415

    report = asyncio.run(examine(arguments.config, os.environ))
    print(report.as_json() if arguments.json else report.as_text())
    return EXIT_DONE if report.is_sound else EXIT_FAILED


def _report(config: HubConfig, *, as_json: bool) -> int:
    from edge_agent.commands.commission import report  # noqa: PLC0415

    counted = report(config)
    if as_json:
        print(json.dumps(counted))
    else:
        for name, value in counted.items():
            print(f"{name}: {json.dumps(value)}")
    return EXIT_DONE if counted["audit_ok"] else EXIT_FAILED


def _devices(config: HubConfig, arguments: argparse.Namespace) -> int:
    from edge_agent.adapters.devices_list import as_json  # noqa: PLC0415
    from edge_agent.adapters.setup_files import with_chosen_broker  # noqa: PLC0415
    from edge_agent.commands.discover import heard_devices, known_devices  # noqa: PLC0415
    from edge_agent.core.inventory.text import as_text  # noqa: PLC0415

    if arguments.for_s is None and (arguments.topic or arguments.save):
        raise ConfigurationError("--topic and --save go with --for SECONDS")
    if arguments.for_s is None:
        found = known_devices(config)
    else:
        config, secret = with_chosen_broker(config, secrets_from(os.environ))
        listening = heard_devices(
            config,
            secret,
            for_s=arguments.for_s,
            filters=arguments.topic or ["#"],
            save=arguments.save,
            ready=lambda _: print(f"listening for {arguments.for_s:g} s ...", file=sys.stderr, flush=True),
        )
        found = asyncio.run(listening)
    print(as_json(found.inventory).decode() if arguments.json else as_text(found.inventory).rstrip("\n"))
    for each in found.saved:
        done = "saved" if each.is_new else "there already:"
        print(f"{done} {each.path} from {each.topic!r}", file=sys.stderr)
    return EXIT_DONE


def _ask(config: HubConfig, arguments: argparse.Namespace) -> int:
    from edge_agent.commands import asking  # noqa: PLC0415

    token = os.environ.get("RESTOCK_TOKEN", "")
    with asking.client_for(config.web, token=token, token_file=arguments.token_file) as client:
        match arguments.command:
            case "prompts":
                words = asking.prompts(client, as_json=arguments.json)
            case "items":
                words = asking.items(client, as_json=arguments.json)
            case "why":
                words = asking.why(client, arguments.item, as_json=arguments.json)
            case "merchants":
                words = asking.merchants(client, as_json=arguments.json)
            case "record":
                words = asking.record(client, arguments.order, out=arguments.out)
            case "recall":
                words = _recall(client, arguments)
            case "decline":
                words = asking.decline(client, arguments.prompt, reason=arguments.reason, as_json=arguments.json)
            case _:
                words = asking.approve(
                    client,
                    arguments.prompt,
                    terms_hash=arguments.terms_hash,
                    as_json=arguments.json,
                    agrees=_agrees,
                    pin=_typed_pin,
                )
    print(words)
    return EXIT_DONE


def _recall(client: ApiClient, arguments: argparse.Namespace) -> str:
    from edge_agent.commands import asking  # noqa: PLC0415

    match arguments.action:
        case "add":
            names = ("gtin", "batch", "until", "text", "source")
            notice = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
            return asking.file_recalls(client, [notice], as_json=arguments.json)
        case "import":
            return asking.import_recalls(client, arguments.file, as_json=arguments.json)
        case _:
            return asking.recalls(client, as_json=arguments.json)


def _agrees(terms: str) -> bool:
    """Show the terms, and wait for a yes."""
    print(terms, file=sys.stderr)
    print("Buy on these terms? Type yes, then Enter:", file=sys.stderr)
    return sys.stdin.readline().strip().lower() == "yes"


def _typed_pin() -> str:
    """The PIN: not shown while it is typed, or one line of standard input."""
    if sys.stdin.isatty():
        return getpass.getpass("Your PIN: ")
    return sys.stdin.readline().rstrip("\n")


def _replay(arguments: argparse.Namespace) -> int:
    from edge_agent.commands.replaying import replay_file  # noqa: PLC0415

    told = replay_file(arguments.file)
    print(json.dumps(told, indent=2))
    return EXIT_FAILED if told["differs"] else EXIT_DONE


def _check_record(arguments: argparse.Namespace) -> int:
    from edge_agent.commands.checking import check_record  # noqa: PLC0415
    from edge_agent.core.leave.record_check import in_words  # noqa: PLC0415

    checked = check_record(arguments.file, wanted=arguments.key)
    print(in_words(checked))
    return EXIT_DONE if checked.fault is None else EXIT_FAILED


def _profiles(arguments: argparse.Namespace) -> int:
    from edge_agent.adapters import profile_tools, profiles  # noqa: PLC0415

    if arguments.action == "new":
        return _new_profile(arguments)
    if arguments.action == "import":
        return _import_profiles(arguments)
    if arguments.action == "check":
        return _check_profiles(arguments.folder)
    if arguments.action == "compile":
        print(profiles.compile_shipped())
        return EXIT_DONE
    loaded = profiles.load_profiles(profiles.profile_folders(arguments.profiles or ()), samples=False)
    for refused in loaded.refused:
        print(refused, file=sys.stderr)
    now = profile_tools.instant(arguments.at) if arguments.at else datetime.now(UTC)
    decoded = profile_tools.decode_manifest(
        arguments.manifest, registry=loaded.registry, now=now, refused=loaded.refused
    )
    print(json.dumps(decoded))
    return EXIT_DONE


def _check_profiles(folder: Path | None) -> int:
    from edge_agent.adapters import drafts, profile_tools, profiles  # noqa: PLC0415

    folders = (folder,) if folder else profiles.profile_folders()
    checked = profile_tools.check_profiles(folders, every_signal=folder is not None and not drafts.is_shipped(folder))
    problems = drafts.with_questions(checked.problems, folder=folder)
    for line in (*problems, *checked.doubts):
        print(line, file=sys.stderr)
    doubts = f", {len(checked.doubts)} doubts" if checked.doubts else ""
    print(f"{len(checked.profiles)} profiles, {checked.samples} samples, {len(problems)} problems{doubts}")
    return EXIT_FAILED if problems else EXIT_DONE


def _new_profile(arguments: argparse.Namespace) -> int:
    from edge_agent.adapters.drafts import new_profile, save  # noqa: PLC0415

    drafted = new_profile(
        arguments.from_payload, topic=arguments.topic, form=arguments.format, signals=arguments.signal or ()
    )
    if arguments.out is None:
        print(drafted.text, end="")
    else:
        save(drafted, arguments.out)
    for line in drafted.remarks:
        print(line, file=sys.stderr)
    return EXIT_DONE


def _import_profiles(arguments: argparse.Namespace) -> int:
    from edge_agent.adapters.import_tools import import_profiles  # noqa: PLC0415

    told = import_profiles(
        arguments.source,
        arguments.file,
        overlays=arguments.overlay or (),
        out=arguments.out,
        profiles=arguments.profiles or (),
        prefix=arguments.prefix,
    )
    for refused in told.refused:
        print(f"{refused.what}: {refused.reason}", file=sys.stderr)
    print(json.dumps(told.found, ensure_ascii=False))
    return EXIT_DONE if told.found["devices"] else EXIT_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="restock-hub", description="The hub of a home: stock, prompts, orders.")
    parser.add_argument("--version", action="version", version=f"restock-hub {__version__}")
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    commands = parser.add_subparsers(dest="command", required=True)

    run = commands.add_parser("run", help="run the hub until it is told to stop")
    run.add_argument("--profiles", metavar="DIR", action="append", help="a folder of profiles of your own")
    set_up = commands.add_parser("setup", help="make the household's key, documents and owner account")
    set_up.add_argument("--household", type=Path, required=True, help="TOML file with items and preferences")
    set_up.add_argument("--owner", default="owner", help="name of the owner's account (its password: standard input)")
    report = commands.add_parser("report", help="count what the store holds; the hub must be stopped")
    report.add_argument("--json", action="store_true", help="one JSON object on standard output")
    people = commands.add_parser("people", help="who belongs to the home; the hub must be stopped")
    store = commands.add_parser("store", help="a store that was damaged and set aside; the hub must be stopped")
    products = commands.add_parser("products", help="what Open Food Facts tells of products; the hub must be stopped")
    enroll = commands.add_parser("enroll", help="devices' logins at the broker, and the broker's configuration")
    _add_enroll(enroll)
    devices = commands.add_parser("devices", help="what is on the broker, what is understood, what could feed an item")
    _add_devices(devices)
    backup = commands.add_parser("backup", help="the whole data folder in one sealed file; the hub may run")
    backup.add_argument("file", type=Path, help="where it goes; its passphrase: standard input")
    restore = commands.add_parser("restore", help="put a backup into an empty data folder; the hub must be stopped")
    restore.add_argument("file", type=Path, help="a file that backup has made; its passphrase: standard input")
    restore.add_argument("--replace", action="store_true", help="the folder is not empty: keep what lies there apart")
    doctor = commands.add_parser("doctor", help="what is wrong, where, and what to do")
    doctor.add_argument("--json", action="store_true", help="one JSON object on standard output")
    doctor.add_argument("--config", type=Path, help="TOML file; without it the defaults hold")
    for command in (
        run,
        set_up,
        report,
        enroll,
        devices,
        backup,
        restore,
        *_add_asking(commands),
        *_add_people(people),
        *_add_store(store),
        _add_products(products),
    ):
        command.add_argument("--config", type=Path, help="TOML file; without it the defaults hold")
        command.add_argument("--check-config", action="store_true", help="print the effective values and stop")

    replay = commands.add_parser("replay", help="make a decision again from its file, and say what differs")
    replay.add_argument("file", type=Path, help="a decision as a file, from an item's or a question's page")
    check_record = commands.add_parser("check-record", help="whether the record of an order holds: 0 yes, 1 no, 2 none")
    check_record.add_argument("file", type=Path, help="a record that `restock-hub record` or an order's page gave")
    check_record.add_argument("--key", metavar="FINGERPRINT", help="of the household's key, as its own page shows it")
    actions = commands.add_parser("profiles", help="device profiles").add_subparsers(dest="action", required=True)
    check = actions.add_parser("check", help="load profiles and run the samples inside them")
    check.add_argument("folder", type=Path, nargs="?", help="a folder of profiles; without it, those that ship")
    decode = actions.add_parser("decode", help="decode recorded payloads")
    decode.add_argument("--manifest", type=Path, required=True, help='JSON: [{"file": path, "topic": topic}, ...]')
    decode.add_argument("--profiles", metavar="DIR", action="append", help="a folder of profiles of your own")
    decode.add_argument("--at", metavar="TIME", help="as if they came then (2026-01-01T12:00:00Z); without it, now")
    decode.add_argument("--json", action="store_true", help="accepted for scripts; the output is JSON either way")
    actions.add_parser("compile", help="for who installs: bring the shipped profiles compiled, for a quick first start")
    _add_new_profile(actions.add_parser("new", help="draft a profile from sample payloads"))
    _add_import(actions.add_parser("import", help="make profiles of what devices announce about themselves"))
    return parser


def _add_asking(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> list[argparse.ArgumentParser]:
    prompts = commands.add_parser("prompts", help="the questions that are open, from the running hub")
    approve = commands.add_parser("approve", help="buy on the terms of a question; they are shown first")
    approve.add_argument("prompt", help="its id, as `restock-hub prompts` shows it")
    approve.add_argument("--terms-hash", metavar="HASH", help="in a script: the terms it saw, by their hash")
    decline = commands.add_parser("decline", help="do not buy, and say why")
    decline.add_argument("prompt", help="its id, as `restock-hub prompts` shows it")
    decline.add_argument("--reason", required=True, choices=_DECLINE_REASONS, help="what it is declined for")
    items = commands.add_parser("items", help="every item: what is left, and how long it lasts")
    why = commands.add_parser("why", help="why the hub does with an item what it does")
    why.add_argument("item", help="its id, as `restock-hub items` shows it")
    merchants = commands.add_parser("merchants", help="every merchant: in time, complete, at the price agreed to")
    record = commands.add_parser("record", help="all that is kept of an order, signed, for a stranger to check")
    record.add_argument("order", help="its id, as the API and its page tell it")
    record.add_argument("--out", type=Path, required=True, metavar="FILE", help="where it goes; no file is overwritten")
    asking = [prompts, approve, decline, items, why, merchants, record, *_add_recall(commands)]
    for command in asking:
        command.add_argument("--json", action="store_true", help="one JSON object on standard output")
        command.add_argument(
            "--token-file", type=Path, metavar="FILE", help="file of mode 0600 with a token; without it RESTOCK_TOKEN"
        )
    return asking


def _add_recall(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> list[argparse.ArgumentParser]:
    recall = commands.add_parser("recall", help="goods that are called back, and whether they are here")
    actions = recall.add_subparsers(dest="action", required=True)
    listed = actions.add_parser("list", help="what was filed, and what of it may be here")
    add = actions.add_parser("add", help="file one; an owner's token")
    add.add_argument("--gtin", required=True, help="the number under the bar code")
    add.add_argument("--batch", help="without it, all batches")
    add.add_argument("--until", metavar="DAY", help="packs dated this day or earlier (2026-12-31); without it, all")
    add.add_argument("--text", required=True, help="what it is and what to do")
    add.add_argument("--source", required=True, help="who says so")
    imports = actions.add_parser("import", help="file all of a JSON file (docs/recalls.md)")
    imports.add_argument("file", type=Path, help="the file")
    return [listed, add, imports]


def _add_devices(devices: argparse.ArgumentParser) -> None:
    devices.add_argument("--json", action="store_true", help="one JSON object on standard output")
    devices.add_argument("--for", dest="for_s", type=float, metavar="SECONDS", help="listen to the broker for so long")
    devices.add_argument("--topic", action="append", metavar="FILTER", help="with --for: listen to this only (all: #)")
    devices.add_argument(
        "--save", type=Path, metavar="DIR", help="with --for: keep up to six payloads of each unknown topic"
    )
    devices.add_argument("--profiles", metavar="DIR", action="append", help="a folder of profiles of your own")


def _add_new_profile(new: argparse.ArgumentParser) -> None:
    new.add_argument(
        "--from-payload", type=Path, nargs="+", required=True, metavar="FILE", help="payloads of one device, one a file"
    )
    new.add_argument("--topic", required=True, help="where they came from; {device} may stand for the device's level")
    new.add_argument("--format", choices=["json", "text", "cbor", "msgpack"], help="where the payload does not tell")
    new.add_argument("--signal", action="append", metavar="POINTER", help="a place that shall be a signal, as /a/b")
    new.add_argument("--out", type=Path, metavar="FILE", help="write it there, if there is no such file yet")


def _add_import(imports: argparse.ArgumentParser) -> None:
    imports.add_argument("--from", dest="source", required=True, choices=["ha", "z2m", "sparkplug", "matter"])
    imports.add_argument("file", type=Path, help="what was heard: a line of TOPIC PAYLOAD for each message")
    imports.add_argument("--overlay", type=Path, action="append", metavar="FILE", help="what is used up, in YAML")
    imports.add_argument("--out", type=Path, metavar="DIR", help="write profiles there, and overlays to fill in")
    imports.add_argument("--profiles", metavar="DIR", action="append", help="a folder of profiles of your own")
    imports.add_argument("--prefix", help="ha: the discovery prefix; z2m: the base topic of a list without its topic")


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


def _add_enroll(enroll: argparse.ArgumentParser) -> None:
    enroll.add_argument("device", nargs="?", help="its name; without one, the broker's files are written once more")
    enroll.add_argument("--certificate", action="store_true", help="a client certificate instead of a password")
    enroll.add_argument("--csr", type=Path, metavar="FILE", help="a certificate for this signing request of the device")
    enroll.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where certificate and key are put")
    enroll.add_argument("--family", default="", metavar="PROFILE", help="it says what this profile reads")
    enroll.add_argument("--name", default="", metavar="LEVEL[/LEVEL]", help="how the vendor's topics name it")
    enroll.add_argument(
        "--topics", nargs="+", default=[], metavar="TOPIC", help="what it publishes; + and # may be used"
    )
    enroll.add_argument("--reads", nargs="+", default=[], metavar="TOPIC", help="what it subscribes to, exactly")
    enroll.add_argument("--observes", default="", metavar="DEVICE", help="only listen to this native device")
    does = enroll.add_mutually_exclusive_group()
    does.add_argument("--rotate", action="store_true", help="give it another credential; the old one ends at once")
    does.add_argument("--revoke", metavar="DEVICE", help="end every credential of this device")
    does.add_argument("--list", action="store_true", help="who is enrolled, one JSON object a line")
    enroll.add_argument(
        "--overlap", default="0s", metavar="TIME", help="with --rotate: 30m, 12h, 7d until the old one ends"
    )


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


def _add_products(products: argparse.ArgumentParser) -> argparse.ArgumentParser:
    actions = products.add_subparsers(dest="action", required=True)
    brought = actions.add_parser("import", help="keep what its export tells, as hints for new items")
    brought.add_argument("file", type=Path, help="its JSONL or CSV export, packed with gzip or not")
    brought.add_argument("--only-gtins", type=Path, metavar="FILE", help="only these bar codes, one a line")
    brought.add_argument("--country", action="append", metavar="TAG", help="only what is sold there, as en:germany")
    brought.add_argument("--most", type=int, default=200_000, metavar="N", help="no more than N products (%(default)s)")
    return brought


if __name__ == "__main__":
    sys.exit(main())
