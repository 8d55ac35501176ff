"""Ways out to people: libraries compose the messages, the gate sends them."""
