#!/usr/bin/env bash
# Behind a Collector: load what its file exporter wrote, in any language's shadow, and look at it.
# Usage: examples/collector_files.sh DESTINATION FILE...
set -euo pipefail
destination=$1
shift
otel-audit ingest --destination "$destination" "$@"
otel-audit query --destination "$destination" --limit 5
