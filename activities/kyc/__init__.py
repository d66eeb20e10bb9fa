"""The steps of identity checks: `documents` are scanned and, when their time is over, destroyed."""
