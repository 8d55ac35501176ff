"""Thirty days without the cloud: what sensors say, what people approve, and where each of it is in the end."""

HOME = "home"
