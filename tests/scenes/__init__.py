"""Scenes of a household's life that must come out right, each on a simulated home with the hub's own code."""
