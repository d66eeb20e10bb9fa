"""Lists of others: the formats they are published in (`reading` and its formats), how one is taken in (`importing`),
and the index of them that a process keeps in memory (`live`).
"""

from infra.watchlists.importing import BUNDLED_FILE, import_file
from infra.watchlists.live import Watchlists
from infra.watchlists.rescreening import Concerned, concerned

__all__ = ["BUNDLED_FILE", "Concerned", "Watchlists", "concerned", "import_file"]
