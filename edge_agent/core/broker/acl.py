"""Who may connect to the broker and what each may do there, as nats-server and Mosquitto read it.

From logins to text; nothing is written here. Every user's topics are spelled out: no rule is filled in by the broker
from a name that a client gives. A password is here as its hash only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_agent.core.leave.grants import Grant
from edge_agent.errors import ConfigurationError

HEAD = "# Written by restock-hub enroll. What is changed here is lost with its next run.\n"
NATS_ACCOUNT = "HOME"
_NATS_SYSTEM = "SYSTEM"


@dataclass(frozen=True, slots=True)
class Login:
    """One user of the broker.

    `mosquitto` and `nats` are the hashes of its password in each broker's form, empty for a user that shows a
    certificate instead, whose common name is `user`.
    """

    user: str
    grant: Grant
    mosquitto: str = ""
    nats: str = ""

    @property
    def has_certificate(self) -> bool:
        """Whether it shows a certificate and knows no password."""
        return not self.mosquitto


def mosquitto_passwords(logins: Iterable[Login]) -> str:
    """The `password_file`."""
    return "".join(f"{login.user}:{login.mosquitto}\n" for login in logins if not login.has_certificate)


def mosquitto_acl(logins: Iterable[Login]) -> str:
    """The `acl_file`. Mosquitto refuses what no line allows, and everything to a user that has none."""
    return HEAD + "".join(_mosquitto_user(login) for login in logins)


def nats_users(logins: Sequence[Login], *, store_mib_max: int, memory_mib_max: int) -> str:
    """The file with the accounts, which the configuration includes. nats-server refuses what no list allows.

    One account for all: a message with QoS 1 is kept for a hub that is away, and a retained one, in the publisher's
    own account only.
    """
    users = ",\n".join(_nats_user(login) for login in logins)
    return f"""\
{HEAD}system_account: {_NATS_SYSTEM}
accounts {{
  {_NATS_SYSTEM} {{}}
  {NATS_ACCOUNT} {{
    jetstream {{ max_mem: {memory_mib_max}MB, max_file: {store_mib_max}MB }}
    users: [
{users}
    ]
  }}
}}
"""


def nats_subjects(topic_filter: str) -> tuple[str, ...]:
    """The subjects by which nats-server knows a topic filter. Source: nats-server, `mqttToNATSSubjectConversion`.

    Levels stand between dots, so a dot in a name is written `//`. `a/#` is for `a` too, which takes a subject more.
    """
    levels = ["*" if each == "+" else each.replace(".", "//") for each in topic_filter.split("/")]
    if levels[-1] != "#":
        return (".".join(levels),)
    above = ".".join(levels[:-1])
    return (above, f"{above}.>") if above else (">",)


def check_kinds(logins: Iterable[Login], *, certificates: bool) -> None:
    """That nats-server can serve these logins: its one MQTT listener takes certificates from all, or from none.

    Raises: ConfigurationError naming one that does not fit.
    """
    for login in logins:
        if login.has_certificate != certificates:
            has, wants = ("a certificate", "passwords") if login.has_certificate else ("a password", "certificates")
            raise ConfigurationError(
                f"{login.user} has {has}, and nats-server's one MQTT listener takes {wants} from all "
                f"(broker.certificates = {str(certificates).lower()}): rotate it, or use Mosquitto, which takes both"
            )


def _mosquitto_user(login: Login) -> str:
    lines = [f"\nuser {login.user}"]
    lines += [f"topic write {each}" for each in login.grant.writes]
    lines += [f"topic read {each}" for each in login.grant.reads]
    return "\n".join(lines) + "\n"


def _nats_user(login: Login) -> str:
    user = f"CN={login.user}" if login.has_certificate else login.user
    proof = "" if login.has_certificate else f", password: {json.dumps(login.nats)}"
    writes, reads = (_nats_allow(topics) for topics in (login.grant.writes, login.grant.reads))
    return (
        f'      {{ user: {json.dumps(user)}{proof}, allowed_connection_types: ["MQTT"]\n'
        f"        permissions: {{ publish: {writes}\n"
        f"                       subscribe: {reads} }} }}"
    )


def _nats_allow(topics: Sequence[str]) -> str:
    """A list that is empty would allow everything, so nothing is said by denying all."""
    if not topics:
        return '{ deny: ">" }'
    return f"{{ allow: {json.dumps([subject for topic in topics for subject in nats_subjects(topic)])} }}"
