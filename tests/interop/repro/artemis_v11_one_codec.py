"""STOMP11-ENC-02, ENC-03: 1.1 has no escape for CR; it is written as it is, and `\\r` or a backslash at the end of a line is a fatal error.
Artemis reads `\\r` on 1.1 as an error, but writes it, and drops the backslash."""
from ws import Ws, verdict

reader, ws = Ws("1.1", port=61614).connect(2, version="1.1"), Ws("1.2", port=61614).connect()
reader.send("SUBSCRIBE\nid:1\ndestination:/topic/v11\nreceipt:r\n\n\0")
reader.next()
ws.send("SEND\ndestination:/topic/v11\nk:a\\rb\n\nx\0")
written = reader.next()
reader.send("SEND\ndestination:/topic/v11\nk:ab\\\n\ny\0")
dropped = reader.next()
reader.send("SEND\ndestination:/topic/v11\nk:a\\rb\n\nz\0")
verdict("STOMP11-ENC-03", "\nk:a\\rb\n" in written and dropped.startswith("MESSAGE") and "\nk:ab\n" in dropped and reader.next().startswith("ERROR"),
        "to 1.1 CR comes as \\r; a backslash at the end of a line is dropped")
