"""What the first run says: where the page is and which code it wants, and how a try of a broker went. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from edge_agent.core.said import Said, say
from edge_agent.core.setup.code import CODE_LIFE_MS
from edge_agent.errors import ConfigurationError

WORKED = say("The broker answers.")
_OF_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
_ONLY_HERE = (
    "\nOnly this machine reaches that address. For a phone or another computer at home, set web.host and "
    "web.allowed_hosts in the configuration first, and restart the hub."
)
# What the client library says when it fails, and what a person does about it.
_NO_LOGIN = say("It does not know this user and password.")
_NOBODY = say("Nobody on your network has this name.")
_NO_WAY = say("It cannot be reached from here. Is it on the same network?")
_ADVICE = (
    ("not authori", _NO_LOGIN),
    ("bad user name", _NO_LOGIN),
    ("refused", say("Nothing listens at this address and port.")),
    ("name or service not known", _NOBODY),
    ("name resolution", _NOBODY),
    ("no address associated", _NOBODY),
    (
        "certificate",
        say("Its certificate is not one that this hub trusts; mqtt.ca_file in the configuration names another."),
    ),
    ("ssl", say("It does not speak TLS at this port, or not as this hub does.")),
    ("timed out", say("It does not answer. Is it switched on, and on the same network?")),
    ("unreachable", _NO_WAY),
    ("no route", _NO_WAY),
)


def welcome(code: str, *, address: tuple[str, int], names: Sequence[str]) -> str:
    """What is printed where the hub was started, which for a service is its journal; nobody else is told.

    `names` are those by which the page may be called: where it answers at every address of the machine, one of them
    is what a person can type.
    """
    host, port = address
    if ip_address(host).is_unspecified:
        host = next((name for name in names if name not in _OF_THIS_MACHINE), _OF_THIS_MACHINE[0])
    where = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    only_here = _ONLY_HERE if host in _OF_THIS_MACHINE else ""
    return (
        f"This hub has no home yet. Open {where} and give this setup code: {code}\n"
        f"It is valid once, within {CODE_LIFE_MS // 60_000} minutes. A restart prints another one.{only_here}"
    )


def silent(url: str) -> Said:
    """A broker that took the connection and said nothing."""
    return say("The broker at {url} took the connection and then said nothing. Is that the port of MQTT?", url=url)


def in_words(error: Exception, *, url: str) -> Said:
    """What went wrong, and what to do about it."""
    said = str(error.__cause__ or error)
    advice = next((words for part, words in _ADVICE if part in said.lower()), None)
    if isinstance(error, ConfigurationError) and advice is None:
        return say(
            "The broker at {url} does not let this user read what devices say. Give it a user that may read.", url=url
        )
    if advice is None:
        return say("The broker at {url} could not be used. It says: {words}.", url=url, words=said[:200])
    return say("The broker at {url} could not be used. {advice}", url=url, advice=advice)
