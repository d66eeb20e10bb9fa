"""How Aurum connects to what is outside it, and how it runs."""
