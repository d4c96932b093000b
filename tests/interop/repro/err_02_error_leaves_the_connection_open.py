"""STOMP12-ERR-02 (also SEND-07, SUB-03): after an ERROR the server must close. RabbitMQ goes on serving the connection."""
from ws import Ws, verdict

ws = Ws().connect()
ws.send("SEND\ndestination:/nowhere/a\n\nx\0")
error = ws.next()
ws.send("SEND\ndestination:/topic/a\nreceipt:still-served\n\nx\0")
receipt = ws.next()
verdict("STOMP12-ERR-02", error.startswith("ERROR") and "receipt-id:still-served" in receipt,
        "ERROR is not followed by a close; the connection is served as before")
