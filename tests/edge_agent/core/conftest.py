"""Property tests here have no deadline by the clock on the wall: a busy machine is no finding."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
