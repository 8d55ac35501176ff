"""What the tests of this folder share: a merchant and a zygote for all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from tests.cloud_bridge.sample_merchant import SampleMerchant, free_port
from tests.kill.forked import Zygote, zygote
from tests.kill.home import Home

HomeMaker = Callable[..., AbstractAsyncContextManager[Home]]


@pytest.fixture(scope="session")
def merchant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleMerchant]:
    """The UCP sample server."""
    package = pytest.importorskip("ucp_client", reason="the UCP sample merchant (ucp-client[server]) is not installed")
    sample = SampleMerchant(
        tmp_path_factory.mktemp("merchant"), Path(package.__file__).parent / "mockup_server", free_port()
    )
    sample.load()
    sample.start()
    yield sample
    sample.stop()


@pytest.fixture(scope="session")
def forks() -> Iterator[Zygote]:
    """Where hubs and bridges come from."""
    with zygote() as running:
        yield running


@pytest.fixture
def make_home(tmp_path: Path, forks: Zygote, merchant: SampleMerchant) -> HomeMaker:
    """A home with an open prompt."""

    @asynccontextmanager
    async def make(*, hold_s: int = 60, direct: bool = False) -> AsyncIterator[Home]:
        async with Home(tmp_path, forks, merchant, hold_s=hold_s, direct=direct) as home:
            yield home

    return make
