"""STOMP12-HB-01: any number is a legal interval. From 2^32 ms (what the client offers) or 2^33 ms (what it asks for) on, more
than a timer of Erlang holds, RabbitMQ says CONNECTED and the connection's process crashes: TCP ends without a close frame."""
from ws import Ws, verdict

ends = []
for beats in ("99999999999,0", "0,99999999999"):
    ws = Ws()
    ws.send(f"CONNECT\naccept-version:1.2\nhost:/\nheart-beat:{beats}\nlogin:stomp_1\npasscode:secret_1\n\n\0")
    ends.append([event[:9] for event in ws.all()])
verdict("STOMP12-HB-01", ends == [["CONNECTED", "end of TC"]] * 2, "CONNECTED, then the end of TCP")
