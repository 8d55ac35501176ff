"""The hub's rules: pure, without clock, randomness, files, sockets or logging."""
