"""The model's process: `model_process` starts it. It loads one model, answers rows, and ends when nobody asks.

It has no environment, opens nothing but what it imports, and ends with the hub: its input ends with it.
"""

from __future__ import annotations

import json
import select
import sys

_IN, _OUT = 0, 1


def main() -> None:
    """The only argument says where to import from, and after how many quiet seconds to end."""
    told = json.loads(sys.argv[1])
    sys.path[:] = told["path"]
    serve(quiet_s=told["quiet_s"])


def serve(*, quiet_s: float) -> None:
    """Load the model that comes first, say how that went, and answer rows."""
    from edge_agent.adapters.allocator import stay_small  # noqa: PLC0415 - known only now where it lies
    from edge_agent.adapters.model_form import (  # noqa: PLC0415
        ARTEFACT_BYTES_MAX,
        TAKEN,
        TEXT_BYTES_MAX,
        Fault,
        Tensors,
        receive,
        send,
    )
    from edge_agent.core.model_rows import NUMBER_BYTES, ROW_NUMBERS, ROWS_MAX  # noqa: PLC0415
    from edge_agent.errors import ConfigurationError  # noqa: PLC0415

    stay_small()
    from edge_agent.adapters.model_session import ModelSession  # noqa: PLC0415

    tensors, model = receive(_IN, bytes_max=TEXT_BYTES_MAX), receive(_IN, bytes_max=ARTEFACT_BYTES_MAX)
    if tensors is None or model is None:
        return
    try:
        session = ModelSession(model, tensors=Tensors.of_json(tensors))
    except ConfigurationError as exc:
        send(_OUT, str(exc).encode()[:TEXT_BYTES_MAX])
        return
    send(_OUT, TAKEN)
    row = ROW_NUMBERS * NUMBER_BYTES
    while select.select([_IN], [], [], quiet_s)[0]:
        rows = receive(_IN, bytes_max=ROWS_MAX * row)
        if rows is None:
            return
        answer = session.run([rows[at : at + row] for at in range(0, len(rows), row)])
        send(_OUT, answer.encode() if isinstance(answer, Fault) else answer)


if __name__ == "__main__":
    main()
