"""Campaigns that injure the product on purpose and count what was lost, doubled, unauthorised or overcharged.

Each campaign is a module with `run(size, *, seed, folder, bug=None) -> Figures`, started as a process of its own by
`python -m tests.campaign run NAME`. A campaign is deterministic in its seed where that is possible; a short tier of
each runs as a test.
"""
