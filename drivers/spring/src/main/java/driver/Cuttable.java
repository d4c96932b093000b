package driver;

import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.springframework.web.socket.CloseStatus;
import org.springframework.web.socket.WebSocketHandler;
import org.springframework.web.socket.WebSocketHttpHeaders;
import org.springframework.web.socket.WebSocketSession;
import org.springframework.web.socket.client.WebSocketClient;

/** A transport whose connections can be ended without the STOMP above it: the library has no way to do that. */
final class Cuttable implements WebSocketClient {
    private final WebSocketClient inner;
    private final List<CompletableFuture<WebSocketSession>> sessions = new ArrayList<>();

    Cuttable(WebSocketClient inner) {
        this.inner = inner;
    }

    @Override
    public CompletableFuture<WebSocketSession> execute(WebSocketHandler handler, String template, Object... variables) {
        return keep(inner.execute(handler, template, variables));
    }

    @Override
    public CompletableFuture<WebSocketSession> execute(WebSocketHandler handler, WebSocketHttpHeaders headers, URI uri) {
        return keep(inner.execute(handler, headers, uri));
    }

    private synchronized CompletableFuture<WebSocketSession> keep(CompletableFuture<WebSocketSession> session) {
        sessions.add(session);
        return session;
    }

    /** Also of one that is still to come. */
    synchronized void cut() {
        sessions.forEach(session -> session.thenAccept(Cuttable::close));
    }

    private static void close(WebSocketSession session) {
        try {
            if (session.isOpen()) {
                session.close(CloseStatus.GOING_AWAY);
            }
        } catch (IOException | RuntimeException cause) {
            System.err.println(cause); // it has just ended by itself
        }
    }
}
