#!/usr/bin/env bash
# Inputs per second of `stompliance fuzz`, boofuzz and a plain loop in Python, on the same RabbitMQ in the same run.
#
# usage: benches/fuzzing/run.sh [--for SECONDS] [--rounds N] [--out FILE]
#
# They take turns, SECONDS each (30) in each of N rounds (3), so that a drift of the machine favours none. Prints a table in Markdown:
# the median of the rounds, the least and the most, and the ratio to boofuzz; --out writes it to a file as well. Starts
# RabbitMQ by tests/interop/rabbitmq.sh unless it is up; it is left running then only if it ran before.
#
# One case is one input that was tried, whoever tries it. What differs, for and against us:
#
# - `stompliance fuzz` runs scenarios of up to 400 inputs, ten at a time, over forty accounts. The others try one input after the other.
# - The embedded server is spoken to in memory and in virtual time: nothing of it is the network's or waits.
# - In each of its scenarios two users send each other messages throughout, each of which has to arrive as it was sent; that is what
#   it judges. Half of the inputs of `frames` are such messages, which need no connection of their own; each unruly one has one.
# - A plain boofuzz looks at nothing that the server says behind the fuzzed frame. `--check` and the loops ask by a ping.
# - What it finds it makes smaller at once. That time counts, the scenarios it tries for that do not.
# - boofuzz_stomp.py says what was tuned in boofuzz's favour.
set -euo pipefail
cd "$(dirname "$0")/../.."

here=benches/fuzzing
python=$here/.venv/bin/python
seconds=30
rounds=3
out=
while [ $# -gt 0 ]; do
  case $1 in
  --for) seconds=$2 ;;
  --rounds) rounds=$2 ;;
  --out) out=$2 ;;
  *)
    echo "usage: $0 [--for SECONDS] [--rounds N] [--out FILE]" >&2
    exit 2
    ;;
  esac
  shift 2
done

scratch=$(mktemp -d)
started=
finish() {
  [ -z "$started" ] || tests/interop/rabbitmq.sh stop
  rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

[ -x "$python" ] || python3 -m venv "$here/.venv"
"$here/.venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt"
cargo build --locked --release >&2
if ! tests/interop/rabbitmq.sh status >/dev/null; then
  started=yes
  tests/interop/rabbitmq.sh start >&2
fi

# Findings go to a folder that is new each time: what was found before would be tried first.
ours() { # ours ROUND FLAGS…: ends with 1 where it found something
  local round=$1
  shift
  target/release/stompliance fuzz --for "${seconds}s" --seed "$round" --out "$(mktemp -d -p "$scratch")" "$@" || [ $? = 1 ]
}

theirs() { # theirs FILE FLAGS…
  local file=$1
  shift
  "$python" -W ignore "$here/$file" ws://127.0.0.1:15674/ws stomp_1 secret_1 --for "$seconds" "$@"
}

names=(
  'stompliance fuzz, embedded server'
  'stompliance fuzz --strategy frames, embedded server'
  'stompliance fuzz --strategy frames, RabbitMQ'
  'boofuzz, RabbitMQ'
  'boofuzz with a check by ping, RabbitMQ'
  'plain loop, RabbitMQ'
  'plain loop that keeps its connection, RabbitMQ'
)
try() { # try NUMBER ROUND
  case $1 in
  0) ours "$2" ;;
  1) ours "$2" --strategy frames ;;
  2) ours "$2" --strategy frames --jobs 10 --config fixtures/rabbitmq.toml ;;
  3) theirs boofuzz_stomp.py --part "$2/$rounds" ;;
  4) theirs boofuzz_stomp.py --part "$2/$rounds" --check ;;
  5) theirs loop.py --seed "$2" ;;
  6) theirs loop.py --seed "$2" --keep ;;
  esac
}

for round in $(seq "$rounds"); do
  for at in "${!names[@]}"; do
    try "$at" "$round" >"$scratch/said" 2>&1 || {
      cat "$scratch/said" >&2
      exit 1
    }
    # The last line says how many, in how many seconds.
    said=$(tail -n 1 "$scratch/said")
    printf 'round %s: %s: %s\n' "$round" "${names[at]}" "$said" >&2
    printf '%s\t%s\n' "${names[at]}" "$said" >>"$scratch/all"
    grep -A 3 '^found ' "$scratch/said" >&2 || true
  done
done

"$python" "$here/table.py" "$scratch/all" 'boofuzz, RabbitMQ' >"$scratch/table"
cat "$scratch/table"
[ -z "$out" ] || cp "$scratch/table" "$out"
