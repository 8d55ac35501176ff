"""Where and as what a need is bought, of several offers that the household accepts."""
