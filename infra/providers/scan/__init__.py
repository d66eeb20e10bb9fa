"""Who looks for malicious content in uploads: ClamAV, or nobody, which says so."""

from infra.providers.scan.clamav import ClamAV
from infra.providers.scan.scanner import NoScanner, Scanner, Verdict

__all__ = ["ClamAV", "NoScanner", "Scanner", "Verdict"]
