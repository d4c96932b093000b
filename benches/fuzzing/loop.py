"""A fuzzer in plain Python, as one writes it in an hour: connect, CONNECT, one changed SEND, does the server still serve, close.
Prints how many cases it tried, and in how many seconds.

usage: loop.py URL LOGIN PASSCODE --for SECONDS [--keep] [--seed N]

With --keep a connection is kept for as many cases as the server lets it live: the quickest that a plain loop can be. It
cannot say then which case did harm, and what a frame leaves unfinished spoils the next one.

The client is websocket-client, which is quicker at connecting than `websockets` (that starts a thread for every connection).
A connection is ended by closing the socket, without the closing handshake.
"""
import argparse
import random
import sys
import time

import websocket

PATIENCE = 5  # seconds, spent only on a server that says nothing


def mutated(chance):
    """A SEND with one to three octets changed, put in or taken out."""
    octets = bytearray(b"SEND\ndestination:/topic/bench-loop\ncontent-type:text/plain\nreceipt:r-1\n\nhello\0")
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(octets))
        what = chance.randrange(3)
        if what == 0:
            octets[at] = chance.randrange(256)
        elif what == 1:
            octets.insert(at, chance.randrange(256))
        else:
            del octets[at]
    return bytes(octets)


def connected(options):
    ws = websocket.create_connection(
        options.url, timeout=PATIENCE, subprotocols=["v12.stomp"], skip_utf8_validation=True
    )
    ws.send(
        f"CONNECT\naccept-version:1.2\nhost:/\nheart-beat:0,0\nlogin:{options.login}\n"
        f"passcode:{options.passcode}\n\n\0"
    )
    answer = ws.recv()
    assert answer.startswith("CONNECTED\n"), answer
    return ws


def serves(ws):
    """Whether the connection is still there, once the frame has been read: a ping is answered, or it has ended."""
    # What is not whole is completed first: silence is legal until then.
    ws.send_binary(b"\n\n\0\n")
    ws.ping("?")
    while True:
        opcode, _ = ws.recv_data(control_frame=True)
        if opcode == websocket.ABNF.OPCODE_PONG:
            return True
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            return False


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("url")
    arguments.add_argument("login")
    arguments.add_argument("passcode")
    arguments.add_argument("--for", dest="seconds", type=float, default=30)
    arguments.add_argument("--keep", action="store_true")
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()

    chance = random.Random(options.seed)
    cases = failures = opened = 0
    ws = None
    begun = time.monotonic()
    while time.monotonic() - begun < options.seconds:
        if ws is None:
            ws = connected(options)
            opened += 1
        alive = False
        try:
            ws.send_binary(mutated(chance))
            alive = serves(ws)
        except websocket.WebSocketTimeoutException:
            failures += 1
        except (OSError, websocket.WebSocketException):
            pass  # ended: that is an answer
        cases += 1
        if not (options.keep and alive):
            ws.shutdown()
            ws = None
    took = time.monotonic() - begun
    print(f"{cases} cases in {took:.3f} s, {failures} failures, {opened} connections")


if __name__ == "__main__":
    sys.exit(main())
