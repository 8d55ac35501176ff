"""Twenty million mutated payloads on every core, with how far it is: `make fuzz`.

    python -m tests.fuzz [--count 20000000] [--seed 1]

Prints one JSON object; exit code 1 when one payload broke the law or took 50 ms of processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.edge_agent.shipped import shipped_registry
from tests.fuzz.mutator import Tally, torment

_EACH = 100_000


def main() -> int:
    """Run it all and say what came of it."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--count", type=int, default=20_000_000)
    arguments.add_argument("--seed", type=int, default=1)
    wanted = arguments.parse_args()
    whole, begun = Tally(), time.monotonic()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        shards = range(wanted.seed, wanted.seed + max(1, -(-wanted.count // _EACH)))
        for done in as_completed([pool.submit(_shard, seed, min(_EACH, wanted.count)) for seed in shards]):
            whole.add(done.result())
            sys.stderr.write(_progress(whole, wanted.count, time.monotonic() - begun))
    report = {
        "payloads": whole.payloads,
        "understood": whole.understood,
        "values": whole.values,
        "outside_the_schema": len(whole.wrong),
        "over_50_ms": whole.slow,
        "slowest_ms": round(1_000 * whole.slowest_s, 2),
        "took_s": round(time.monotonic() - begun, 1),
    }
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stderr.write("".join(f"{each}\n" for each in whole.wrong))
    return 1 if whole.wrong or whole.slow else 0


def _shard(seed: int, count: int) -> Tally:
    return torment(shipped_registry().profiles(), count=count, seed=seed)


def _progress(whole: Tally, wanted: int, took_s: float) -> str:
    left_s = took_s / whole.payloads * max(0, wanted - whole.payloads)
    return f"{whole.payloads:,} of {wanted:,}, {len(whole.wrong)} wrong, {left_s / 60:.0f} min to go\n"


if __name__ == "__main__":
    sys.exit(main())
