"""WS-CL-05: a close reason is UTF-8. RabbitMQ quotes an undefined escape in it octet by octet: of a character of several, the first."""
import select

from ws import Ws, verdict

reasons = []
for _ in range(3):
    ws = Ws().connect()
    ws.send("SEND\ndestination:/topic/a\nx:a\\¡b\n\nx\0")
    while select.select([ws.tcp], [], [], 2)[0] and (more := ws.tcp.recv(65536)):
        ws.octets += more
    # A close frame: 0x88, a length, the code, the reason.
    frame = ws.octets[ws.octets.index(b"\x88"):]
    reasons.append(frame[4:2 + frame[1]])
    print("<-- closed", int.from_bytes(frame[2:4], "big"), reasons[-1])
verdict("WS-CL-05", reasons == [b'{bad_escape,"\\\\\xc2"}'] * 3, "a reason that ends within a character, three times of three")
