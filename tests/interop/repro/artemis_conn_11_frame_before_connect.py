"""STOMP12-CONN-11 (the text is silent): a frame before CONNECT gets no answer, and neither does the CONNECT behind it (CONN-02)."""
from ws import Ws, verdict

ws = Ws(port=61614)
ws.send("SEND\ndestination:/topic/a\nreceipt:r\n\nx\0")
ws.next(1)
ws.send("CONNECT\naccept-version:1.2\nhost:/\nlogin:stomp_1\npasscode:secret_1\n\n\0")
verdict("STOMP12-CONN-11", ws.next() == "nothing", "the connection stays open and is deaf from then on")
