"""Frames of STOMP 1.0 to 1.2 to octets and back. No I/O: who has octets feeds them in, wherever they were cut."""
import re
from typing import NamedTuple

BEAT = b"\n"
LIMIT = 1 << 20  # octets of one frame; without a limit a server could have us keep everything

VERSIONS = ("1.0", "1.1", "1.2")
LATEST = VERSIONS[-1]
ESCAPES = {
    "1.0": {},
    "1.1": {"\\": "\\\\", "\n": "\\n", ":": "\\c"},
    "1.2": {"\\": "\\\\", "\n": "\\n", ":": "\\c", "\r": "\\r"},
}
UNESCAPES = {version: {escape: text for text, escape in escapes.items()} for version, escapes in ESCAPES.items()}
# What cannot stand in a header where there is no escape for it.
UNWRITABLE = {"1.0": "\n", "1.1": "", "1.2": "\r\n"}
# The headers of ACK, and those of MESSAGE that they repeat.
ACKNOWLEDGED = {
    "1.0": {"message-id": "message-id"},
    "1.1": {"message-id": "message-id", "subscription": "subscription"},
    "1.2": {"id": "ack"},
}
# These two are written as in STOMP 1.0, which knew no escapes.
PLAIN = ("CONNECT", "CONNECTED")


class Malformed(Exception):
    """What came is no STOMP; nothing that comes behind it can be trusted."""


class Frame(NamedTuple):
    command: str
    headers: dict
    body: bytes = b""


def encode(frame, version=LATEST):
    headers = dict(frame.headers)
    if frame.body:
        headers["content-length"] = str(len(frame.body))
    lines = [frame.command, *(header_line(frame.command, *header, version) for header in headers.items())]
    return "".join(line + "\n" for line in lines).encode() + b"\n" + frame.body + b"\0"


def header_line(command, name, value, version):
    if is_escaped(command, version):
        return f"{escape(name, version)}:{escape(value, version)}"
    if any(octet in name + value for octet in UNWRITABLE[version]) or ":" in name:
        raise ValueError(f"{command} cannot have the header {name!r}: {value!r}")
    return f"{name}:{value}"


def is_escaped(command, version):
    return command not in PLAIN and version != "1.0"


def escape(text, version):
    return "".join(ESCAPES[version].get(character, character) for character in text)


def unescape(text, version):
    try:
        return re.sub(r"\\(.?)", lambda found: UNESCAPES[version][found[0]], text, flags=re.DOTALL)
    except KeyError as unknown:
        raise Malformed(f"there is no escape {unknown}") from None


class Decoder:
    def __init__(self):
        self.octets = b""
        self.version = LATEST  # until another one was agreed on

    @property
    def eol(self):
        """Only in 1.2 may a CR stand before LF."""
        return rb"\r?\n" if self.version == "1.2" else rb"\n"

    def feed(self, octets):
        self.octets += octets

    def next_frame(self):
        """The next frame, or None as long as it is not there as a whole. Beats before it are dropped."""
        self.octets = re.sub(rb"^(" + self.eol + rb")+", b"", self.octets)
        frame = self.whole_frame()
        if frame is None and len(self.octets) > LIMIT:
            raise Malformed(f"a frame is longer than {LIMIT} octets")
        return frame

    def whole_frame(self):
        end = re.search(self.eol + self.eol, self.octets)
        nul = self.octets.find(b"\0")
        if end is None or -1 < nul < end.start():
            if nul != -1:
                raise Malformed("a frame ended within its head")
            return None
        command, headers = self.parse_head(self.octets[:end.start()])
        end_of_body = nul if "content-length" not in headers else end.end() + length(headers["content-length"])
        if end_of_body == -1 or end_of_body >= len(self.octets):
            return None
        if self.octets[end_of_body] != 0:
            raise Malformed("no NUL where content-length says that the body ends")
        body = self.octets[end.end():end_of_body]
        self.octets = self.octets[end_of_body + 1:]
        return Frame(command, headers, body)

    def parse_head(self, octets):
        try:
            command, *lines = [line.decode() for line in re.split(self.eol, octets)]
        except UnicodeDecodeError as error:
            raise Malformed(f"a head that is not UTF-8: {error}") from None
        headers = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not name or not colon:
                raise Malformed(f"a header without a name or a colon: {line!r}")
            if is_escaped(command, self.version):
                name, value = unescape(name, self.version), unescape(value, self.version)
            headers.setdefault(name, value)  # of repeated headers the first counts
        return command, headers


def length(text):
    if not re.fullmatch("[0-9]{1,10}", text):
        raise Malformed(f"content-length is {text!r}")
    return int(text)
