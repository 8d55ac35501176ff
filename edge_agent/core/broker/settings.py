"""The rest of a broker's configuration: where it listens, what it keeps and how much, for nats-server and Mosquitto.

Changing it takes a restart of the broker, while logins (`broker_acl`) are read again while it runs. Every setting is
stated, also where it is a default, and has its reason in docs/device-identity.md.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from typing import Literal

from edge_agent.core.broker.acl import HEAD
from edge_agent.errors import ConfigurationError

Kind = Literal["mosquitto", "nats"]
MESSAGE_BYTES_MAX = 65_536
QUEUED_BYTES_MAX = 67_108_864
INFLIGHT_MAX = 1_000
STORE_MIB_MAX, MEMORY_MIB_MAX = 1_024, 64


FILE_NAMES = {
    "ca": "ca.crt",
    "certificate": "server.crt",
    "key": "server.key",
    "revoked": "revoked.crl",
    "passwords": "mosquitto.passwd",
    "acl": "mosquitto.acl",
    "nats_users": "nats-users.conf",
    "pid": "broker.pid",
    "store": "store",
}


@dataclass(frozen=True, slots=True)
class Listener:
    """An address that the broker listens on; `tls` says what it wants to see of a client.

    Raises: ConfigurationError for plain text on anything but loopback.
    """

    host: str
    port: int
    tls: Literal["none", "password", "certificate"] = "none"

    def __post_init__(self) -> None:
        if self.tls == "none" and not is_loopback(self.host):
            raise ConfigurationError(
                f"broker.host = {self.host!r}: beyond this machine the broker listens with TLS only; "
                "plain text is for 127.0.0.1 and ::1"
            )

    @property
    def joined(self) -> str:
        """`host:port`, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class BrokerPlan:
    """Which listeners a broker has: one for the hub and this machine, and those for the home's network."""

    kind: Kind
    home: str
    listeners: tuple[Listener, ...]


def is_loopback(host: str) -> bool:
    """Whether this is an address of this machine alone. A name is not: who knows what it leads to.

    Raises: ConfigurationError for what is no IP address.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError as exc:
        raise ConfigurationError(f"broker.host = {host!r}: an IP address is needed, such as 0.0.0.0 for all") from exc


def plan(kind: Kind, *, home: str, host: str, port: int, tls_port: int, certificates: int | None) -> BrokerPlan:
    """The listeners for a broker on `host`. `certificates` is the port for clients with certificates, or None.

    nats-server has one MQTT listener: plain on loopback, or TLS for everybody, the hub too.
    Raises: ConfigurationError.
    """
    local = is_loopback(host)
    kind_of_tls: Literal["password", "certificate"] = "password" if certificates is None else "certificate"
    if kind == "nats":
        secured = not local or certificates is not None
        one = Listener(host, tls_port, kind_of_tls) if secured else Listener(host, port)
        return BrokerPlan(kind, home, (one,))
    listeners = [Listener(host if local else "127.0.0.1", port)]
    if not local:
        listeners.append(Listener(host, tls_port, "password"))
    if certificates is not None:
        listeners.append(Listener(host, certificates, "certificate"))
    return BrokerPlan(kind, home, tuple(listeners))


def mosquitto_settings(broker: BrokerPlan, *, folder: str, user: str) -> str:
    """`mosquitto.conf`, whole. `user` is whom Mosquitto becomes when root starts it."""
    files = _paths(folder)
    listeners = "".join(_mosquitto_listener(each, files) for each in broker.listeners)
    return f"""\
{HEAD}user {user}
pid_file {files["pid"]}

# Logins are the same on every listener: with settings for each, Mosquitto before 2.0.13 delivers no last will.
per_listener_settings false
allow_anonymous false
password_file {files["passwords"]}
acl_file {files["acl"]}

# What was acknowledged is on the disk: after each change.
persistence true
persistence_location {files["store"]}/
autosave_on_changes true
autosave_interval 1

# Bounded by bytes; a number of messages would drop the rest in silence.
max_queued_messages 10000000
max_queued_bytes {QUEUED_BYTES_MAX}
# So many are under way to the hub before it has acknowledged any: by default 20, which it waits for.
max_inflight_messages {INFLIGHT_MAX}
message_size_limit {MESSAGE_BYTES_MAX}
max_packet_size {2 * MESSAGE_BYTES_MAX}
{listeners}"""


def nats_settings(broker: BrokerPlan, *, folder: str) -> str:
    """`nats.conf`, whole but for the users, whose file it includes."""
    files = _paths(folder)
    [listener] = broker.listeners
    store, pid, users = (json.dumps(each) for each in (files["store"], files["pid"], FILE_NAMES["nats_users"]))
    return f"""\
{HEAD}server_name: {json.dumps(f"restock-{broker.home}")}
listen: "127.0.0.1:-1" # nats-server's own protocol, which no user here may speak
pid_file: {pid}
max_payload: {MESSAGE_BYTES_MAX}
jetstream {{ store_dir: {store}, max_mem: {MEMORY_MIB_MAX}MB, max_file: {STORE_MIB_MAX}MB, sync_interval: always }}
mqtt {{
  listen: {json.dumps(listener.joined)}
  ack_wait: "5s"
  max_ack_pending: 200
{_nats_tls(listener, files)}}}
include {users}
"""


def _paths(folder: str) -> dict[str, str]:
    """Raises: ConfigurationError for a folder that a line of a configuration cannot name."""
    if not folder.startswith("/") or not folder.isprintable():
        raise ConfigurationError(f"home.data_dir: {folder!r} cannot stand in a broker's configuration")
    return {name: f"{folder}/{file}" for name, file in FILE_NAMES.items()}


def _mosquitto_listener(listener: Listener, files: dict[str, str]) -> str:
    lines = ["", f"listener {listener.port} {listener.host}", "use_username_as_clientid true"]
    if listener.tls != "none":
        lines += [f"certfile {files['certificate']}", f"keyfile {files['key']}", "tls_version tlsv1.2"]
    if listener.tls == "certificate":
        lines += [f"cafile {files['ca']}", f"crlfile {files['revoked']}"]
        lines += ["require_certificate true", "use_identity_as_username true"]
    return "\n".join(lines) + "\n"


def _nats_tls(listener: Listener, files: dict[str, str]) -> str:
    if listener.tls == "none":
        return ""
    lines = [f"cert_file: {json.dumps(files['certificate'])}", f"key_file: {json.dumps(files['key'])}"]
    if listener.tls == "certificate":
        lines += [f"ca_file: {json.dumps(files['ca'])}", "verify_and_map: true"]
    return f"  tls {{ {', '.join(lines)}, min_version: '1.2', timeout: 5 }}\n"
