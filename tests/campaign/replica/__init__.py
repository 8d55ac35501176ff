"""The parts of the campaign `replicas`: bridge processes that injure themselves, and the merchant that judges."""
