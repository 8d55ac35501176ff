"""What an ACP merchant's answers mean: a session that goes on, where one stands, what became of a request to order.

The rule of the file: an answer that is not clearly one thing is unclear.
"""

from __future__ import annotations

from pydantic import Field

from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Lookup, NeedsBuyer, Open, Outcome, Placed, Standing, Unknown
from cloud_bridge.errors import MerchantAwayError, MerchantRefusedError, MerchantUnclearError
from cloud_bridge.merchants.acp_documents import Addresses, Checkout, Session, goods_of, is_elsewhere, total_of
from cloud_bridge.merchants.checkouts import CONFLICTS, OK, REFUSALS, away, complaint, completed, detail_of, refused
from cloud_bridge.merchants.documents import Document, Key, code_of, parse, read
from cloud_bridge.merchants.handoff import checked_handoff
from cloud_bridge.merchants.http import Answer

IN_FLIGHT = "idempotency_in_flight"
OPEN = frozenset({"incomplete", "not_ready_for_payment", "ready_for_payment"})
FOR_A_BUYER = frozenset({"requires_escalation", "authentication_required"})
BUSY = frozenset({"complete_in_progress", "in_progress", "pending_approval"})
CLOSED = frozenset({"canceled", "expired"})
# 405 is "not any more": a session that was completed or cancelled, so it says nothing of an earlier request.
_REFUSALS = REFUSALS - {405}


def accepted(answer: Answer) -> Checkout:
    """A session from an answer to create, read or update, whose totals add up as far as they are given.

    Raises: MerchantRefusedError for a clear no; MerchantAwayError for anything else that is not a session;
    MerchantUnclearError for an answer that cannot be read.
    """
    if answer.status in OK:
        checkout = parse(Checkout, answer)
        if checkout.totals:
            total_of(checkout)
        return checkout
    code = code_of(answer)
    if versions := _versions_of(answer):
        raise MerchantAwayError(f"the merchant speaks ACP {versions}, and not the api_version that is set for it")
    if answer.status in REFUSALS | CONFLICTS | {404} and code != IN_FLIGHT:
        raise MerchantRefusedError(detail_of(code), f"status {answer.status} {code[:64]!r}")
    raise away(answer, "the session")


class _Versions(Document):
    supported_versions: list[Key] = Field(default=[], max_length=20)


def _versions_of(answer: Answer) -> list[str]:
    """The versions that an error answer says are spoken there; none where it is about something else."""
    try:
        return read(_Versions, answer.body).supported_versions
    except ValueError:
        return []


def outcome(answer: Answer, session_id: str, *, origin: str, addresses: Addresses) -> Outcome:
    """What became of a request to complete a session."""
    if answer.status in OK:
        try:
            found = standing(answer, session_id, origin=origin, addresses=addresses)
            return completed(found, complaint(parse(Session, answer).messages))
        except MerchantUnclearError:
            return Unknown(Detail.NO_ANSWER)
    code = code_of(answer)
    if code == IN_FLIGHT:
        return Unknown(Detail.IN_PROGRESS)
    return refused(answer.status, detail_of(code), refusals=_REFUSALS)


def standing(answer: Answer, session_id: str, *, origin: str, addresses: Addresses) -> Lookup:
    """Where the session in an answer stands. `addresses` are all that goods of ours can go to.

    Raises: MerchantUnclearError when it is another session, somebody else's order, or not told clearly.
    """
    session = parse(Session, answer)
    if session.id != session_id:
        raise MerchantUnclearError(f"asked for session {session_id}, told about another")
    match session.status:
        case "completed":
            return _placed(parse(Checkout, answer), addresses)
        case "authentication_required" if session.continue_url is None:
            return Open(None, parse(Checkout, answer).currency_code)  # only we could go on, and we cannot
        case status if status in FOR_A_BUYER:
            return NeedsBuyer(checked_handoff(session.continue_url, origin=origin))
        case status if status in BUSY:
            return Standing.BUSY
        case status if status in CLOSED:
            return Standing.CLOSED
        case status if status in OPEN:
            return _open(parse(Checkout, answer))
        case unforeseen:
            raise MerchantUnclearError(f"session {session_id} is {unforeseen}, which is no state that we know")


def _open(checkout: Checkout) -> Open:
    try:
        return Open(total_of(checkout), checkout.currency_code)
    except MerchantRefusedError:
        return Open(None, checkout.currency_code)


def _placed(checkout: Checkout, addresses: Addresses) -> Placed | Standing:
    if is_elsewhere(checkout, addresses):
        raise MerchantUnclearError(f"session {checkout.id} is completed, and goes to an address that is not ours")
    if checkout.order is None:
        return Standing.ORDERED
    if checkout.order.checkout_session_id not in {None, checkout.id}:
        raise MerchantUnclearError(f"session {checkout.id} is completed, and shows the order of another")
    told = goods_of(checkout)
    try:
        total_minor = total_of(checkout)
        return Placed(checkout.order.id, total_minor, checkout.currency_code, sku=told.sku, quantity=told.quantity)
    except MerchantRefusedError as exc:
        raise MerchantUnclearError(f"session {checkout.id} is completed, and {exc.detail}") from exc
