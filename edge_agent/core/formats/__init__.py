"""From a payload to one tree, format by format. Pure: bytes in, plain values or a DecodeError out."""
