# shellcheck shell=bash
# What the scripts that start a server have in common: one process in a folder of its own, on a port of 127.0.0.1.
# Sourced, never run: the script says what `server`, `port`, `dir` and `pid_file` are, and has `start` and `up`.

# shellcheck disable=SC2154 # they are the script's

deadline=90 # seconds, for starting and for stopping

say() { printf '%s: %s\n' "$server" "$*" >&2; }
die() {
  say "$*"
  exit 1
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

running() {
  local pid
  pid=$(cat "$pid_file" 2>/dev/null) && [ -n "$pid" ] && ! gone "$pid" && ours "$pid"
}

# Our process, and not one that was given the number of one that is gone.
ours() { grep -qsaF -- "$dir" "/proc/$1/cmdline"; }

# Ended, though perhaps not reaped yet.
gone() { ! kill -0 "$1" 2>/dev/null || grep -qs '^State:.Z' "/proc/$1/status"; }

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
  # RUNLEVEL=1: no package starts a service of its own.
  if ! RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "$2" >"$dir/apt.log" 2>&1; then
    apt-get update -qq >>"$dir/apt.log" 2>&1 || true
    RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "$2" >>"$dir/apt.log" 2>&1 || {
      tail -n 20 "$dir/apt.log" >&2
      die 'the package could not be installed'
    }
  fi
}

# What a script has to clear away beside its process.
clear_away() { :; }

stop() {
  local pid
  if running; then
    pid=$(cat "$pid_file") # the process may remove the file before it is gone
    kill -TERM "$pid"
    until_or_deadline gone "$pid" || die "process $pid still runs after $deadline s"
  fi
  clear_away
  rm -f "$pid_file"
}

status() {
  if ! { running && up; }; then
    echo stopped
    exit 1
  fi
  echo ready
}

# obey COMMAND USAGE
obey() {
  case $1 in
  start | stop | status) "$1" ;;
  *) die "usage: $2" ;;
  esac
}
