"""STOMP12-RHDR-02: a DISCONNECT with `receipt` is answered by RECEIPT. RabbitMQ closes with 1000 before (ten times of ten)."""
from ws import Ws, verdict

ends = []
for _ in range(10):
    ws = Ws().connect()
    ws.send("DISCONNECT\nreceipt:bye\n\n\0")
    ends.append(ws.all()[1])
verdict("STOMP12-RHDR-02", ends == ["closed 1000 STOMP died"] * 10, "no RECEIPT for DISCONNECT")
