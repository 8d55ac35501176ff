"""Reading what a browser sends, strictly: one encoding, a few known fields, each once, within 16 kB."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

BODY_BYTES_MAX = 16_384
_FIELDS_MAX = 20
_ENCODING = "application/x-www-form-urlencoded"


async def read(request: Request) -> Mapping[str, str]:
    """The fields of a form.

    Raises: HTTPException 413 when the body is too large, 415 when it is no plain form, 400 when it cannot be read
    or a field comes twice.
    """
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _ENCODING:
        raise HTTPException(415)
    body = await read_body(request)
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=_FIELDS_MAX,
        )
    except ValueError as exc:
        raise HTTPException(400) from exc
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise HTTPException(400)
    return fields


async def read_body(request: Request) -> bytes:
    """The whole body; an announced or actual size over the limit ends the reading at once.

    Raises: HTTPException 413.
    """
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced) > BODY_BYTES_MAX:
        raise HTTPException(413)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise HTTPException(413)
    return bytes(body)


def same_origin(request: Request) -> bool:
    """Whether a browser says that our own page sent this; a client that is no browser says nothing, and may.

    Behind a TLS proxy the browser's scheme is https and ours http, so host and port alone tell whose page it was.
    The pages send `Referrer-Policy: same-origin`: under `no-referrer` a browser gives `Origin: null` for our own forms.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        return False
    origins = request.headers.getlist("origin")
    host = request.headers["host"]
    return not origins or origins in ([f"http://{host}"], [f"https://{host}"])
