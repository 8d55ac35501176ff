"""Stand-in for a board's `machine`: an HX711 on pins 4 and 5 with a steady weight, and a watchdog."""

_ZERO, _COUNTS_PER_GRAM, _GRAMS = 1000, 400, 1234


class _Chip:
    """Shifts one bit of its conversion out at each clock pulse; a conversion is always ready."""

    def __init__(self) -> None:
        self._pulses = 0

    def pulse(self) -> None:
        self._pulses = 0 if self._pulses == 25 else self._pulses + 1

    def level(self) -> int:
        counts = _ZERO + _GRAMS * _COUNTS_PER_GRAM
        return counts >> (24 - self._pulses) & 1 if 1 <= self._pulses <= 24 else 0


_chip = _Chip()


class Pin:
    """Pin 4 is the chip's data, pin 5 its clock."""

    IN, OUT = 0, 1

    def __init__(self, number: int, mode: int) -> None:
        assert (number, mode) in ((4, Pin.IN), (5, Pin.OUT))
        self._number = number

    def value(self, level=None):
        if self._number == 5 and level == 1:
            _chip.pulse()
            if _chip._pulses == 25:
                _chip._pulses = 0
        return _chip.level()


class WDT:
    """Never bites."""

    def __init__(self, timeout: int) -> None:
        assert timeout >= 60000

    def feed(self) -> None:
        pass
