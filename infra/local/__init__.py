"""The embedded stack: PostgreSQL, Temporal, a counterparty bank, the API and the worker on one machine.

Everything comes from pip; nothing listens outside 127.0.0.1. `python -m infra.local up` is the command line,
`infra.local.stack.Stack` the same thing for tests and the demo.
"""
