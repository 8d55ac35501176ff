"""Under which topics and ids a home stands in Home Assistant.

The hub's own topics begin with `restock/ha/`, which no device can be granted. Discovery topics carry the home as their
node id, so that one rule of a broker's access list covers them and no other publisher's.

Source: Home Assistant, MQTT integration (discovery topic: `<prefix>/device/[<node_id>/]<object_id>/config`, ids of
letters, digits, `_` and `-`; birth and last will on `<prefix>/status`).
"""

from __future__ import annotations

from dataclasses import dataclass

_ROOT = "restock/ha"
_HUB = "hub"


@dataclass(frozen=True, slots=True)
class Names:
    """The topics of one home. `prefix` is Home Assistant's discovery prefix."""

    home: str
    prefix: str = "homeassistant"

    @property
    def node(self) -> str:
        """The home, as part of ids that must be unique among all publishers."""
        return f"restock_{self.home}"

    @property
    def birth(self) -> str:
        """Where Home Assistant says `online` or `offline`."""
        return f"{self.prefix}/status"

    @property
    def availability(self) -> str:
        """Where the hub says the same of itself; its last will is there too."""
        return f"{_ROOT}/{self.home}/status"

    @property
    def command(self) -> str:
        """Where Home Assistant says what a person wants."""
        return f"{_ROOT}/{self.home}/command"

    @property
    def hub_discovery(self) -> str:
        """The announcement of the hub itself. No item is in its way: an item's has a prefix."""
        return f"{self.prefix}/device/{self.node}/{_HUB}/config"

    @property
    def hub_state(self) -> str:
        """How the hub is."""
        return f"{_ROOT}/{self.home}/hub/state"

    def item_discovery(self, item: str) -> str:
        """The announcement of one item."""
        return f"{self.prefix}/device/{self.node}/item_{item}/config"

    def item_state(self, item: str) -> str:
        """What is known of one item, retained."""
        return f"{_ROOT}/{self.home}/item/{item}/state"

    def item_event(self, item: str) -> str:
        """What happens to the questions of one item; never retained, since Home Assistant ignores old events."""
        return f"{_ROOT}/{self.home}/item/{item}/event"

    def code_state(self, item: str) -> str:
        """Nothing is ever said here: a field with a topic for its state does not keep what a person typed."""
        return f"{_ROOT}/{self.home}/item/{item}/code"

    @property
    def heard(self) -> tuple[str, ...]:
        """What the hub listens to."""
        return (self.birth, self.command)

    @property
    def own(self) -> tuple[str, ...]:
        """What it says itself and a broker keeps: read after a connect, to take back what is no longer so."""
        return (f"{self.prefix}/device/{self.node}/+/config", f"{_ROOT}/{self.home}/item/+/state")

    @property
    def of_items(self) -> tuple[str, ...]:
        """What is said of any item, as filters."""
        return tuple(f"{_ROOT}/{self.home}/item/+/{what}" for what in ("state", "event", "code"))

    @property
    def writes(self) -> tuple[str, ...]:
        """All that the hub may have to say, as filters."""
        return (f"{self.prefix}/device/{self.node}/+/config", self.availability, self.hub_state, *self.of_items[:2])
