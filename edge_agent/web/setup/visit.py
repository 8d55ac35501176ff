"""One request on its way to a setup page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from edge_agent.web.render import Renderer
from edge_agent.web.setup.door import Door
from edge_agent.web.setup.parts import SetupWork


@dataclass(frozen=True, slots=True)
class SetupSite:
    """What the setup pages share. `finished` is called once the last page is on its way to the browser."""

    work: SetupWork
    door: Door
    renderer: Renderer
    finished: Callable[[], None]


@dataclass(frozen=True, slots=True)
class SetupVisit:
    """A request that has passed its route's rule. `form` is empty for a GET."""

    request: Request
    site: SetupSite
    form: Mapping[str, str]

    def page(
        self, template: str, *, status: int = 200, live_from: str | None = None, refresh_s: int = 0, **values: object
    ) -> Response:
        """A setup page; every form of it carries the token of this browser."""
        return self.site.renderer.page(
            f"setup/{template}",
            language=self.site.renderer.language(self.request),
            session=None,
            status=status,
            refresh_s=refresh_s,
            tells_everybody=False,
            live_from=live_from,
            csrf=self.site.door.csrf,
            **values,
        )


SetupHandler = Callable[[SetupVisit], Awaitable[Response]]
