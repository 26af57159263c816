"""Tools that misbehave, and what becomes of them."""
