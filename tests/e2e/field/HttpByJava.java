// Java's HttpClient, as its users call it. See ../clients/clients.py for the arguments.
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

class HttpByJava {
    public static void main(String[] args) throws Exception {
        String method = args[0], url = args[1], token = args[2], path = args[3], mode = args[4], end = "complete";
        List<String> statuses = new ArrayList<>();
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        try {
            for (int i = 0; i < (mode.equals("twice") ? 2 : 1); i++) {
                var body = path.isEmpty() ? BodyPublishers.noBody()
                    : mode.equals("chunked") ? BodyPublishers.ofInputStream(() -> open(path)) : BodyPublishers.ofFile(Path.of(path));
                var request = HttpRequest.newBuilder(URI.create(url)).method(method, body).header("Authorization", "Bearer " + token)
                    .expectContinue(mode.equals("expect")).build();
                if (mode.equals("lines")) {
                    var answer = client.send(request, BodyHandlers.ofInputStream());
                    statuses.add("" + answer.statusCode());
                    byte[] piece = new byte[4096];
                    try (InputStream in = answer.body()) {
                        for (int n; (n = in.read(piece)) > 0;) {
                            System.out.write(piece, 0, n);
                            System.out.flush();
                        }
                    }
                } else {
                    var answer = client.send(request, BodyHandlers.ofByteArray());
                    statuses.add("" + answer.statusCode());
                    System.out.write(answer.body());
                }
            }
        } catch (IOException e) {
            end = "broken " + e;
        }
        System.out.flush();
        System.err.println(String.join(",", statuses) + " " + end);
    }

    static InputStream open(String path) {
        try {
            return Files.newInputStream(Path.of(path));
        } catch (IOException e) {
            throw new RuntimeException(e);
        }
    }
}
