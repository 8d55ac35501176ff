"""The Hypothesis state machines of the tests, run for as many steps as a tier wants."""
