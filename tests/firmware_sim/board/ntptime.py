"""Stand-in for a board's `ntptime`: where the tests run the clock is set."""


def settime() -> None:
    """Nothing to do."""
