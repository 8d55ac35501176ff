"""What the pages are given of drives: where an order could be brought, and whether a car stands."""

from __future__ import annotations

from typing import Protocol

from edge_agent.core.messages import DeviceId, PromptId
from edge_agent.core.prompt import PromptRecord
from edge_agent.core.redirection import Redirection
from edge_agent.errors import RefusedError


class Road(Protocol):
    """The home's vehicles, as far as they tell, and what a drive means for an open question."""

    def cars(self) -> tuple[DeviceId, ...]:
        """Every vehicle that tells how it moves or where it goes, by name."""

    def stands(self, car: DeviceId) -> bool | None:
        """Whether it stands still now; None: nobody knows."""

    def redirections(self, prompt: PromptId) -> tuple[Redirection, ...]:
        """Where else what is asked about could be brought."""

    def bring(self, prompt: PromptId, *, terms_hash: str, by: str) -> PromptRecord:
        """Let the open question have the terms of the redirection with this hash.

        Raises: StaleTermsError when there is no such redirection any more; RefusedError; NotAllowedError.
        """


class NoRoad:
    """Fulfils `Road` for pages without a hub."""

    def cars(self) -> tuple[DeviceId, ...]:
        """None."""
        return ()

    def stands(self, car: DeviceId) -> bool | None:  # noqa: ARG002
        """Nobody knows."""
        return None

    def redirections(self, prompt: PromptId) -> tuple[Redirection, ...]:  # noqa: ARG002
        """None."""
        return ()

    def bring(self, prompt: PromptId, *, terms_hash: str, by: str) -> PromptRecord:  # noqa: ARG002
        """Nowhere."""
        raise RefusedError("this cannot be brought anywhere else")
