"""STOMP12-ERR-05 (SHOULD): the ERROR for a frame with `receipt` says which one by `receipt-id`. RabbitMQ's never does."""
from ws import Ws, verdict

ws = Ws().connect()
ws.send("SEND\ndestination:/nowhere/a\nreceipt:r-1\n\nx\0")
error = ws.next()
verdict("STOMP12-ERR-05", error.startswith("ERROR") and "receipt-id" not in error, "ERROR without receipt-id")
