#!/bin/sh
# The namespace of every process. 90 days: how long operations can look at one that has ended. Safe to repeat.
set -eu
temporal operator cluster health
temporal operator namespace describe -n aurum >/dev/null 2>&1 || temporal operator namespace create -n aurum --retention 90d
