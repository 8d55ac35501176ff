"""The stylesheet, the icons, the scripts, and the answer to a health check."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from edge_agent.web.render import STATIC_FILES
from edge_agent.web.visit import Visit

_CACHE = "public, max-age=86400"  # the address carries the content's digest


async def show_static(visit: Visit) -> Response:
    """One of the files that belong to the pages; no other file can be named."""
    name = visit.request.path_params["name"]
    if name not in STATIC_FILES:
        raise HTTPException(404)
    body = visit.site.renderer.static[name]
    return Response(body, media_type=STATIC_FILES[name], headers={"Cache-Control": _CACHE})


async def show_worker(visit: Visit) -> Response:
    """The script that shows messages while no page is open; from the root, so that it serves all pages.

    It is asked for anew each time, so that a browser never goes on with one of another version.
    """
    return Response(
        visit.site.renderer.static["sw.js"], media_type=STATIC_FILES["sw.js"], headers={"Cache-Control": "no-cache"}
    )


async def show_health(_visit: Visit) -> Response:
    """The pages are being served; says nothing about the home."""
    return JSONResponse({"status": "ok"})
