"""The household robot: what it decides, and what it sends to a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import httpx
import pytest

from firmware_sim.clock import MappedClock
from firmware_sim.household import Habits, Household, Mind
from firmware_sim.page_client import PageClient, PageError, PromptForm, PromptLink, parse_form, parse_prompts

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
HABITS = Habits(seed=7, patient_items=("washer_fluid",), settle_by=START + timedelta(days=15))


def link(prompt: str, item: str = "milk") -> PromptLink:
    """An open prompt."""
    return PromptLink(id=prompt, item=item, state="open")


@dataclass
class SteppedTime:
    """Real time that moves when a test says so; the virtual clock runs at the same pace."""

    now: datetime = START

    def clock(self) -> MappedClock:
        """A clock on this time."""
        return MappedClock(speed=1.0, real_epoch=START, virtual_epoch=START, real_now=lambda: self.now)


@dataclass
class FakePage:
    """A page in memory that behaves as the contract says; `answered` is what it took."""

    prompts: dict[str, str]
    state: str = "open"
    signed_in: bool = False
    approve_status: int = 303
    down: bool = False
    requests: list[str] = field(default_factory=list)
    answered: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append(f"{request.method} {request.url.path}")
        if self.down:
            raise httpx.ConnectError("refused")
        if request.url.path == "/login":
            return self._login(request)
        if not self.signed_in:
            return httpx.Response(303, headers={"location": "/login"})
        if request.method == "POST":
            return self._answer(request)
        return httpx.Response(200, text=self._home() if request.url.path == "/" else self._prompt())

    def _login(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, text='<form><input type="hidden" name="csrf" value="c0"></form>')
        fields = form_fields(request)
        self.signed_in = fields == {"name": "owner", "password": "pass word", "csrf": "c0"}
        return httpx.Response(303, headers={"location": "/"}) if self.signed_in else httpx.Response(403)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        status = self.approve_status if request.url.path.endswith("/approve") else 303
        if status == 303:
            self.answered.append((request.url.path, form_fields(request)))
            self.state = "snoozed" if request.url.path.endswith("/snooze") else "gone"
        return httpx.Response(status, headers={"location": "/prompts/x"})

    def _home(self) -> str:
        if self.state == "gone":
            return "<p>Nothing to do.</p>"
        return "".join(
            f'<article class="x" data-prompt="{name}" data-item="{item}" data-state="{self.state}">'
            f'<a href="/prompts/{name}">?</a></article>'
            for name, item in self.prompts.items()
        )

    def _prompt(self) -> str:
        return '<form><input type="hidden" name="csrf" value="c1"><input type="hidden" name="terms_hash" value="h1">'


def form_fields(request: httpx.Request) -> dict[str, str]:
    """The fields of a posted form."""
    return {name: values[0] for name, values in parse_qs(request.content.decode()).items()}


def robot(page: FakePage, time: SteppedTime) -> Household:
    """A household in front of the page."""
    client = PageClient("http://page", name="owner", password="pass word", transport=httpx.MockTransport(page))
    return Household(client, clock=time.clock(), habits=HABITS, say=lambda _: None)


def test_mind_snoozes_once_and_declines_once() -> None:
    """The first prompt for an item that lasts is declined, the second snoozed, all others are approved."""
    mind = Mind(HABITS)
    asked = [
        link("p1"),
        link("p2", "washer_fluid"),
        link("p3"),
        link("p4", "washer_fluid"),
        link("p4", "washer_fluid"),
        link("p5", "washer_fluid"),
    ]
    actions = [mind.consider(each, now=START).action for each in asked]
    assert actions == ["approve", "decline", "approve", "snooze", "approve", "approve"]


def test_mind_declines_something_before_the_run_is_over() -> None:
    """Where no item that lasts was asked about in time, the next prompts of any item are declined and snoozed."""
    mind = Mind(HABITS)
    late = HABITS.settle_by
    assert mind.consider(link("p1"), now=START).action == "approve"
    assert mind.consider(link("p2"), now=late).action == "decline"
    assert mind.consider(link("p3"), now=late).action == "snooze"
    assert mind.consider(link("p3"), now=late).action == "approve"


async def test_household_declines_another_prompt_when_the_first_went_away() -> None:
    """A prompt that is withdrawn before it was declined does not use up the decline of the run."""
    page, time = FakePage({"p1": "washer_fluid"}), SteppedTime()
    household = robot(page, time)
    await household.visit()
    page.prompts = {"p2": "washer_fluid"}
    for _ in range(2):
        await household.visit()
        time.now += timedelta(hours=5)
    assert [path for path, _ in page.answered] == ["/prompts/p2/decline"]


def test_mind_follows_its_seed() -> None:
    """The same seed thinks for the same time, whatever came in between; another seed for another."""
    plain, after_others, other = Mind(HABITS), Mind(HABITS), Mind(Habits(seed=8, patient_items=(), settle_by=START))
    after_others.consider(link("p0", "detergent"), now=START)
    at = plain.consider(link("p1"), now=START).at
    assert at == after_others.consider(link("p1"), now=START).at
    assert at != other.consider(link("p1"), now=START).at
    assert START < at <= START + timedelta(hours=4)


async def test_household_signs_in_thinks_and_answers() -> None:
    """It waits for its own time to think, then sends what the form carries, and logs the status."""
    page, time = FakePage({"p1": "washer_fluid"}), SteppedTime()
    household = robot(page, time)
    await household.visit()
    assert page.answered == []
    time.now += timedelta(hours=5)
    await household.visit()
    assert page.answered == [("/prompts/p1/decline", {"csrf": "c1", "reason": "not_now"})]
    assert [(each.prompt, each.action, each.status) for each in household.answers] == [("p1", "decline", 303)]


async def test_household_approves_the_terms_that_it_saw() -> None:
    """An approval carries the hash of the terms on the page, after a snooze has ended."""
    page, time = FakePage({"p1": "washer_fluid"}), SteppedTime()
    household = robot(page, time)
    household._mind._declined = True
    for state in ("open", "open", "snoozed", "open", "open"):
        page.state = state
        await household.visit()
        time.now += timedelta(hours=5)
    assert page.answered == [
        ("/prompts/p1/snooze", {"csrf": "c1", "hours": "6"}),
        ("/prompts/p1/approve", {"csrf": "c1", "terms_hash": "h1"}),
    ]


async def test_household_gives_up_on_a_prompt_that_is_refused_for_ever() -> None:
    """A refused approval is logged with its status, tried again a few times, and then left alone."""
    page, time = FakePage({"p1": "milk"}, approve_status=409), SteppedTime()
    household = robot(page, time)
    for _ in range(9):
        await household.visit()
        time.now += timedelta(hours=5)
    assert [each.status for each in household.answers] == [409] * 5


async def test_household_outlives_a_page_that_is_away() -> None:
    """No page is no answer: it says so and looks again later."""
    page, time = FakePage({"p1": "milk"}, down=True), SteppedTime()
    household = robot(page, time)
    await household.visit()
    page.down = False
    await household.visit()
    assert household.answers == []
    assert "GET /" in page.requests


async def test_household_logs_an_approval_without_an_answer() -> None:
    """A connection that breaks leaves an entry without a status: it may have counted."""
    page, time = FakePage({"p1": "milk"}), SteppedTime()
    household = robot(page, time)
    await household.visit()
    time.now += timedelta(hours=5)

    def breaks(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            raise httpx.ReadError("reset")
        return page(request)

    household._page = PageClient(
        "http://page", name="owner", password="pass word", transport=httpx.MockTransport(breaks)
    )
    page.signed_in = True
    await household.visit()
    assert [(each.action, each.status) for each in household.answers] == [("approve", None)]


async def test_page_client_refuses_a_failed_sign_in() -> None:
    """A wrong password is an error, not an empty page."""
    page = FakePage({})
    client = PageClient("http://page", name="owner", password="wrong", transport=httpx.MockTransport(page))
    with pytest.raises(PageError, match="sign-in answered 403"):
        await client.prompts()


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("", []),
        ("<article data-prompt='p1'>", []),
        (
            "<article data-state=open data-item=milk data-prompt='a&amp;b'></article>",
            [PromptLink(id="a&b", item="milk", state="open")],
        ),
    ],
)
def test_parse_prompts(markup: str, expected: list[PromptLink]) -> None:
    """Only articles that carry all three attributes are prompts."""
    assert parse_prompts(markup) == expected


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<input type=hidden name=csrf value=c>", None),
        ("<input type=hidden name=terms_hash value=h>", None),
        ("<input type=text name=csrf value=c><input type=hidden name=terms_hash value=h>", None),
        (
            "<input name=csrf type=hidden value=c><input value=h type=hidden name=terms_hash>",
            PromptForm(csrf="c", terms_hash="h"),
        ),
    ],
)
def test_parse_form(markup: str, expected: PromptForm | None) -> None:
    """Without both hidden inputs there is nothing to approve."""
    assert parse_form(markup) == expected
