"""WS-CL-05: the reason in a close frame is UTF-8. Artemis answers one that is not by repeating it."""
from ws import Ws, verdict

ws, answer = Ws(port=61614).connect(), b""
ws.tcp.sendall(b"\x88\x84" + bytes(4) + b"\x03\xe8\xe5\x86")   # a close frame: 1000, and two of the three octets of a character
while more := ws.tcp.recv(99):
    answer += more
print("--> 88 84 00 00 00 00 03 e8 e5 86\n<--", answer.hex(" "), "and the end of TCP")
verdict("WS-CL-05", answer == b"\x88\x04\x03\xe8\xe5\x86", "a close frame whose reason is e5 86")
