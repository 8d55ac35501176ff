"""The hub on arm64, under an emulator: `make test-arm64`."""
