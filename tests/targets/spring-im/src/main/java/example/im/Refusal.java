package example.im;

import org.springframework.context.annotation.Profile;
import org.springframework.messaging.Message;
import org.springframework.messaging.MessageDeliveryException;
import org.springframework.stereotype.Component;

/** How an interceptor turns a frame down: by an exception, of which Spring makes an ERROR. */
@Component
@Profile("!hardened")
class Refusal {
    Message<?> refuse(Message<?> message, String reason) {
        throw new MessageDeliveryException(message, reason);
    }
}
