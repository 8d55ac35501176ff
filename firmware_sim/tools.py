"""The commands that need a broker or a bridge of the user's own: check a device, record, replay, load."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from firmware_sim import fleet_list_command, fleet_run_command, record_command, replay_command
from firmware_sim.conform import command as conform_command
from firmware_sim.hubs import command as hubs_command
from firmware_sim.listening import LinkError, WrongArgumentsError
from firmware_sim.load import command as load_command

Commands = Any  # what argparse's add_subparsers returns; its type is private
Guard = Callable[[Coroutine[Any, Any, bool]], Coroutine[Any, Any, bool]]

_DONE, _FAILED, _USAGE = 0, 1, 2
_COMMANDS = {
    "appliances": (fleet_list_command, "list the kinds of appliance, their dialects, and the faults"),
    "run": (fleet_run_command, "play a scenario's appliances to a broker"),
    "fleet": (load_command, "put thousands of devices on a broker, and count what comes through"),
    "hubs": (
        hubs_command,
        "put a thousand households at a cloud bridge, and hold their orders against the merchant's books",
    ),
    "conform": (conform_command, "check a device against the protocol, live on a broker"),
    "record": (record_command, "write down what a broker carries, without what is private"),
    "replay": (replay_command, "publish a recording again, at any speed"),
}


def add_commands(commands: Commands) -> None:
    """Their parsers."""
    for name, (module, text) in _COMMANDS.items():
        parser = commands.add_parser(name, help=text, description=text.capitalize() + ".")
        module.add_arguments(parser)
        parser.set_defaults(tool=module)


def run(arguments: argparse.Namespace, *, guard: Guard) -> int:
    """Run the one that was chosen; returns the exit code. `guard` lets a signal cancel it once."""
    from firmware_sim.conform.declared import ProfileFileError  # noqa: PLC0415 - help needs no YAML
    from firmware_sim.record_format import RecordingError  # noqa: PLC0415

    try:
        with asyncio.Runner(loop_factory=getattr(arguments.tool, "new_loop", None)) as runner:
            return _DONE if runner.run(guard(arguments.tool.run(arguments))) else _FAILED
    except (LinkError, ProfileFileError, RecordingError) as exc:
        sys.stderr.write(f"restock-sim: {exc}\n")
        return _USAGE if isinstance(exc, (WrongArgumentsError, ProfileFileError)) else _FAILED
