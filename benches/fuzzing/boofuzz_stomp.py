"""boofuzz on STOMP 1.2 over WebSocket, as its documentation has one define a protocol: CONNECT, then SEND, of which boofuzz
changes the command, each header and the body. Prints how many cases it tried, and in how many seconds.

usage: boofuzz_stomp.py URL LOGIN PASSCODE --for SECONDS [--check] [--part N/M]

What was tuned in its favour, so that the time is boofuzz's own:

- no text logger, no web interface, no sleep between cases; after a failure it goes on at once (it would sleep for 5 s);
- the database, which boofuzz always writes, lies in memory, and keeps passing cases only in front of a failure;
- the client reads no more than it needs: CONNECTED, and nothing behind the fuzzed frame (boofuzz's default). A connection is
  ended by closing the socket, without the closing handshake;
- CONNECT is sent as it is: a fuzzed one would end most cases before there is a session.

By default boofuzz sees only whether the next connection is accepted. With --check it asks after every case whether the
server has read the frame: by a ping, which must be answered unless the connection has ended. `stompliance fuzz` does that with each
unruly frame.
"""
import argparse
import socket
import sys
import time

import websocket
from boofuzz import Block, Delim, ITargetConnection, Request, Session, Static, String, Target, exception

PATIENCE = 5  # seconds, spent only on a server that says nothing


class WebSocketConnection(ITargetConnection):
    """A WebSocket, a message for a frame."""

    def __init__(self, url, until):
        self.url, self.until, self.ws = url, until, None

    def open(self):
        if time.monotonic() >= self.until:
            raise KeyboardInterrupt  # boofuzz has no limit of time; this ends it between two cases
        try:
            self.ws = websocket.create_connection(
                self.url, timeout=PATIENCE, subprotocols=["v12.stomp"], skip_utf8_validation=True
            )
        except (OSError, websocket.WebSocketException) as error:
            raise exception.BoofuzzTargetConnectionFailedError(str(error)) from None

    def close(self):
        self.ws.shutdown()

    def recv(self, max_bytes):
        try:
            data = self.ws.recv()
        except (OSError, websocket.WebSocketException):
            return b""
        return data.encode() if isinstance(data, str) else data

    def send(self, data):
        try:
            self.ws.send_binary(data)
        except (OSError, websocket.WebSocketException) as error:
            raise exception.BoofuzzTargetConnectionAborted(socket_errno=0, socket_errmsg=str(error)) from None
        return len(data)

    @property
    def info(self):
        return self.url


def serves(target, fuzz_data_logger, session, **_):
    """Whether the server has read the frame: it answers a ping, or has ended the connection."""
    ws = target._target_connection.ws
    try:
        # What is not whole is completed first: silence is legal until then.
        ws.send_binary(b"\n\n\0\n")
        ws.ping("?")
        while True:
            opcode, _data = ws.recv_data(control_frame=True)
            if opcode in (websocket.ABNF.OPCODE_PONG, websocket.ABNF.OPCODE_CLOSE):
                return
    except (socket.timeout, websocket.WebSocketTimeoutException):
        fuzz_data_logger.log_fail("neither a pong nor an end")
    except (OSError, websocket.WebSocketException):
        return


def line(name, value):
    """A header: its name, the colon and its value are fuzzed."""
    return Block(name, children=(
        String("name", name), Delim("colon", ":"), String("value", value), Delim("end", "\n"),
    ))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("url")
    arguments.add_argument("login")
    arguments.add_argument("passcode")
    arguments.add_argument("--for", dest="seconds", type=float, default=30)
    arguments.add_argument("--check", action="store_true")
    arguments.add_argument("--part", default="1/1", help="begin at this part of all mutations")
    options = arguments.parse_args()

    connect = (
        f"CONNECT\naccept-version:1.2\nhost:/\nheart-beat:0,0\nlogin:{options.login}\n"
        f"passcode:{options.passcode}\n\n\0"
    )
    connect = Request("CONNECT", children=(Static("all", connect),))
    send = Request("SEND", children=(
        String("command", "SEND"),
        Delim("end", "\n"),
        line("destination", "/topic/bench-boofuzz"),
        line("content-type", "text/plain"),
        line("receipt", "r-1"),
        Static("behind the headers", "\n"),
        String("body", "hello"),
        Static("nul", "\0"),
    ))

    # Later rounds begin further on, so that not all are measured on one field.
    part, parts = (int(number) for number in options.part.split("/"))
    first = 1 + send.get_num_mutations() * (part - 1) // parts

    connection = WebSocketConnection(options.url, 0)
    session = Session(
        target=Target(connection=connection),
        index_start=first,
        web_port=None,
        fuzz_loggers=[],
        db_filename=":memory:",
        fuzz_db_keep_only_n_pass_cases=1,
        sleep_time=0,
        restart_sleep_time=0,
        crash_threshold_request=10**9,
        crash_threshold_element=10**9,
        post_test_case_callbacks=[serves] if options.check else [],
    )
    session.connect(connect)
    session.connect(connect, send)

    begun = time.monotonic()
    connection.until = begun + options.seconds
    try:
        session.fuzz()
    except KeyboardInterrupt:
        pass
    took = time.monotonic() - begun
    failures = sum(len(reports) for reports in session.monitor_results.values())
    print(f"{session.num_cases_actually_fuzzed} cases in {took:.3f} s, {failures} failures")


if __name__ == "__main__":
    sys.exit(main())
