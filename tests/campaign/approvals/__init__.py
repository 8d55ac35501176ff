"""Forged, replayed and mutated approvals, at the bridge's door and at the hub's page, with genuine ones among them.

A forgery that is taken counts as unauthorised; a genuine approval that is not taken exactly once as lost or doubled. A
corpus that refuses everything proves nothing.
"""
