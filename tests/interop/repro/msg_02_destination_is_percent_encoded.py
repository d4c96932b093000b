"""STOMP12-MSG-02 (SHOULD): MESSAGE has the destination that SEND had. RabbitMQ percent-encodes what is not ASCII, and `%`."""
from ws import Ws, verdict

back = []
for destination in ("/topic/é", "/topic/100%"):
    ws = Ws().connect()
    ws.send(f"SUBSCRIBE\nid:1\ndestination:{destination}\nreceipt:r\n\n\0")
    ws.next()
    ws.send(f"SEND\ndestination:{destination}\n\nx\0")
    back.append(ws.next().split("destination:")[1].split("\n")[0])
verdict("STOMP12-MSG-02", back == ["/topic/%C3%A9", "/topic/100%25"], f"comes back as {back}")
