"""A draft in a folder: refused with what is left to answer, then checked like any other profile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.adapters.drafts import new_profile, save, unfinished, with_questions
from edge_agent.adapters.profile_tools import check_profiles
from edge_agent.adapters.profiles import load_profiles, shipped_profiles
from edge_agent.errors import ConfigurationError, DraftError

PAYLOAD = {"model": "SD-200", "sn": "SD200-0077123", "level_pct": 62, "refill": False, "ts": 1_763_870_000}
ANSWERS = (
    ("merge: TODO", "merge: snapshot"),
    ("freshness: TODO", "freshness: {path: /ts, form: epoch_s, max_age_s: 86400}"),
    ("TODO_1:", "liquid.remaining:"),
    ("sentinels: TODO", "sentinels: [255]"),
    ("canonical: TODO", 'canonical: "%"'),
    ("range: TODO", "range: [0, 100]"),
    ("class: TODO", "class: level"),
    ("direction: TODO", "direction: down"),
    ("TODO_2:", "liquid.state:"),
    ('{"true": TODO, "false": TODO}', '{"true": low, "false": ok}'),
)
EXPECTED = 'expect: {liquid.remaining: {value: 62, unit: "%"}, liquid.state: {value: ok}}'


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A payload in a file, with the end of line that a shell leaves."""
    file = tmp_path / "soap.payload"
    file.write_text(json.dumps(PAYLOAD) + "\n")
    return file


@pytest.fixture
def own(tmp_path: Path, sample: Path) -> Path:
    """A folder with the draft."""
    folder = tmp_path / "own"
    save(new_profile([sample], topic="soapy/kitchen/state", form=None, signals=()), folder / "soapy.yaml")
    return folder


def answer(own: Path, *answers: tuple[str, str]) -> None:
    """Answer questions in the file, each in its turn."""
    file = own / "soapy.yaml"
    text = file.read_text()
    for question, said in answers:
        assert question in text
        text = text.replace(question, said, 1)
    file.write_text(text)


def said(own: Path) -> tuple[str, ...]:
    """What the check says of the folder."""
    return with_questions(check_profiles([own]).problems, folder=own)


def test_a_draft_is_refused_and_every_question_has_a_line(own: Path) -> None:
    """The hub does not load it; the check names file, line and place of each TODO, with what the draft asked."""
    assert load_profiles([own]).registry.profiles() == ()
    lines = (own / "soapy.yaml").read_text().splitlines()
    told = said(own)
    assert len(told) == new_profile([own.parent / "soap.payload"], topic="a/b/c", form=None, signals=()).questions
    for row in told:
        place, _, rest = row.partition(": line ")
        number, _, question = rest.partition(": ")
        assert place == str(own / "soapy.yaml")
        assert "TODO" in lines[int(number) - 1]
        assert "TODO" in question
    assert any("signals.TODO_1.direction: TODO: down: falls as stock is used" in row for row in told)


def test_each_answer_takes_one_question_away(own: Path) -> None:
    """Until only the sample is left."""
    left = [len(said(own))]
    for each in ANSWERS:
        answer(own, each)
        left.append(len(said(own)))
    assert left == sorted(left, reverse=True)
    assert left[-1] == 1


def test_what_a_sample_gives_is_shown_to_be_compared_and_copied(own: Path) -> None:
    """As lines of the file; with them it is a profile like any other, and its sample is checked."""
    answer(own, *ANSWERS)
    (row,) = said(own)
    assert "samples.0.expect: TODO: this is what comes out now" in row
    shown = row.split("\n", 1)[1]
    assert shown == '    expect:\n      liquid.remaining: {value: 62, unit: "%"}\n      liquid.state: {value: ok}'
    lines = (own / "soapy.yaml").read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if "expect: TODO" in line)
    (own / "soapy.yaml").write_text("\n".join([*lines[:at], shown, *lines[at + 1 :]]) + "\n")
    assert said(own) == ()
    assert check_profiles([own]).samples == 1


def test_a_wrong_answer_is_said_before_what_comes_out(own: Path) -> None:
    """What contradicts the profile's own rules has its line, while the sample still waits."""
    answer(own, *ANSWERS[:7], ("direction: TODO", "direction: up"), *ANSWERS[8:])
    (row,) = said(own)
    assert "signals.liquid.remaining: direction must be down" in row
    assert ": line " in row


@pytest.mark.parametrize(
    ("wrong", "shows"),
    [
        ("range: [0, 50]", "liquid.remaining: unknown # 62 % is outside 0 to 50"),
        ("range: [0, 100]\n    guard: [{path: /refill, eq: true}]", "liquid.remaining: unknown"),
    ],
)
def test_what_comes_out_wrong_is_seen(own: Path, wrong: str, shows: str) -> None:
    """The proposal is what the profile does, not what the person wants."""
    answer(own, *ANSWERS)
    answer(own, ("range: [0, 100]", wrong))
    assert shows in said(own)[0]


def test_a_message_that_would_be_kept_apart_is_shown_as_that(own: Path) -> None:
    """With the reason."""
    answer(own, *ANSWERS)
    answer(
        own,
        ("eq: SD-200", "eq: SD-300")
        if "eq: SD-200" in (own / "soapy.yaml").read_text()
        else ('"SD-200"}', '"SD-300"}'),
    )
    assert "quarantine: unknown_device # no profile for this topic fits the content" in said(own)[0]


def test_a_clash_with_a_shipped_profile_is_said(own: Path) -> None:
    """The hub would refuse it, so the check does too; alone the file is sound."""
    answer(own, *ANSWERS, ("expect: TODO", EXPECTED + " #"))
    assert said(own) == ()
    shipped = load_profiles([shipped_profiles()]).registry.profiles()[0].profile
    answer(own, ("profile: soapy.sd_200", f"profile: {shipped}"))
    assert check_profiles([own]).problems == ()
    (row,) = said(own)
    assert "is loaded already" in row


def test_a_file_without_todos_is_not_looked_at(own: Path) -> None:
    """Nor is one that is no YAML: the loader says that."""
    (own / "soapy.yaml").write_text("profile: TODO: [")
    (own / "other.yaml").write_text("profile: own.thing # TODO later")
    assert unfinished(own) == ()
    assert len(said(own)) == 2


def test_nothing_is_overwritten(own: Path, sample: Path) -> None:
    """A file that a person may have answered stays."""
    made = new_profile([sample], topic="soapy/kitchen/state", form=None, signals=())
    with pytest.raises(ConfigurationError, match="what was answered in it would be lost"):
        save(made, own / "soapy.yaml")


def test_the_command(sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard output, or into a file; questions and what was taken out on standard error."""
    command = ["profiles", "new", "--from-payload", str(sample), "--topic", "soapy/kitchen/state"]
    assert main(command) == 0
    out, err = capsys.readouterr()
    assert out.startswith("# A draft from one sample payload.")
    assert "2 signals, 12 TODOs" in err
    assert "/sn" in err
    assert main([*command, "--out", str(tmp_path / "new" / "soapy.yaml")]) == 0
    assert (tmp_path / "new" / "soapy.yaml").read_text() == out
    capsys.readouterr()
    assert main(["profiles", "check", str(tmp_path / "new")]) == 1
    out, err = capsys.readouterr()
    assert out == "0 profiles, 0 samples, 12 problems\n"
    assert err.count("TODO") >= 12


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--from-payload", "{missing}", "--topic", "a/b/c"], 2, "cannot be read"),
        (["--from-payload", "{sample}", "--topic", "a/#"], 1, "wildcards"),
        (["--from-payload", "{large}", "--topic", "a/b/c"], 2, "larger than 65536 bytes"),
        (["--from-payload", "{sample}", "--topic", "a/b/c", "--signal", "/x"], 1, "no sample has a value there"),
    ],
)
def test_what_the_command_refuses(
    sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    """One line on standard error, and the exit code that scripts know."""
    (tmp_path / "large").write_bytes(b"x" * 65_537)
    names = {"{missing}": "nothing", "{sample}": sample.name, "{large}": "large"}
    given = [str(tmp_path / names[each]) if each in names else each for each in arguments]
    assert main(["profiles", "new", *given]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err


def test_an_unusable_form_is_said(sample: Path) -> None:
    """JSON is no CBOR."""
    with pytest.raises(DraftError, match="not CBOR"):
        new_profile([sample], topic="a/b/c", form="cbor", signals=())


TWO = """profile: soapy.two
version: 1
title: two
source: Payloads of one device
match: {topic: "soapy/{device}/two"}
decode: {format: json}
signals:
  salt.amount:
    select: /kg
    sentinels: []
    parse: number
    transform: [{scale: 0.1}]
    unit: {canonical: kg}
    range: [0, 60]
    class: level
    direction: down
samples:
  - name: one
    payload: {kg: 184}
    expect: EXPECT
  - name: two
    payload: {kg: 187}
    expect: TODO
"""


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ("{salt.amount: {value: 18.4, unit: kg}}", ""),
        ("{salt.amount: 18.4}", "samples.0.expect.salt.amount = '18.4': should be names with values"),
        ("{salt.amount: unknown}", "sample 'one': salt.amount wants unknown, got 18.4 kg"),
    ],
    ids=["right", "malformed", "wrong"],
)
def test_a_sample_that_waits_is_shown_whatever_the_others_say(tmp_path: Path, answer: str, wrong: str) -> None:
    """With the number as a person would write it, and what is wrong with the others behind."""
    (tmp_path / "two.yaml").write_text(TWO.replace("EXPECT", answer))
    (found,) = unfinished(tmp_path)
    assert found.lines[0].endswith("    expect:\n      salt.amount: {value: 18.7, unit: kg}")
    assert len(found.lines) == (2 if wrong else 1)
    assert wrong in found.lines[-1]
