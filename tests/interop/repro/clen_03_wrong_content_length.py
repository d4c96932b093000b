"""STOMP12-CLEN-03, -07: a content-length that lies or is no number is an error. RabbitMQ's handler crashes: close 1011, no ERROR."""
from ws import Ws, verdict

ends = {}
for length in ("3", "0", "abc", "-1", "1e3", ""):
    ws = Ws().connect()
    ws.send(f"SEND\ndestination:/topic/a\ncontent-length:{length}\n\nabcde\0")
    ends[length] = ws.all()[1]
verdict("STOMP12-CLEN-03", set(ends.values()) == {"closed 1011"}, f"close 1011 without ERROR for each of {list(ends)}")
