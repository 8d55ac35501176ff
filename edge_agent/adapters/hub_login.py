"""The hub's own logins at the broker, in `hub.env` for its service: the one file with passwords in the clear."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509

from edge_agent.adapters.device_credentials import Credential, fits, new_client_id, new_secret
from edge_agent.adapters.home_ca import HomeAuthority
from edge_agent.adapters.secret_file import write_whole

ENVIRONMENT = "hub.env"
CERTIFICATE, KEY = "hub.crt", "hub.key"
# One for each connection of the hub: the one that reads, the one that speaks, a passing look, and, where it is wanted,
# the one to Home Assistant.
_VARIABLES = ("RESTOCK_MQTT", "RESTOCK_MQTT_OUT", "RESTOCK_MQTT_LOOK", "RESTOCK_MQTT_HA")


def new_passwords(folder: Path, users: Sequence[str], *, now: datetime) -> tuple[Credential, ...]:
    """A password for each connection; the file is durable before this returns."""
    lines, credentials = [], []
    for user, variable in zip(users, _VARIABLES, strict=False):
        secret = new_secret()
        lines += [f"{variable}_USER={user}\n", f"{variable}_PASSWORD={secret.password}\n"]
        credentials.append(
            Credential(
                user=user, client_id=new_client_id(user), issued_at=now, mosquitto=secret.mosquitto, nats=secret.nats
            )
        )
    write_whole(folder / ENVIRONMENT, "".join(lines).encode())
    return tuple(credentials)


def new_certificate(folder: Path, user: str, *, authority: HomeAuthority, now: datetime) -> tuple[Credential, ...]:
    """One certificate for all connections, and no password any more."""
    issued = authority.issue_client(user, now=now)
    write_whole(folder / KEY, issued.key)
    write_whole(folder / CERTIFICATE, issued.certificate)
    write_whole(folder / ENVIRONMENT, b"")
    return (
        Credential(
            user=user,
            client_id=new_client_id(user),
            issued_at=now,
            serial=f"{issued.serial:x}",
            expires_at=issued.expires_at,
        ),
    )


def has(folder: Path, credentials: Sequence[Credential], *, connections: int) -> bool:
    """Whether the hub's files are those of these logins: not so after a run that was cut off, or a lost file.

    `connections` is how many the hub has now: each needs a login of its own, or one certificate stands for all.
    """
    try:
        lines = (folder / ENVIRONMENT).read_text(encoding="utf-8").splitlines()
        if all(each.serial for each in credentials):
            certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
            return [f"{certificate.serial_number:x}"] == [each.serial for each in credentials]
    except (OSError, ValueError):
        return False
    known = dict(line.split("=", 1) for line in lines if "=" in line)
    return len(credentials) == connections and all(
        known.get(f"{variable}_USER") == each.user and fits(each, known.get(f"{variable}_PASSWORD", ""))
        for variable, each in zip(_VARIABLES, credentials, strict=False)
    )
