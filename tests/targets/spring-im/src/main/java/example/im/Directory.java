package example.im;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.springframework.boot.context.properties.ConfigurationProperties;

/** Who there is, from application.yaml: tokens with their users, and groups with their members. */
@ConfigurationProperties("im")
record Directory(String appId, List<Token> tokens, Map<String, List<String>> groups) {

    record Token(String token, String user, Instant expires) {}

    /** Whose token this is, unless it is unknown or has expired. */
    Optional<String> userOf(String token) {
        return tokens.stream()
                .filter(t -> t.token().equals(token) && t.expires().isAfter(Instant.now()))
                .map(Token::user)
                .findFirst();
    }

    boolean hasUser(String user) {
        return tokens.stream().anyMatch(t -> t.user().equals(user));
    }

    boolean isMember(String user, String group) {
        return groups.getOrDefault(group, List.of()).contains(user);
    }
}
