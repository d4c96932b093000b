package example.im;

import java.security.Principal;
import org.springframework.context.annotation.Profile;
import org.springframework.messaging.Message;
import org.springframework.messaging.MessageChannel;
import org.springframework.messaging.simp.SimpMessageType;
import org.springframework.messaging.simp.stomp.StompHeaderAccessor;
import org.springframework.messaging.support.ChannelInterceptor;
import org.springframework.messaging.support.MessageHeaderAccessor;
import org.springframework.stereotype.Component;

/**
 * Clients send to the application only, never to the broker, and subscribe to their own queue and their groups only, by
 * name. Whoever was not let in does neither.
 */
@Component
@Profile("hardened")
class DestinationRules implements ChannelInterceptor {
    private static final String GROUPS = "/topic/group/";

    private final Directory directory;
    private final Refusal refusal;

    DestinationRules(Directory directory, Refusal refusal) {
        this.directory = directory;
        this.refusal = refusal;
    }

    @Override
    public Message<?> preSend(Message<?> message, MessageChannel channel) {
        var frame = MessageHeaderAccessor.getAccessor(message, StompHeaderAccessor.class);
        SimpMessageType type = frame.getMessageType();
        if (type != SimpMessageType.MESSAGE && type != SimpMessageType.SUBSCRIBE) {
            return message;
        }
        Principal user = frame.getUser();
        if (user == null) {
            return refusal.refuse(message, "Unauthorized");
        }
        String destination = frame.getDestination() == null ? "" : frame.getDestination();
        boolean permitted = type == SimpMessageType.SUBSCRIBE
                ? maySubscribe(user.getName(), destination)
                : destination.startsWith("/app/");
        return permitted ? message : refusal.refuse(message, "Forbidden");
    }

    private boolean maySubscribe(String user, String destination) {
        return destination.equals("/user/queue/messages")
                || destination.startsWith(GROUPS) && directory.isMember(user, destination.substring(GROUPS.length()));
    }
}
