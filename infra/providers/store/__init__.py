"""The object store: a folder in the embedded stack, S3 in production; and the vaults that seal what goes into it."""

from infra.providers.store.folder import FolderStore
from infra.providers.store.objects import ObjectMissing, ObjectStore, StoredObject
from infra.providers.store.s3 import S3Store
from infra.providers.store.statements import StatementVault
from infra.providers.store.vault import DocumentVault, open_statements, open_vault

__all__ = [
    "DocumentVault",
    "FolderStore",
    "ObjectMissing",
    "ObjectStore",
    "S3Store",
    "StatementVault",
    "StoredObject",
    "open_statements",
    "open_vault",
]
