"""Does a device keep the Restock-native protocol? A check for whoever writes one, by listening to it on a live broker.

`rules` is the table, `watch` the pure judge, `live` the connection. The judge is written from docs/protocol.md and not
from the hub's code, so that the two check each other.
"""
