"""STOMP12-REP-02 (SHOULD): of repeated headers only the first counts. Of two content-length Artemis takes the last."""
from ws import Ws, verdict

ws = Ws(port=61614).connect()
ws.send("SUBSCRIBE\nid:1\ndestination:/topic/rep-02\nreceipt:r\n\n\0")
ws.next()
ws.send("SEND\ndestination:/topic/rep-02\ncontent-length:5\ncontent-length:3\n\nabcde\0")
verdict("STOMP12-REP-02", ws.next().endswith("\n\nabc\0\n"), "the second one counts")
