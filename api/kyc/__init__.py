"""Identity checks by HTTP (contract §6): customers send documents, officers read and decide."""

from api.kyc.upload import routers

__all__ = ["routers"]
