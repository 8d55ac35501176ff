"""What the hub says to Home Assistant, and what it takes from it: payloads, states, commands. Pure."""
