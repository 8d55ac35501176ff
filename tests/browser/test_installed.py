"""The pages as an app on a phone, and a browser that is told of questions while no page is open.

The push service is a receiver in this file: Chromium's own is another company's, and nothing leaves this machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from edge_agent.notify_ports import ChannelKind
from edge_agent.web.render import STATIC_FILES
from tests.browser.icons import STATIC, draw
from tests.browser.looking import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.browser.pictures import sign_in
from tests.edge_agent.web.fake_channels import PUSH_KEY, subscription
from tests.edge_agent.web.house import House

pytestmark = pytest.mark.browser

_ENDPOINT = "https://push.example/for/this-browser"
_GIVEN = """
  PushManager.prototype.subscribe = async options => {
    sessionStorage.setItem("asked", JSON.stringify(options));
    return { toJSON: () => (%s) };
  };
"""


@pytest.fixture
def phone(browser: object, address: str) -> Iterator[Page]:
    """The owner's window, with script, that may show notifications."""
    context: BrowserContext = browser.new_context()  # type: ignore[attr-defined]
    context.grant_permissions(["notifications"], origin=address)
    page = context.new_page()
    sign_in(page, address)
    yield page
    context.close()


def test_chromium_would_install_the_pages(browser: Browser, tmp_path: Path, address: str) -> None:
    """It finds nothing against it, in a profile that is kept, before and after the sign-in; the name is not the home's.

    A window without a trace cannot install anything, so this one has a folder of its own.
    """
    context = browser.browser_type.launch_persistent_context(
        tmp_path / "profile", executable_path=CHROMIUM, args=list(CHROMIUM_ARGUMENTS)
    )
    try:
        page = context.pages[0]
        for signed_in in (False, True):
            if signed_in:
                sign_in(page, address)
            else:
                page.goto(f"{address}/login")
            session = context.new_cdp_session(page)
            found = session.send("Page.getAppManifest")
            assert found["errors"] == []
            assert json.loads(found["data"])["name"] == "Restock"
            assert session.send("Page.getInstallabilityErrors")["installabilityErrors"] == []
    finally:
        context.close()


def test_the_icons_are_what_they_say(browser: object) -> None:
    """As large as the manifest tells, and drawn from the SVG that stands beside them."""
    svg = (STATIC / "icon.svg").read_text(encoding="utf-8")
    manifest = json.loads((STATIC / "app.webmanifest").read_text(encoding="utf-8"))
    for icon in manifest["icons"]:
        name = icon["src"].rpartition("/")[2]
        assert STATIC_FILES[name] == icon["type"]
        if icon["type"] == "image/png":
            header = (STATIC / name).read_bytes()[:24]
            sides = (int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big"))
            assert f"{sides[0]}x{sides[1]}" == icon["sizes"]
    assert (STATIC / "icon-192.png").read_bytes() == draw(browser, svg, side_px=192)  # type: ignore[arg-type]


def test_a_browser_asks_to_be_told(phone: Page, address: str, house: House) -> None:
    """One press: the worker is there, the hub's key was given, and the hub keeps the browser as a channel."""
    phone.add_init_script(_GIVEN % subscription(_ENDPOINT))
    phone.goto(f"{address}/channels")
    expect(phone.locator("[data-push-no]")).to_be_hidden()
    phone.get_by_role("button", name="Tell this browser").click()
    expect(phone.get_by_role("heading", name="A browser · push.example")).to_be_visible()
    asked = json.loads(phone.evaluate("sessionStorage.getItem('asked')"))
    assert asked == {"userVisibleOnly": True, "applicationServerKey": PUSH_KEY}
    scopes = phone.evaluate("navigator.serviceWorker.getRegistrations().then(all => all.map(each => each.scope))")
    assert scopes == [f"{address}/"]
    rows = [row for row in house.channels.notices.channels() if row.kind is ChannelKind.WEB_PUSH]
    assert [json.loads(row.address)["endpoint"] for row in rows] == [_ENDPOINT]


def test_a_browser_that_says_no_is_told_so(phone: Page, address: str, house: House) -> None:
    """Beside the button; nothing is kept."""
    phone.add_init_script("PushManager.prototype.subscribe = async () => { throw new Error('no'); };")
    phone.goto(f"{address}/channels")
    phone.get_by_role("button", name="Tell this browser").click()
    expect(phone.get_by_text("The browser did not allow it.")).to_be_visible()
    assert all(row.kind is not ChannelKind.WEB_PUSH for row in house.channels.notices.channels())


def test_what_is_pushed_shows_and_opens_the_link_at_home(phone: Page, address: str) -> None:
    """The words as they came; its link opens at the address under which this browser knows the hub."""
    phone.goto(f"{address}/channels")
    phone.evaluate("navigator.serviceWorker.register('/sw.js').then(() => navigator.serviceWorker.ready)")
    token = "0" * 32 + "." + "a" * 64
    said = {"title": "A question waits for you", "body": "…", "tag": "restock-questions", "is_quiet": False}
    _push(phone, address, {**said, "link": f"http://hub.invalid:8480/n/{token}"})
    shown = phone.evaluate(_SHOWN)
    assert shown == [["A question waits for you", "…", "restock-questions", f"http://hub.invalid:8480/n/{token}"]]
    [worker] = phone.context.service_workers
    links = [f"http://hub.invalid:8480/n/{token}", "http://evil.invalid/people", "javascript:alert(1)", ""]
    assert worker.evaluate("links => links.map(pathOf)", links) == [f"/n/{token}", "/", "/", "/"]


_SHOWN = """navigator.serviceWorker.ready.then(async each => {
  for (let wait = 0; wait < 400; wait++) {
    const all = await each.getNotifications();
    if (all.length) return all.map(one => [one.title, one.body, one.tag, one.data]);
    await new Promise(done => setTimeout(done, 50));
  }
  return [];
})"""


def _push(page: Page, address: str, said: dict[str, object]) -> None:
    """As the push service would, by the browser's own tools."""
    session = page.context.new_cdp_session(page)
    found: list[str] = []
    session.on("ServiceWorker.workerRegistrationUpdated", lambda event: found.extend(
        each["registrationId"] for each in event["registrations"]
    ))  # fmt: skip
    session.send("ServiceWorker.enable")
    page.wait_for_function("true")
    session.send(
        "ServiceWorker.deliverPushMessage",
        {"origin": address, "registrationId": found[-1], "data": json.dumps(said)},
    )
