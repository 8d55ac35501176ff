"""What the pages are given: everything they read, and the few things that they may set off.

The pages see these Protocols only. All calls but a check of a secret and a word to the bridge are plain functions: they
run on the event loop's thread and are one transaction each, like the ports beneath them. `by` is an account's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal, Protocol

from edge_agent.core.api_token import ApiToken, Bearer, TokenId
from edge_agent.core.catalogue import Item
from edge_agent.core.deciding.problem import Word
from edge_agent.core.deciding.shadow import ShadowReport
from edge_agent.core.intent import IntentRecord
from edge_agent.core.inventory.devices import Inventory
from edge_agent.core.leave.mandate import MandateDraft, MandateRecord
from edge_agent.core.leave.policy import Policy
from edge_agent.core.messages import (
    DeviceId,
    IntentId,
    ItemId,
    MandateId,
    PromptId,
    Quarantined,
    QuarantineReason,
    Reason,
)
from edge_agent.core.overview import (
    BridgeStatus,
    CancelResult,
    DeviceOverview,
    EgressRow,
    ItemOverview,
    MandateView,
    RoomLeft,
)
from edge_agent.core.people import Account, Role
from edge_agent.core.prompt import DeclineReason, Endorsement, PromptRecord
from edge_agent.core.stock_events import Label, Labelled, StockEvent, Told
from edge_agent.errors import RefusedError
from edge_agent.leave_ports import AccountStore, MerchantClasses
from edge_agent.ports import Clock, Safety
from edge_agent.web.household_parts import (
    Forgetting,
    Holdings,
    NoForgetting,
    NoHoldings,
    NoReporting,
    NoSettings,
    Reporting,
    Settings,
)
from edge_agent.web.item_parts import ItemKeeping, NoItemKeeping
from edge_agent.web.notice_parts import ChannelDesk, Links, NoChannels, NoLinks
from edge_agent.web.order_parts import AfterAll, NoAfterAll
from edge_agent.web.product_parts import NoProductHints, ProductHints
from edge_agent.web.recall_parts import NoRecalls, Recalls
from edge_agent.web.road_parts import NoRoad, Road


class Overview(Protocol):
    """Reads for the pages; none of them changes anything."""

    def items(self) -> Sequence[ItemOverview]:
        """Every item of the household, in its own order."""

    def declared(self) -> Sequence[Item]:
        """Every item as the household wrote it, and nothing of what is known about it."""

    def item(self, item: ItemId) -> ItemOverview | None:
        """One item."""

    def prompt(self, prompt: PromptId) -> PromptRecord | None:
        """One prompt, whatever its state."""

    def intent_of(self, prompt: PromptId) -> IntentRecord | None:
        """The order that came of a prompt."""

    def endorsements(self, prompt: PromptId) -> Sequence[Endorsement]:
        """Who has approved a prompt that waits for another person, on the terms that stand now."""

    def intent(self, intent: IntentId) -> IntentRecord | None:
        """One order, whatever its state."""

    def intents(self, *, limit: int) -> Sequence[IntentRecord]:
        """Orders, newest first, finished ones too."""

    def live_intents(self) -> Sequence[IntentRecord]:
        """Every order that is not over, however old."""

    def wanted_back(self) -> frozenset[IntentId]:
        """Orders that a person wants to cancel, for which the bridge has not answered yet."""

    def devices(self) -> Sequence[DeviceOverview]:
        """Every device that was ever heard of, by name."""

    def quarantine(self, *, device: DeviceId | None, limit: int) -> Sequence[Quarantined]:
        """Messages kept apart, newest first; those of one device where one is named."""

    def quarantine_counts(self) -> Mapping[QuarantineReason, int]:
        """How many messages were ever kept apart, for each reason that occurred."""

    def bridge(self) -> BridgeStatus:
        """Whether orders get out to the merchant."""

    def file_problem(self) -> str | None:
        """What is wrong with the household's own file, if anything: the last good one counts until it is mended."""


class Answers(Protocol):
    """A person's answer to a prompt, and what a person says of the order that came of it.

    All raise: StaleTermsError when other terms stand now; RefusedError when it can no longer be said;
    NotAllowedError when the person may not say it. Then nothing was changed.
    """

    def approve(self, prompt: PromptId, *, terms_hash: str, by: str, pin_checked: bool) -> IntentRecord | None:
        """Buy on exactly the terms with this hash; None: noted, and a second person has to agree."""

    def snooze(self, prompt: PromptId, *, hours: int, by: str) -> PromptRecord:
        """Ask again in so many hours."""

    def decline(self, prompt: PromptId, *, reason: DeclineReason, by: str) -> PromptRecord:
        """Do not buy, and say why."""

    async def cancel(self, intent: IntentId, *, by: str) -> CancelResult:
        """Take an approval back while the order is held.

        Raises: BridgeUnreachableError when the bridge cannot be asked: the wish is kept, and asked again.
        """

    async def settle(self, intent: IntentId, *, found: bool, merchant_order_id: str | None, by: str) -> IntentRecord:
        """Say what nobody else could tell: the merchant has this order, or has it not."""

    def arrived(self, intent: IntentId, *, by: str) -> IntentRecord:
        """The goods are here."""

    def never_came(self, intent: IntentId, *, by: str) -> IntentRecord:
        """The goods did not come."""

    def see_to(self, intent: IntentId, *, word: Word, by: str) -> IntentRecord:
        """What was in the way of the order is mended, or let be."""


class Decisions(Protocol):
    """What decisions rest on, and the one question to the whole home."""

    def question(self) -> Reason | None:
        """What to ask everybody, such as whether they are away; None: nothing."""

    def shadow(self, item: ItemId) -> ShadowReport | None:
        """What an item in shadow would have done lately; None: nothing."""

    def bundle(self, item: ItemId) -> bytes | None:
        """The newest decision about an item as a replay bundle; None: none was taken yet."""

    def bundle_of(self, prompt: PromptId) -> bytes | None:
        """What a question rested on, as a replay bundle; None: it is no longer kept."""

    def advice(self, item: ItemId) -> tuple[Reason, ...]:
        """Advice about what is bought."""

    def tell(self, said: Literal["away", "guests", "as_usual"], *, last: date | None) -> None:
        """Note who is at home until a day.

        Raises: RefusedError when the days cannot be meant.
        """


class StockTelling(Protocol):
    """What a person says of a stock."""

    def tell(self, item: ItemId, *, what: Told, packs: float, by: str, label: Label | None = None) -> None:
        """Keep it, in packs of the bound product, with what stands on them; the next review counts with it.

        Raises: RefusedError when it cannot be meant.
        """

    def said(self, item: ItemId, *, limit: int) -> Sequence[StockEvent]:
        """What was said of it last, newest first."""

    def labels(self, item: ItemId, *, limit: int) -> Sequence[Labelled]:
        """What was read on its packs last, newest first."""


class Records(Protocol):
    """Records of orders, for people outside the home."""

    @property
    def fingerprint(self) -> str:
        """That of the household's key, to compare with the one in a record; "": there is none."""

    async def of(self, intent: IntentId) -> bytes | None:
        """The record of one order, signed now; None: there is no such order.

        Raises: RefusedError when none can be made of it.
        """


class Mandates(Protocol):
    """Standing leave to buy within limits.

    All raise RefusedError when it cannot be (any more), NotAllowedError when the person may not.
    """

    def all(self) -> Sequence[MandateView]:
        """Every mandate with what it drew, newest first."""

    def mandate(self, mandate: MandateId) -> MandateView | None:
        """One mandate with what it drew, whatever its state."""

    def propose(self, draft: MandateDraft, *, by: str, pin_checked: bool) -> MandateRecord:
        """Give leave; it waits for a second person where the household asks for two."""

    def confirm(self, mandate: MandateId, *, by: str, pin_checked: bool) -> MandateRecord:
        """Agree as the second person."""

    def decline(self, mandate: MandateId, *, by: str) -> MandateRecord:
        """Do not agree: it never begins."""

    def pause(self, mandate: MandateId, *, by: str) -> MandateRecord:
        """Nothing is drawn until it is resumed."""

    def resume(self, mandate: MandateId, *, by: str, pin_checked: bool) -> MandateRecord:
        """It may draw again."""

    def revoke(self, mandate: MandateId, *, by: str) -> MandateRecord:
        """End it at once and for good."""


class People(Protocol):
    """Accounts of the household. Secrets come as hashes.

    All raise RefusedError when it cannot be (no such person, name taken, the last owner), NotAllowedError when `by`
    may not. At least one owner always remains.
    """

    def all(self) -> Sequence[Account]:
        """Everybody, by name."""

    def add(self, name: str, *, role: Role, password_hash: str, by: str) -> None:
        """One person more."""

    def set_role(self, name: str, *, role: Role, by: str) -> None:
        """Another role from now on, in every session of the person."""

    def set_password(self, name: str, *, password_hash: str, by: str, keep_session: str | None) -> None:
        """Another password; ends the person's sessions, but the one with this token hash."""

    def set_pin(self, name: str, *, pin_hash: str | None, by: str) -> None:
        """Another PIN, or none."""

    def set_language(self, name: str, code: str | None) -> None:
        """The language that a person reads; None: what the browser asks for."""

    def remove(self, name: str, *, by: str) -> None:
        """One person less; ends the person's sessions."""


class Policies(Protocol):
    """Who may approve how much."""

    def get(self) -> Policy:
        """The policy that stands; raises FailClosedError when it is not the one that was signed."""

    def set(self, policy: Policy, *, by: str) -> None:
        """Another policy from now on; raises NotAllowedError when `by` is no owner."""


class Ledger(Protocol):
    """What left the home, as the one gate out wrote it down before it was sent."""

    def rows(self, *, limit: int, before_id: int | None) -> Sequence[EgressRow]:
        """Messages, newest first; those older than `before_id` where one is given. Without bodies."""

    def row(self, row: int) -> EgressRow | None:
        """One message with its body."""


class Passwords(Protocol):
    """Checks passwords and PINs away from the event loop."""

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password fits; None (an unknown person) takes as long as a wrong password and never fits."""

    async def renew(self, password_hash: str, password: str) -> str | None:
        """A new hash of a password that fitted, where the kept one is weaker than today's rule."""

    async def make(self, password: str) -> str:
        """The hash to keep of a new password or PIN."""


class Accounts(AccountStore, Protocol):
    """Accounts that can also be written: a sign-in may renew a hash."""

    def put_account(self, account: Account) -> None:
        """Add an account, or replace its role and password hash."""


class ApiTokens(Protocol):
    """Tokens by which programs act for a person."""

    def all(self) -> Sequence[ApiToken]:
        """Every token that is kept, newest first."""

    def add(self, token: ApiToken, *, by: str) -> None:
        """Keep a new one; raises RefusedError when there are too many."""

    def revoke(self, token: TokenId, *, by: str) -> None:
        """It is worth nothing from now on; raises RefusedError when there is none."""

    def find(self, token_hash: str, *, now: datetime) -> Bearer | None:
        """The token with this hash, unless it has ended or its person may not sign in."""

    def note_use(self, token: TokenId, *, at: datetime) -> None:
        """It was used now; nothing is written yet."""


class NoApiTokens:
    """Fulfils `ApiTokens` where no program may come."""

    def all(self) -> Sequence[ApiToken]:
        """None."""
        return ()

    def add(self, token: ApiToken, *, by: str) -> None:  # noqa: ARG002
        """None can be kept."""
        raise RefusedError("this hub keeps no tokens")

    def revoke(self, token: TokenId, *, by: str) -> None:  # noqa: ARG002
        """There is none."""
        raise RefusedError("this hub keeps no tokens")

    def find(self, token_hash: str, *, now: datetime) -> Bearer | None:  # noqa: ARG002
        """There is none."""
        return None

    def note_use(self, token: TokenId, *, at: datetime) -> None:
        """There is none."""


class NoDecisions:
    """Fulfils `Decisions` for pages without a review."""

    def question(self) -> Reason | None:
        """Nothing."""
        return None

    def shadow(self, item: ItemId) -> ShadowReport | None:  # noqa: ARG002
        """Nothing."""
        return None

    def bundle(self, item: ItemId) -> bytes | None:  # noqa: ARG002
        """None was taken."""
        return None

    def bundle_of(self, prompt: PromptId) -> bytes | None:  # noqa: ARG002
        """None is kept."""
        return None

    def advice(self, item: ItemId) -> tuple[Reason, ...]:  # noqa: ARG002
        """None."""
        return ()

    def tell(self, said: Literal["away", "guests", "as_usual"], *, last: date | None) -> None:  # noqa: ARG002
        """Nobody listens."""
        raise RefusedError("this cannot be told here")


class NoRecords:
    """Fulfils `Records` for pages without a key."""

    fingerprint = ""

    async def of(self, intent: IntentId) -> bytes | None:  # noqa: ARG002
        """There is none."""
        return None


class NoStockTelling:
    """Fulfils `StockTelling` for pages without a store."""

    def said(self, item: ItemId, *, limit: int) -> Sequence[StockEvent]:  # noqa: ARG002
        """Nothing was."""
        return ()

    def labels(self, item: ItemId, *, limit: int) -> Sequence[Labelled]:  # noqa: ARG002
        """Nothing was."""
        return ()

    def tell(self, *_said: object, **_more: object) -> None:
        """Nobody listens."""
        raise RefusedError("this cannot be told here")


def no_inventory() -> Inventory:
    """Nothing was heard of yet."""
    return Inventory(as_of=datetime.min.replace(tzinfo=UTC), source="")


@dataclass(frozen=True, slots=True)
class WebParts:
    """Everything that the pages need from the rest of the hub."""

    clock: Clock
    accounts: Accounts
    passwords: Passwords
    overview: Overview
    answers: Answers
    mandates: Mandates
    people: People
    policies: Policies
    ledger: Ledger
    safety: Safety
    merchants: MerchantClasses
    inventory: Callable[[], Inventory] = no_inventory
    decisions: Decisions = NoDecisions()  # noqa: RUF009  # it holds nothing
    stock: StockTelling = NoStockTelling()  # noqa: RUF009  # it holds nothing
    keeping: ItemKeeping = NoItemKeeping()  # noqa: RUF009  # it holds nothing
    products: ProductHints = NoProductHints()  # noqa: RUF009  # it holds nothing
    settings: Settings = NoSettings()  # noqa: RUF009  # it holds nothing
    holdings: Holdings = NoHoldings()  # noqa: RUF009  # it holds nothing
    forgetting: Forgetting = NoForgetting()  # noqa: RUF009  # it holds nothing
    reporting: Reporting = NoReporting()  # noqa: RUF009  # it holds nothing
    channels: ChannelDesk = NoChannels()  # noqa: RUF009  # it holds nothing
    links: Links = NoLinks()  # noqa: RUF009  # it holds nothing
    no_room: Callable[[], str | None] = lambda: None  # why no readings are stored; None: they are
    room: Callable[[], RoomLeft | None] = lambda: None  # None: not known
    hears_broker: Callable[[], bool | None] = lambda: None  # whether the broker has the hub's session; None: not known
    tokens: ApiTokens = NoApiTokens()  # noqa: RUF009  # it holds nothing
    after_all: AfterAll = NoAfterAll()  # noqa: RUF009  # it holds nothing
    records: Records = NoRecords()  # noqa: RUF009  # it holds nothing
    recalls: Recalls = NoRecalls()  # noqa: RUF009  # it holds nothing
    road: Road = NoRoad()  # noqa: RUF009  # it holds nothing
    changes: Callable[[], int] = lambda: 0  # another number whenever something that the pages show may have changed
