"""The bridge's HTTP face. The contract is `cloud_bridge.wire`; no rule of ordering stands here."""
