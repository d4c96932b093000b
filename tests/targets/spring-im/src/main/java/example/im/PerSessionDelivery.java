package example.im;

import java.util.List;
import org.springframework.context.annotation.Profile;
import org.springframework.messaging.simp.SimpMessagingTemplate;
import org.springframework.messaging.simp.user.SimpSession;
import org.springframework.messaging.simp.user.SimpUserRegistry;
import org.springframework.stereotype.Component;

/**
 * One message for each session. Where the order of received frames is preserved, one message to a user with several
 * sessions reaches one of them only.
 */
@Component
@Profile("hardened")
class PerSessionDelivery extends Delivery {
    PerSessionDelivery(SimpMessagingTemplate template, SimpUserRegistry registry) {
        super(template, registry);
    }

    @Override
    boolean toUser(String user, ChatMessage message) {
        List<SimpSession> sessions = listening(user);
        sessions.forEach(session -> toSession(session.getId(), message));
        return !sessions.isEmpty();
    }
}
