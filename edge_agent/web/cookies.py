"""The cookies of a hub's pages: how they are named, given, and marked as being for https only.

A browser keeps cookies by host and not by port (RFC 6265, section 8.5), so two hubs on one machine would take each
other's. The name of each therefore ends with a mark of the hub, which is no secret.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response


@dataclass(frozen=True, slots=True)
class Cookies:
    """The cookies of one hub. `mark` stays the same over restarts, and at the end of the set-up."""

    mark: str = ""

    def name(self, plain: str) -> str:
        """What the browser calls it."""
        return f"{plain}_{self.mark}" if self.mark else plain

    def read(self, request: Request, plain: str) -> str:
        """What the browser sent; "" where it has none of this hub."""
        return request.cookies.get(self.name(plain), "")

    def give(
        self, response: Response, plain: str, value: str, *, request: Request, life_s: int, path: str = "/"
    ) -> None:
        """One for this browser; a life of 0 takes it back."""
        response.set_cookie(
            self.name(plain),
            value,
            max_age=life_s,
            path=path,
            secure=came_by_https(request),
            httponly=True,
            samesite="strict",
        )


def came_by_https(request: Request) -> bool:
    """Whether the browser came by https, to us or to a proxy that says so.

    The answer only adds the Secure flag to the sender's own cookies, so making the header up harms nobody else.
    """
    return request.url.scheme == "https" or request.headers.getlist("x-forwarded-proto") == ["https"]
