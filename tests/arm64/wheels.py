"""Which wheels the emulated part of the suite needs, from the locks: `python -m tests.arm64.wheels FILE`.

Everything that an installed home has, and of the tests' packages what the chosen tests import; hashes and all. Left
out is what the lock has no wheel of; in its stead comes what `emulated.lock` names.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_LOCKS = Path(__file__).parents[2] / "requirements"
_OTHERS = Path(__file__).with_name("emulated.lock")
_NO_WHEEL = {"http-ece"}  # web push; a source archive of pure Python
_FOR_TESTS = {
    "hypothesis", "iniconfig", "jsonschema", "jsonschema-specifications", "ml-dtypes", "onnx", "packaging", "pluggy",
    "psutil", "pygments", "pytest", "pytest-asyncio", "pytest-timeout", "python-jsonpath", "referencing", "rpds-py",
    "sortedcontainers",
}  # fmt: skip
_START = re.compile(r"^(?=[A-Za-z0-9])", re.MULTILINE)


def main() -> None:
    """Write the lock."""
    Path(sys.argv[1]).write_text(lock(), encoding="utf-8")


def lock() -> str:
    """The packages, each once, by name."""
    wanted, installed, others = (_packages(path) for path in (_LOCKS / "test.lock", _LOCKS / "installed.lock", _OTHERS))
    chosen = {name: text for name, text in wanted.items() if name in _FOR_TESTS} | installed | others
    return "".join(chosen[name] for name in sorted(chosen.keys() - _NO_WHEEL))


def _packages(path: Path) -> dict[str, str]:
    """The entries of each package, one for each Python that has a version of its own."""
    found: dict[str, str] = {}
    for entry in _START.split(path.read_text(encoding="utf-8"))[1:]:
        name = entry.partition("==")[0].strip().lower()
        kept = "".join(line for line in entry.splitlines(keepends=True) if not line.lstrip().startswith("#"))
        found[name] = found.get(name, "") + kept
    return found


if __name__ == "__main__":
    main()
