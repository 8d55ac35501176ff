"""What the household sees of its merchants: who they are, what was ordered, and how they keep their word."""
