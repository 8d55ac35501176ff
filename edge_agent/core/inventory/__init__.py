"""What is on the broker: devices, what is understood of them, and why the rest is not."""
