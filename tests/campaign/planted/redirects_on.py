"""Planted: the bridge's HTTP client follows redirects, as most clients do unless they are told not to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from cloud_bridge.merchants.http import MerchantHttp


@contextmanager
def planted() -> Iterator[None]:
    """Every client of a merchant goes where it is pointed."""
    build = MerchantHttp.__init__

    def following(self: MerchantHttp, *asked: Any, **named: Any) -> None:  # noqa: ANN401  as it was
        build(self, *asked, **named)
        self._client.follow_redirects = True

    with patch.object(MerchantHttp, "__init__", following):
        yield
