// SPDX-License-Identifier: GPL-3.0-or-later
//
// java Fetch.java CA.pem URL...: one line for each URL: its body's first line, or the exception;
// and the milliseconds. Names are kept for ever once resolved, as many JVMs are configured.

import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStreamReader;
import java.net.URL;
import java.net.URLConnection;
import java.security.KeyStore;
import java.security.Security;
import java.security.cert.CertificateFactory;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

public class Fetch {
    static void trust(String pem) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        TrustManagerFactory managers =
            TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        SSLContext context = SSLContext.getInstance("TLS");

        store.load(null, null);
        try (FileInputStream in = new FileInputStream(pem)) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        managers.init(store);
        context.init(null, managers.getTrustManagers(), null);
        HttpsURLConnection.setDefaultSSLSocketFactory(context.getSocketFactory());
    }

    static String fetch(String url) {
        try {
            URLConnection connection = new URL(url).openConnection();
            connection.setRequestProperty("Connection", "close");
            connection.setConnectTimeout(5000);
            connection.setReadTimeout(5000);
            try (BufferedReader body = new BufferedReader(new InputStreamReader(connection.getInputStream()))) {
                return body.readLine();
            }
        } catch (Exception e) {
            return e.toString();
        }
    }

    public static void main(String[] args) throws Exception {
        Security.setProperty("networkaddress.cache.ttl", "-1");
        trust(args[0]);
        for (int i = 1; i < args.length; i++) {
            if (args[i].startsWith("sleep:")) {
                Thread.sleep(Long.parseLong(args[i].substring(6)));
                continue;
            }
            long begin = System.nanoTime();
            String result = fetch(args[i]);
            System.out.println(args[i] + " " + (System.nanoTime() - begin) / 1000000 + " ms " + result);
        }
    }
}
