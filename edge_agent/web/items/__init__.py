"""What the pages of an item share: charts, the form, what happened."""
