"""STOMP12-UNSUB-03, ERR-02: a message that was on its way when its subscription ended is dropped. RabbitMQ sends an ERROR,
behind the RECEIPT of a valid UNSUBSCRIBE, and does not close. (A race: nearly always with one connection, as here.)"""
from ws import Ws, verdict

seen = 0
for _ in range(10):
    ws = Ws().connect()
    ws.send("SUBSCRIBE\nid:1\ndestination:/topic/unsub-03\nreceipt:s\n\n\0", quiet=True)
    ws.next(quiet=True)
    ws.send("SEND\ndestination:/topic/unsub-03\n\nx\0UNSUBSCRIBE\nid:1\nreceipt:u\n\n\0")
    seen += any(event.startswith("ERROR") for event in ws.all(0.5))
verdict("STOMP12-UNSUB-03", seen > 0, f"ERROR `Subscription not found` for valid frames, {seen} times of 10")
