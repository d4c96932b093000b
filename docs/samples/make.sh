#!/usr/bin/env bash
# Writes the sample reports in this folder anew: the reference server, and a Spring Boot server that gets its order wrong (it takes
# Java 17 and Maven, see tests/interop/README.md).
#
# usage: docs/samples/make.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

cargo build --release
samples=docs/samples
scratch=$(mktemp -d)
started=()
finish() {
  rm -rf "$scratch"
  local name
  for name in "${started[@]}"; do tests/interop/spring.sh stop "$name"; done
}
trap finish EXIT

# run NAME ARGUMENTS…: judges, whatever comes of it (0 conforms, 1 does not), and keeps the page.
run() {
  local name=$1
  shift
  target/release/stompliance run --lang en --json "$scratch/$name.json" --html "$scratch/$name.html" \
    --junit "$scratch/junit.xml" "$@" || [ $? = 1 ]
}

# spring NAME: has that server running.
spring() {
  if ! tests/interop/spring.sh status "$1"; then
    started+=("$1")
    tests/interop/spring.sh start "$1"
  fi
}

run reference --in-memory --seed 1
spring published
run spring im/auth im/subscribe --config fixtures/spring-published.toml --seed 1
spring preserve-order
run spring-order im/auth im/subscribe --config fixtures/spring-published.toml --target ws://127.0.0.1:18083/ws/im --seed 1
target/release/stompliance compare "$scratch/spring.json" "$scratch/spring-order.json" --lang en \
  --html "$scratch/compare.html" || [ $? = 1 ]
mv "$scratch"/{reference,spring-order,compare}.html "$samples"
ls -l "$samples"
