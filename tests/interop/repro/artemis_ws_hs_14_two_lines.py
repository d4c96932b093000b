"""WS-HS-14: sub-protocols in two header lines are one list. Artemis reads the first line; in one line it finds the one that it knows."""
import socket

from ws import verdict

selected = []
for lines in ("Sec-WebSocket-Protocol: x-unknown, v12.stomp\r\n", "Sec-WebSocket-Protocol: x-unknown\r\nSec-WebSocket-Protocol: v12.stomp\r\n"):
    tcp = socket.create_connection(("127.0.0.1", 61614))
    tcp.sendall(f"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{lines}"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
    head = tcp.recv(4096).decode()
    print(lines + head)
    selected.append("v12.stomp" in head)
verdict("WS-HS-14", selected == [True, False], "the second line is not read")
