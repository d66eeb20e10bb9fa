"""Backups: the database as one consistent file, the folder store beside it, and what a restored bank is held against.

A backup by `infra.admin backup` is a copy of one moment. Between two of them only the server's own log helps: archive
it (pg_basebackup with continuous archiving, or what a managed PostgreSQL offers) and use these for the copy in another
place and for rehearsals. `verification` holds whichever way a database came back against the same proofs.
"""
