"""`restock-sim fleet`: thousands of devices on a broker from one process, and what became of each of their readings.

Apart from `firmware_sim.fleet`, which plays a few hundred appliances as their vendors' documents and their physics say:
here a reading is cheap, a device is some hundred bytes, and what counts is the broker and what stands behind it.

The path of one reading: `plan` (when, from one seed) -> `wheel` -> `device` -> `wire5` or `wire311` -> broker -> a
consumer (`check`, `stored`) -> `heard`. The device's own word of it goes to `truth` and `ledger`; `result` compares the
two, `page` draws it. `run` is where they meet.
"""
