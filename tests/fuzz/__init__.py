"""Payloads that no device should send, made from the samples of every profile."""
