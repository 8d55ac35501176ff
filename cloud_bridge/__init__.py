"""The cloud bridge: takes signed order intents, places them at merchants once, and follows them."""

__version__ = "0.1.0"
