"""STOMP12-CLEN-07: a content-length that is no number is an error, or is ignored. Artemis reads nothing more on that connection:
no ERROR, no close, and the next frames are lost. WebSocket pings are answered as before."""
from ws import Ws, verdict

deaf = []
for length in ("abc", "1e3", "5.0", "0x10", " 5", ""):
    ws = Ws(port=61614).connect()
    ws.send(f"SEND\ndestination:/topic/clen-07\ncontent-length:{length}\n\nabcde\0")
    ws.send("SEND\ndestination:/topic/clen-07\nreceipt:r\n\nnext\0")
    silence = ws.next(1)
    ws.send(b"alive?", opcode=9)
    deaf.append(silence == "nothing" and ws.next() == "opcode 10 b'alive?'")
verdict("STOMP12-CLEN-07", all(deaf), "the connection is deaf from then on")
