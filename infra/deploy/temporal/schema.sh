#!/bin/sh
# Temporal's two databases, made and brought to the version of these tools. Safe to repeat.
set -eu
for name in temporal temporal_visibility; do
  case $name in temporal) folder=temporal ;; *) folder=visibility ;; esac
  tool="temporal-sql-tool --plugin postgres12 --ep temporal-postgres -p 5432 -u temporal --db $name"
  # It says that it is there already, where it is; what follows fails if it is not.
  $tool create || true
  $tool setup-schema -v 0.0 || true
  $tool update-schema -d /etc/temporal/schema/postgresql/v12/$folder/versioned
done
