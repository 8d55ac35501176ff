"""The check of profiles: what no sample ever read does not pass, and what is unknown says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.adapters.profile_tools import check_profiles
from edge_agent.adapters.profiles import profile_folders

PROFILE = """profile: acme.softener
version: 1
title: a softener
source: Payloads of one device
match: {topic: "soft/{device}/state"}
decode:
  format: json
  inner:
    - {path: /raw, format: bytes, encoding: hex, layout: {fields: {salt: {length: 1, type: uint}}}}
merge: snapshot
signals:
  salt.remaining:
    select: /raw/salt
    sentinels: [255]
    parse: number
    unit: {canonical: "%"}
    range: [0, 100]
    class: level
    direction: down
  salt.state:
    select: /low
    parse: text
    transform: [{lookup: {"no": ok, "yes": low, "off": null}}]
    class: flag
    direction: none
samples:
  - name: as recorded
    payload: {raw: REDACTED, low: "no"}
    expect:
      salt.remaining: unknown
      salt.state: {value: ok}
"""
READ = ("raw: REDACTED", 'raw: "3E"'), ("remaining: unknown", 'remaining: {value: 62, unit: "%"}')


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder for one profile."""
    folder = tmp_path / "own"
    folder.mkdir()
    return folder


def checked(own: Path, capsys: pytest.CaptureFixture[str], *changes: tuple[str, str]) -> tuple[int, str, str]:
    """The exit code, the line that counts, and what is said of the profile with these changes."""
    text = PROFILE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (own / "soft.yaml").write_text(text)
    code = main(["profiles", "check", str(own)])
    told = capsys.readouterr()
    return code, told.out.strip(), told.err


def test_a_profile_that_reads_everything_passes(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A value for each signal in some sample: nothing to say."""
    assert checked(own, capsys, *READ) == (0, "1 profiles, 1 samples, 0 problems", "")


def test_a_place_that_was_taken_out_does_not_pass(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The expectation is kept, and nothing shows that the bytes can be read."""
    code, counted, said = checked(own, capsys)
    assert (code, counted) == (1, "1 profiles, 1 samples, 1 problems")
    assert "acme.softener: salt.remaining: no sample shows it with a value (/raw reads REDACTED" in said
    assert "in which it is not private" in said


def test_nor_does_it_whatever_the_folder(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the rules for a folder of many models too."""
    checked(own, capsys)
    assert len(check_profiles([own]).problems) == 1


def test_a_place_where_nothing_stands_does_not_pass(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A slip in a pointer, with the `unknown` that it gives written down as right."""
    code, counted, said = checked(
        own,
        capsys,
        READ[0],
        ("select: /raw/salt", "select: /raww/salt"),
        ("salt.state: {value: ok}", "salt.state: {value: ok} #"),
    )
    assert (code, counted) == (1, "1 profiles, 1 samples, 1 problems")
    assert "salt.remaining: no sample shows it with a value (nothing stands at /raww/salt): correct its place" in said


def test_a_profile_that_reads_nothing_does_not_pass_in_any_folder(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both signals are unknown in every sample."""
    changes = ("select: /raw/salt", "select: /a"), ("select: /low", "select: /b"), ("{value: ok}", "unknown")
    assert checked(own, capsys, *changes)[0] == 1
    assert len(check_profiles([own]).problems) == 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (('raw: "3E"', 'raw: "FF"'), "the payload says one of the sentinels"),
        (
            ("    sentinels: [255]", "    guard: [{path: /low, eq: 'yes'}]\n    sentinels: [255]"),
            "guard: /low eq 'yes'",
        ),
    ],
    ids=["sentinel", "guard"],
)
def test_what_is_unknown_with_reason_is_a_doubt(
    own: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], why: str
) -> None:
    """Something stood there; a second sample would show that it can be read."""
    code, counted, said = checked(own, capsys, READ[0], change)
    assert (code, counted) == (0, "1 profiles, 1 samples, 0 problems, 1 doubts")
    assert "acme.softener: salt.remaining: to be sure, add a sample in which it has a value" in said
    assert why in said


def test_a_promise_of_its_absence_is_no_doubt(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`not_applicable` is an answer."""
    changes = (
        ("select: /raw/salt", "select: /nowhere\n    missing: not_applicable"),
        ("remaining: unknown", "remaining: not_applicable"),
    )
    assert checked(own, capsys, READ[0], *changes)[0] == 0


def test_other_messages_of_a_sample_count(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sample reads it: the other may be as it is."""
    expect = '{salt.remaining: {value: 62, unit: "%"}, salt.state: {value: ok}}'
    more = f'  - {{name: read, payload: {{raw: "3E", low: "no"}}, expect: {expect}}}\n'
    assert checked(own, capsys, ("      salt.state: {value: ok}\n", f"      salt.state: {{value: ok}}\n{more}"))[0] == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("select: /raw/salt", "select: /salt"), "wants 62 %, got unknown (nothing stands at /salt)"),
        (("range: [0, 100]", "range: [0, 50]"), "wants 62 %, got unknown (62 % is outside 0 to 50)"),
        (('raw: "3E"', 'raw: "FF"'), "wants 62 %, got unknown (the payload says one of the sentinels)"),
        (('raw: "3E"', "raw: REDACTED"), "wants 62 %, got unknown (/raw reads REDACTED: it was taken out"),
    ],
    ids=["place", "range", "sentinel", "taken out"],
)
def test_a_sample_that_does_not_hold_says_why(
    own: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], says: str
) -> None:
    """Beside the signal, for what has no value."""
    code, _, said = checked(own, capsys, *READ, change)
    assert code == 1
    assert f"sample 'as recorded': salt.remaining {says}" in said


def test_each_unknown_that_is_offered_says_why(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So that nobody pastes one that no device meant."""
    expect = PROFILE[PROFILE.index("    expect:") :]
    code, _, said = checked(own, capsys, (expect, "    expect: TODO\n"))
    assert code == 1
    assert "      salt.remaining: unknown # /raw reads REDACTED: it was taken out of the sample" in said
    _, _, said = checked(
        own, capsys, READ[0], ("select: /raw/salt", "select: /salt"), (expect.replace(*READ[0]), "    expect: TODO\n")
    )
    assert "      salt.remaining: unknown # nothing stands at /salt\n" in said


def test_a_folder_that_is_named_twice_is_read_once() -> None:
    """In the configuration and on the command line: its profiles are no rivals of their own."""
    assert len(profile_folders(["own", "own"])) == 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("range: [0, 100]", "range: 100"), "range = '100': should be a list, such as [0, 100]"),
        (("merge: snapshot", "merge: snapshot\nunits:"), "units = nothing: should be names with values, such as {name"),
    ],
)
def test_what_is_left_empty_is_said_in_plain_words(
    own: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], says: str
) -> None:
    """Without the words of a programming language."""
    assert says in checked(own, capsys, *READ, change)[2]
