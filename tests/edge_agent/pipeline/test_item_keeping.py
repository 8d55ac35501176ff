"""Items added and bound on the pages stand in the household's own file, and nothing else of it changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_agent.adapters.household import HouseholdFile
from edge_agent.core.catalogue import Binding, Household, Item
from edge_agent.core.inventory.devices import DeviceLine, Inventory, SignalLine, offers
from edge_agent.errors import RefusedError
from edge_agent.pipeline.item_keeping import ITEMS_MAX, ItemKeeper
from tests.edge_agent.samples import MILK

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SOAP = Binding(device="tank", signal="soap.remaining", full_amount=900.0)


class Home:
    """A keeper on a file, and what it noted."""

    def __init__(self, folder: Path, *items: Item) -> None:
        self.path = folder / "household.json"
        self.file = HouseholdFile(self.path)
        self.file.save(Household(items=items))
        self.noted: list[Mapping[str, str | int]] = []
        line = SignalLine("soap.remaining", "value", 40.0, "%", NOW, True, "level", "down", ())
        tank = DeviceLine("tank", "own.tank", "A tank", "t", None, True, NOW, (line,))
        found = offers((tank,), items=items)
        self.keeper = ItemKeeper(
            household=self.file,
            inventory=lambda: Inventory(NOW, "x", devices=(tank,), offers=found),
            profile_of=lambda _: None,
            note=self.noted.append,
        )

    def item(self, ident: str) -> Item:
        """As the file has it now."""
        found = HouseholdFile(self.path).load().item(ident)
        assert found is not None
        return found

    def tables(self) -> dict[str, dict[str, dict[str, object]]]:
        """The file's own text."""
        tables: dict[str, dict[str, dict[str, object]]] = json.loads(self.path.read_text())
        return tables


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with milk in it."""
    return Home(tmp_path, MILK)


def test_a_signal_is_proposed_until_it_feeds_an_item(home: Home) -> None:
    """With what is known of it; a signal that nobody told is none."""
    proposal = home.keeper.proposal("tank", "soap.remaining")
    assert proposal is not None
    assert (proposal.name, proposal.is_percent, proposal.value) == ("Soap", True, 40.0)
    assert home.keeper.proposal("tank", "nothing.remaining") is None


def test_an_item_is_added_behind_the_others(home: Home) -> None:
    """Those stay as they were; an id that is taken by then is refused."""
    before = home.tables()
    soap = MILK.model_copy(update={"id": "soap", "name": "Soap", "binding": SOAP})
    home.keeper.add(soap, by="anna")
    after = home.tables()
    assert home.item("soap") == soap
    assert after["items"].pop("2")["mode"] == "ask"
    assert after == before
    with pytest.raises(RefusedError, match="There is an item of this name by now"):
        home.keeper.add(soap, by="anna")
    assert home.noted == [{"event": "item_added", "item": "soap", "by": "anna"}]


def test_an_item_never_begins_by_ordering_and_there_is_a_limit(tmp_path: Path) -> None:
    """Refused with a sentence; nothing is written."""
    home = Home(tmp_path, *(MILK.model_copy(update={"id": f"m{n}"}) for n in range(ITEMS_MAX)))
    text = home.path.read_text()
    for changes, why in (({"mode": "auto"}, "asks first"), ({}, "No more than 500 items")):
        with pytest.raises(RefusedError, match=why):
            home.keeper.add(MILK.model_copy(update={"id": "new", **changes}), by="anna")
    assert home.path.read_text() == text


@pytest.mark.parametrize("beside", [False, True])
def test_a_sensor_tells_of_an_item(home: Home, *, beside: bool) -> None:
    """Instead of the one that did, or beside it; what a person wrote into the file stays."""
    tables = home.tables()
    tables["notes"] = {"1": {"why": "milk is for the cat"}}
    home.path.write_text(json.dumps(tables))
    home.keeper.bind(MILK, SOAP, beside=beside, by="anna")
    assert home.item("milk").bindings == ((*MILK.bindings, SOAP) if beside else (SOAP,))
    assert home.tables()["notes"] == tables["notes"]
    assert home.noted == [{"event": "item_bound", "item": "milk", "by": "anna"}]


def test_an_item_whose_sensor_changes_asks_first_again(tmp_path: Path) -> None:
    """A mandate was given for what the old sensor told."""
    auto = MILK.model_copy(update={"mode": "auto"})
    home = Home(tmp_path, auto)
    home.keeper.bind(auto, SOAP, beside=True, by="anna")
    assert home.item("milk").mode == "ask"


def test_what_was_edited_meanwhile_is_not_overwritten(home: Home) -> None:
    """The person is told, and the edit stands."""
    tables = home.tables()
    tables["items"]["1"]["binding"] = {"device": "other", "signal": "milk.amount"}
    home.path.write_text(json.dumps(tables))
    with pytest.raises(RefusedError, match="edited in the household's file meanwhile"):
        home.keeper.bind(MILK, SOAP, beside=False, by="anna")
    (bound,) = MILK.bindings
    with pytest.raises(RefusedError, match="edited in the household's file meanwhile"):
        home.keeper.unbind(MILK, device=bound.device, signal=bound.signal, cycle_days=3.0, by="anna")
    assert home.tables() == tables
    home.keeper.set_gtin(MILK, gtin14="04006381333931", by="anna")  # of another field nobody has said anything
    assert home.item("milk").product.gtin14 == "04006381333931"


def test_without_a_sensor_it_goes_by_how_long_a_pack_lasts(home: Home) -> None:
    """Which has to be said; the number under the bar code stays the product's own."""
    (bound,) = MILK.bindings
    with pytest.raises(RefusedError, match="how many days a pack lasts"):
        home.keeper.unbind(MILK, device=bound.device, signal=bound.signal, cycle_days=None, by="anna")
    home.keeper.unbind(MILK, device=bound.device, signal=bound.signal, cycle_days=4.0, by="anna")
    assert (home.item("milk").bindings, home.item("milk").cycle_days) == ((), 4.0)
    with pytest.raises(RefusedError, match="no longer"):
        home.keeper.unbind(home.item("milk"), device="x", signal="y", cycle_days=4.0, by="anna")


def test_too_many_sensors_or_one_twice_are_refused(home: Home) -> None:
    """Before the file is touched."""
    (bound,) = MILK.bindings
    with pytest.raises(RefusedError, match="tells of this item already"):
        home.keeper.bind(MILK, bound, beside=True, by="anna")
    many = tuple(Binding(device=f"d{n}", signal="milk.amount") for n in range(7))
    full = MILK.model_copy(update={"more_bindings": many})
    with pytest.raises(RefusedError, match="No more than 8 sensors"):
        home.keeper.bind(full, SOAP, beside=True, by="anna")


def test_a_number_goes_to_the_product_that_is_bought(home: Home) -> None:
    """And nothing else of it changes; one that was edited meanwhile is left alone."""
    home.keeper.set_gtin(MILK, gtin14="00000096385074", by="anna")
    assert home.item("milk") == MILK.model_copy(
        update={"product": MILK.product.model_copy(update={"gtin14": "00000096385074"})}
    )
    with pytest.raises(RefusedError, match="edited in the household's file meanwhile"):
        home.keeper.set_gtin(MILK, gtin14="04006381333931", by="anna")
