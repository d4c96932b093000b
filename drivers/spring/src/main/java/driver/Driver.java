package driver;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.springframework.core.SpringVersion;

/** The driver (docs/drivers.md): takes commands, and comes back after a connection was lost, which the library does not. */
final class Driver implements Client.Listener {
    private static final List<String> CAN = List.of(
            "send", "revoke", "sync", "group", "disconnect", "receipt", "ack", "headers", "heart-beat", "reconnect", "sockjs", "restart");
    private static final long LONGEST_DELAY = 30_000;
    /** A connection that ends earlier does not make the next delay short again. */
    private static final long STABLE = 10_000;
    /** What {@code quit} gives to commands that wait for a connection. */
    private static final long LAST_CHANCE = 2_000;

    /** Of what comes when it has been shut down nothing is done. */
    private final ScheduledExecutorService loop =
            new ScheduledThreadPoolExecutor(1, new ThreadPoolExecutor.DiscardPolicy());
    private final CountDownLatch over = new CountDownLatch(1);
    private final Client client;
    private final Queue<JsonNode> waiting = new ArrayDeque<>();
    private boolean ready;
    private boolean stopped;
    private boolean leaving;
    private boolean beenHere;
    private long delay = 1_000;
    private long began;

    private Driver(Map<String, String> environment) {
        client = new Client(environment, this::execute, this);
    }

    public static void main(String[] arguments) throws Exception {
        var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        boolean isRestarted = "1".equals(System.getenv("STOMPLIANCE_RESTART"));
        for (var environment = System.getenv(); environment != null; environment = nextEnvironment(input)) {
            tellHello();
            new Driver(environment).live(input);
            if (!isRestarted) {
                break;
            }
            Events.tell("over");
        }
        System.exit(0); // threads of the library would hold us up
    }

    private static void tellHello() {
        var hello = Events.JSON.createObjectNode().put("hello", 1).put("name", "spring-websocket");
        hello.put("version", SpringVersion.getVersion()).set("can", Events.JSON.valueToTree(CAN));
        Events.tell(hello);
    }

    /** That of the next client; null at the end of the input. */
    private static Map<String, String> nextEnvironment(BufferedReader input) throws IOException {
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            JsonNode command = parse(line);
            if (command.path("do").asText().equals("restart")) {
                return Events.JSON.convertValue(command.get("environment"), new TypeReference<>() {});
            }
        }
        return null;
    }

    /** One client, until it is to end. */
    private void live(BufferedReader input) throws Exception {
        execute(this::connect);
        if (isQuitNext(input)) {
            execute(this::quit);
            over.await();
            loop.shutdownNow();
        } else {
            loop.shutdownNow();
            loop.awaitTermination(1, TimeUnit.SECONDS); // nothing is told any more
        }
        client.drop();
    }

    /** Hands over the commands that come; false where it is to be dropped. */
    private boolean isQuitNext(BufferedReader input) throws IOException {
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            JsonNode command = parse(line);
            String what = command.path("do").isTextual() ? command.get("do").asText() : "";
            switch (what) {
                case "quit" -> { return true; }
                case "drop" -> { return false; }
                case "" -> Events.error("no command: " + line);
                default -> execute(() -> take(command));
            }
        }
        return true;
    }

    private static JsonNode parse(String line) {
        try {
            return Events.JSON.readTree(line);
        } catch (JsonProcessingException cause) {
            return Events.JSON.missingNode();
        }
    }

    // Staying connected

    private void connect() {
        if (!stopped) {
            began = System.currentTimeMillis();
            client.connect();
        }
    }

    @Override
    public void connected() {
        Events.tell("connected");
        if (beenHere) {
            client.sync();
        }
        beenHere = true;
        ready = true;
        while (ready && !waiting.isEmpty()) {
            carryOut(waiting.remove());
        }
        if (leaving) {
            leave();
        }
    }

    @Override
    public void failed() {
        ready = false;
    }

    @Override
    public void ended() {
        ready = false;
        if (System.currentTimeMillis() - began > STABLE) {
            delay = 1_000;
        }
        // The first from 0 to 1 s, the next ones between half of the delay and all of it: many clients that were cut
        // off at once shall not come back at once.
        long shortest = delay == 1_000 ? 0 : delay / 2;
        long wait = ThreadLocalRandom.current().nextLong(shortest, delay);
        loop.schedule(() -> execute(this::connect), wait, TimeUnit.MILLISECONDS);
        delay = Math.min(delay * 2, LONGEST_DELAY);
    }

    @Override
    public void unauthorized() {
        stop();
    }

    private void stop() {
        ready = false;
        stopped = true;
        waiting.forEach(command -> cannot(command, "not connected, and never again"));
        waiting.clear();
    }

    // Commands

    private void take(JsonNode command) {
        if (stopped) {
            cannot(command, "not connected, and never again");
        } else if (ready) {
            carryOut(command);
        } else {
            waiting.add(command);
        }
    }

    private void carryOut(JsonNode command) {
        try {
            choose(command);
        } catch (RuntimeException cause) {
            Events.error("cannot do " + command + ": ", cause);
        }
    }

    private static void cannot(JsonNode command, String why) {
        Events.error("cannot do " + command + ": " + why);
    }

    private void choose(JsonNode command) {
        switch (command.get("do").asText()) {
            case "send" -> send(command);
            case "revoke" -> client.revoke(text(command, "messageId"));
            case "sync" -> client.sync();
            case "subscribe" -> client.subscribe(destination(command), command.path("ack").asText("auto"));
            case "unsubscribe" -> client.unsubscribe(destination(command));
            case "disconnect" -> disconnect();
            default -> throw new IllegalArgumentException("the library cannot do that");
        }
    }

    private void send(JsonNode command) {
        if (command.has("transaction")) {
            throw new IllegalArgumentException("the library has no transactions");
        }
        var body = new LinkedHashMap<String, Object>();
        body.put("messageId", command.path("messageId").asText(UUID.randomUUID().toString()));
        body.put("toId", text(command, "to"));
        body.put("chatType", command.path("chatType").asText("SINGLE"));
        body.put("msgType", command.path("msgType").asText("TEXT"));
        body.put("content", text(command, "content"));
        var headers = new LinkedHashMap<String, String>();
        command.path("headers").fields().forEachRemaining(header -> headers.put(header.getKey(), header.getValue().asText()));
        client.send(body, command.path("receipt").asText(null), headers);
    }

    private static String text(JsonNode command, String member) {
        if (!command.path(member).isTextual()) {
            throw new IllegalArgumentException("no " + member);
        }
        return command.get(member).asText();
    }

    private static String destination(JsonNode command) {
        return command.has("group") ? "/topic/group/" + text(command, "group") : text(command, "destination");
    }

    private void disconnect() {
        client.disconnect();
        stop();
    }

    private void quit() {
        if (waiting.isEmpty()) {
            leave();
        } else {
            leaving = true;
            loop.schedule(this::leave, LAST_CHANCE, TimeUnit.MILLISECONDS);
        }
    }

    private void leave() {
        disconnect();
        execute(over::countDown); // behind what has come, and is still to be told
    }

    /** On the one thread that all of the driver runs on. */
    private void execute(Runnable task) {
        loop.execute(() -> {
            try {
                task.run();
            } catch (RuntimeException cause) {
                Events.error("", cause);
            }
        });
    }
}
