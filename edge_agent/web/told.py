"""What a page says when the hub refuses: the refusal's own text, kept so that it can be said in another language."""

from __future__ import annotations

from edge_agent.core.said import Said, say

_CHARS_MAX = 500


def not_taken(error: Exception) -> Said:
    """For a form that changed nothing."""
    why = reason(error)
    if why.endswith("."):
        return say("{why} Nothing was changed.", why=why)
    return say("The hub says: {why}. Nothing was changed.", why=why)


def reason(error: Exception) -> str:
    """What the error says, as it was given to it; 500 characters at the most."""
    told = error.args[0] if error.args else ""
    text = told if isinstance(told, str) else str(error)
    return text if len(text) <= _CHARS_MAX else text[:_CHARS_MAX]
