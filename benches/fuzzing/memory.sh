#!/usr/bin/env bash
# Whether the memory of `stompliance fuzz` stays flat: samples VmRSS and VmHWM of the process every 10 s.
#
# usage: benches/fuzzing/memory.sh [TIME] [FLAGS OF fuzz…]
#
#     benches/fuzzing/memory.sh                                          # 10 minutes on the embedded server
#     benches/fuzzing/memory.sh 1h --config fixtures/rabbitmq.toml       # RabbitMQ, once tests/interop/rabbitmq.sh has started it
#
# Prints what every minute's last sample says, and the slope over the second half. Exits 1 where the mean of the last minute is
# more than 10 % and 8 MiB above that of the third: until then allocators and tables fill up. Findings go to a folder that is
# named at the end. Shorter than four minutes it shows the table and decides nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."

lasts=${1:-10m}
[ $# = 0 ] || shift
findings=$(mktemp -d)
pid=
finish() {
  [ -z "$pid" ] || kill -TERM "$pid" 2>/dev/null || true
  rm -f "$findings/samples"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

cargo build --locked --release >&2
target/release/stompliance fuzz --for "$lasts" --out "$findings" "$@" >"$findings/said" 2>&1 &
pid=$!
begun=$SECONDS
while kill -0 "$pid" 2>/dev/null; do
  # Nothing once the process has ended.
  awk -v at=$((SECONDS - begun)) '/^VmHWM:/ { peak = $2 } /^VmRSS:/ { print at, $2, peak }' "/proc/$pid/status" \
    >>"$findings/samples" 2>/dev/null || true
  sleep 10
done
status=0
wait "$pid" || status=$?
pid=
tail -n 1 "$findings/said"
[ "$status" -le 1 ] || {
  cat "$findings/said" >&2
  exit "$status"
}
echo "findings: $findings"

awk '
  { at[NR] = $1; rss[NR] = $2 / 1024; peak[NR] = $3 / 1024 }
  END {
    print "| minute | RSS, MiB | peak, MiB |\n|---:|---:|---:|"
    for (n = 1; n <= NR; n++) {
      minute = int(at[n] / 60)
      sum[minute] += rss[n]; count[minute]++
      if (n == NR || int(at[n + 1] / 60) != minute) printf "| %d | %.1f | %.1f |\n", minute + 1, rss[n], peak[n]
    }
    # Least squares over the second half.
    for (n = int(NR / 2) + 1; n <= NR; n++) { k++; x += at[n]; y += rss[n]; xx += at[n] ^ 2; xy += at[n] * rss[n] }
    below = k * xx - x ^ 2
    if (below > 0) printf "\nslope over the second half: %+.2f MiB a minute\n", 60 * (k * xy - x * y) / below
    for (n = NR; n > NR - 6 && n > 0; n--) { last += rss[n]; lasts++ }
    if (at[NR] < 240) { print "too short to decide"; exit 0 }
    last /= lasts; third = sum[2] / count[2]
    grown = last > third * 1.1 && last > third + 8
    printf "third minute %.1f MiB, last minute %.1f MiB: %s\n", third, last, grown ? "it grows" : "flat"
    exit grown
  }
' "$findings/samples"
