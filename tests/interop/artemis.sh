#!/usr/bin/env bash
# Apache Artemis with STOMP over WebSocket on ws://127.0.0.1:61614/, with the accounts of fixtures/artemis.toml.
#
# usage: tests/interop/artemis.sh [start|stop|status]
#
# A private broker: own folder, no persistence, no console, one acceptor. `start` fetches the distribution with Maven
# where it is missing, installs Java and Maven from Debian where they are (as root), and prints `ready` once the
# accounts can be used; started already, it only says so. STOMPLIANCE_ARTEMIS_DIR names another folder.
set -euo pipefail

server=artemis
version=2.56.0
port=61614
accounts=({1..40})
dir=${STOMPLIANCE_ARTEMIS_DIR:-${TMPDIR:-/tmp}/stompliance-artemis}
home=$dir/apache-artemis-$version
pid_file=$dir/pid
unset JAVA_ARGS JAVA_ARGS_APPEND ARTEMIS_HOME ARTEMIS_INSTANCE ARTEMIS_INSTANCE_ETC # those of another broker

# shellcheck source=tests/interop/process.sh
. "$(dirname "$0")/process.sh"

install() {
  debian java openjdk-17-jre-headless
  [ ! -x "$home/bin/artemis" ] || return 0
  debian mvn maven
  say "fetching Apache Artemis $version"
  rm -rf "$dir/fetched" && mkdir "$dir/fetched"
  if ! mvn -q -B --strict-checksums org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
    "-Dartifact=org.apache.artemis:apache-artemis:$version:tar.gz:bin" "-DoutputDirectory=$dir/fetched" >"$dir/mvn.log" 2>&1; then
    tail -n 20 "$dir/mvn.log" >&2
    die 'the distribution could not be fetched'
  fi
  tar -xzf "$dir/fetched/apache-artemis-$version-bin.tar.gz" -C "$dir/fetched"
  rm -rf "$home" && mv "$dir/fetched/apache-artemis-$version" "$home" # whole, or not there
  rm -rf "$dir/fetched"
}

# As `create` makes it, but for the acceptor, the accounts and the disk: a full one must not stop senders here.
configure() {
  local acceptor n
  acceptor="<acceptor name=\"stomp\">tcp://127.0.0.1:$port?protocols=STOMP;anycastPrefix=/queue/;multicastPrefix=/topic/</acceptor>"
  rm -rf "$dir/broker"
  "$home/bin/artemis" create "$dir/broker" --silent --require-login --user stomp_1 --password secret_1 --host 127.0.0.1 \
    --no-web --disable-persistence --no-autotune --java-memory 512M \
    --no-amqp-acceptor --no-hornetq-acceptor --no-mqtt-acceptor --no-stomp-acceptor >"$dir/create.log" 2>&1 || {
    tail -n 20 "$dir/create.log" >&2
    die 'the broker could not be created'
  }
  sed -i -e "s|<acceptor name=\"artemis\">.*</acceptor>|$acceptor|" -e 's|<max-disk-usage>.*<|<max-disk-usage>100<|' \
    "$dir/broker/etc/broker.xml"
  grep -qF "$acceptor" "$dir/broker/etc/broker.xml" || die 'broker.xml is not as expected: no acceptor to replace'
  for n in "${accounts[@]}"; do printf 'stomp_%s = secret_%s\n' "$n" "$n"; done >"$dir/broker/etc/artemis-users.properties"
  local names=("${accounts[@]/#/stomp_}") IFS=,
  printf 'amq = %s\n' "${names[*]}" >"$dir/broker/etc/artemis-roles.properties"
}

start() {
  mkdir -p "$dir"
  if ! running; then
    ! listening || die "port $port is taken by something that this script did not start"
    install
    configure
    setsid "$dir/broker/bin/artemis" run </dev/null >"$dir/out" 2>&1 & # it becomes the java process: the same number
    echo $! >"$pid_file"
  fi
  if ! { until_or_deadline started_or_ended && started; }; then
    tail -n 30 "$dir/out" >&2 || true
    stop || true
    die "ended, or not ready within $deadline s"
  fi
  echo ready
}

# It listens a little before it says that it is active.
started() { grep -qs AMQ221007 "$dir/out" && listening; }

up() { started; }

started_or_ended() { started || gone "$(cat "$pid_file")"; }

obey "${1:-start}" "$0 [start|stop|status]"
