"""How a decision is come to: when, how much, together with what, and how it is said."""
