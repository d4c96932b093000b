package example.greeting;

import java.time.Duration;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.messaging.handler.annotation.MessageMapping;
import org.springframework.messaging.handler.annotation.SendTo;
import org.springframework.stereotype.Controller;
import org.springframework.web.util.HtmlUtils;

@Controller
class GreetingController {
    record HelloMessage(String name) {}

    record Greeting(String content) {}

    private final Duration delay;

    GreetingController(@Value("${greeting.delay}") Duration delay) {
        this.delay = delay;
    }

    @MessageMapping("/hello")
    @SendTo("/topic/greetings")
    Greeting greeting(HelloMessage message) throws InterruptedException {
        Thread.sleep(delay.toMillis());
        return new Greeting("Hello, " + HtmlUtils.htmlEscape(message.name()) + "!");
    }
}
