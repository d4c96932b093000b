"""STOMP12-SUB-11: in mode `client` an ACK is cumulative for *its* subscription. RabbitMQ settles those of others as well."""
from ws import Ws, verdict

ws = Ws().connect()
for which in "ab":
    ws.send(f"SUBSCRIBE\nid:{which}\ndestination:/queue/sub-11-{which}\nack:client\nreceipt:{which}\n\n\0")
    ws.next()
acks = []
for queue, body in (("b", "before"), ("a", "acknowledged"), ("b", "after")):
    ws.send(f"SEND\ndestination:/queue/sub-11-{queue}\n\n{body}\0")
    acks.append(ws.next().split("\nack:")[1].split("\n")[0])
ws.send(f"ACK\nid:{acks[1]}\nreceipt:k\n\n\0")
ws.next()
ws.tcp.close()
again = Ws("again").connect()
again.send("SUBSCRIBE\nid:1\ndestination:/queue/sub-11-b\n\n\0")
came = "".join(again.all())
verdict("STOMP12-SUB-11", "after" in came and "before" not in came,
        "the ACK of a's message settled b's older one: only the younger one comes again")
