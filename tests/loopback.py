"""HTTP to programs on loopback, without the certificates of the world: a client that loads them takes 15 ms to make."""

from __future__ import annotations

import functools
import ssl

import httpx

NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts no certificate at all

get = functools.partial(httpx.get, verify=NOBODY)
post = functools.partial(httpx.post, verify=NOBODY)
put = functools.partial(httpx.put, verify=NOBODY)
delete = functools.partial(httpx.delete, verify=NOBODY)
request = functools.partial(httpx.request, verify=NOBODY)
