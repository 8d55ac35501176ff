"""A device for a microcontroller: files to copy onto a board that runs MicroPython. Nothing here imports them."""
