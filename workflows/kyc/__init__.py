"""The processes of identity checks."""
