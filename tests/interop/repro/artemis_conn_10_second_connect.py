"""STOMP12-CONN-10 (the text is silent): a second CONNECT is answered by CONNECTED; its passcode is not looked at."""
from ws import Ws, verdict

ws = Ws(port=61614).connect()
ws.send("CONNECT\naccept-version:1.2\nhost:/\nlogin:stomp_1\npasscode:wrong\n\n\0")
verdict("STOMP12-CONN-10", ws.next().startswith("CONNECTED"), "CONNECTED, whatever the passcode")
