"""How the store came to be, one numbered step after the other (Alembic). Steps are never edited, only added."""
