#!/usr/bin/env bash
# The Spring applications of tests/targets, each on a loopback port of its own, as the configurations in fixtures/ have it.
#
# usage: tests/interop/spring.sh start|stop|status NAME
#
#     published        a chat server, configured as its protocol document publishes it   ws://127.0.0.1:18081/ws/im
#     hardened         the same, closed where published is open                          ws://127.0.0.1:18082/ws/im
#     preserve-order   published, with setPreserveReceiveOrder(true) and nothing else     ws://127.0.0.1:18083/ws/im
#     greeting         the application of Spring's guide                                 ws://127.0.0.1:18084/gs-guide-websocket
#
# `start` builds with Maven (and a JDK, 17 or later) where sources are newer than what was built, and prints `ready` once
# the application takes connections; started already, it only says so. What runs lives in a folder below the system's
# folder for temporary files; STOMPLIANCE_SPRING_DIR names another. SPRING_ARGS are arguments for the application.
set -euo pipefail

usage() {
  echo "usage: $0 start|stop|status published|hardened|preserve-order|greeting" >&2
  exit 2
}

[ $# = 2 ] || usage
name=$2
args=()
case $name in
published) app=spring-im port=18081 ;;
hardened) app=spring-im port=18082 ;;
preserve-order) app=spring-im port=18083 ;;
greeting) app=spring-greeting port=18084 ;;
*) usage ;;
esac
[ "$app" = spring-greeting ] || args+=("--spring.profiles.active=$name")

server="spring $name"
dir=${STOMPLIANCE_SPRING_DIR:-${TMPDIR:-/tmp}/stompliance-spring}/$name
source=$(cd "$(dirname "$0")/../targets/$app" && pwd)
built=$source/target/$app.jar
pid_file=$dir/pid

# shellcheck source=tests/interop/process.sh
. "$(dirname "$0")/process.sh"

# Logged once everything runs: the port is open a little earlier than the broker.
started() { grep -qs 'Started .*Application in' "$dir/out"; }

build() {
  [ -f "$built" ] && [ -z "$(find "$source/src" "$source/pom.xml" -newer "$built" -print -quit)" ] && return
  say 'building'
  mvn -q -B -f "$source/pom.xml" package >"$dir/build" 2>&1 || {
    tail -n 30 "$dir/build" >&2
    die 'Maven could not build it'
  }
}

start() {
  mkdir -p "$dir"
  if ! running; then
    ! listening || die "port $port is taken by something that this script did not start"
    exec 9>"$dir/../lock"
    flock 9 # one build at a time
    build
    cp "$built" "$dir/$app.jar" # a later build does not disturb what runs
    exec 9>&-
    : >"$dir/out"
    # shellcheck disable=SC2086 # SPRING_ARGS are several words
    setsid java -Xmx256m -jar "$dir/$app.jar" "--server.port=$port" "${args[@]}" ${SPRING_ARGS-} </dev/null >"$dir/out" 2>&1 &
    echo $! >"$pid_file"
  fi
  if ! until_or_deadline up_or_gone || ! started; then
    tail -n 30 "$dir/out" >&2 || true
    stop || true
    die "not ready within $deadline s"
  fi
  echo ready
}

up() { started; }

up_or_gone() { started || ! running; }

case $1 in
start | stop | status) "$1" ;;
*) usage ;;
esac
