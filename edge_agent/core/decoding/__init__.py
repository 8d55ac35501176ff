"""The steps from a payload to readings that `core/decode.py` takes in order."""
