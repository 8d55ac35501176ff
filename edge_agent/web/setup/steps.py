"""Owner, broker, devices, and the end: the steps of the first run. Each one can be gone through again."""

from __future__ import annotations

import re
from collections.abc import Mapping

from babel.numbers import get_territory_currencies
from pydantic import SecretStr, ValidationError
from starlette.background import BackgroundTask
from starlette.responses import RedirectResponse, Response

from edge_agent.core.said import say
from edge_agent.core.setup.first_steps import ADDON, Broker
from edge_agent.web.entries import Entries
from edge_agent.web.proof import read_password
from edge_agent.web.setup.parts import Trial
from edge_agent.web.setup.visit import SetupVisit
from edge_agent.web.sign_in import NAME_MAX

_BOOLEANS = {"no": False, "yes": True}
_NO_HOST = say("A name or an address, such as 192.168.1.20, without mqtt:// before it.")
_NO_ADDON = say("Home Assistant names no broker to this hub. Fill in the form.")
_DEVICES_MAX = 50
_LOOK_EVERY_MS = 5_000
_HEADER_CHARS_MAX = 100
_REGION = re.compile(r"^[a-z]{2,3}(?:-[A-Z][a-z]{3})?-([A-Z]{2})\b")


async def show_owner(visit: SetupVisit) -> Response:
    """Name and password of who owns the home."""
    owner = visit.site.work.draft.owner
    return _owner(visit, name=owner.name if owner else "", errors={})


async def set_owner(visit: SetupVisit) -> Response:
    """Keep them; the password as its hash only."""
    entries = Entries(visit.form)
    name = entries.text("name", length_max=NAME_MAX, wanted=say("Your name"))
    password = read_password(entries)
    if name is None or password is None:
        return _owner(visit, name=visit.form.get("name", "")[:NAME_MAX], errors=entries.errors)
    await visit.site.work.set_owner(name, password=password)
    return RedirectResponse("/setup/broker", status_code=303)


async def show_broker(visit: SetupVisit) -> Response:
    """What was found, and the form; `take` in the address fills it in from what was found."""
    numbered = {str(number): offer.broker for number, offer in enumerate(visit.site.work.offered())}
    found = numbered.get(visit.request.query_params.get("take", ""))
    return _broker(visit, typed=_fields(found or visit.site.work.draft.broker), errors={}, trial=None)


async def try_broker(visit: SetupVisit) -> Response:
    """Connect at once, and say how it went; what works is kept."""
    entries, work = Entries(visit.form), visit.site.work
    if work.fixed_broker is not None:
        broker = None
    elif visit.form.get("offer") == "addon":
        broker = next((each.broker for each in work.offered() if each.source == ADDON), None)
        if broker is None:
            return _broker(visit, typed=visit.form, errors={}, trial=Trial(worked=False, text=_NO_ADDON))
    else:
        broker = _read_broker(visit, entries)
        if broker is None:
            return _broker(visit, typed=visit.form, errors=entries.errors, trial=None)
    trial = await work.try_broker(broker)
    if trial.worked:
        return RedirectResponse("/setup/devices", status_code=303)
    return _broker(visit, typed=_fields(broker) if broker else {}, errors={}, trial=trial)


async def search(visit: SetupVisit) -> Response:
    """Ask the home's network for brokers."""
    await visit.site.work.search()
    return RedirectResponse("/setup/broker", status_code=303)


async def show_devices(visit: SetupVisit) -> Response:
    """What was heard, what could be kept first, what is kept."""
    if not visit.site.work.is_connected:
        return RedirectResponse("/setup/broker", status_code=303)
    return _devices(visit, trial=None, errors={})


async def listen(visit: SetupVisit) -> Response:
    """Listen longer: a device that sleeps speaks now and then only."""
    if not visit.site.work.is_connected:
        return RedirectResponse("/setup/broker", status_code=303)
    trial = await visit.site.work.listen()
    if trial.worked:
        return RedirectResponse("/setup/devices", status_code=303)
    return _devices(visit, trial=trial, errors={})


async def show_news(visit: SetupVisit) -> Response:
    """When an open page is to look again: a source of events that ends at once, to which the browser comes again.

    It ends for good where nothing more is heard, so that no page keeps the set-up open for ever.
    """
    words = f"retry: {_LOOK_EVERY_MS}\n\n" if visit.site.work.is_listening else "event: end\ndata:\n\n"
    return Response(words, media_type="text/event-stream")


async def finish(visit: SetupVisit) -> Response:
    """Make the home. The household's own pages take over once this page is with the browser."""
    entries, work = Entries(visit.form), visit.site.work
    currency = entries.currency("currency")
    if currency is None:
        return _devices(visit, trial=None, errors=entries.errors)
    known = work.finish(currency=currency)
    response = visit.page("done.html", known=known)
    response.background = BackgroundTask(visit.site.finished)
    return response


def _owner(visit: SetupVisit, *, name: str, errors: Mapping[str, str]) -> Response:
    return visit.page("owner.html", status=422 if errors else 200, name=name, errors=errors)


def _broker(visit: SetupVisit, *, typed: Mapping[str, str], errors: Mapping[str, str], trial: Trial | None) -> Response:
    work = visit.site.work
    return visit.page(
        "broker.html",
        status=422 if errors or trial else 200,
        fixed=work.fixed_broker,
        addon=any(each.source == ADDON for each in work.offered()),
        found=[(at, each) for at, each in enumerate(work.offered()) if each.source != ADDON],
        can_search=work.can_search,
        has_searched=work.has_searched,
        typed={name: typed.get(name, "") for name in ("host", "port", "tls", "user")},
        errors=errors,
        trial=trial,
    )


def _devices(visit: SetupVisit, *, trial: Trial | None, errors: Mapping[str, str]) -> Response:
    work = visit.site.work
    inventory = work.inventory()
    devices = inventory.devices if inventory else ()
    proposals = work.proposals()
    is_waiting = work.is_listening and not proposals and not errors and trial is None
    return visit.page(
        "devices.html",
        status=422 if errors or trial else 200,
        live_from="/setup/devices/news" if work.is_listening else None,
        refresh_s=_LOOK_EVERY_MS // 1000 if is_waiting else 0,  # without script; later it would lose what is typed
        has_listened=inventory is not None,
        is_listening=work.is_listening,
        silent=sum(not device.signals for device in devices),
        devices=devices[:_DEVICES_MAX],
        more=max(0, len(devices) - _DEVICES_MAX),
        strange=len(inventory.families) if inventory else 0,
        proposals=proposals,
        items=work.draft.items,
        currency=visit.form.get("currency", _currency(visit))[:3],
        errors=errors,
        trial=trial,
    )


def _currency(visit: SetupVisit) -> str:
    """What is paid with where the browser says that its reader lives (`Accept-Language`); only a field filled in."""
    region = _REGION.search(visit.request.headers.get("accept-language", "")[:_HEADER_CHARS_MAX])
    found = get_territory_currencies(region[1]) if region else []
    return found[-1] if found else visit.site.work.draft.currency


def _fields(broker: Broker | None) -> dict[str, str]:
    """The form's fields for a broker; never its password."""
    if broker is None:
        return {"port": "1883"}
    return {"host": broker.host, "port": str(broker.port), "tls": "yes" if broker.tls else "no", "user": broker.user}


def _read_broker(visit: SetupVisit, entries: Entries) -> Broker | None:
    port = entries.whole("port", low=1, high=65_535)
    tls = entries.one_of("tls", _BOOLEANS)
    if port is None or tls is None:
        return None
    host, user = visit.form.get("host", "").strip(), visit.form.get("user", "").strip()
    try:
        return Broker(host=host, port=port, tls=tls, user=user, password=SecretStr(entries.secret("password")))
    except ValidationError as exc:
        named = str(exc.errors(include_url=False, include_input=False)[0]["loc"][0])
        entries.wrong(
            named if named == "user" else "host", say("At most 256 characters.") if named == "user" else _NO_HOST
        )
        return None
