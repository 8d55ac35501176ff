"""Things at home in a real browser: a signal becomes an item, a bar code is one tap, a wrong amount two."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from edge_agent.core.catalogue import Binding, Item
from tests.browser.pictures import sign_in
from tests.edge_agent.web.house import House

pytestmark = pytest.mark.browser

_CODE = "4006381333931"
# The page keeps itself up to date, and the browser fetches the icon of its tab when it likes.
_LIVE = ("GET /scan", "GET /api/v1/events", "GET /static/icon.svg")
# Stands in for a camera and for what reads its pictures, which this Chromium has not got; counts what is asked of them.
_CAMERA = """
window.asked = { camera: 0, stopped: 0 };
navigator.mediaDevices.getUserMedia = async wanted => {
  window.asked.camera += 1;
  window.asked.wanted = wanted;
  const canvas = document.createElement("canvas");
  canvas.getContext("2d").fillRect(0, 0, 10, 10);
  const stream = canvas.captureStream(30);
  for (const track of stream.getTracks()) {
    const stop = track.stop.bind(track);
    track.stop = () => { window.asked.stopped += 1; stop(); };
  }
  setInterval(() => canvas.getContext("2d").fillRect(0, 0, 10, 10), 30);
  return stream;
};
window.BarcodeDetector = class {
  static async getSupportedFormats() { return ["ean_13", "pdf417"]; }
  constructor(options) { window.asked.formats = options.formats; }
  async detect() { return window.held ? [{ rawValue: window.held }] : []; }
};
"""


def test_a_signal_becomes_an_item(page: Page, house: House, address: str) -> None:
    """From the list of devices, without script; a wrong entry is marked and the others stay."""
    sign_in(page, address)
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Devices").click()
    page.get_by_role("link", name=re.compile(r"Use it.*softener\.remaining")).click()
    page.get_by_role("link", name="Make an item of it").click()
    expect(page.get_by_label("What you call it")).to_have_value("Softener")
    for label, typed in (
        ("A full container holds", "1500"),
        ("The product you buy", "Fabric softener, 1.5 L"),
        ("One pack holds", "1500"),
        ("One pack lasts about, in days", "45"),
        ("Merchant", "grocer"),
        ("Article number there", "soft-1"),
        ("Number under the bar code", "4006381333932"),
    ):
        page.get_by_label(label).fill(typed)
    page.get_by_label("Counted in").select_option("mL")
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_label("Number under the bar code")).to_have_accessible_description(
        "The last digit does not fit the others: one of them is mistyped. Look at it once more."
    )
    expect(page.get_by_label("Merchant")).to_have_value("grocer")
    page.get_by_label("Number under the bar code").fill(_CODE)
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Softener")
    ((act, item, _),) = house.calls
    assert isinstance(item, Item)
    assert (act, item.mode, item.product.gtin14) == ("add_item", "ask", "04006381333931")


def test_a_signal_is_bound_to_an_item_and_taken_away(page: Page, house: House, address: str) -> None:
    """Both from the page of the signal."""
    sign_in(page, address)
    page.goto(f"{address}/devices/washer/softener.remaining")
    page.get_by_role("combobox", name="Item").select_option("coffee")
    page.get_by_label("A full container holds").fill("1500")
    page.get_by_role("button", name="Bind it").click()
    expect(page).to_have_url(f"{address}/devices/washer")
    page.goto(f"{address}/devices/fridge/milk.amount")
    page.get_by_text("Take it away from this item").click()
    page.get_by_label("One pack lasts about, in days").fill("6")
    page.get_by_role("button", name="It tells of this no longer").click()
    expect(page).to_have_url(f"{address}/devices/fridge")
    assert house.calls == [
        (
            "bind",
            "coffee",
            Binding(device="washer", signal="softener.remaining", full_amount=1500.0),
            False,
            "the-owner",
        ),
        ("unbind", "milk", "fridge", "milk.amount", 6.0, "the-owner"),
    ]


def test_a_typed_code_is_bound_and_then_one_tap(page: Page, house: House, address: str) -> None:
    """Unknown at first: the next step is on the page; without script the camera is not offered."""
    sign_in(page, address)
    page.goto(f"{address}/scan")
    expect(page.get_by_role("button", name="Use the camera")).to_be_hidden()
    page.get_by_label("Number under the bar code").fill(f"(01)0{_CODE}(17)261231")
    page.get_by_role("button", name="Look it up").click()
    expect(page.locator("[data-unknown]")).to_contain_text("No item of this home has this number.")
    page.get_by_role("combobox", name="Item").select_option("milk")
    page.get_by_role("button", name="Bind it").click()
    page.get_by_role("button", name="Taken in one pack").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Bar code")
    assert house.keeping.calls == [("set_gtin", "milk", f"0{_CODE}", "the-owner")]
    assert house.stock.calls == [("stock", "milk", "taken_in", 1.0, "the-owner")]


def test_a_wrong_amount_is_two_taps(page: Page, house: House, address: str) -> None:
    """Open, tap the number; without script."""
    sign_in(page, address)
    page.goto(f"{address}/items/milk")
    page.get_by_text("Not right? Tap how many packs there are").click()
    page.get_by_role("button", name="There are 1.5 packs").click()
    expect(page).to_have_url(f"{address}/items/milk")
    assert house.calls == [("stock", "milk", "counted", 1.5, "the-owner")]


@pytest.fixture
def window(browser: Browser, address: str, house: House) -> Iterator[Page]:
    """The owner's window with script, on the page of bar codes, in a browser with a camera."""
    known = house.home.known["milk"]
    product = known.item.product.model_copy(update={"gtin14": f"0{_CODE}"})
    house.home.known["milk"] = replace(known, item=known.item.model_copy(update={"product": product}))
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.add_init_script(_CAMERA)
    page = context.new_page()
    page.route("**/api/v1/events", lambda route: route.fulfill(status=503))
    sign_in(page, address)
    page.goto(f"{address}/scan")
    yield page
    context.close()


def test_the_camera_reads_a_code_and_nothing_leaves_the_page(window: Page, address: str) -> None:
    """Only on a press; what is read is looked up like what is typed, and the camera is let go."""
    sent: list[str] = []
    complaints: list[str] = []
    window.on("request", lambda request: sent.append(f"{request.method} {request.url.removeprefix(address)}"))
    window.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    expect(window.get_by_role("button", name="Use the camera")).to_be_visible()
    assert window.evaluate("window.asked.camera") == 0
    window.get_by_role("button", name="Use the camera").click()
    expect(window.get_by_label("What the camera sees")).to_be_visible()
    assert window.evaluate("[window.asked.camera, window.asked.wanted.audio, window.asked.formats]") == [
        1, False, ["ean_13"],
    ]  # fmt: skip
    assert [each for each in sent if each not in _LIVE] == []
    window.evaluate(f"window.held = '{_CODE}'")
    expect(window.locator("[data-found=milk]")).to_be_visible()
    assert window.url == f"{address}/scan?code={_CODE}"
    assert next(each for each in sent if each not in _LIVE) == f"GET /scan?code={_CODE}"
    assert [each for each in sent if not each.startswith(("GET /scan", "GET /static/", "GET /api/v1/events"))] == []
    assert [each for each in complaints if "503" not in each] == []


def test_the_camera_can_be_let_go_and_refused(window: Page) -> None:
    """Stopping ends it; a browser that says no is told on the page, and typing goes on."""
    window.get_by_role("button", name="Use the camera").click()
    window.get_by_role("button", name="Stop the camera").click()
    expect(window.get_by_label("What the camera sees")).to_be_hidden()
    assert window.evaluate("window.asked.stopped") == 1
    window.evaluate("() => { navigator.mediaDevices.getUserMedia = async () => { throw new Error('no'); }; }")
    window.get_by_role("button", name="Use the camera").click()
    expect(window.get_by_role("alert")).to_have_text("The camera cannot be used here. Type the number instead.")
    expect(window.get_by_label("Number under the bar code")).to_be_editable()


def test_without_a_reader_the_camera_is_not_offered(browser: Browser, address: str) -> None:
    """The button stays hidden with script, too."""
    context = browser.new_context()
    context.add_init_script("delete window.BarcodeDetector")
    page = context.new_page()
    page.route("**/api/v1/events", lambda route: route.fulfill(status=503))
    sign_in(page, address)
    page.goto(f"{address}/scan")
    expect(page.get_by_role("button", name="Look it up")).to_be_visible()
    expect(page.get_by_role("button", name="Use the camera")).to_be_hidden()
    context.close()
