"""WS-HS-10 (MUST): a version of WebSocket that is not spoken gets an error status and Sec-WebSocket-Version.
RabbitMQ's 400 has no such header."""
import socket
from ws import verdict

tcp = socket.create_connection(("127.0.0.1", 15674))
tcp.sendall(b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 99\r\n\r\n")
answer = tcp.recv(4096).decode()
print("-->", "Sec-WebSocket-Version: 99")
print("<--", answer.replace("\r\n", "  ").strip())
verdict("WS-HS-10", " 400 " in answer and "sec-websocket-version" not in answer.lower(), "400 without Sec-WebSocket-Version")
