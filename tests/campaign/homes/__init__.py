"""Whole homes, in process and in virtual time: how well the hub knows what is left, and how a home fares with it."""
