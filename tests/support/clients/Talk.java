// SPDX-License-Identifier: GPL-3.0-or-later
//
// java -Djavax.net.ssl.trustStore=... Talk.java URL...: java.net.http's client as it is by default; one line for each
// URL, behind HTTP_1_1 without an offer of HTTP/2: its answer's HTTP version, status and first line, or how many frames came back by WebSocket (ws:, wss:);
// or the exception and its cause; and the milliseconds.

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

public class Talk {
    static class Echo implements WebSocket.Listener {
        final CompletableFuture<Integer> done = new CompletableFuture<>();
        CompletableFuture<WebSocket> sent = CompletableFuture.completedFuture(null);
        int count;

        synchronized void send(WebSocket socket, String text) { // one at a time, or it throws
            sent = sent.thenCompose(before -> socket.sendText(text, true));
        }

        public CompletionStage<?> onText(WebSocket socket, CharSequence text, boolean isLast) {
            if (++count < 20)
                send(socket, "frame " + count);
            else
                done.complete(count);
            socket.request(1);
            return null;
        }

        public void onError(WebSocket socket, Throwable error) {
            done.completeExceptionally(error);
        }
    }

    static String talk(HttpClient client, String url) throws Exception {
        if (url.startsWith("ws")) {
            Echo echo = new Echo();
            WebSocket socket = client.newWebSocketBuilder().buildAsync(URI.create(url), echo).join();
            echo.send(socket, "frame 0");
            int count = echo.done.get(10, TimeUnit.SECONDS);
            socket.abort();
            return count + " frames";
        }
        HttpResponse<String> answer =
            client.send(HttpRequest.newBuilder(URI.create(url)).build(), HttpResponse.BodyHandlers.ofString());
        return answer.version() + " " + answer.statusCode() + " " + answer.body().replace('\n', ' ');
    }

    public static void main(String[] args) {
        HttpClient client = HttpClient.newHttpClient();
        for (String url : args) {
            if (url.equals("HTTP_1_1")) {
                client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
                continue;
            }
            long begin = System.nanoTime();
            String result;
            try {
                result = talk(client, url);
            } catch (Exception e) {
                Throwable cause = e instanceof CompletionException ? e.getCause() : e;
                result = cause + " by " + cause.getCause();
            }
            System.out.println(url + " " + (System.nanoTime() - begin) / 1000000 + " ms " + result);
        }
        System.exit(0);
    }
}
