"""What `restock-hub prompts`, `approve`, `decline`, `items`, `why`, `merchants` and `record` do: ask the running hub.

An approval names the terms that were seen: by showing them and waiting for a yes, or by their hash from a script.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edge_agent.adapters.api_client import ApiClient, checked, token_from
from edge_agent.config import WebConfig
from edge_agent.core.columns import table
from edge_agent.core.money import format_money
from edge_agent.core.prompt import PromptState
from edge_agent.core.recall import Notices
from edge_agent.errors import ConfigurationError, RefusedError

TOKEN_FILE = Path(".config/restock/token")  # in the user's home

_NOTICES_BYTES_MAX = 4_194_304
_AT_ONCE_MAX = 40  # below what a token may ask at once (docs/api.md)
_PAUSE_S = 0.12  # above what it may ask a second
_WHOLE = re.compile("[0-9a-f]{32}")
_ANSWERABLE = frozenset({PromptState.OPEN, PromptState.SNOOZED})

Json = Mapping[str, Any]


def client_for(web: WebConfig, *, token: str, token_file: Path | None) -> ApiClient:
    """The running hub, by the token of the environment, else by the one in the file.

    Raises: ConfigurationError.
    """
    if token and token_file is None:
        return ApiClient(web, checked(token, source="RESTOCK_TOKEN"))
    return ApiClient(web, token_from(token_file or Path.home() / TOKEN_FILE))


def prompts(client: ApiClient, *, as_json: bool) -> str:
    """The questions that live."""
    told = client.get("/api/v1/prompts")
    if as_json:
        return _json(told)
    rows = [_row(one) for one in told["prompts"]]
    return table(("PROMPT", "STATE", "WHAT", "NEVER MORE THAN", "ORDER BY", "YOU"), rows) if rows else "No questions."


def items(client: ApiClient, *, as_json: bool) -> str:
    """Every item."""
    told = client.get("/api/v1/items")
    if as_json:
        return _json(told)
    rows = [(one["id"], one["name"], _amount(one), _lasts(one), one["mode"], _standing(one)) for one in told["items"]]
    return table(("ITEM", "NAME", "LEFT", "LASTS", "MODE", "NOW"), rows) if rows else "No items."


def why(client: ApiClient, item: str, *, as_json: bool) -> str:
    """Why the hub does with an item what it does."""
    told = client.get(f"/api/v1/items/{_segment(item)}/why")
    return _json(told) if as_json else "\n".join(map(_readable, _why(told)))


def merchants(client: ApiClient, *, as_json: bool) -> str:
    """Every merchant, and how it keeps its word."""
    told = client.get("/api/v1/merchants")
    if as_json:
        return _json(told)
    rows = [_merchant_row(one) for one in told["merchants"]]
    columns = ("MERCHANT", "CLASS", "ORDERS", "IN TIME", "COMPLETE", "PRICE HELD", "DAYS LATE", "TAKES")
    return table(columns, rows) if rows else "No merchants."


def approve(
    client: ApiClient,
    prompt: str,
    *,
    terms_hash: str | None,
    as_json: bool,
    agrees: Callable[[str], bool],
    pin: Callable[[], str],
) -> str:
    """Buy on the terms that are shown, or on those with this hash; `agrees` is shown them, `pin` asks for the PIN.

    Raises: RefusedError when the person does not agree, or the hub refuses.
    """
    address = f"/api/v1/prompts/{_meant(client, prompt)}"
    asked = client.get(address)
    if asked["state"] not in _ANSWERABLE:
        raise RefusedError(f"this question is {asked['state']} already: nothing was changed")
    if terms_hash is None and not agrees("\n".join(map(_readable, _terms(asked)))):
        raise RefusedError("you did not agree: nothing was ordered")
    body = {"terms_hash": terms_hash or asked["terms_hash"]}
    if (asked.get("leave") or {}).get("needs_pin"):
        body["pin"] = pin()
    told = client.post(f"{address}/approve", body)
    if as_json:
        return _json(told)
    if told["outcome"] == "waits_for_second":
        return "Noted. Another person must agree before it is ordered."
    return f"Ordered: {told['order']['id']}."


def decline(client: ApiClient, prompt: str, *, reason: str, as_json: bool) -> str:
    """Do not buy, and say why."""
    told = client.post(f"/api/v1/prompts/{_meant(client, prompt)}/decline", {"reason": reason})
    return _json(told) if as_json else f"Declined: {told['item_name']}. Nothing is ordered."


def record(client: ApiClient, order: str, *, out: Path) -> str:
    """The record of an order, written to a new file.

    Raises: ConfigurationError when it cannot be written.
    """
    told = client.get(f"/api/v1/orders/{_segment(order)}/record")
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(_json(told) + "\n")
    except OSError as exc:
        raise ConfigurationError(f"{out}: cannot be written ({exc.strerror})") from exc
    return f"Written: {out}. Whoever has it checks it: restock-hub check-record {out}"


def recalls(client: ApiClient, *, as_json: bool) -> str:
    """What was filed, and what of it may be here."""
    told = client.get("/api/v1/recalls")
    if as_json:
        return _json(told)
    rows = [_recall_row(one) for one in told["recalls"]]
    return table(("RECALL", "NUMBER", "BATCH", "HERE", "TEXT"), rows) if rows else "No recalls."


def file_recalls(
    client: ApiClient, notices: Sequence[Json], *, as_json: bool, pause: Callable[[float], None] = time.sleep
) -> str:
    """File notices, one after the other; one that was filed before stays as it was. Many go as fast as a token may."""
    filed = []
    for notice in notices:
        filed.append(client.post("/api/v1/recalls", notice))
        if len(notices) > _AT_ONCE_MAX:
            pause(_PAUSE_S)
    if as_json:
        return _json({"recalls": filed})
    return table(("RECALL", "NUMBER", "BATCH", "HERE", "TEXT"), [_recall_row(one) for one in filed])


def import_recalls(client: ApiClient, path: Path, *, as_json: bool) -> str:
    """File all of a file. It is read whole before the first is filed.

    Raises: ConfigurationError when it cannot be read, or is no such file.
    """
    try:
        with path.open("rb") as file:
            found = Notices.model_validate_json(file.read(_NOTICES_BYTES_MAX))
    except OSError as exc:
        raise ConfigurationError(f"{path}: cannot be read ({exc.strerror})") from exc
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise ConfigurationError(f"{path} is no file of recalls: {where or 'the whole'}: {first['msg']}") from exc
    notices = [notice.model_dump(mode="json", exclude_none=True) for notice in found.recalls]
    return file_recalls(client, notices, as_json=as_json)


def _recall_row(recall: Json) -> tuple[str, ...]:
    here = ", ".join(f"{one['item']} ({one['certainty'].replace('_', ' ')})" for one in recall["matches"])
    batch = recall["batch"] or "all"
    return recall["id"][:8], recall["gtin"], batch, here or "nothing known", _readable(recall["text"])[:60]


def _merchant_row(merchant: Json) -> tuple[str, ...]:
    late = merchant["late"]
    return (
        merchant["merchant"],
        "list" if merchant["is_list"] else merchant["merchant_class"] or "not known",
        str(merchant["orders"]),
        *(_of(merchant[name]) for name in ("on_time", "whole", "price_held")),
        f"{late['median_d']:g}, at most {late['worst_d']}" if late["orders"] else "",
        f"{merchant['lead_d']:.0f} days" if merchant["lead_orders"] else "not known",
    )


def _of(share: Json) -> str:
    if not share["known"]:
        return "not known"
    counts = f"{share['kept']} of {share['known']}"
    return counts if share["share"] is None else f"{counts} ({100 * share['low']:.0f} to {100 * share['high']:.0f} %)"


def _row(prompt: Json) -> tuple[str, ...]:
    terms = prompt["terms"]
    what = f"{terms['quantity']} x {terms['title']}"
    most = "on the list" if terms["on_list"] else _money(prompt, "total_max_minor")
    return prompt["id"], prompt["state"], what, most, prompt["order_by"][:10], _leave(prompt)


def _why(told: Json) -> Iterator[str]:
    item = told["item"]
    yield f"{item['name']}: {_left(item)}"
    yield f"Mode: {item['mode']}."
    decisions = {"hold": "Nothing to do now.", "propose": "It is to be ordered.", "alert": "Somebody must look."}
    yield decisions.get(told["decision"], "Nothing was decided yet.")
    if told["packs"] is not None:
        yield f"{told['packs']} packs, to be ordered by {told['order_by'][:10]}."
    for heading, name in (("Because", "reasons"), ("In doubt", "doubts"), ("Advice", "advice")):
        if told[name]:
            yield f"{heading}:"
            yield from (f"  {each['text']}" for each in told[name])


def _terms(asked: Json) -> Iterator[str]:
    terms = asked["terms"]
    where = "on the list" if terms["on_list"] else "from"
    yield f"{terms['quantity']} x {terms['title']} {where} {terms['merchant']} ({terms['sku']})"
    if terms["instead_of"]:
        yield f"Instead of: {terms['instead_of']}"
    if terms["on_list"]:
        yield f"Nothing is ordered or paid; the offer ends {_minute(terms['expires_at'])}"
    else:
        yield f"Each {_money(asked, 'unit_price_minor')}, delivery {_money(asked, 'delivery_minor')}"
        yield f"Total {_money(asked, 'total_minor')}, never more than {_money(asked, 'total_max_minor')}"
        way = [terms[name] for name in ("delivery_title", "delivery_kind", "delivery_place") if terms[name]]
        if way:
            yield f"Comes by: {', '.join(way)}"
        yield f"Delivered by {terms['deliver_by']}; the offer ends {_minute(terms['expires_at'])}"
    yield f"It can be cancelled for {terms['hold_s']} s after that."
    if asked["leave"] and asked["leave"]["needs_second"]:
        yield "Another person must agree too."


def _leave(prompt: Json) -> str:
    leave = prompt["leave"]
    if leave is None:
        return "cannot be answered now"
    if not leave["may_approve"]:
        return leave["refusal"] or "may not approve"
    needs = [word for word, is_so in (("PIN", leave["needs_pin"]), ("second person", leave["needs_second"])) if is_so]
    return f"may approve ({', '.join(needs)})" if needs else "may approve"


def _money(prompt: Json, name: str) -> str:
    return format_money(prompt["terms"][name], prompt["terms"]["currency"])


def _amount(item: Json) -> str:
    return "not known" if item["amount"] is None else f"{item['amount']['value']:.4g} {item['unit']}"


def _lasts(item: Json) -> str:
    ahead = item["lasts"]
    return (
        "not known"
        if ahead is None
        else f"{ahead['middle_d']:.0f} days ({ahead['early_d']:.0f} to {ahead['late_d']:.0f})"
    )


def _left(item: Json) -> str:
    """What is left and how long it lasts; where that is not known, what would make it known."""
    if item["amount"] is None:
        return (
            "nobody knows how much is left. It is known once a reading of its sensor can be believed, or once somebody "
            "counts it and says so on its page."
        )
    if item["lasts"] is None:
        return (
            f"{_amount(item)} left. How long that lasts is not known: the hub has to see it being used for some days."
        )
    return f"{_amount(item)} left, which lasts {_lasts(item)}."


def _standing(item: Json) -> str:
    if item["prompt"]:
        return f"asked: {item['prompt']}"
    return f"ordered: {item['order']}" if item["order"] else ""


def _meant(client: ApiClient, said: str) -> str:
    """The id of the question that a person names: by its id, the beginning of it, or its item's id.

    Raises: RefusedError when that is none of the open ones, or several.
    """
    ident = _segment(said)
    if _WHOLE.fullmatch(ident):
        return ident
    living = client.get("/api/v1/prompts")["prompts"]
    found = [one["id"] for one in living if one["item"] == ident or one["id"].startswith(ident)]
    if len(found) == 1:
        return str(found[0])
    meant = "several questions" if found else "no open question"
    raise RefusedError(f"{said!r} names {meant}: restock-hub prompts shows them")


def _minute(at: str) -> str:
    return f"{datetime.fromisoformat(at).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _segment(ident: str) -> str:
    """An id as part of an address. Raises: RefusedError when it cannot be one."""
    if not (ident.isascii() and ident.replace("-", "").replace("_", "").isalnum()):
        raise RefusedError(f"{ident!r} is no id: the lists show them")
    return ident


def _readable(line: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in line)


def _json(told: Json) -> str:
    return json.dumps(told, ensure_ascii=False, indent=2)
