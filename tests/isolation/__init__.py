"""What the hub connects to, seen from outside the program."""
