"""What the setup pages are given to work with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from edge_agent.core.catalogue import Item
from edge_agent.core.inventory.devices import Inventory
from edge_agent.core.setup.first_steps import Broker, Draft, Offered, Proposal


@dataclass(frozen=True, slots=True)
class Trial:
    """How a try of a broker went; `text` is for a person, a whole sentence or two."""

    worked: bool
    text: str


class SetupWork(Protocol):
    """The first run behind the pages. Everything told is kept at once and in force only after `finish`."""

    @property
    def draft(self) -> Draft:
        """What was told so far."""

    @property
    def fixed_broker(self) -> str | None:
        """The broker's address where the configuration names it, and nobody has to choose."""

    @property
    def is_connected(self) -> bool:
        """Whether a broker is chosen that worked."""

    @property
    def can_search(self) -> bool:
        """Whether brokers can be looked for on the network."""

    @property
    def has_searched(self) -> bool:
        """Whether that was done since the hub started."""

    def offered(self) -> tuple[Offered, ...]:
        """Brokers that name themselves; what was found by the last search included."""

    async def search(self) -> None:
        """Look for brokers on the home's network, for some seconds."""

    async def set_owner(self, name: str, *, password: str) -> None:
        """Who will own the home. Raises: RetryLaterError."""

    async def try_broker(self, broker: Broker | None) -> Trial:
        """Connect and listen for a moment; what worked is kept. None: the one that the configuration names."""

    async def listen(self) -> Trial:
        """Wait for more of the chosen broker, and begin anew where nobody listens any more."""

    @property
    def is_listening(self) -> bool:
        """Whether more may be heard by itself."""

    def inventory(self) -> Inventory | None:
        """What was heard; None: nobody has listened since the hub started."""

    def proposals(self) -> tuple[Proposal, ...]:
        """What could be kept first, without what the draft keeps already."""

    def add_item(self, item: Item) -> None:
        """Keep an item in the draft. Raises: RefusedError when there are too many."""

    def drop_item(self, item_id: str) -> None:
        """Take one back; nothing happens where there is none."""

    def finish(self, *, currency: str) -> Mapping[str, str]:
        """Make the home, which counts in `currency` (ISO 4217); returns what the bridge must know, also when repeated.

        Raises: RefusedError when a step is missing, or somebody has set the home up meanwhile.
        """
