"""The household's leave: who may approve what, the terms that are signed, the mandates that are drawn on."""
