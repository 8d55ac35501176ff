"""What a device's last messages said besides their readings: products that it names, and why a signal is unknown.

For a person who looks at the list of devices; nothing is decided by it. It is kept in memory only, and bounded: after a
start of the hub it comes back with each device's next message.
"""

from __future__ import annotations

from edge_agent.core.messages import Decoded, Suggestion

_DEVICES_MAX = 1_000
_FAULTS_MAX = 2_000
_SUGGESTIONS_MAX = 20  # of one device
_TEXT_MAX = 200


class Remarks:
    """The last remarks of each device and signal."""

    def __init__(self) -> None:
        self._suggestions: dict[str, tuple[Suggestion, ...]] = {}
        self._faults: dict[tuple[str, str], str] = {}

    def note(self, told: Decoded) -> None:
        """One message that was understood. A device that suggests nothing this time keeps what it suggested."""
        if told.suggestions and (told.device in self._suggestions or len(self._suggestions) < _DEVICES_MAX):
            self._suggestions[told.device] = tuple(dict.fromkeys(told.suggestions))[:_SUGGESTIONS_MAX]
        if not told.faults and not told.untold and not self._faults:
            return
        why = dict(each.partition(": ")[::2] for each in (*told.untold, *told.faults))
        for reading in told.readings:
            self._note_fault((told.device, reading.signal), why.get(reading.signal, ""))

    def suggestions(self, device: str) -> tuple[Suggestion, ...]:
        """The products that it named last."""
        return self._suggestions.get(device, ())

    def fault(self, device: str, signal: str) -> str:
        """Why the signal has no value; empty where it has one, or where nothing is known."""
        return self._faults.get((device, signal), "")

    def _note_fault(self, of: tuple[str, str], why: str) -> None:
        if not why:
            self._faults.pop(of, None)
        elif of in self._faults or len(self._faults) < _FAULTS_MAX:
            self._faults[of] = why[:_TEXT_MAX]
