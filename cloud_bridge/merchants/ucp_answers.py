"""What a UCP merchant's answers mean: a session that goes on, where one stands, what became of a request to order.

The rule of the file: an answer that is not clearly one thing is unclear, and an error with HTTP status 200 is an error.
"""

from __future__ import annotations

from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Lookup, NeedsBuyer, Open, Outcome, Placed, Rejected, Standing, Unknown
from cloud_bridge.errors import MerchantRefusedError, MerchantUnclearError
from cloud_bridge.merchants.checkouts import (
    CONFLICTS,
    OK,
    REFUSALS,
    away,
    complaint,
    completed,
    detail_of,
    refused,
    wants_buyer,
)
from cloud_bridge.merchants.documents import code_of, parse, read
from cloud_bridge.merchants.handoff import checked_handoff
from cloud_bridge.merchants.http import Answer
from cloud_bridge.merchants.ucp_delivery import Addresses, is_elsewhere
from cloud_bridge.merchants.ucp_documents import Checkout, Failure, Session, goods_of, total_of


def accepted(answer: Answer) -> Checkout:
    """A session from an answer to create, read or update, whose totals add up as far as they are given.

    Raises: MerchantRefusedError for a clear no; MerchantAwayError for anything else that is not a session;
    MerchantUnclearError for an answer that cannot be read.
    """
    if answer.status in OK:
        _refuse_failure(answer)
        checkout = parse(Checkout, answer)
        if checkout.totals:
            total_of(checkout)
        return checkout
    code = _code(answer)
    if answer.status in REFUSALS | CONFLICTS | {404}:
        unknown_item = code.lower() == "invalid_request"  # the sample's answer to a product that it does not have
        detail = Detail.ITEM_UNAVAILABLE if unknown_item else detail_of(code)
        raise MerchantRefusedError(detail, f"status {answer.status} {code[:64]!r}")
    raise away(answer, "the session")


def outcome(answer: Answer, session_id: str, *, origin: str, addresses: Addresses) -> Outcome:
    """What became of a request to complete a session."""
    if answer.status in OK:
        try:
            return _completed(answer, session_id, origin=origin, addresses=addresses)
        except MerchantUnclearError:
            return Unknown(Detail.NO_ANSWER)
    return refused(answer.status, detail_of(_code(answer)))


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
        case "requires_escalation":
            return NeedsBuyer(checked_handoff(session.continue_url, origin=origin))
        case "complete_in_progress":
            return Standing.BUSY
        case "canceled":
            return Standing.CLOSED
        case _:
            return _open(parse(Checkout, answer))


def _completed(answer: Answer, session_id: str, *, origin: str, addresses: Addresses) -> Outcome:
    failure = _failure(answer)
    if failure is not None:
        return _failed(failure, origin=origin)
    found = standing(answer, session_id, origin=origin, addresses=addresses)
    return completed(found, complaint(parse(Session, answer).messages))


def _failed(failure: Failure, *, origin: str) -> Outcome:
    if wants_buyer(failure.messages):
        return NeedsBuyer(checked_handoff(failure.continue_url, origin=origin))
    reason = complaint(failure.messages)
    return Unknown(Detail.NO_ANSWER) if reason is None else Rejected(reason)


def _failure(answer: Answer) -> Failure | None:
    try:
        failure = read(Failure, answer.body)
    except ValueError:
        return None
    return failure if failure.is_one else None


def _refuse_failure(answer: Answer) -> None:
    failure = _failure(answer)
    if failure is not None:
        reason = complaint(failure.messages) or Detail.MERCHANT_REFUSED
        raise MerchantRefusedError(reason, "the merchant answered with an error")


def _code(answer: Answer) -> str:
    """The code of a refusal: a member of its own, or that of its first error message, as later versions have it."""
    failure = _failure(answer)
    said = [message.code for message in (failure.messages if failure else None) or () if message.type == "error"]
    return code_of(answer) or next(iter(said), "")


def _open(checkout: Checkout) -> Open:
    try:
        return Open(total_of(checkout), checkout.currency)
    except MerchantRefusedError:
        return Open(None, checkout.currency)


def _placed(checkout: Checkout, addresses: Addresses) -> Placed | Standing:
    if is_elsewhere(checkout, addresses):
        raise MerchantUnclearError(f"session {checkout.id} is completed, and goes to an address that is not ours")
    if checkout.order is None:
        return Standing.ORDERED
    told = goods_of(checkout)
    try:
        total_minor = total_of(checkout)
        return Placed(checkout.order.id, total_minor, checkout.currency, sku=told.sku, quantity=told.quantity)
    except MerchantRefusedError as exc:
        raise MerchantUnclearError(f"session {checkout.id} is completed, and {exc.detail}") from exc
