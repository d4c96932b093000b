#!/usr/bin/env bash
# RabbitMQ with its Web STOMP plugin on ws://127.0.0.1:15674/ws, with the accounts of fixtures/rabbitmq.toml.
#
# usage: tests/interop/rabbitmq.sh [start|stop|status]
#
# A private node: own data folder, own node name, own epmd, no AMQP or plain STOMP listener, no systemd. `start`
# installs the Debian package where it is missing (as root), and prints `ready` once the accounts can be used;
# started already, it only says so. STOMPLIANCE_RABBITMQ_DIR names another data folder.
set -euo pipefail

server=rabbitmq
port=15674
dir=${STOMPLIANCE_RABBITMQ_DIR:-${TMPDIR:-/tmp}/stompliance-rabbitmq}
pid_file=$dir/pid
bin=/usr/lib/rabbitmq/bin

export HOME="$dir" # the Erlang cookie lies there
export ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=14369
export RABBITMQ_NODENAME=stompliance@localhost
export RABBITMQ_DIST_PORT=14370
export RABBITMQ_MNESIA_BASE="$dir/data"
export RABBITMQ_LOG_BASE="$dir/log"
export RABBITMQ_CONFIG_FILE="$dir/rabbitmq.conf"
export RABBITMQ_ENABLED_PLUGINS_FILE="$dir/enabled_plugins"
export RABBITMQ_PID_FILE="$pid_file"
export RABBITMQ_CONF_ENV_FILE="$dir/none" # not the system's
# Its schedulers do not spin while they wait: on two cores whoever talks to it needs those.
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}'
export RABBITMQ_CTL_DIST_PORT_MIN=14371 RABBITMQ_CTL_DIST_PORT_MAX=14380
export LC_ALL=C.UTF-8

# shellcheck source=tests/interop/process.sh
. "$(dirname "$0")/process.sh"

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
  for n in $(seq 1 40); do
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
    debian "$bin/rabbitmq-server" rabbitmq-server
    rm -rf "$dir/data" "$dir/log" "$pid_file"
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

clear_away() { epmd -kill >/dev/null 2>&1 || true; } # the private one

up() { listening; }

started() { "$bin/rabbitmqctl" --silent wait --timeout "$deadline" "$pid_file" >"$dir/wait" 2>&1; }

obey "${1:-start}" "$0 [start|stop|status]"
