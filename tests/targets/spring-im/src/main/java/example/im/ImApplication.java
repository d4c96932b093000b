package example.im;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.properties.ConfigurationPropertiesScan;

/** A chat server: STOMP 1.2 over WebSocket, Spring's simple broker. Profiles: published, preserve-order, hardened. */
@SpringBootApplication
@ConfigurationPropertiesScan
public class ImApplication {
    public static void main(String[] args) {
        SpringApplication.run(ImApplication.class, args);
    }
}
