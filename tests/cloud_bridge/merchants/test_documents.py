"""What is no plain JSON is no document, whatever of it would have been read."""

from __future__ import annotations

import pytest

from cloud_bridge.errors import MerchantUnclearError
from cloud_bridge.merchants.documents import Amount, Document, code_of, parse
from cloud_bridge.merchants.http import Answer


class Priced(Document):
    """A price, and nothing else."""

    amount: Amount


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"amount":1}{"amount":2}',
        b'{"amount":858,"amount":1}',
        b'{"amount":858,"x":{"a":1,"a":1}}',
        b'{"amount":858,"x":NaN}',
        b'{"amount":858,"x":-Infinity}',
        b'{"amount":858.0}',
        b'{"amount":"858"}',
        b'{"amount":true}',
        b'{"amount":1000000000001}',
        b'{"amount":' + b"9" * 5_000 + b"}",
        b'{"amount":858,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        '{"amount":858}'.encode("utf-16"),
    ],
)
def test_a_body_that_is_not_one_plain_document_is_unclear(body: bytes) -> None:
    """Twice the same name, no numbers, another type, too much, too deep, another coding: all of it is no answer."""
    with pytest.raises(MerchantUnclearError):
        parse(Priced, Answer(200, body))
    assert code_of(Answer(400, body)) == ""


def test_what_is_not_read_may_be_anything_that_json_has() -> None:
    """Fields that we do not know change nothing."""
    body = b'{"amount":858,"x":[null,1e400,{"amount":1}],"\\u0000":""}'
    assert parse(Priced, Answer(200, body)) == Priced(amount=858)
