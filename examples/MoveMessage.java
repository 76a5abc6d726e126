// Move a message, with only Java 17 or later.
//
// Usage: java MoveMessage.java URL MAILBOX ID FOLDER [--without-md5]
// The environment has the keys: DAAS_PUBLIC_KEY and DAAS_PRIVATE_KEY.

import static java.nio.charset.StandardCharsets.UTF_8;

import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.MessageDigest;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class MoveMessage {
    private static final String MOVE = "/direct/messages/move/format/json";
    private static final String CONTENT_TYPE = "application/x-www-form-urlencoded";

    public static void main(String[] args) throws Exception {
        String body = "mailbox=" + URLEncoder.encode(args[1], UTF_8)
            + "&id=" + URLEncoder.encode(args[2], UTF_8)
            + "&folder=" + URLEncoder.encode(args[3], UTF_8);
        String date = ZonedDateTime.now(ZoneOffset.UTC).format(DateTimeFormatter.RFC_1123_DATE_TIME);
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(args[0] + MOVE))
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .header("Date", date)
            .header("Content-Type", CONTENT_TYPE);
        List<String> lines = new ArrayList<>(List.of("POST", date, CONTENT_TYPE, MOVE));
        if (args.length == 4) {
            byte[] md5 = MessageDigest.getInstance("MD5").digest(body.getBytes(UTF_8));
            String contentMd5 = Base64.getEncoder().encodeToString(md5);
            request.header("Content-MD5", contentMd5);
            lines.add(2, contentMd5);
        }

        byte[] privateKey = System.getenv("DAAS_PRIVATE_KEY").getBytes(UTF_8);
        Mac hmac = Mac.getInstance("HmacSHA256");
        hmac.init(new SecretKeySpec(privateKey, "HmacSHA256"));
        byte[] hash = hmac.doFinal(String.join("\n", lines).getBytes(UTF_8));
        byte[] hexadecimal = HexFormat.of().formatHex(hash).getBytes(UTF_8);
        String signature = Base64.getEncoder().encodeToString(hexadecimal);
        String publicKey = System.getenv("DAAS_PUBLIC_KEY");
        request.header("Authorization", "DAAS " + publicKey + ":" + signature);

        HttpResponse<String> response =
            HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.ofString());
        System.out.println(response.body());
        System.exit(response.statusCode() == 200 ? 0 : 1);
    }
}
