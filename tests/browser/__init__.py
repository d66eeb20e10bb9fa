"""The console in a real browser, over the whole embedded stack."""
