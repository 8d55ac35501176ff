"""What programs are told, as models: the document is made of them. Times are UTC, amounts of money in minor units."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from edge_agent.core.api_token import Scope
from edge_agent.core.deciding.problem import Kind
from edge_agent.core.intent import IntentState
from edge_agent.core.leave.mandate import MandateState
from edge_agent.core.people import Role
from edge_agent.core.prompt import DeclineReason, PromptState
from edge_agent.core.recall import Certainty
from edge_agent.web.api.call import Told


class Me(Told):
    """For whom the token acts, what it may do, and until when."""

    account: str
    role: Role
    token: str
    scopes: tuple[Scope, ...]
    expires_at: datetime


class Sentence(Told):
    """One reason: the word that a program goes by, and the sentence for a person."""

    code: str
    text: str


class Span(Told):
    """A value that is not known exactly: nine times in ten it lies between `low` and `high`."""

    value: float
    low: float
    high: float


class Lasts(Told):
    """Days from now until it is used up: one time in ten before `early_d`, one in ten after `late_d`."""

    early_d: float
    middle_d: float
    late_d: float


class ItemTold(Told):
    """One item. `amount` and `use_per_day` are in `unit` (UCUM); null where nobody knows. `trust` is from 0 to 1."""

    id: str
    name: str
    category: str
    unit: str
    mode: Literal["shadow", "ask", "auto"]
    product: str
    room_packs: int
    as_of: datetime | None
    amount: Span | None
    use_per_day: Span | None
    trust: float | None
    lasts: Lasts | None
    prompt: str | None
    order: str | None


class Items(Told):
    """Every item of the household, in its own order."""

    items: tuple[ItemTold, ...]


class Shadow(Told):
    """What an item that only watches would have done since a day."""

    since: date
    orders: int
    packs: int
    total_minor: int
    currency: str


class Why(Told):
    """Why the hub does with an item what it does."""

    item: ItemTold
    decision: Literal["hold", "propose", "alert"] | None
    packs: int | None
    order_by: datetime | None
    reasons: tuple[Sentence, ...]
    doubts: tuple[Sentence, ...]
    advice: tuple[Sentence, ...]
    shadow: Shadow | None


class TermsTold(Told):
    """The binding terms of a prompt: what is agreed to. `deliver_by` is a day, `hold_s` how long it can be undone.

    `on_list`: it goes on a list that the household shops from. Nothing is ordered or paid, so every amount is 0.
    It comes by `delivery_option`, or not at all; null where the merchant is left to choose. The title of that way, its
    kind and the place where goods are fetched are null where the merchant does not say.
    """

    merchant: str
    sku: str
    title: str
    instead_of: str | None
    pack_amount: float
    unit: str
    quantity: int
    unit_price_minor: int
    delivery_minor: int
    total_minor: int
    total_max_minor: int
    currency: str
    deliver_by: date
    expires_at: datetime
    hold_s: int
    on_list: bool
    delivery_option: str | None
    delivery_kind: str | None
    delivery_title: str | None
    delivery_place: str | None


class LeaveTold(Told):
    """What the person of this token may do with a prompt now; `refusal` says why not."""

    may_approve: bool
    refusal: str | None
    needs_pin: bool
    needs_second: bool
    agreed: tuple[str, ...]
    others: tuple[str, ...]


class OrderTold(Told):
    """One order and where it stands. What the merchant told since it was placed is null where it did not.

    `problem` is what is to be mended of an order that was refused, and `problem_until` when its time for that is over;
    `withdrawn_for` why the hub took the order back by itself.
    """

    id: str
    prompt: str
    item: str
    state: IntentState
    merchant: str
    quantity: int
    total_minor: int
    charged_minor: int | None
    currency: str
    created_at: datetime
    changed_at: datetime
    merchant_order_id: str | None
    detail: str | None
    handoff_url: str | None
    ordered_quantity: int | None
    delivered_quantity: int | None
    returned_quantity: int | None
    refunded_minor: int | None
    substitute_sku: str | None
    expected_on: date | None
    tracking_url: str | None
    problem: Kind | None
    problem_until: datetime | None
    withdrawn_for: str | None
    cancel_wanted: bool


class Orders(Told):
    """Orders, newest first, finished ones too; 200 at the most."""

    orders: tuple[OrderTold, ...]


class ShareTold(Told):
    """So many orders of so many whose outcome is known.

    `share` is from 0 to 1, and lies between `low` and `high` 19 times in 20; null where too few orders tell.
    """

    kept: int
    known: int
    share: float | None
    low: float | None
    high: float | None


class LateTold(Told):
    """Days after the one agreed to: of the orders that were late, and of those that are by now (`overdue`)."""

    orders: int
    overdue: int
    median_d: float | None
    worst_d: int | None


class ChargesTold(Told):
    """Orders by what was charged beside what was agreed to; `refused`: not ordered, because the offer had changed."""

    lower: int
    equal: int
    higher: int
    above_limit: int
    refused: int


class MerchantTold(Told):
    """One merchant, by the newest orders of this home with it: null is not known, and never zero.

    `merchant_class` is A, B or C; `is_list`: nothing is paid there. `products` are the titles ordered most, and how
    often. `on_time`, `whole` and `price_held` are its word and how it was kept; `lead_d` is how many days an order is
    taken to need. Where the best offer is chosen, `kept_expected` of its orders are taken to come as agreed, and its
    prices count `charged` times.
    """

    merchant: str
    merchant_class: str | None
    is_list: bool
    currencies: tuple[str, ...]
    products: dict[str, int]
    orders: int
    under_way: int
    on_time: ShareTold
    late: LateTold
    whole: ShareTold
    price_held: ShareTold
    charges: ChargesTold
    substituted: int
    sold_out: int
    cancelled: int
    never_arrived: int
    returned: int
    refunded: int
    lead_d: float
    lead_orders: int
    kept_expected: float
    charged: float


class Merchants(Told):
    """Every merchant that something was ordered from, newest first, and then those that an item names."""

    merchants: tuple[MerchantTold, ...]


class PromptTold(Told):
    """One question. An approval must carry `terms_hash`, which stands for exactly these terms."""

    id: str
    item: str
    item_name: str
    state: PromptState
    terms: TermsTold
    terms_hash: str
    reasons: tuple[Sentence, ...]
    order_by: datetime
    created_at: datetime
    wake_at: datetime | None
    answered_by: str | None
    decline_reason: DeclineReason | None
    leave: LeaveTold | None
    order: OrderTold | None


class Prompts(Told):
    """The questions that are open or put off, the most urgent first."""

    prompts: tuple[PromptTold, ...]


class Approved(Told):
    """`ordered`: there is an order. `waits_for_second`: noted, and another person must agree."""

    outcome: Literal["ordered", "waits_for_second"]
    order: OrderTold | None


class Cancelled(Told):
    """`cancelled`: it is. `asked`: the order service has not confirmed it yet. `too_late`: it stands."""

    outcome: Literal["cancelled", "asked", "too_late"]
    state: IntentState


class MandateTold(Told):
    """Standing leave to buy, and what it may still spend. `left_minor` is what this period has left."""

    id: str
    state: MandateState
    items: tuple[str, ...]
    order_max_minor: int
    budget_minor: int
    left_minor: int
    currency: str
    frequency: str
    first_day: date
    last_day: date
    proposed_by: str


class Mandates(Told):
    """Every mandate, newest first."""

    mandates: tuple[MandateTold, ...]


class DeviceTold(Told):
    """One device. `online` is null where it never said."""

    device: str
    profile: str | None
    firmware: str | None
    online: bool | None
    seen_at: datetime | None


class Devices(Told):
    """Every device that was ever heard of, and how many messages were kept apart, by reason."""

    devices: tuple[DeviceTold, ...]
    kept_apart: dict[str, int]


class SentRow(Told):
    """One message that left the home; its bytes stand on the page of the ledger."""

    id: int
    at: datetime
    purpose: str
    recipient: str
    method: str
    path: str
    size_bytes: int
    sha256: str


class Sent(Told):
    """What left the home, newest first; `older` is what to ask with next, null at the end."""

    rows: tuple[SentRow, ...]
    older: int | None


class RecallMatch(Told):
    """An item that a recall may be about: `affected`, or `may_be` where no batch or date was read.

    `packs` are those whose label fits; `orders` are ids of orders that may have brought some.
    """

    item: str
    certainty: Certainty
    packs: float
    orders: tuple[str, ...]


class RecallTold(Told):
    """Goods that were called back, and what is still to be looked at here."""

    id: str
    gtin: str
    batch: str
    until: date | None
    text: str
    source: str
    filed_by: str
    filed_at: datetime
    matches: tuple[RecallMatch, ...]


class Recalls(Told):
    """Everything that was filed, newest first."""

    recalls: tuple[RecallTold, ...]


class Done(Told):
    """It was kept."""

    done: Literal[True] = True


class Health(Told):
    """Whether all is well: `ok`, or `trouble` with what it is. `sends`: whether orders may be sent."""

    status: Literal["ok", "trouble"]
    sends: bool
    bridge_reachable: bool
    waiting_since: datetime | None
    problems: tuple[Sentence, ...]
