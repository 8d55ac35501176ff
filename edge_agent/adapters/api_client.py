"""The running hub, asked over loopback by a token: what the command line stands on. Nothing leaves this machine."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import httpx

from edge_agent.config import WebConfig
from edge_agent.errors import ConfigurationError, RefusedError, RetryLaterError

TIMEOUT_S = 30.0
ANSWER_BYTES_MAX = 4_194_304

_TOKEN = re.compile(r"rstk_[A-Za-z0-9_-]{43}")
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "localhost": "127.0.0.1"}  # noqa: S104 - not listened on

Json = Mapping[str, Any]


def token_from(path: Path) -> str:
    """The token in a file that nobody else may read.

    Raises: ConfigurationError when there is none, others may read it, or it holds no token.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_mode & 0o077 or status.st_uid != os.geteuid():
                raise ConfigurationError(f"{path}: others may read it; chmod 600 it, and make another token")
            return checked(file.read(256).decode("ascii", "replace").strip(), source=str(path))
    except OSError as exc:
        wanted = "make a token on the page Tokens, and put it there with mode 0600, or in RESTOCK_TOKEN"
        raise ConfigurationError(f"{path}: cannot be read ({exc.strerror}); {wanted}") from exc


def checked(token: str, *, source: str) -> str:
    """The token, if it can be one; the error does not repeat it.

    Raises: ConfigurationError.
    """
    if _TOKEN.fullmatch(token) is None:
        raise ConfigurationError(f"{source}: holds no token; one begins with rstk_ and is made on the page Tokens")
    return token


class ApiClient:
    """Asks the hub on this machine.

    Raises: ConfigurationError when it does not listen on loopback; RetryLaterError when it does not answer;
    RefusedError with the hub's own words for what it refuses.
    """

    def __init__(self, web: WebConfig, token: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self._client = httpx.Client(
            base_url=f"http://{_loopback(web)}:{web.port}",
            headers={"Authorization": f"Bearer {token}", "Host": _name(web)},
            timeout=TIMEOUT_S,
            follow_redirects=False,
            trust_env=False,
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # which trusts nobody: there is no TLS on loopback
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._client.close()

    def get(self, path: str) -> Json:
        """One answer; `path` is the whole address behind the host."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: Json) -> Json:
        """One act."""
        return self._ask("POST", path, body)

    def _ask(self, method: str, path: str, body: Json | None) -> Json:
        try:
            with self._client.stream(method, path, json=body) as response:
                content = bytearray()
                for chunk in response.iter_bytes():
                    content += chunk
                    if len(content) > ANSWER_BYTES_MAX:
                        raise RetryLaterError(f"the hub's answer is larger than {ANSWER_BYTES_MAX} bytes")
        except httpx.HTTPError as exc:
            hint = "is it running? `restock-hub run` starts it"
            raise RetryLaterError(
                f"no answer from the hub at {self._client.base_url} ({type(exc).__name__}); {hint}"
            ) from exc
        return _said(response.status_code, bytes(content))


def _said(status: int, content: bytes) -> Json:
    try:
        answer = json.loads(content)
    except ValueError as exc:
        raise RetryLaterError(f"what answers there is no hub of this version (status {status})") from exc
    if not isinstance(answer, dict):
        raise RetryLaterError(f"what answers there is no hub of this version (status {status})")
    if status != httpx.codes.OK:
        fields = "".join(f" {field['field']}: {field['what']}." for field in answer.get("fields", ()))
        raise RefusedError(f"{answer.get('detail', status)}{fields} {answer.get('what_to_do', '')}".strip())
    return answer


def _loopback(web: WebConfig) -> str:
    host = _ANY_ADDRESS.get(web.host, web.host)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback or web.port == 0:
        raise ConfigurationError(
            f"web = {web.host}:{web.port}: this command speaks to the hub on its own machine only; "
            "let web.host be 127.0.0.1 or 0.0.0.0, with a fixed port"
        )
    return f"[{address}]" if address.version == 6 else str(address)


def _name(web: WebConfig) -> str:
    """A name by which the hub may be called."""
    known = ("127.0.0.1", "localhost")
    return next((f"{name}:{web.port}" for name in (*known, *web.allowed_hosts) if name in web.allowed_hosts), "")
