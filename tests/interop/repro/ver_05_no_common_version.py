"""STOMP12-VER-05: no common version is answered by ERROR, then the close. RabbitMQ does not close."""
from ws import Ws, verdict

ws = Ws()
ws.send("CONNECT\naccept-version:9.9\nhost:/\nlogin:stomp_1\npasscode:secret_1\n\n\0")
events = ws.all(3)
verdict("STOMP12-VER-05", events[0].startswith("ERROR") and events[1] == "nothing", "ERROR, but no close")
