"""Addresses of channels as people give them: what of one may be shown again, and what a browser says of itself.

An address may hold a key anywhere, so only its scheme is shown; where its messages go is told by their origin, which is
found by composing one (`notify_ports.Channels.origin`).

Source: Push API (W3C), section 8 (PushSubscription); RFC 8291, section 2.1 (its keys).
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from edge_agent.core.said import say
from edge_agent.errors import RefusedError

ADDRESS_LENGTH_MAX = 500
SUBSCRIPTION_LENGTH_MAX = 2_000
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,19})://\S+")
_POINT_BYTES, _AUTH_BYTES = 65, 16


def _decodes_to(length: int) -> AfterValidator:
    def check(text: str) -> str:
        try:
            found = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (binascii.Error, ValueError) as exc:
            raise ValueError("no base64url") from exc
        if len(found) != length:
            raise ValueError("wrong length")
        return text

    return AfterValidator(check)


_Base64 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{8,200}={0,2}$")]


class Keys(BaseModel):
    """What a message to a browser is sealed with: its public point, and a secret that it shares with the sender."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    p256dh: Annotated[_Base64, _decodes_to(_POINT_BYTES)]
    auth: Annotated[_Base64, _decodes_to(_AUTH_BYTES)]


class Subscription(BaseModel):
    """Where a browser takes messages. Whoever knows `endpoint` and `keys` can send to it: both are kept as secrets."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    endpoint: Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9.:-]+/[!-~]+$", max_length=1_162)]
    keys: Keys = Field()

    @property
    def origin(self) -> str:
        """The push service."""
        parts = urlsplit(self.endpoint)
        return f"{parts.scheme}://{parts.netloc.lower().removesuffix(':443')}"


def read_subscription(text: str) -> Subscription:
    """What the page's script was given by the browser.

    Raises: RefusedError when it is none; its text is not repeated.
    """
    try:
        return Subscription.model_validate_json(text[: SUBSCRIPTION_LENGTH_MAX + 1])
    except ValidationError as exc:
        raise RefusedError(say("This browser did not say how it can be told. Try again.")) from exc


def read_address(text: str) -> str:
    """An address as somebody typed it, without the space around it.

    Raises: RefusedError when it cannot be one; its text is not repeated.
    """
    typed = text.strip()
    if len(typed) > ADDRESS_LENGTH_MAX or not typed.isprintable() or _SCHEME.fullmatch(typed) is None:
        raise RefusedError(
            say("This is no address of a channel. One looks like {example}.", example="ntfys://ntfy.sh/a-long-secret")
        )
    return typed


def scheme_of(address: str) -> str:
    """The part of a typed address that opens nothing, such as `ntfys`; empty where there is none."""
    found = _SCHEME.fullmatch(address.strip())
    return found[1].lower() if found else ""
