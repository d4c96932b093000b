"""An independent reader of STOMP streams, short enough to be checked by hand against the specification.

It shares nothing with the codec under test. It reads whole streams only, and notes these faults by clause:
an unescaped colon in a value (ENC-02), an undefined escape (ENC-05), a header that is not UTF-8 (ENC-01) or has no
name (FRAME-08; the line is left out). Anything else that is wrong is an exception.
"""
import re

ESCAPES = {"1.0": {}, "1.1": {"n": "\n", "c": ":", "\\": "\\"}, "1.2": {"n": "\n", "c": ":", "\\": "\\", "r": "\r"}}
WITHOUT_ESCAPES = ("CONNECT", "CONNECTED", "STOMP")


def read(octets, version):
    """The frames of a stream, and how many line ends stand between and behind them."""
    frames, eols, at = [], 0, 0
    while at < len(octets):
        if octets[at : at + 1] == b"\n":
            eols, at = eols + 1, at + 1
            continue
        blank = octets.index(b"\n\n", at)
        head = octets[at:blank]
        assert b"\r" not in head, "no server or client recorded here writes CR LF"
        lines = head.split(b"\n")
        frame = {"command": lines[0].decode(), "headers": [], "body_hex": "", "faults": []}
        for line in lines[1:]:
            header(frame, line, version)
        start = blank + 2
        length = next((int(value) for name, value in frame["headers"] if name == "content-length"), None)
        end = octets.index(b"\0", start) if length is None else start + length
        assert octets[end] == 0, f"no NUL at octet {end}"
        frame["body_hex"] = octets[start:end].hex()
        frames.append(frame)
        at = end + 1
    return frames, eols


def header(frame, line, version):
    try:
        text = line.decode()
    except UnicodeDecodeError:
        frame["faults"].append("STOMP12-ENC-01")
        text = line.decode(errors="replace")
    name, value = text.split(":", 1)
    if name == "":
        frame["faults"].append("STOMP12-FRAME-08")
        return
    if frame["command"] not in WITHOUT_ESCAPES and version != "1.0":
        if ":" in value:
            frame["faults"].append("STOMP12-ENC-02")
        name, value = (unescape(frame, part, ESCAPES[version]) for part in (name, value))
    frame["headers"].append([name, value])


def unescape(frame, text, escapes):
    def one(match):
        if match[1] in escapes:
            return escapes[match[1]]
        frame["faults"].append("STOMP12-ENC-05")
        return match[0]

    return re.sub(r"\\(.?)", one, text, flags=re.DOTALL)
