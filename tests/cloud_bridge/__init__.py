"""Tests of the cloud bridge."""
