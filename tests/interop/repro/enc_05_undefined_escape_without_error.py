"""STOMP12-ENC-05: an undefined escape is a fatal error: ERROR, then the close. RabbitMQ closes with 1007 and never says ERROR."""
from ws import Ws, verdict

ends = []
for _ in range(3):
    ws = Ws().connect()
    ws.send("SEND\ndestination:/topic/a\nx:a\\tb\n\nx\0")
    ends.append(ws.all()[1][:11])
verdict("STOMP12-ENC-05", ends == ["closed 1007"] * 3, "close 1007 without ERROR, three times of three")
