"""Stand-in for a board's `network`: no network until it is asked for, and it is lost once after a while."""

STA_IF = 0
_LOST_AT_LOOK = 40


class WLAN:
    """Wi-Fi that takes one network's name and key."""

    def __init__(self, interface: int) -> None:
        assert interface == STA_IF
        self._active = self._connected = False
        self._looks = 0

    def active(self, on: bool) -> None:
        self._active = on

    def isconnected(self) -> bool:
        self._looks += 1
        if self._looks == _LOST_AT_LOOK:
            self._connected = False
        return self._connected

    def connect(self, ssid: str, key: str) -> None:
        if not self._active or (ssid, key) != ("test-net", "test-key"):
            raise OSError("Wifi Internal Error")
        print("joined")
        self._connected = True
