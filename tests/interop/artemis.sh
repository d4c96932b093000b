#!/usr/bin/env bash
# Apache Artemis with STOMP over WebSocket on ws://127.0.0.1:61614/, with the accounts of fixtures/artemis.toml.
#
# usage: tests/interop/artemis.sh [start|stop|status]
#
# A private broker: own folder, no persistence, no console, one acceptor. `start` fetches the distribution with Maven
# where it is missing, installs Java and Maven from Debian where they are (as root), and prints `ready` once the
# accounts can be used; started already, it only says so. STOMPLIANCE_ARTEMIS_DIR names another folder.
set -euo pipefail

version=2.56.0
port=61614
accounts=(1 2 3 4 5 6 7 8)
deadline=90 # seconds, for starting and for stopping
dir=${STOMPLIANCE_ARTEMIS_DIR:-${TMPDIR:-/tmp}/stompliance-artemis}
home=$dir/apache-artemis-$version
pid_file=$dir/pid
unset JAVA_ARGS JAVA_ARGS_APPEND ARTEMIS_HOME ARTEMIS_INSTANCE ARTEMIS_INSTANCE_ETC # those of another broker

say() { printf 'artemis: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

running() {
  local pid
  pid=$(cat "$pid_file" 2>/dev/null) && [ -n "$pid" ] && ! gone "$pid" && ours "$pid"
}

# until_or_deadline COMMAND…: polls every 100 ms
until_or_deadline() {
  local end=$((SECONDS + deadline))
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

# debian PROGRAM PACKAGE: the package, where the program is missing
debian() {
  ! command -v "$1" >/dev/null || return 0
  say "installing the Debian package $2"
  [ "$(id -u)" = 0 ] || die "$1 is not installed, and only root can install it"
  export DEBIAN_FRONTEND=noninteractive
  if ! apt-get install -y -qq --no-install-recommends "$2" >"$dir/apt.log" 2>&1; then
    apt-get update -qq >>"$dir/apt.log" 2>&1 || true
    apt-get install -y -qq --no-install-recommends "$2" >>"$dir/apt.log" 2>&1 || {
      tail -n 20 "$dir/apt.log" >&2
      die 'the package could not be installed'
    }
  fi
}

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

stop() {
  local pid
  if running; then
    pid=$(cat "$pid_file")
    kill -TERM "$pid"
    until_or_deadline gone "$pid" || die "process $pid still runs after $deadline s"
  fi
  rm -f "$pid_file"
}

# It listens a little before it says that it is active.
started() { grep -qs AMQ221007 "$dir/out" && listening; }

started_or_ended() { started || gone "$(cat "$pid_file")"; }

# Our broker, and not a process that was given the number of one that is gone.
ours() { grep -qsaF -- "$dir" "/proc/$1/cmdline"; }

# Ended, though perhaps not reaped yet.
gone() { ! kill -0 "$1" 2>/dev/null || grep -qs '^State:.Z' "/proc/$1/status"; }

case ${1:-start} in
start) start ;;
stop) stop ;;
status)
  if ! { running && started; }; then
    echo stopped
    exit 1
  fi
  echo ready
  ;;
*) die "usage: $0 [start|stop|status]" ;;
esac
