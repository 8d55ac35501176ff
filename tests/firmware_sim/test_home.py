"""A whole simulated home on a real broker, with a fake hub."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from firmware_sim.clock import MappedClock, utc_now
from firmware_sim.faults import FaultKind
from firmware_sim.home import SimulatedHome
from firmware_sim.link import BrokerAddress
from firmware_sim.scenario import Scenario, load_scenario
from firmware_sim.usage import household_use
from tests.conftest import Broker
from tests.firmware_sim.fake_hub import FakeHub, fake_hub

pytestmark = pytest.mark.broker

BEGINS = datetime(2025, 3, 1, tzinfo=UTC)
DAYS = 3
HUNG_S = 90.0  # three days are a thousand messages that a broker writes to the disk one by one


def scenario() -> Scenario:
    """The demo's, with every fault within the first two days."""
    demo = load_scenario()
    return demo.model_copy(update={"faults": demo.faults.model_copy(update={"window_d": 2.0})})


def home(broker: Broker, *, days: int | None = DAYS, speed: float = 86_400.0) -> SimulatedHome:
    """A home that lives a day in a second."""
    clock = MappedClock(speed, utc_now(), BEGINS)
    use = household_use(seed=7, days=30, first_day=date(2025, 3, 1), data=None)
    address = BrokerAddress("127.0.0.1", broker.port)
    return SimulatedHome(
        address, clock, scenario=scenario(), use=use, seed=7, days=days, payloads=Path("no-such-folder")
    )


def strange(hub: FakeHub) -> list[bytes]:
    """Messages on reading topics that are not of the true stream."""
    return [payload for topic, payload, _ in hub.others if topic.endswith("/reading")]


def strange_wanted() -> int:
    """A duplicate is a true reading once more, and a restart is no message."""
    others = {FaultKind.DUPLICATE, FaultKind.DEVICE_RESTART}
    return sum(count for kind, count in scenario().faults.counts().items() if kind not in others)


async def test_a_run_of_three_days_loses_nothing(broker: Broker) -> None:
    """Every true reading is at the hub and promised; every fault happened and stands apart."""
    async with fake_hub(broker.port) as hub, home(broker) as simulated:
        await simulated.finished()
        assert await simulated.stop(within_s=HUNG_S)
        await hub.until(lambda: len(strange(hub)) == strange_wanted())
    counters = simulated.counters()
    stored = dict.fromkeys(counters.devices, 0)
    for (device, _), seqs in hub.readings.items():
        stored[device] += len(seqs)
    for name, device in counters.devices.items():
        assert device.pubacked <= stored[name] <= device.taken
        assert device.promised <= stored[name]
        assert device.taken - device.dropped <= stored[name]  # only a restart may lose what was not sent yet
        assert device.refused == 0
    assert counters.devices["fridge"].taken >= DAYS * 48
    assert sum(device.taken for device in counters.devices.values()) > DAYS * 96
    assert counters.published == sum(device.published for device in counters.devices.values())
    assert counters.virtual_now == BEGINS + timedelta(days=DAYS)
    assert counters.faults == {kind.value: n for kind, n in scenario().faults.counts().items()}
    assert len(strange(hub)) == strange_wanted()
    assert counters.first_ack_s is not None


async def test_a_duplicate_waits_until_there_is_something_to_send_twice(nats_broker: Broker) -> None:
    """A slow machine has sent nothing when the fault is due: it happens later, and is counted then."""
    planned = scenario().faults.counts()[FaultKind.DUPLICATE]
    async with fake_hub(nats_broker.port), home(nats_broker) as simulated:
        simulated._strike(FaultKind.DUPLICATE, BEGINS)
        assert FaultKind.DUPLICATE.value not in simulated.counters().faults
        await simulated.finished()
        assert await simulated.stop(within_s=HUNG_S)
    assert simulated.counters().faults[FaultKind.DUPLICATE.value] == planned + 1


async def test_the_vendors_documents_arrive_too(nats_broker: Broker) -> None:
    """As many status documents as the feed took, each with the tank."""
    async with fake_hub(nats_broker.port) as hub, home(nats_broker, days=1) as simulated:
        await simulated.finished()
        assert await simulated.stop(within_s=HUNG_S)
        taken = simulated.counters().vendor.taken
        vendor = [payload for topic, payload, _ in hub.others if topic == "bridge/smartthings/washer/status"]
    documents = [json.loads(payload) for payload in vendor]
    assert len(documents) == taken >= 24
    assert all("samsungce.detergentState" in document["components"]["main"] for document in documents)


async def test_the_courier_restocks_and_the_sensors_see_it(nats_broker: Broker) -> None:
    """Two packs more on the tray than before; what finds no room comes back."""
    async with fake_hub(nats_broker.port) as hub, home(nats_broker, days=None, speed=1_440.0) as simulated:
        await hub.until(lambda: len(hub.readings) >= 3)
        before_g = simulated.truth()["milk"].amount
        assert simulated.restock("milk", 2) == 0
        assert simulated.truth()["milk"].amount == pytest.approx(before_g + 2_070)
        assert simulated.restock("milk", 6) > 0
        boot = simulated.counters().devices["fridge"].boots[0].boot
        seen = hub.readings["fridge", boot]
        await hub.until(lambda: json.loads(seen[max(seen)])["values"]["milk"]["value"] > 6_000)


async def test_a_restarted_device_comes_back_under_a_new_boot(nats_broker: Broker) -> None:
    """Its readings go on; a device that the home does not have is refused."""
    async with fake_hub(nats_broker.port) as hub, home(nats_broker, days=None, speed=1_440.0) as simulated:
        await hub.until(lambda: len(hub.readings) >= 3)
        assert await simulated.restart_device("washer")
        boots = [boot.boot for boot in simulated.counters().devices["washer"].boots]
        await hub.until(lambda: hub.readings["washer", boots[1]])
        with pytest.raises(ValueError, match="fridge, washer, vehicle"):
            await simulated.restart_device("toaster")
    assert len(boots) == 2
    assert simulated.counters().faults[FaultKind.DEVICE_RESTART.value] >= 1


@pytest.mark.parametrize(("item", "packs", "said"), [("beer", 1, "item = 'beer'"), ("milk", 0, "packs = 0")])
async def test_a_courier_with_the_wrong_parcel_is_sent_away(
    nats_broker: Broker, item: str, packs: int, said: str
) -> None:
    """The error names the field."""
    async with home(nats_broker, days=None) as simulated:
        with pytest.raises(ValueError, match=said):
            simulated.restock(item, packs)
        await simulated.stop(within_s=0)


async def test_an_error_in_the_block_ends_the_home_at_once(nats_broker: Broker) -> None:
    """Nobody acknowledges anything, and still the block is left, with the error as it was raised."""
    with pytest.raises(LookupError, match="as it was"):
        async with home(nats_broker, days=None):
            raise LookupError("as it was")


async def test_a_failure_inside_the_home_ends_the_block(nats_broker: Broker) -> None:
    """A clock that breaks is seen by who waits for the home, not only in a log."""

    class BrokenClock(MappedClock):
        def now(self) -> datetime:
            raise LookupError("no time")

    clock = BrokenClock(1.0, utc_now(), BEGINS)
    address = BrokerAddress("127.0.0.1", nats_broker.port)
    use = household_use(seed=7, days=1, first_day=BEGINS.date(), data=None)
    with pytest.RaisesGroup(LookupError, flatten_subgroups=True, allow_unwrapped=False):
        async with SimulatedHome(address, clock, scenario=scenario(), use=use, seed=7) as simulated:
            await simulated.finished()


async def test_without_a_broker_a_home_still_stops() -> None:
    """Nothing listens at the port: stop reports that nothing was acknowledged, and leaves."""
    missing = Broker("none", (), 9, Path(), ())
    async with home(missing, days=1) as simulated:
        await simulated.finished()
        assert not await simulated.stop(within_s=0.2)
    assert simulated.counters().published == 0
