"""Start a script of the UCP sample merchant on loopback only.

Run as `python -m firmware_sim.merchant_server SCRIPT.py FLAGS...`. The sample server binds every address of the
machine; here uvicorn is told otherwise. The secret of its simulation routes comes by environment, because arguments can
be read by everybody on the machine.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from typing import Any

SECRET_VARIABLE = "RESTOCK_SIMULATION_SECRET"  # noqa: S105 - the name of a variable


def main() -> None:
    """Run the script that the first argument names, with the rest as its flags."""
    import uvicorn  # noqa: PLC0415 - the demo itself imports this module for its constant only

    path = Path(sys.argv.pop(1))
    secret = os.environ.pop(SECRET_VARIABLE, "")
    if secret:
        sys.argv.append(f"--simulation_secret={secret}")
    run = uvicorn.run

    def run_on_loopback(app: Any, **settings: Any) -> None:  # noqa: ANN401 - uvicorn's own arguments
        run(app, **{**settings, "host": "127.0.0.1"})

    uvicorn.run = run_on_loopback
    sys.path.insert(0, str(path.parent))
    runpy.run_path(str(path), run_name="__main__")


if __name__ == "__main__":
    main()
