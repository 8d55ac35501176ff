"""What a device's last messages said besides their readings: products that it names, and why a signal is unknown.

For a person who looks at the list of devices; nothing is decided by it. It is kept in memory only, and bounded: after a
start of the hub it comes back with each device's next message.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.core.messages import Decoded, Suggestion

_DEVICES_MAX = 1_000
_FAULTS_MAX = 2_000
_SUGGESTIONS_MAX = 20  # of one device
_TEXT_MAX = 200

_Whys = dict[tuple[str, str], str]  # by device and signal


class Remarks:
    """The last remarks of each device and signal."""

    def __init__(self) -> None:
        self._suggestions: dict[str, tuple[Suggestion, ...]] = {}
        self._faults: _Whys = {}  # what contradicted the profile in the last message
        self._untold: _Whys = {}  # why there is no value, as the last message said that was explained

    def note(self, told: Decoded) -> None:
        """One message that was understood.

        A device that suggests nothing this time keeps what it suggested, and a signal that again has no value keeps the
        reason until a message is explained again.
        """
        if told.suggestions and (told.device in self._suggestions or len(self._suggestions) < _DEVICES_MAX):
            self._suggestions[told.device] = tuple(dict.fromkeys(told.suggestions))[:_SUGGESTIONS_MAX]
        if not (told.faults or told.untold or self._faults or self._untold):
            return
        faults, untold = _by_signal(told.faults), _by_signal(told.untold)
        for reading in told.readings:
            of = (told.device, reading.signal)
            _keep(self._faults, of, faults.get(reading.signal, ""))
            if reading.value is not None or reading.signal in untold:
                _keep(self._untold, of, untold.get(reading.signal, ""))

    def suggestions(self, device: str) -> tuple[Suggestion, ...]:
        """The products that it named last."""
        return self._suggestions.get(device, ())

    def fault(self, device: str, signal: str) -> str:
        """Why the signal has no value; empty where it has one, or where nothing is known."""
        return self._faults.get((device, signal)) or self._untold.get((device, signal), "")


def _by_signal(said: Sequence[str]) -> dict[str, str]:
    return dict(each.partition(": ")[::2] for each in said)


def _keep(whys: _Whys, of: tuple[str, str], why: str) -> None:
    if not why:
        whys.pop(of, None)
    elif of in whys or len(whys) < _FAULTS_MAX:
        whys[of] = why[:_TEXT_MAX]
