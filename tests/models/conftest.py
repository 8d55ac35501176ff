"""Training here is short, so that to compile it quickly is worth more than what it computes being quick."""

from __future__ import annotations

import jax

jax.config.update("jax_disable_most_optimizations", True)
