"""Words between a life and its world over a pipe, and the merchant that a life sees at the other end of it."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from typing import Any

from cloud_bridge.core.capability import Capability
from cloud_bridge.core.outcome import Followed, Hint, Lookup, Outcome
from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import MerchantError, MerchantRefusedError
from cloud_bridge.merchants.simulated import SimulatedMerchant
from cloud_bridge.wire import Intent


@dataclass(frozen=True, slots=True)
class Call:
    """A question to the world: a name and what goes with it, and which merchant it is for, if any."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()
    merchant: str | None = None


@dataclass(frozen=True, slots=True)
class Raised:
    """An error of the merchant's on its way: not every error can be pickled itself."""

    kind: type[MerchantError]
    args: tuple[Any, ...]
    kwargs: tuple[tuple[str, Any], ...] = ()


def ask(pipe: Pipe, name: str, *args: object) -> Any:  # noqa: ANN401  whatever the world answers
    """Ask the world and wait."""
    return _exchange(pipe, Call(name, args))


def _exchange(pipe: Pipe, call: Call) -> Any:  # noqa: ANN401  whatever the world answers
    pipe.send(call)
    answer = pipe.recv()
    if isinstance(answer, Raised):
        raise answer.kind(*answer.args, **dict(answer.kwargs))
    return answer


def meet(merchant: SimulatedMerchant, call: Call) -> object:
    """What the merchant answers to a call, as a value that travels; its refusals travel as the error itself."""
    try:
        found = getattr(merchant, call.name)(*call.args, **dict(call.kwargs))
        return _run(found) if isinstance(found, Coroutine) else found
    except MerchantRefusedError as exc:
        return Raised(type(exc), (exc.code, exc.detail), (("session_id", exc.session_id),))
    except MerchantError as exc:
        return Raised(type(exc), exc.args)


def _run(coroutine: Coroutine[Any, Any, object]) -> object:
    """The simulated merchant waits for nothing, so its answer is there at once."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("the simulated merchant waited for something")


class DistantMerchant:
    """Fulfils `ports.Merchant` by asking the world, which outlives this process."""

    def __init__(self, pipe: Pipe, name: str, *, capability: Capability, currency: str) -> None:
        self._pipe = pipe
        self._name = name
        self._capability = capability
        self._currency = currency

    @property
    def capability(self) -> Capability:
        """As the world's merchant has it."""
        return self._capability

    @property
    def currency(self) -> str:
        """The currency it sells in."""
        return self._currency

    def delivers_to(self, delivery_ref: str) -> bool:
        """The home, and nowhere else."""
        return delivery_ref == "home"

    async def quote(self, wanted: Wanted, *, key: str, session_id: str | None = None) -> Quote:
        """Price a session."""
        quote: Quote = self._ask("quote", wanted, key=key, session_id=session_id)
        return quote

    def order_digest(self, session_id: str, *, leave: Intent | None = None) -> str:
        """The digest of an order's body."""
        return str(self._ask("order_digest", session_id, leave=leave))

    async def place(self, session_id: str, *, key: str, leave: Intent | None = None) -> Outcome:
        """Ask for the order."""
        outcome: Outcome = self._ask("place", session_id, key=key, leave=leave)
        return outcome

    async def get(self, session_id: str, *, reference: str | None = None) -> Lookup:
        """Look a session up."""
        found: Lookup = self._ask("get", session_id, reference=reference)
        return found

    async def cancel(self, session_id: str) -> None:
        """Close a session."""
        self._ask("cancel", session_id)

    async def events(self, merchant_order_id: str, *, session_id: str | None = None) -> Followed:
        """How far an order has come."""
        followed: Followed = self._ask("events", merchant_order_id)
        return followed

    def hint(self, body: bytes) -> Hint:
        """The bare id of an order, as the simulated merchant sends it."""
        return Hint(session_id=None, merchant_order_id=body.decode("ascii", "replace")[:255] or None)

    def _ask(self, name: str, *args: object, **kwargs: object) -> Any:  # noqa: ANN401  whatever it answers
        return _exchange(self._pipe, Call(name, args, tuple(kwargs.items()), self._name))
