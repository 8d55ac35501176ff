"""Dishwasher and coffee machine as hcpy puts Home Connect appliances on MQTT.

hcpy since 0.4.0 (its change log): one topic for each attribute, `homeconnect/<device>/state/<name>`, the name in lower
case with dots as underscores, the value alone and not as JSON, retained; events below `.../event/` as
`{"event_type": ...}`, not retained; `homeconnect/<device>/LWT`, retained. Feature names and values: Home Connect API
reference (events, status, settings). Only what has changed is published. Values are Python's own texts of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from firmware_sim.dialects import Dialect, Wire, changed, whole
from firmware_sim.sensing import Observation


class _Hcpy(Dialect):
    name = "homeconnect"
    source = "hcpy README and change log; Home Connect API reference"
    topics = "homeconnect/<device>/{state,event}/<name>, homeconnect/<device>/LWT"
    presence = True

    def __init__(self, device: str, *, address: str | None = None, home: str = "home", seed: str = "") -> None:
        super().__init__(device, address=address, home=home, seed=seed)
        self._said: dict[str, bytes] | None = None

    def here(self, seen: Observation) -> Iterator[Wire]:
        """Online; the bridge then reads and publishes everything once more."""
        del seen
        self._said = None
        yield Wire(f"homeconnect/{self.address}/LWT", b"online", retain=True)

    def gone(self, seen: Observation) -> Iterator[Wire]:
        """Offline."""
        del seen
        yield Wire(f"homeconnect/{self.address}/LWT", b"offline", retain=True)

    def _publish(self, states: Mapping[str, object], events: Mapping[str, str]) -> Iterator[Wire]:
        now = {f"state/{_topic_name(name)}": str(value).encode() for name, value in states.items()}
        for name, word in events.items():
            now[f"event/{_topic_name(name)}"] = json.dumps({"event_type": word}).encode()
        for name, payload in changed(self._said, now).items():
            yield Wire(f"homeconnect/{self.address}/{name}", payload, retain=name.startswith("state/"))
        self._said = now


class HomeConnectDishwasher(_Hcpy):
    """A dishwasher: salt and rinse aid are flags, their settings are no levels."""

    kind = "dishwasher"
    main = "salt_pct"
    twin = "salt_lack"

    def say(self, seen: Observation) -> Iterator[Wire]:
        """What has changed."""
        told = seen.values
        states = {
            "BSH.Common.Status.DoorState": "Closed",
            "BSH.Common.Status.OperationState": "Run" if told["running"] else "Ready",
            "BSH.Common.Status.Program.All.Count.Started": whole(told["cycles"]),
            "Dishcare.Dishwasher.Setting.RinseAid": "R04",
            "Dishcare.Dishwasher.Setting.WaterHardness": "H04",
        }
        events = {
            "Dishcare.Dishwasher.Event.SaltNearlyEmpty": _event(on=float(told["salt_pct"]) < 15),
            "Dishcare.Dishwasher.Event.SaltLack": _event(on=bool(told["salt_lack"])),
            "Dishcare.Dishwasher.Event.RinseAidNearlyEmpty": _event(on=float(told["rinse_aid_pct"]) < 15),
            "Dishcare.Dishwasher.Event.RinseAidLack": _event(on=bool(told["rinse_aid_lack"])),
        }
        yield from self._publish(states, events)


class HomeConnectCoffeeMachine(_Hcpy):
    """A coffee machine: beans and water are flags, the care of it is counted in beverages."""

    kind = "coffee_machine"
    main = "water_ml"
    twin = "water_empty"
    unset = "BeverageCountdownWaterfilter 0, as without a filter"

    def say(self, seen: Observation) -> Iterator[Wire]:
        """What has changed."""
        told = seen.values
        brewer = "ConsumerProducts.CoffeeMaker"
        states = {
            "BSH.Common.Status.OperationState": "Ready",
            f"{brewer}.Status.BeverageCounterCoffee": whole(told["cups"]),
            f"{brewer}.Status.BeverageCountdownWaterfilter": 0 if seen.unset else whole(told["filter_cups"]),
            f"{brewer}.Status.BeverageCountdownDescaling": whole(told["descale_cups"]),
            f"{brewer}.Setting.WaterHardness": "Medium",
        }
        events = {
            f"{brewer}.Event.BeanContainerEmpty": _event(on=bool(told["beans_empty"])),
            f"{brewer}.Event.WaterTankEmpty": _event(on=bool(told["water_empty"])),
            f"{brewer}.Event.WaterTankNearlyEmpty": _event(on=float(told["water_ml"]) < 460),
            f"{brewer}.Event.WaterFilterShouldBeChanged": _event(on=bool(told["filter_due"]) and not seen.unset),
            f"{brewer}.Event.DeviceShouldBeDescaled": _event(on=bool(told["descale_due"])),
        }
        yield from self._publish(states, events)


def _event(*, on: bool) -> str:
    return "Present" if on else "Off"


def _topic_name(feature: str) -> str:
    return feature.lower().replace(".", "_")
