package example.im;

import java.util.List;
import org.springframework.context.annotation.Profile;
import org.springframework.messaging.simp.SimpMessageHeaderAccessor;
import org.springframework.messaging.simp.SimpMessageType;
import org.springframework.messaging.simp.SimpMessagingTemplate;
import org.springframework.messaging.simp.user.SimpSession;
import org.springframework.messaging.simp.user.SimpUser;
import org.springframework.messaging.simp.user.SimpUserRegistry;
import org.springframework.stereotype.Component;

/** Hands messages to the broker. */
@Component
@Profile("!hardened")
class Delivery {
    private static final String QUEUE = "/queue/messages";

    protected final SimpMessagingTemplate template;
    private final SimpUserRegistry registry;

    Delivery(SimpMessagingTemplate template, SimpUserRegistry registry) {
        this.template = template;
        this.registry = registry;
    }

    /** To all sessions of the user that listen; false if there is none. */
    boolean toUser(String user, ChatMessage message) {
        if (listening(user).isEmpty()) {
            return false;
        }
        template.convertAndSendToUser(user, QUEUE, message);
        return true;
    }

    /**
     * Spring takes a session's id for a user's name here. With the user's own name, and the id of a session that has just
     * gone, the message would go to all sessions of the user.
     */
    void toSession(String session, ChatMessage message) {
        var headers = SimpMessageHeaderAccessor.create(SimpMessageType.MESSAGE);
        headers.setSessionId(session);
        headers.setLeaveMutable(true);
        template.convertAndSendToUser(session, QUEUE, message, headers.getMessageHeaders());
    }

    void toGroup(String group, ChatMessage message) {
        template.convertAndSend("/topic/group/" + group, message);
    }

    /** The user's sessions that have subscribed to the personal queue. */
    protected List<SimpSession> listening(String user) {
        SimpUser known = registry.getUser(user);
        return known == null ? List.of() : known.getSessions().stream()
                .filter(session -> session.getSubscriptions().stream()
                        .anyMatch(subscription -> subscription.getDestination().equals("/user" + QUEUE)))
                .toList();
    }
}
