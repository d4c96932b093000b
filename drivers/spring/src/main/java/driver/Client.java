package driver;

import com.fasterxml.jackson.databind.JsonNode;
import java.lang.reflect.Type;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import org.glassfish.tyrus.core.HandshakeException;
import org.springframework.messaging.converter.CompositeMessageConverter;
import org.springframework.messaging.converter.MappingJackson2MessageConverter;
import org.springframework.messaging.converter.StringMessageConverter;
import org.springframework.messaging.simp.stomp.ConnectionLostException;
import org.springframework.messaging.simp.stomp.StompCommand;
import org.springframework.messaging.simp.stomp.StompFrameHandler;
import org.springframework.messaging.simp.stomp.StompHeaders;
import org.springframework.messaging.simp.stomp.StompSession;
import org.springframework.messaging.simp.stomp.StompSession.Subscription;
import org.springframework.messaging.simp.stomp.StompSessionHandlerAdapter;
import org.springframework.scheduling.concurrent.ThreadPoolTaskScheduler;
import org.springframework.web.client.HttpStatusCodeException;
import org.springframework.web.socket.WebSocketHttpHeaders;
import org.springframework.web.socket.client.WebSocketClient;
import org.springframework.web.socket.client.standard.StandardWebSocketClient;
import org.springframework.web.socket.messaging.WebSocketStompClient;
import org.springframework.web.socket.sockjs.client.RestTemplateXhrTransport;
import org.springframework.web.socket.sockjs.client.SockJsClient;
import org.springframework.web.socket.sockjs.client.WebSocketTransport;

/**
 * One connection by {@link WebSocketStompClient}, used as its documentation says. What the library does not do, and no
 * user of it could do, is not done here either. All methods run on the thread of {@code loop}, and so does what comes.
 */
final class Client {
    private static final String PERSONAL = "/user/queue/messages";
    private static final String AUTO = "auto";
    private static final String UNAUTHORIZED = "Unauthorized";

    /** What becomes of the connection. */
    interface Listener {
        void connected();

        /** It is not to be used any more, and will end by itself. */
        void failed();

        void ended();

        void unauthorized();
    }

    private final Map<String, String> environment;
    private final Executor loop;
    private final Listener listener;
    private final ThreadPoolTaskScheduler scheduler = new ThreadPoolTaskScheduler(); // for heart-beats and receipts
    private final Cuttable transport;
    private final WebSocketStompClient library;
    private final Inbox inbox = new Inbox();
    /** The ack of each destination that is to be subscribed to on every connection. */
    private final Map<String, String> destinations = new LinkedHashMap<>(Map.of(PERSONAL, AUTO));
    private final Map<String, Subscription> subscriptions = new LinkedHashMap<>();
    private StompSession session;
    private String version;
    private boolean left;

    Client(Map<String, String> environment, Executor loop, Listener listener) {
        this.environment = environment;
        this.loop = loop;
        this.listener = listener;
        this.transport = new Cuttable(transport());
        this.library = library();
    }

    private WebSocketStompClient library() {
        var client = new WebSocketStompClient(transport);
        client.setMessageConverter(
                new CompositeMessageConverter(List.of(new StringMessageConverter(), new MappingJackson2MessageConverter())));
        scheduler.initialize();
        client.setTaskScheduler(scheduler);
        String beats = environment.get("STOMPLIANCE_HEART_BEAT");
        if (beats != null) {
            String[] both = beats.split(",");
            client.setDefaultHeartbeat(new long[] {Long.parseLong(both[0].trim()), Long.parseLong(both[1].trim())});
        }
        return client;
    }

    private WebSocketClient transport() {
        var webSocket = new StandardWebSocketClient();
        if (!"sockjs".equals(environment.get("STOMPLIANCE_TRANSPORT"))) {
            return webSocket;
        }
        return new SockJsClient(List.of(new WebSocketTransport(webSocket), new RestTemplateXhrTransport()));
    }

    void connect() {
        String token = setting("TOKEN");
        var url = URI.create(setting("URL") + "?token=" + URLEncoder.encode(token, StandardCharsets.UTF_8));
        var headers = new StompHeaders();
        headers.add("Authorization", "Bearer " + token);
        // In a thread of its own: SockJS asks the server what it can, and waits as long as that takes.
        new Thread(() -> connect(url, headers)).start();
    }

    private void connect(URI url, StompHeaders headers) {
        try {
            library.connectAsync(url, new WebSocketHttpHeaders(), headers, new SessionHandler());
        } catch (RuntimeException cause) {
            loop.execute(() -> Events.error("", cause));
        }
    }

    private String setting(String name) {
        return environment.get("STOMPLIANCE_" + name);
    }

    /** Called on threads of the library. */
    private final class SessionHandler extends StompSessionHandlerAdapter {
        /** The library may tell of an end twice. */
        private boolean over;

        @Override
        public void afterConnected(StompSession session, StompHeaders headers) {
            loop.execute(() -> begin(session, headers));
        }

        /** An ERROR; its body is a text. */
        @Override
        public void handleFrame(StompHeaders headers, Object payload) {
            loop.execute(() -> takeError(headers));
        }

        /** Mostly a body that the converters can make nothing of. */
        @Override
        public void handleException(
                StompSession session, StompCommand command, StompHeaders headers, byte[] payload, Throwable cause) {
            loop.execute(() -> {
                if (command == StompCommand.ERROR) {
                    takeError(headers);
                } else {
                    Events.error(command + ": ", cause);
                    acknowledge(headers);
                }
            });
        }

        /** The connection could not be made, or was lost, or something came that is no STOMP: then it is still there. */
        @Override
        public void handleTransportError(StompSession session, Throwable cause) {
            boolean connected = session.isConnected();
            loop.execute(() -> {
                if (over) {
                    return;
                }
                over = !connected;
                takeFailure(over, cause);
            });
        }
    }

    private void begin(StompSession session, StompHeaders connected) {
        if (left) {
            session.disconnect();
            return;
        }
        this.session = session;
        version = connected.getFirst("version");
        destinations.forEach(this::sendSubscribe);
        listener.connected();
    }

    private void takeError(StompHeaders headers) {
        String message = headers.getFirst("message");
        Events.error(message == null ? "ERROR" : message);
        session = null;
        if (UNAUTHORIZED.equals(message)) {
            listener.unauthorized();
        } else {
            listener.failed();
        }
    }

    private void takeFailure(boolean over, Throwable cause) {
        if (isUnauthorized(cause)) {
            Events.error(UNAUTHORIZED);
            listener.unauthorized();
            return;
        }
        if (cause instanceof ConnectionLostException) {
            Events.tell("closed"); // the library does not say by which code
        } else {
            Events.error("", cause);
        }
        if (over) {
            session = null;
            subscriptions.clear();
            listener.ended();
        }
    }

    private static boolean isUnauthorized(Throwable error) {
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            if (cause instanceof HandshakeException refusal && refusal.getHttpStatusCode() == 401
                    || cause instanceof HttpStatusCodeException answer && answer.getStatusCode().value() == 401) {
                return true;
            }
        }
        return false;
    }

    private final class MessageHandler implements StompFrameHandler {
        @Override
        public Type getPayloadType(StompHeaders headers) {
            return JsonNode.class;
        }

        @Override
        public void handleFrame(StompHeaders headers, Object payload) {
            loop.execute(() -> takeMessage(headers, (JsonNode) payload));
        }
    }

    private void takeMessage(StompHeaders headers, JsonNode body) {
        if (body == null) {
            Events.error("a message without a body");
        } else {
            inbox.open(body, headers.toSingleValueMap());
        }
        acknowledge(headers);
    }

    private void acknowledge(StompHeaders headers) {
        if (session == null || !wantsAck(headers.getSubscription())) {
            return;
        }
        if ("1.1".equals(version)) {
            var names = new StompHeaders();
            names.setMessageId(headers.getMessageId());
            names.setSubscription(headers.getSubscription());
            session.acknowledge(names, true);
        } else if (headers.getAck() == null) {
            Events.error("a message that wants to be acknowledged has no header ack");
        } else {
            session.acknowledge(headers.getAck(), true);
        }
    }

    private boolean wantsAck(String id) {
        return subscriptions.entrySet().stream().anyMatch(subscription ->
                subscription.getValue().getSubscriptionId().equals(id) && !destinations.get(subscription.getKey()).equals(AUTO));
    }

    void send(Map<String, Object> body, String receipt, Map<String, String> more) {
        var headers = new StompHeaders();
        more.forEach(headers::add);
        headers.setDestination("/app/chat.send");
        if (receipt == null) {
            session.send(headers, withApp(body));
            return;
        }
        headers.setReceipt(receipt);
        var sent = session.send(headers, withApp(body));
        sent.addReceiptTask(() -> loop.execute(() -> Events.tell("receipt", "id", receipt)));
        sent.addReceiptLostTask(() -> loop.execute(() -> Events.error("no receipt " + receipt)));
    }

    void revoke(String messageId) {
        session.send("/app/chat.revoke", withApp(Map.of("messageId", messageId)));
    }

    void sync() {
        session.send("/app/chat.sync", withApp(Map.of()));
    }

    private Map<String, Object> withApp(Map<String, Object> body) {
        var whole = new LinkedHashMap<String, Object>(body);
        whole.put("appId", setting("APP_ID"));
        return whole;
    }

    void subscribe(String destination, String ack) {
        if (destinations.putIfAbsent(destination, ack) != null) {
            throw new IllegalArgumentException("subscribed already");
        }
        sendSubscribe(destination, ack);
    }

    private void sendSubscribe(String destination, String ack) {
        var headers = new StompHeaders();
        headers.setDestination(destination);
        headers.setAck(ack);
        subscriptions.put(destination, session.subscribe(headers, new MessageHandler()));
    }

    void unsubscribe(String destination) {
        if (destinations.remove(destination) == null) {
            throw new IllegalArgumentException("not subscribed");
        }
        subscriptions.remove(destination).unsubscribe();
    }

    /** The library tells nobody of an end that it was asked for. */
    void disconnect() {
        left = true;
        if (session != null) {
            var leaving = session;
            session = null;
            try {
                leaving.disconnect();
            } catch (RuntimeException cause) {
                // Tyrus, where the server closes at once: DISCONNECT is on its way, and the connection is gone either way.
                System.err.println(cause);
            }
            Events.tell("closed");
        }
    }

    /** Ends at once, as with the program: no goodbye of STOMP's. */
    void drop() {
        transport.cut();
        scheduler.shutdown();
    }
}
