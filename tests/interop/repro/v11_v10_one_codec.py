"""STOMP11-ENC-02, -ENC-03, STOMP10-ENC-01, -ENC-02 (MUST): 1.1 has no escape for CR, 1.0 has none at all.
RabbitMQ escapes and unescapes in every version as in 1.2."""
from ws import Ws, verdict

new = Ws("1.2").connect(user=1)
still = []
for version, user in (("1.1", 2), ("1.0", 3)):
    old = Ws(version).connect(user=user, version=version)
    old.send("SUBSCRIBE\nid:1\ndestination:/topic/codec\nreceipt:r\n\n\0", quiet=True)
    old.next(quiet=True)
    new.send("SEND\ndestination:/topic/codec\nk:a\\rb\\cc\n\nx\0")
    came = old.next()
    still.append("\nk:a\\rb\\cc\n" in came)
    old.send("SEND\ndestination:/topic/codec\nk:a\\rb\n\ny\0")
    still.append("\nk:a\\rb\n" in old.next())  # read as CR, and written as its escape: on 1.1 this was an undefined escape
old.send("SEND\ndestination:/topic/codec\nk:a\\b\n\nz\0")
still.append("bad_escape" in old.next())
verdict("STOMP11-ENC-02, STOMP10-ENC-01", all(still), "one codec for 1.0, 1.1 and 1.2")
