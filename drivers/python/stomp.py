"""Frames of STOMP 1.2 to octets and back. No I/O: who has octets feeds them in, wherever they were cut."""
import re
from typing import NamedTuple

BEAT = b"\n"
LIMIT = 1 << 20  # octets of one frame; without a limit a server could have us keep everything

ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", ":": "\\c"}
UNESCAPES = {escape: text for text, escape in ESCAPES.items()}
# These two are written as in STOMP 1.0, which knew no escapes.
PLAIN = ("CONNECT", "CONNECTED")
END_OF_HEAD = re.compile(rb"\r?\n\r?\n")


class Malformed(Exception):
    """What came is no STOMP; nothing that comes behind it can be trusted."""


class Frame(NamedTuple):
    command: str
    headers: dict
    body: bytes = b""


def encode(frame):
    headers = dict(frame.headers)
    if frame.body:
        headers["content-length"] = str(len(frame.body))
    lines = [frame.command, *(header_line(frame.command, *header) for header in headers.items())]
    return "".join(line + "\n" for line in lines).encode() + b"\n" + frame.body + b"\0"


def header_line(command, name, value):
    if command not in PLAIN:
        return f"{escape(name)}:{escape(value)}"
    if re.search("[\r\n]", name + value) or ":" in name:
        raise ValueError(f"{command} cannot have the header {name!r}: {value!r}")
    return f"{name}:{value}"


def escape(text):
    return "".join(ESCAPES.get(character, character) for character in text)


def unescape(text):
    try:
        return re.sub(r"\\(.?)", lambda found: UNESCAPES[found[0]], text)
    except KeyError as unknown:
        raise Malformed(f"there is no escape {unknown}") from None


class Decoder:
    def __init__(self):
        self.octets = b""

    def feed(self, octets):
        self.octets += octets

    def next_frame(self):
        """The next frame, or None as long as it is not there as a whole. Beats before it are dropped."""
        self.octets = self.octets.lstrip(b"\r\n")
        frame = self.whole_frame()
        if frame is None and len(self.octets) > LIMIT:
            raise Malformed(f"a frame is longer than {LIMIT} octets")
        return frame

    def whole_frame(self):
        end = END_OF_HEAD.search(self.octets)
        nul = self.octets.find(b"\0")
        if end is None or -1 < nul < end.start():
            if nul != -1:
                raise Malformed("a frame ended within its head")
            return None
        command, headers = parse_head(self.octets[:end.start()])
        end_of_body = nul if "content-length" not in headers else end.end() + length(headers["content-length"])
        if end_of_body == -1 or end_of_body >= len(self.octets):
            return None
        if self.octets[end_of_body] != 0:
            raise Malformed("no NUL where content-length says that the body ends")
        body = self.octets[end.end():end_of_body]
        self.octets = self.octets[end_of_body + 1:]
        return Frame(command, headers, body)


def parse_head(octets):
    try:
        command, *lines = [line.removesuffix("\r") for line in octets.decode().split("\n")]
    except UnicodeDecodeError as error:
        raise Malformed(f"a head that is not UTF-8: {error}") from None
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not name or not colon:
            raise Malformed(f"a header without a name or a colon: {line!r}")
        if command not in PLAIN:
            name, value = unescape(name), unescape(value)
        headers.setdefault(name, value)  # of repeated headers the first counts
    return command, headers


def length(text):
    if not re.fullmatch("[0-9]{1,10}", text):
        raise Malformed(f"content-length is {text!r}")
    return int(text)
