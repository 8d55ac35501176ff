"""A broker as a person names it on the command line, and a connection that listens without losing anything unnoticed.

The password comes from a file, never from an argument: arguments are seen by every user of the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiomqtt

_TIMEOUT_S = 10.0
_KEEPALIVE_S = 30
_WAITING_MAX = 20_000
_PASSWORD_BYTES_MAX = 4_096
_REFUSED = 0x80


class LinkError(Exception):
    """The broker cannot be used as it was named; says what, and what to do."""


class WrongArgumentsError(LinkError):
    """The arguments do not fit together, or name what cannot be used."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker listens and who we are there. `tls` is None for a plain connection."""

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)


def add_arguments(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """The arguments that name a broker, or with `several` the nodes of one."""
    more = "; once for each node of a cluster" if several else ""
    parser.add_argument(
        "--broker",
        required=True,
        metavar="URL",
        help=f"mqtt://HOST[:PORT], or mqtts:// for TLS{more}",
        action="append" if several else "store",
    )
    parser.add_argument("--username", metavar="NAME", help="user at the broker")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="its first line is the user's password")
    parser.add_argument(
        "--ca-file", type=Path, metavar="FILE", help="the authority that signed the broker's certificate"
    )
    parser.add_argument("--cert-file", type=Path, metavar="FILE", help="our own certificate with its key, in PEM")


def broker_of(arguments: argparse.Namespace) -> Broker:
    """The broker that the arguments name.

    Raises: WrongArgumentsError.
    """
    return _broker(arguments.broker, arguments)


def brokers_of(arguments: argparse.Namespace) -> tuple[Broker, ...]:
    """All nodes that the arguments name, with the same login.

    Raises: WrongArgumentsError.
    """
    return tuple(_broker(url, arguments) for url in arguments.broker)


def _broker(url: str, arguments: argparse.Namespace) -> Broker:
    address = urlsplit(url)
    if address.scheme not in {"mqtt", "mqtts"} or not address.hostname or address.username or address.path:
        raise WrongArgumentsError(
            f"--broker {_without_user(url)}: mqtt://HOST:PORT or mqtts://HOST:PORT is wanted, without a user"
        )
    secure = address.scheme == "mqtts"
    if not secure and (arguments.ca_file or arguments.cert_file):
        raise WrongArgumentsError("--ca-file and --cert-file need a broker at mqtts://")
    if (arguments.password_file is not None) and not arguments.username:
        raise WrongArgumentsError("--password-file needs --username")
    try:
        port = address.port or (8883 if secure else 1883)
    except ValueError as exc:
        raise WrongArgumentsError(f"--broker {url}: {exc}") from exc
    return Broker(
        host=address.hostname,
        port=port,
        user=arguments.username,
        password=None if arguments.password_file is None else _password(arguments.password_file),
        tls=_tls(arguments.ca_file, arguments.cert_file) if secure else None,
    )


class Messages:
    """What a listening connection brings, in order.

    Raises, while it is read: LinkError when the connection is lost, or when messages came faster than they were read.
    """

    def __init__(self, client: aiomqtt.Client, filters: Sequence[str], *, qos: int, waiting: type[_Waiting]) -> None:
        self._client = client
        self._filters = filters
        self._qos = qos
        self._waiting = waiting

    async def subscribe(self) -> None:
        """Subscribe, anew where that was done: the broker sends what it keeps on these topics again.

        Once the answer to a second subscription is here, what it kept at the first one is here too.
        Raises: LinkError.
        """
        try:
            granted = await self._client.subscribe([(each, self._qos) for each in self._filters])
        except aiomqtt.MqttError as exc:
            raise LinkError(f"the broker refuses to let us listen: {exc}") from exc
        codes = [code if isinstance(code, int) else code.value for code in granted]
        for each, code in zip(self._filters, codes, strict=False):
            if code >= _REFUSED:
                raise LinkError(f"the broker refuses the subscription {each!r}; let this user read it")

    async def here(self) -> AsyncIterator[aiomqtt.Message]:
        """What has come already; does not wait for more."""
        for _ in range(len(self._client.messages)):
            yield await anext(aiter(self))

    async def __aiter__(self) -> AsyncIterator[aiomqtt.Message]:
        try:
            async for message in self._client.messages:
                if self._waiting.lost:
                    raise LinkError(f"{self._waiting.lost} messages came too fast to be taken, and are lost")
                yield message
        except aiomqtt.MqttError as exc:
            raise LinkError(f"the connection to the broker is lost: {exc}") from exc


def new_client(broker: Broker, *, queue_type: type[asyncio.Queue[aiomqtt.Message]] | None = None) -> aiomqtt.Client:
    """A client with a clean session and a client id of its own, so that it takes nobody's session over."""
    return aiomqtt.Client(
        broker.host,
        broker.port,
        username=broker.user,
        password=broker.password,
        identifier=f"restock-sim-{secrets.token_hex(6)}",
        protocol=aiomqtt.ProtocolVersion.V311,
        clean_session=True,
        timeout=_TIMEOUT_S,
        keepalive=_KEEPALIVE_S,
        max_queued_incoming_messages=_WAITING_MAX,
        queue_type=queue_type,
        tls_context=broker.tls,
    )


@asynccontextmanager
async def connected(client: aiomqtt.Client, broker: Broker) -> AsyncIterator[aiomqtt.Client]:
    """The client on its broker.

    Raises: LinkError when it is not taken.
    """
    try:
        await client.__aenter__()
    except aiomqtt.MqttError as exc:
        raise LinkError(
            f"{broker.host}:{broker.port}: cannot connect: {exc}; check address, user, password and TLS"
        ) from exc
    try:
        yield client
    finally:
        with suppress(aiomqtt.MqttError):  # gone already: that was said where it was noticed
            await client.__aexit__(None, None, None)


@asynccontextmanager
async def listening(broker: Broker, filters: Sequence[str], *, qos: int = 1) -> AsyncIterator[Messages]:
    """Messages of these topics, from when the broker has taken the subscriptions.

    Raises: LinkError when it does not take them.
    """

    class Waiting(_Waiting):
        """One class for each connection: it counts what this one lost."""

    async with connected(new_client(broker, queue_type=Waiting), broker) as client:
        messages = Messages(client, filters, qos=qos, waiting=Waiting)
        await messages.subscribe()
        yield messages


class _Waiting(asyncio.Queue[aiomqtt.Message]):
    """A bounded queue that counts what it could not take; the library only warns of it."""

    lost = 0

    def put_nowait(self, item: aiomqtt.Message) -> None:
        try:
            super().put_nowait(item)
        except asyncio.QueueFull:
            type(self).lost += 1
            raise


def _password(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as lines:
            return lines.readline(_PASSWORD_BYTES_MAX).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as exc:
        raise WrongArgumentsError(f"--password-file {file}: cannot be read: {exc}") from exc


def _tls(ca_file: Path | None, cert_file: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
        if cert_file is not None:
            context.load_cert_chain(cert_file)
    except (OSError, ssl.SSLError) as exc:
        raise WrongArgumentsError(f"--ca-file or --cert-file: cannot be used: {exc}") from exc
    return context


def _without_user(url: str) -> str:
    """A URL for a message: a password in it is not repeated."""
    before, at, after = url.rpartition("@")
    return f"{before.partition('://')[0]}://...{at}{after}" if at else url
