"""The household's page as a program sees it: sign in, read, fill in a form. No script, no browser.

It uses the public routes and the markup that the page promises to robots, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from types import TracebackType

import httpx

_TIMEOUT_S = 10.0  # real time
_BODY_CHARS_MAX = 2_000_000
_SEE_OTHER = 303


class PageError(Exception):
    """The page gave no usable answer; nothing is known about what it did."""


@dataclass(frozen=True, slots=True)
class PromptLink:
    """A prompt on the home page. `state` is `open` or `snoozed`."""

    id: str
    item: str
    state: str


@dataclass(frozen=True, slots=True)
class PromptForm:
    """What the approve form of a prompt carries: the form's token, and which terms were shown."""

    csrf: str
    terms_hash: str


class PageClient:
    """One signed-in person. Signs in by itself when the page asks for it."""

    def __init__(
        self, base_url: str, *, name: str, password: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._name = name
        self._password = password
        self._client = httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=_TIMEOUT_S, transport=transport)

    async def __aenter__(self) -> PageClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def prompts(self) -> list[PromptLink]:
        """The prompts on the home page.

        Raises: PageError.
        """
        return parse_prompts(await self._read("/"))

    async def form(self, prompt_id: str) -> PromptForm | None:
        """The approve form of a prompt; None when it cannot be answered any more.

        Raises: PageError.
        """
        return parse_form(await self._read(f"/prompts/{prompt_id}"))

    async def answer(self, prompt_id: str, action: str, *, fields: Mapping[str, str]) -> int:
        """Send a form of a prompt; the HTTP status: 303 done, 409 stale or already answered.

        Raises: PageError when no answer came.
        """
        answer = await self._request("POST", f"/prompts/{prompt_id}/{action}", fields=fields)
        if answer.status_code == _SEE_OTHER and _asks_sign_in(answer):
            raise PageError(f"prompt {prompt_id}: signed out before the answer was taken")
        return answer.status_code

    async def _read(self, path: str) -> str:
        answer = await self._request("GET", path)
        if _asks_sign_in(answer):
            await self._sign_in()
            answer = await self._request("GET", path)
        if answer.status_code != httpx.codes.OK or len(answer.text) > _BODY_CHARS_MAX:
            raise PageError(f"GET {path} answered {answer.status_code} with {len(answer.text)} characters")
        return answer.text

    async def _sign_in(self) -> None:
        page = await self._request("GET", "/login")
        csrf = _hidden_inputs(page.text).get("csrf", "")
        fields = {"name": self._name, "password": self._password, "csrf": csrf}
        answer = await self._request("POST", "/login", fields=fields)
        if answer.status_code != _SEE_OTHER:
            raise PageError(f"sign-in answered {answer.status_code}")

    async def _request(self, method: str, path: str, *, fields: Mapping[str, str] | None = None) -> httpx.Response:
        try:
            return await self._client.request(method, path, data=fields)
        except httpx.HTTPError as exc:
            raise PageError(f"{method} {path}: {type(exc).__name__}: {exc}") from exc


def parse_prompts(page: str) -> list[PromptLink]:
    """The prompts that a home page shows, in its order."""
    return [
        PromptLink(id=article["data-prompt"], item=article["data-item"], state=article["data-state"])
        for tag, article in _tags(page)
        if tag == "article" and {"data-prompt", "data-item", "data-state"} <= article.keys()
    ]


def parse_form(page: str) -> PromptForm | None:
    """The approve form of a prompt's page, if it still has one."""
    inputs = _hidden_inputs(page)
    if "csrf" not in inputs or "terms_hash" not in inputs:
        return None
    return PromptForm(csrf=inputs["csrf"], terms_hash=inputs["terms_hash"])


def _asks_sign_in(answer: httpx.Response) -> bool:
    return answer.status_code == _SEE_OTHER and httpx.URL(answer.headers.get("location", "")).path == "/login"


def _hidden_inputs(page: str) -> dict[str, str]:
    return {
        attributes["name"]: attributes.get("value", "")
        for tag, attributes in _tags(page)
        if tag == "input" and attributes.get("type") == "hidden" and "name" in attributes
    }


def _tags(page: str) -> list[tuple[str, dict[str, str]]]:
    reader = _TagReader()
    reader.feed(page)
    reader.close()
    return reader.tags


class _TagReader(HTMLParser):
    """Start tags with their attributes; text is of no interest here."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep one start tag."""
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
