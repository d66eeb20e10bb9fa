"""The commands of operators: `python -m infra.admin --help`."""
