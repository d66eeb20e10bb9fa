"""Identity checks by HTTP (contract §6): customers send documents, submit and answer; officers look and decide."""

from api.kyc import cases, status, upload

routers = (*upload.routers, *status.routers, cases.router)

__all__ = ["routers"]
