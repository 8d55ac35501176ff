"""A disk that fails or is full, under the real store in a process of its own."""
