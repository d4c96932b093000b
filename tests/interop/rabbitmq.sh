#!/usr/bin/env bash
# RabbitMQ with its Web STOMP plugin on ws://127.0.0.1:15674/ws, with the accounts of fixtures/rabbitmq.toml.
#
# usage: tests/interop/rabbitmq.sh [start|stop|status]
#
# A private node: own data folder, own node name, own epmd, no AMQP or plain STOMP listener, no systemd. `start`
# installs the Debian package where it is missing (as root), and prints `ready` once the accounts can be used;
# started already, it only says so. STOMPLIANCE_RABBITMQ_DIR names another data folder.
set -euo pipefail

port=15674
deadline=90 # seconds, for starting and for stopping
dir=${STOMPLIANCE_RABBITMQ_DIR:-${TMPDIR:-/tmp}/stompliance-rabbitmq}
bin=/usr/lib/rabbitmq/bin

export HOME="$dir" # the Erlang cookie lies there
export ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=14369
export RABBITMQ_NODENAME=stompliance@localhost
export RABBITMQ_DIST_PORT=14370
export RABBITMQ_MNESIA_BASE="$dir/data"
export RABBITMQ_LOG_BASE="$dir/log"
export RABBITMQ_CONFIG_FILE="$dir/rabbitmq.conf"
export RABBITMQ_ENABLED_PLUGINS_FILE="$dir/enabled_plugins"
export RABBITMQ_PID_FILE="$dir/pid"
export RABBITMQ_CONF_ENV_FILE="$dir/none" # not the system's
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
export RABBITMQ_CTL_DIST_PORT_MIN=14371 RABBITMQ_CTL_DIST_PORT_MAX=14380
export LC_ALL=C.UTF-8

say() { printf 'rabbitmq: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

running() {
  local pid
  pid=$(cat "$RABBITMQ_PID_FILE" 2>/dev/null) && [ -n "$pid" ] && ! gone "$pid" && ours "$pid"
}

# until_or_deadline COMMAND…: polls every 100 ms
until_or_deadline() {
  local end=$((SECONDS + deadline))
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

install() {
  [ -x "$bin/rabbitmq-server" ] && return
  say 'installing the Debian package rabbitmq-server'
  [ "$(id -u)" = 0 ] || die 'rabbitmq-server is not installed, and only root can install it'
  export DEBIAN_FRONTEND=noninteractive
  # RUNLEVEL=1: the package must not start a node of its own.
  if ! RUNLEVEL=1 apt-get install -y -qq --no-install-recommends rabbitmq-server >"$dir/apt.log" 2>&1; then
    apt-get update -qq >>"$dir/apt.log" 2>&1 || true
    RUNLEVEL=1 apt-get install -y -qq --no-install-recommends rabbitmq-server >>"$dir/apt.log" 2>&1 || {
      tail -n 20 "$dir/apt.log" >&2
      die 'the package could not be installed'
    }
  fi
}

configure() {
  printf '[rabbitmq_stomp,rabbitmq_web_stomp].\n' >"$RABBITMQ_ENABLED_PLUGINS_FILE"
  cat >"$RABBITMQ_CONFIG_FILE" <<CONF
listeners.tcp = none
stomp.listeners.tcp = none
web_stomp.tcp.ip = 127.0.0.1
web_stomp.tcp.port = $port
load_definitions = $dir/definitions.json
log.console = false
CONF
  local n users permissions
  users='{"name":"guest","password":"guest","tags":["administrator"]}' # as a fresh RabbitMQ has it
  permissions=$(permission guest)
  for n in 1 2 3 4; do
    users+=",{\"name\":\"stomp_$n\",\"password\":\"secret_$n\",\"tags\":[]}"
    permissions+=",$(permission "stomp_$n")"
  done
  printf '{"vhosts":[{"name":"/"}],"users":[%s],"permissions":[%s]}\n' "$users" "$permissions" >"$dir/definitions.json"
}

permission() { printf '{"user":"%s","vhost":"/","configure":".*","write":".*","read":".*"}' "$1"; }

start() {
  mkdir -p "$dir"
  if ! running; then
    ! listening || die "port $port is taken by something that this script did not start"
    install
    rm -rf "$dir/data" "$dir/log" "$RABBITMQ_PID_FILE"
    configure
    setsid "$bin/rabbitmq-server" </dev/null >"$dir/out" 2>&1 &
  fi
  # The plugin listens before the accounts are there: the end of the start is what counts.
  if ! { started && until_or_deadline listening; }; then
    tail -n 30 "$dir/wait" "$dir/out" "$dir/log"/*.log >&2 || true
    stop || true
    die "not ready within $deadline s"
  fi
  echo ready
}

stop() {
  local pid
  if running; then
    pid=$(cat "$RABBITMQ_PID_FILE") # RabbitMQ removes the file before it is gone
    kill -TERM "$pid"
    until_or_deadline gone "$pid" || die "process $pid still runs after $deadline s"
  fi
  epmd -kill >/dev/null 2>&1 || true # the private one
  rm -f "$RABBITMQ_PID_FILE"
}

started() { "$bin/rabbitmqctl" --silent wait --timeout "$deadline" "$RABBITMQ_PID_FILE" >"$dir/wait" 2>&1; }

# Our node, and not a process that was given the number of one that is gone.
ours() { grep -qsaF -- "$dir" "/proc/$1/cmdline"; }

# Ended, though perhaps not reaped yet.
gone() { ! kill -0 "$1" 2>/dev/null || grep -qs '^State:.Z' "/proc/$1/status"; }

case ${1:-start} in
start) start ;;
stop) stop ;;
status)
  if ! { running && listening; }; then
    echo stopped
    exit 1
  fi
  echo ready
  ;;
*) die "usage: $0 [start|stop|status]" ;;
esac
