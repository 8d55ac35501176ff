"""What the hub remembers of Sparkplug B edge nodes, so that a message can be read which only a birth explains.

`topics` needs no extra; `session` and `admission` need `google.protobuf` (the extra `formats`), and are loaded where a
profile reads Sparkplug.
"""
