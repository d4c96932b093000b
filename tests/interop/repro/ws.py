"""A WebSocket client in a page of standard library, to show what a STOMP server does without any other code.

Every message sent and every event seen is printed, so that the output of a reproduction is its evidence.
Servers: RabbitMQ with Web STOMP as ../rabbitmq.sh starts it, Artemis as ../artemis.sh does.
"""
import base64, os, select, socket, struct, sys, time


class Ws:
    """One connection. `seen` holds what came: frames as text, `closed CODE REASON`, `end of TCP`; `stream` the
    payloads, `opcode` that of the last one (1 is text, 2 is binary)."""

    def __init__(self, name="", path="/ws", host="127.0.0.1", port=15674):
        self.name, self.seen, self.octets, self.stream = name, [], b"", b""
        self.tcp = socket.create_connection((host, port))
        key = base64.b64encode(os.urandom(16)).decode()
        self.tcp.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        while b"\r\n\r\n" not in self.octets:
            self.octets += self.tcp.recv(4096)
        head, self.octets = self.octets.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0]:
            sys.exit(f"no upgrade: {head.decode()}")

    def connect(self, user=1, headers="", version="1.2"):
        """CONNECT as stomp_USER, and wait for CONNECTED; neither is printed."""
        self.send(f"CONNECT\naccept-version:{version}\nhost:/\nheart-beat:0,0\nlogin:stomp_{user}\n"
                  f"passcode:secret_{user}\n{headers}\n\0", quiet=True)
        first = self.next(5, quiet=True)
        if not first.startswith("CONNECTED"):
            sys.exit(f"no CONNECTED but {first!r}")
        return self

    def send(self, payload, opcode=1, quiet=False):
        """One masked WebSocket message: text unless told otherwise."""
        if not quiet:
            self.say("-->", payload)
        data, mask = payload.encode() if isinstance(payload, str) else payload, os.urandom(4)
        size = len(data)
        length = bytes([128 | size]) if size < 126 else struct.pack(">BH", 254, size) if size < 65536 \
            else struct.pack(">BQ", 255, size)
        masked = bytes(b ^ mask[i % 4] for i, b in enumerate(data))
        self.tcp.sendall(bytes([128 | opcode]) + length + mask + masked)

    def next(self, seconds=2.0, quiet=False):
        """The next event that is no heart-beat, or `nothing` when none comes within so many seconds."""
        deadline = time.monotonic() + seconds
        while True:
            event = self.parse()
            if event is None:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([self.tcp], [], [], left)[0]:
                    event = "nothing"
                else:
                    try:
                        more = self.tcp.recv(65536)
                    except ConnectionResetError:
                        more = b""
                    self.octets += more
                    if more:
                        continue
                    event = "end of TCP"
            if event.strip("\r\n"):
                break
        self.seen.append(event)
        if not quiet:
            self.say("<--", event if event != "nothing" else f"nothing for {seconds:g} s, connection open")
        return event

    def all(self, seconds=2.0):
        """Everything until the end of the connection or a silence of so many seconds."""
        while self.next(seconds) not in ("nothing", "end of TCP"):
            pass
        return self.seen

    def parse(self):
        if len(self.octets) < 2:
            return None
        opcode, size, at = self.octets[0] & 15, self.octets[1] & 127, 2
        if size > 125:
            width, form = (2, ">H") if size == 126 else (8, ">Q")
            if len(self.octets) < 2 + width:
                return None
            size, at = struct.unpack(form, self.octets[2:2 + width])[0], 2 + width
        if len(self.octets) < at + size:
            return None
        data, self.octets = self.octets[at:at + size], self.octets[at + size:]
        if opcode == 8:
            return f"closed {struct.unpack('>H', data[:2])[0]} {data[2:].decode()}".strip() if data else "closed"
        if opcode not in (0, 1, 2):
            return f"opcode {opcode} {data!r}"
        self.stream, self.opcode = self.stream + data, opcode
        return data.decode(errors="backslashreplace")

    def say(self, arrow, what):
        text = what if isinstance(what, str) else what.decode(errors="backslashreplace")
        for i, line in enumerate(text.rstrip("\n").replace("\0", "^@").replace("\r", "\\r").split("\n")):
            print(f"{self.name:6}{arrow if i == 0 else '   '} {line}")


def verdict(clause, still, what):
    """Exit 0 while the deviation is there; 1 once it is gone (then the profile must be cleaned)."""
    print(f"{clause}: {what if still else 'NOT seen any more: ' + what}")
    sys.exit(0 if still else 1)
