"""Other gateways on the stream that ours is measured on: `python -m tests.bench.peers`."""
