"""Tests that kill whole processes (SIGKILL): real broker, hub, bridge and merchant; no crash hooks, no fakes."""
