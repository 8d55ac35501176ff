"""What Home Assistant may ask for, and everything else refused whole."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.home_assistant.commands import COMMAND_BYTES_MAX, Command, read_command
from edge_agent.errors import RefusedError

TERMS = "a" * 64
GOOD = {"act": "approve", "prompt": "p1", "terms": TERMS}


def said(**fields: object) -> bytes:
    """A command with some fields replaced."""
    return json.dumps(GOOD | fields).encode()


def test_the_three_answers_are_read() -> None:
    """Each with the fields that are its own."""
    assert read_command(said()) == Command(act="approve", prompt="p1", terms=TERMS)
    assert read_command(said(code="1234")).code == "1234"
    assert read_command(said(act="snooze", hours=24)).hours == 24
    assert read_command(said(act="decline")).act == "decline"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"approve",
        b"[]",
        b"null",
        b"\xff",
        said(act="cancel"),
        said(act="APPROVE"),
        said(act=["approve"]),
        said(prompt="p1/../p2"),
        said(prompt=1),
        said(terms="a" * 63),
        said(terms=TERMS.upper()),
        said(terms=None),
        said(hours=24),
        said(act="snooze"),
        said(act="snooze", hours=0),
        said(act="snooze", hours=73),
        said(act="snooze", hours="24"),
        said(act="snooze", hours=24.0),
        said(act="snooze", hours=True),
        said(act="decline", code="1234"),
        said(code=1234),
        said(code="1" * 65),
        said(by="anna"),
        b'{"act":"decline","act":"approve","prompt":"p1","terms":"' + TERMS.encode() + b'"}',
        json.dumps({"act": "approve", "prompt": "p1"}).encode(),
        said() + b" " * COMMAND_BYTES_MAX,
        b"[" * 1_000,
    ],
)
def test_everything_else_is_refused(payload: bytes) -> None:
    """Whole, and without repeating what was sent."""
    with pytest.raises(RefusedError) as refused:
        read_command(payload)
    assert TERMS not in str(refused.value)


def test_a_code_is_never_repeated() -> None:
    """Not in the refusal, and not in what a log would show of the command."""
    with pytest.raises(RefusedError) as refused:
        read_command(said(act="decline", code="hush-hush"))
    assert "hush" not in str(refused.value)
    assert "hush" not in repr(read_command(said(code="hush-hush")))


@given(st.binary(max_size=200))
def test_no_bytes_break_it(payload: bytes) -> None:
    """Noise is refused like anything else."""
    with pytest.raises(RefusedError):
        read_command(payload)
