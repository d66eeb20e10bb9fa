"""The HTTP door: it authenticates, validates, writes one transaction and answers."""
