"""STOMP12-CONN-03 (SHOULD; the close itself is ERR-02): a refused CONNECT is answered by ERROR and the close."""
from ws import Ws, verdict

ws = Ws()
ws.send("CONNECT\naccept-version:1.2\nhost:/\nlogin:stomp_1\npasscode:wrong\n\n\0")
refused = ws.next()
silence = ws.next(3)
ws.send("CONNECT\naccept-version:1.2\nhost:/\nlogin:stomp_1\npasscode:secret_1\n\n\0")
verdict("STOMP12-CONN-03", refused.startswith("ERROR") and silence == "nothing" and ws.next().startswith("CONNECTED"),
        "ERROR without a close, and the next CONNECT on the same connection is accepted")
