"""The Mosquitto between stream and gateway: it keeps all that a gateway has not taken, and nothing on the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import Broker, _free_port

_CONFIG = """
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_inflight_messages 1000
log_type error
"""


@contextmanager
def mosquitto(folder: Path) -> Iterator[int]:
    """A running broker; yields its port.

    Raises: SystemExit where there is none to run.
    """
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if program is None:
        raise SystemExit("mosquitto (Debian package mosquitto) is missing")
    folder.mkdir()
    port, config = _free_port(), folder / "mosquitto.conf"
    config.write_text(_CONFIG.format(port=port) + ("user root\n" if os.geteuid() == 0 else ""), encoding="utf-8")
    broker = Broker("mosquitto", (program, "-c", str(config)), port, folder / "mosquitto.log", ("3.1.1", "5"))
    broker.start()
    try:
        yield port
    finally:
        broker.stop()
