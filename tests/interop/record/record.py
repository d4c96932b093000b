"""Records fixtures/wire: octets of @stomp/stompjs (by stompjs.mjs) and of RabbitMQ, and the index of what is in them.

usage: npm ci --prefix tests/interop/node && tests/interop/rabbitmq.sh && python3 tests/interop/record/record.py

For stompjs the frames come from what the library was asked to send; for RabbitMQ from what was sent to it and is due
back (`due` below), the rest of a frame's headers being the server's own. In both cases the independent reader
(stomp_reader.py) must find exactly that in the octets, or nothing is written.
"""
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
WIRE = HERE.parents[2] / "fixtures" / "wire"
sys.path.insert(0, str(HERE.parent / "repro"))
from stomp_reader import read  # noqa: E402
from ws import Ws  # noqa: E402

RECEIPT = "RECEIPT"
recordings, octets_of = [], {}


def stompjs():
    WIRE.mkdir(parents=True, exist_ok=True)
    listed = subprocess.run(["node", HERE / "stompjs.mjs", WIRE], check=True, stdout=subprocess.PIPE).stdout
    for recording in json.loads(listed):
        octets = (WIRE / recording["file"]).read_bytes()
        found, eols = read(octets, recording["version"])
        faults = [frame.pop("faults") for frame in found]
        assert found == recording["frames"] and eols == recording["eols"], recording["file"]
        for frame, fault in zip(recording["frames"], faults):
            frame["faults"] = fault
        recordings.append(recording)


class Session:
    """One connection to RabbitMQ whose incoming octets are kept."""

    def __init__(self, file, version, headers="", passcode="secret_1", beats="0,0"):
        self.file, self.version, self.due, self.ws = file, version, [], Ws()
        self.say(f"CONNECT\naccept-version:{version}\nhost:/\nheart-beat:{beats}\nlogin:stomp_1\n"
                 f"passcode:{passcode}\n{headers}\n\0")
        if passcode == "secret_1":
            self.expect("CONNECTED", {"version": version})

    def say(self, frame, opcode=1):
        self.ws.send(frame, opcode, quiet=True)

    def expect(self, command, headers=None, body=b""):
        event = self.ws.next(5, quiet=True)
        assert event.startswith(command + "\n"), f"{command} is due, not {event!r}"
        self.due.append((command, headers or {}, body))
        return event

    def subscribe(self, destination, extra=""):
        self.say(f"SUBSCRIBE\nid:s-1\ndestination:{destination}\nreceipt:sub\n{extra}\n\0")
        self.expect(RECEIPT, {"receipt-id": "sub"})

    def send(self, destination, lines, body, seen, opcode=1):
        """SEND with these header lines as they are on the wire; MESSAGE is due with the headers `seen`."""
        self.say(f"SEND\ndestination:{destination}\n{lines}\n".encode() + body + b"\0", opcode)
        return self.expect("MESSAGE", {"subscription": "s-1", "destination": destination, **seen}, body)

    def done(self):
        """Checks what came against what is due, and keeps both."""
        octets = self.ws.stream
        frames, eols = read(octets, self.version)
        assert len(frames) == len(self.due), f"{self.file}: {len(frames)} frames, {len(self.due)} due"
        for frame, (command, headers, body) in zip(frames, self.due):
            found = dict(reversed(frame["headers"]))  # of repeated headers the first
            assert frame["command"] == command and bytes.fromhex(frame["body_hex"]) == body, (self.file, frame, body)
            wrong = {name: (value, found.get(name)) for name, value in headers.items() if found.get(name) != value}
            assert not wrong, f"{self.file}: {wrong}"
        server = next((value for name, value in frames[0]["headers"] if name == "server"), "RabbitMQ/3.10.8")
        octets_of[self.file] = octets
        recordings.append({"file": self.file, "direction": "server-to-client", "source": server.replace("/", " "),
                           "version": self.version, "eols": eols, "frames": frames})
        self.ws.tcp.close()


def rabbitmq():
    every_octet = bytes(range(256))
    for version in ("1.2", "1.1", "1.0"):
        s = Session(f"rabbitmq-{version}.bin", version, beats="0,1000")
        s.subscribe("/topic/wire", "ack:client-individual\n")
        if version == "1.0":  # no escapes: a backslash is a backslash
            s.send("/topic/wire", "x-all:a\\cb\\\\c\\nd\nx-empty:\n", b"plain", {"x-all": "a\\cb\\\\c\\nd", "x-empty": ""})
        else:
            cr = "\\r" if version == "1.2" else ""
            s.send("/topic/wire", f"x\\cname:a\\cb\\\\c\\nd{cr}e\\\\n\nx-padded: v \nx-empty:\nx-é:größe 大小\n", b"escaped",
                   {"x:name": "a:b\\c\nd" + ("\r" if cr else "") + "e\\n", "x-padded": " v ", "x-empty": "", "x-é": "größe 大小"})
            s.send("/topic/wire", "x:first\nx:second\n", b"", {"x": "first"})
        s.send("/topic/wire", "content-type:application/json\n", '{"content":"ä 你好 😀"}'.encode(),
               {"content-type": "application/json"})
        s.send("/topic/wire", "content-length:12\n", b"\0nul\0\n\nin\0it", {"content-length": "12"})
        event = s.send("/topic/wire", "content-length:256\n", every_octet, {"content-length": "256"}, opcode=2)
        if version == "1.2":
            ack = event.split("\nack:")[1].split("\n")[0]
            s.say(f"ACK\nid:{ack}\nreceipt:a\\cb\\\\ é\n\n\0")
            s.expect(RECEIPT, {"receipt-id": "a:b\\ é"})
        s.say("SEND\ndestination:/nowhere\nreceipt:r\n\nx\0")
        s.expect("ERROR", {"message": "Unknown destination"},
                 b"'/nowhere' is not a valid destination.\nValid destination types are: /temp-queue, /exchange, /topic, "
                 b"/queue, /amq/queue, /reply-queue/.\n")
        before = read(s.ws.stream, version)[1]
        while version != "1.0" and read(s.ws.stream, version)[1] < before + 2:  # two heart-beats
            s.ws.next(0.2, quiet=True)
        s.done()

    s = Session("rabbitmq-1.2-refused.bin", "1.2", passcode="wrong")
    s.expect("ERROR", {"message": "Bad CONNECT"}, b"Access refused for user 'stomp_1'\n")
    s.done()

    # From here on the server breaks the specification: see docs/targets/rabbitmq.md.
    s = Session("rabbitmq-1.2-unescaped-ack.bin", "1.2")
    s.say("SUBSCRIBE\nid:a\\cb\\\\ c\ndestination:/topic/wire\nack:client\nreceipt:sub\n\n\0")
    s.expect(RECEIPT, {"receipt-id": "sub"})
    s.say("SEND\ndestination:/topic/wire\n\nx\0")
    s.expect("MESSAGE", {"subscription": "a:b\\ c"}, b"x")
    s.done()
    for name, line, seen in (("empty-name", b":v\n", {}), ("not-utf-8", b"x:a\xffb\n", {"x": "a\ufffdb"})):
        s = Session(f"rabbitmq-1.2-{name}.bin", "1.2")
        s.subscribe("/topic/wire")
        s.say(b"SEND\ndestination:/topic/wire\n" + line + b"\nx\0", opcode=2)
        s.expect("MESSAGE", seen, b"x")
        s.done()


def write_index():
    """One line for each frame: diffs of it can be read."""
    blocks = []
    for recording in recordings:
        frames = ",\n    ".join(json.dumps({k: v for k, v in f.items() if k != "faults" or v}, ensure_ascii=False)
                                for f in recording.pop("frames"))
        head = json.dumps(recording, ensure_ascii=False)[:-1]
        blocks.append(f'  {head}, "frames": [\n    {frames}\n  ]}}')
    (WIRE / "index.json").write_text("[\n" + ",\n".join(blocks) + "\n]\n")


stompjs()
rabbitmq()
for file, octets in octets_of.items():
    (WIRE / file).write_bytes(octets)
write_index()
print(f"{len(recordings)} recordings")
