/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CTL_HTTP_INTERNAL_H
#define CTL_HTTP_INTERNAL_H

#include <curl/curl.h>

#include "ctl/http.h"

#define HTTP_CONNECT_MS 10000

struct http {
    struct engine_host host;
    CURLM *multi;
    CURL *easy; /* keeps its connection from one request to the next */
    char error[CURL_ERROR_SIZE];
};

/** http_set_up - give a handle the engine's address, its TLS files and the time to connect */
MUST_CHECK bool http_set_up(struct http *http, CURL *easy, const char *path);

/** http_fail - say what a CURLcode of a request to this engine means; returns false always */
bool http_fail(const struct http *http, CURL *easy, CURLcode code, unsigned stall_s,
               struct err *err);

#endif
