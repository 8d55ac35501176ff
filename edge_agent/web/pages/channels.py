"""A person's own channels for messages: which there are, one more, a test, the order in which they are used.

An address may hold a key, so none is ever shown again: not in the list, and not in a form that was not taken.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from edge_agent.core.notifying.address import ADDRESS_LENGTH_MAX, scheme_of
from edge_agent.core.notifying.plan import ChannelId
from edge_agent.core.said import say
from edge_agent.errors import RefusedError
from edge_agent.notify_ports import Outcome
from edge_agent.web.told import reason
from edge_agent.web.visit import Visit

OUTCOMES: Mapping[Outcome, tuple[str, str]] = {  # what the service made of a test message, tone
    Outcome.TAKEN: (say("The service took it. Did it arrive?"), "good"),
    Outcome.FAILED: (say("It could not be sent. Is the address right, and the service there?"), "bad"),
    Outcome.GONE: (say("This browser takes no more messages. Remove it, and let it be told anew."), "bad"),
}


async def show(visit: Visit) -> Response:
    """One's own channels; owners see who has none."""
    return _page(visit)


async def add(visit: Visit) -> Response:
    """One more, by its address."""
    address = visit.form.get("address", "")
    if not address.strip():
        return _page(visit, errors={"address": say("Give the address of a channel.")})
    try:
        await visit.site.parts.channels.add(visit.person.account, address=address)
    except RefusedError as exc:
        return _page(visit, errors={"address": reason(exc)}, scheme=scheme_of(address))
    return _done()


async def subscribe(visit: Visit) -> Response:
    """Tell the browser that sent this."""
    try:
        visit.site.parts.channels.subscribe(visit.person.account, subscription=visit.form.get("subscription", ""))
    except RefusedError as exc:
        return _page(visit, errors={"push": reason(exc)})
    return _done()


async def test(visit: Visit) -> Response:
    """A message that says that it is a test."""
    return await _act(visit, "test")


async def use_earlier(visit: Visit) -> Response:
    """It changes places with the one before it."""
    return await _act(visit, "earlier")


async def pause(visit: Visit) -> Response:
    """Nothing is sent there."""
    return await _act(visit, "pause")


async def resume(visit: Visit) -> Response:
    """It is used again."""
    return await _act(visit, "resume")


async def remove(visit: Visit) -> Response:
    """Forget it with its address."""
    return await _act(visit, "remove")


async def _act(visit: Visit, act: str) -> Response:
    desk, person, channel = visit.site.parts.channels, visit.person.account, ChannelId(visit.path_id("channel"))
    try:
        match act:
            case "test":
                await desk.test(person, channel)
            case "earlier":
                desk.use_earlier(person, channel)
            case "pause" | "resume":
                desk.switch(person, channel, is_on=act == "resume")
            case "remove":
                desk.remove(person, channel)
            case _:
                raise HTTPException(404)
    except RefusedError as exc:
        return _page(visit, errors={"whole": reason(exc)})
    return _done()


def _page(visit: Visit, *, errors: Mapping[str, str] | None = None, scheme: str = "") -> Response:
    parts = visit.site.parts
    return visit.page(
        "channels.html",
        status=422 if errors else 200,
        channels=parts.channels.of(visit.person.account),
        without=parts.channels.without() if visit.is_owner else (),
        push_key=parts.channels.push_key,
        origins=parts.channels.origins,
        outcomes=OUTCOMES,
        quiet=parts.settings.preferences().quiet_hours,
        typed=f"{scheme}://" if scheme else "",
        length=ADDRESS_LENGTH_MAX,
        errors=errors or {},
    )


def _done() -> Response:
    return RedirectResponse("/channels", status_code=303)
