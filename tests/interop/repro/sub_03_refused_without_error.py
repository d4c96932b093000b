"""STOMP12-SUB-03, SEND-07: what cannot be done is answered by ERROR, then the close. For an id that is in use and an exchange
or queue that is not there, RabbitMQ closes with 1000; the ERROR never comes (three times of three)."""
from ws import Ws, verdict

ends = []
for frames in ("SUBSCRIBE\nid:1\ndestination:/topic/a\n\n\0SUBSCRIBE\nid:1\ndestination:/topic/b\n\n\0",
               "SUBSCRIBE\nid:1\ndestination:/exchange/none\n\n\0", "SEND\ndestination:/exchange/none\n\nx\0") * 3:
    ws = Ws().connect()
    ws.send(frames)
    ends.append(ws.all()[1])
verdict("STOMP12-SUB-03", ends == ["closed 1000 STOMP died"] * 9, "close 1000 without ERROR")
