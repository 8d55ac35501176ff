"""How pages are looked at: served on a free loopback port, in Debian's Chromium, in each look and language."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

from hypercorn.asyncio import serve
from hypercorn.config import Config
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from starlette.types import ASGIApp

CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True, slots=True)
class Look:
    """One way to look at a page."""

    name: str
    width: int
    height: int
    scheme: Literal["light", "dark"]

    def options(self, language: Language) -> ContextOptions:
        """What a browser is opened with that looks so and asks for this language."""
        return {
            "viewport": {"width": self.width, "height": self.height},
            "color_scheme": self.scheme,
            "device_scale_factor": 1,
            "locale": language.locale,
        }


@dataclass(frozen=True, slots=True)
class Language:
    """A language that the browser asks for; `suffix` ends the names of its pictures."""

    locale: str
    suffix: str


class ContextOptions(TypedDict):
    """What `Browser.new_context` takes of it."""

    viewport: ViewportSize
    color_scheme: Literal["light", "dark"]
    device_scale_factor: float
    locale: str


LOOKS = (
    Look("desktop-light", 1280, 800, "light"),
    Look("desktop-dark", 1280, 800, "dark"),
    Look("phone-light", 390, 844, "light"),
    Look("phone-dark", 390, 844, "dark"),
)


ENGLISH = Language("en-US", "")
LANGUAGES = (ENGLISH, Language("zh-CN", "-zh"))


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """The application on a free loopback port, in a thread of its own; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.accesslog = config.errorlog = None

    async def run() -> None:
        await serve(app, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), name="pages")
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
        listener.detach()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def shoot(page: Page, path: Path) -> Path:
    """The whole page at once, so that a bar at the window's edge stands at the edge of the picture."""
    size = page.viewport_size or {"width": 1280, "height": 800}
    whole: int = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": whole})
    page.screenshot(path=path)
    page.set_viewport_size(size)
    return path
