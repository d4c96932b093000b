package example.im;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.springframework.stereotype.Service;

/** Messages, kept in memory: all of them for revoking, those that nobody heard until their recipient syncs. */
@Service
class ChatService {
    private final Directory directory;
    private final Delivery delivery;
    private final Map<ChatMessage.Key, ChatMessage> sent = new ConcurrentHashMap<>();
    private final Map<String, Map<ChatMessage.Key, ChatMessage>> missed = new ConcurrentHashMap<>();

    ChatService(Directory directory, Delivery delivery) {
        this.directory = directory;
        this.delivery = delivery;
    }

    void send(ChatMessage message) {
        boolean permitted = switch (message.chatType()) {
            case SINGLE -> directory.hasUser(message.toId());
            case GROUP -> directory.isMember(message.fromId(), message.toId());
        };
        // A client that was cut off sends again under the same id.
        if (permitted && sent.putIfAbsent(message.key(), message) == null) {
            deliver(message);
        }
    }

    /** The key has the sender in it: nobody else's message can be named. */
    void revoke(ChatMessage.Key key) {
        ChatMessage message = sent.get(key);
        if (message != null && sent.replace(key, message, message.revoked())
                && message.status() == ChatMessage.Status.SENT) {
            missedBy(message.toId()).remove(key);
            deliver(message.revoked());
        }
    }

    /** What the user missed goes to the session that asks for it, once. */
    void sync(String user, String session) {
        Map<ChatMessage.Key, ChatMessage> inbox = missedBy(user);
        List<ChatMessage> messages;
        synchronized (inbox) {
            messages = new ArrayList<>(inbox.values());
            inbox.clear();
        }
        messages.forEach(message -> delivery.toSession(session, message));
    }

    private void deliver(ChatMessage message) {
        if (message.chatType() == ChatMessage.ChatType.GROUP) {
            delivery.toGroup(message.toId(), message);
        } else if (!delivery.toUser(message.toId(), message)) {
            missedBy(message.toId()).put(message.key(), message);
        }
    }

    private Map<ChatMessage.Key, ChatMessage> missedBy(String user) {
        return missed.computeIfAbsent(user, name -> Collections.synchronizedMap(new LinkedHashMap<>()));
    }
}
