"""STOMP12-CONN-10: a second CONNECT crashes the handler: close 1011 ("unexpected condition"), no ERROR, three times of three."""
from ws import Ws, verdict

ends = []
for _ in range(3):
    ws = Ws().connect()
    ws.send("CONNECT\naccept-version:1.2\nhost:/\nlogin:stomp_1\npasscode:secret_1\n\n\0")
    ends.append(ws.all()[1])
verdict("STOMP12-CONN-10", ends == ["closed 1011"] * 3, "close 1011 without ERROR")
