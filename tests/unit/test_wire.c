/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/marks.h"
#include "sni-filter/tls_record.h"
#include "sni-filter/wire.h"

static const struct addr v4 = { .family = ADDR_V4, .bytes = { 203, 0, 113, 9 } };
static const struct addr v6 = { .family = ADDR_V6, .bytes = { 0x20, 0x01, 0x0d, 0xb8 } };

/* Two parts in memory of exactly their size. */
static uint8_t *joined(const void *a, size_t a_len, const void *b, size_t b_len)
{
    uint8_t *out = malloc(a_len + b_len + (a_len + b_len == 0));

    assert_non_null(out);
    if (a_len != 0)
        memcpy(out, a, a_len);
    if (b_len != 0)
        memcpy(out + a_len, b, b_len);
    return out;
}

static bool read_order(uint32_t type, const void *body, size_t len)
{
    static struct wire_order order;
    uint8_t *copy = joined(body, len, NULL, 0);
    bool is_ok = wire_read_order(type, copy, len, &order);

    free(copy);
    return is_ok;
}

static bool read_reply(const struct dns_client *client, size_t len)
{
    static const uint8_t message[DNS_MESSAGE_MAX + 1];
    static struct wire_order order;
    uint8_t *body = joined(client, sizeof(*client), message, len);
    bool is_ok = wire_read_order(WIRE_DNS_REPLY, body, sizeof(*client) + len, &order);

    free(body);
    return is_ok;
}

static struct dns_client good_client(void)
{
    return (struct dns_client) { .src = v4, .dst = v4, .sport = 4000, .dport = 53 };
}

static void only_drop_and_the_seven_verdicts_are_known(void **state)
{
    (void)state;
    assert_true(wire_verdict_is_known(0));
    for (uint32_t nibble = 0; nibble < 16; nibble++) {
        bool is_known = nibble >= 8 && nibble != 14;

        assert_int_equal(wire_verdict_is_known(nibble << 28 | 1), is_known);
        assert_int_equal(wire_verdict_is_known(nibble << 28 | MARK_VALUE_MASK), is_known);
        if (nibble != 0)
            assert_int_equal(wire_verdict_is_known(nibble << 28), is_known);
    }
    assert_false(wire_verdict_is_known(MARK_DNS_ANSWER));
}

static void a_verdict_is_read_whole_or_not_at_all(void **state)
{
    const struct wire_verdict good = { 7, VERDICT_ACCEPT | 5 }, bad = { 7, 1 };
    const struct wire_verdict two[] = { good, good };

    (void)state;
    assert_true(read_order(WIRE_VERDICT, &good, sizeof(good)));
    assert_false(read_order(WIRE_VERDICT, &bad, sizeof(bad)));
    for (size_t len = 0; len < sizeof(good); len++)
        assert_false(read_order(WIRE_VERDICT, &good, len));
    assert_false(read_order(WIRE_VERDICT, two, sizeof(good) + 1));
}

static void unknown_orders_are_refused(void **state)
{
    (void)state;
    assert_false(read_order(0, "", 0));
    assert_false(read_order(WIRE_POKE + 1, "", 0));
    assert_false(read_order(UINT32_MAX, "", 0));
    assert_true(read_order(WIRE_DUMP, "", 0));
    assert_true(read_order(WIRE_BOUND_FLUSH, "", 0));
    assert_false(read_order(WIRE_DUMP, "x", 1));
    assert_false(read_order(WIRE_BOUND_FLUSH, "x", 1));
}

static void a_bound_address_must_be_complete(void **state)
{
    const struct engine_bound good = { 1, v6, 443, 60 };
    struct engine_bound bad;

    (void)state;
    assert_true(read_order(WIRE_BOUND, &good, sizeof(good)));
    for (size_t len = 0; len < sizeof(good); len++)
        assert_false(read_order(WIRE_BOUND, &good, len));
    bad = good, bad.source_tag = 0;
    assert_false(read_order(WIRE_BOUND, &bad, sizeof(bad)));
    bad = good, bad.addr.family = 5;
    assert_false(read_order(WIRE_BOUND, &bad, sizeof(bad)));
    bad = good, bad.port = 0;
    assert_false(read_order(WIRE_BOUND, &bad, sizeof(bad)));
    bad = good, bad.timeout_s = 0;
    assert_false(read_order(WIRE_BOUND, &bad, sizeof(bad)));
    bad = good, bad.timeout_s = WIRE_BOUND_TIMEOUT_MAX_S + 1;
    assert_false(read_order(WIRE_BOUND, &bad, sizeof(bad)));
}

static void a_revoked_connection_must_be_tcp_or_udp(void **state)
{
    struct engine_live live = { .src = v4, .dst = v4, .protocol = IPPROTO_TCP };

    (void)state;
    assert_true(read_order(WIRE_REVOKE, &live, sizeof(live)));
    assert_false(read_order(WIRE_REVOKE, &live, sizeof(live) - 1));
    assert_true(read_order(WIRE_POKE, &live, sizeof(live)));
    assert_false(read_order(WIRE_POKE, &live, sizeof(live) - 1));
    live.protocol = IPPROTO_UDP;
    assert_true(read_order(WIRE_REVOKE, &live, sizeof(live)));
    assert_false(read_order(WIRE_POKE, &live, sizeof(live))); /* TCP alone */
    live.protocol = IPPROTO_ICMP;
    assert_false(read_order(WIRE_REVOKE, &live, sizeof(live)));
    live.protocol = IPPROTO_TCP;
    live.dst = v6;
    assert_false(read_order(WIRE_REVOKE, &live, sizeof(live)));
    live.src = live.dst = (struct addr) { 0 };
    assert_false(read_order(WIRE_REVOKE, &live, sizeof(live)));
}

static void a_server_to_be_reset_is_at_the_end_of_a_tcp_connection(void **state)
{
    struct engine_reset reset = { .live = { .src = v4, .dst = v4, .protocol = IPPROTO_TCP } };

    (void)state;
    assert_true(read_order(WIRE_RESET_SERVER, &reset, sizeof(reset)));
    assert_false(read_order(WIRE_RESET_SERVER, &reset, sizeof(reset) - 1));
    reset.live.protocol = IPPROTO_UDP;
    assert_false(read_order(WIRE_RESET_SERVER, &reset, sizeof(reset)));
    reset.live.protocol = IPPROTO_TCP;
    reset.live.dst = v6;
    assert_false(read_order(WIRE_RESET_SERVER, &reset, sizeof(reset)));
    reset.live.dst = v4;
    for (unsigned alert = 0; alert < 256; alert++) {
        reset.alert = (uint8_t)alert;
        assert_int_equal(read_order(WIRE_RESET_SERVER, &reset, sizeof(reset)),
                         alert == 0 || alert == TLS_ACCESS_DENIED || alert == TLS_DECODE_ERROR);
    }
}

static void a_page_is_text_for_a_tcp_client(void **state)
{
    struct engine_page page = { .live = { .src = v4, .dst = v4, .protocol = IPPROTO_TCP },
                                .len = sizeof(page.text) };

    (void)state;
    assert_true(read_order(WIRE_HTTP_PAGE, &page, sizeof(page)));
    assert_false(read_order(WIRE_HTTP_PAGE, &page, sizeof(page) - 1));
    page.len = sizeof(page.text) + 1;
    assert_false(read_order(WIRE_HTTP_PAGE, &page, sizeof(page)));
    page.len = 0;
    assert_false(read_order(WIRE_HTTP_PAGE, &page, sizeof(page)));
    page.len = 1;
    page.live.protocol = IPPROTO_UDP;
    assert_false(read_order(WIRE_HTTP_PAGE, &page, sizeof(page)));
    page.live.protocol = IPPROTO_TCP;
    page.live.src = v6;
    assert_false(read_order(WIRE_HTTP_PAGE, &page, sizeof(page)));
}

static void a_reply_comes_from_udp_port_53(void **state)
{
    struct dns_client client = good_client();

    (void)state;
    assert_true(read_reply(&client, 12));
    assert_true(read_reply(&client, DNS_MESSAGE_MAX));
    assert_false(read_reply(&client, 0));
    assert_false(read_reply(&client, DNS_MESSAGE_MAX + 1));
    client.dport = 54;
    assert_false(read_reply(&client, 12));
    client = good_client(), client.sport = 0;
    assert_false(read_reply(&client, 12));
    client = good_client(), client.is_tcp = true;
    assert_false(read_reply(&client, 12));
    client = good_client(), client.dst = v6;
    assert_false(read_reply(&client, 12));
    client = good_client(), client.src.family = client.dst.family = ADDR_NONE;
    assert_false(read_reply(&client, 12));
    client = good_client();
    memset((uint8_t *)&client + offsetof(struct dns_client, is_tcp), 2, 1);
    assert_false(read_reply(&client, 12));
}

static bool read_found(const struct dns_found *found, size_t len)
{
    uint8_t *copy = joined(found, len, NULL, 0);
    struct dns_found out;
    bool is_ok = wire_read_found(copy, len, &out);

    if (is_ok)
        assert_int_equal(out.nr_addrs, found->nr_addrs);
    free(copy);
    return is_ok;
}

static void what_was_found_is_as_long_as_its_addresses(void **state)
{
    struct dns_found larger[2];
    struct dns_found found = { .ticket = 1, .nr_addrs = 2, .addrs = { v4, v6 } };
    size_t len = wire_found_len(&found);

    (void)state;
    assert_true(read_found(&found, len));
    for (size_t cut = 0; cut < len; cut++)
        assert_false(read_found(&found, cut));
    assert_false(read_found(&found, len + 1));
    assert_false(read_found(&found, sizeof(found)));
    found.addrs[1].family = 7;
    assert_false(read_found(&found, len));
    found.addrs[1] = v6, found.rcode = 16;
    assert_false(read_found(&found, len));
    memset(larger, 0, sizeof(larger));
    assert_false(read_found(&larger[0], sizeof(found) + 1));
    found = (struct dns_found) { .nr_addrs = 33 };
    assert_false(read_found(&found, sizeof(found)));
    found.nr_addrs = 0x0f0f0f10; /* times 17 it wraps to a small number in 32 bits */
    assert_false(read_found(&found, sizeof(found)));
}

static bool read_ask(const struct dns_ask *ask, size_t len)
{
    uint8_t *copy = joined(ask, len, NULL, 0);
    struct dns_ask out;
    bool is_ok = wire_read_ask(copy, len, &out);

    free(copy);
    return is_ok;
}

static void a_question_has_a_name_and_a_known_type(void **state)
{
    const struct dns_ask good = { .ticket = 1, .name = "allowed.test", .qtype = DNS_A };
    struct dns_ask bad;

    (void)state;
    assert_true(read_ask(&good, sizeof(good)));
    assert_false(read_ask(&good, sizeof(good) - 1));
    bad = good, bad.qtype = DNS_HTTPS;
    assert_false(read_ask(&bad, sizeof(bad)));
    bad = good, bad.name[0] = '\0';
    assert_false(read_ask(&bad, sizeof(bad)));
    bad = good, memset(bad.name, 'a', sizeof(bad.name));
    assert_false(read_ask(&bad, sizeof(bad)));
}

static void upstreams_come_whole_and_not_too_many(void **state)
{
    static struct ipc_upstream list[IPC_UPSTREAMS_MAX + 1], out[IPC_UPSTREAMS_MAX];
    size_t nr = 99;

    (void)state;
    assert_true(wire_read_upstreams((const void *)list, 2 * sizeof(list[0]), out, &nr));
    assert_int_equal(nr, 2);
    assert_true(wire_read_upstreams((const void *)list, 0, out, &nr));
    assert_int_equal(nr, 0);
    assert_false(wire_read_upstreams((const void *)list, sizeof(list[0]) + 1, out, &nr));
    assert_false(wire_read_upstreams((const void *)list, sizeof(list), out, &nr));
    memset(list[0].name, 'a', sizeof(list[0].name));
    assert_false(wire_read_upstreams((const void *)list, sizeof(list[0]), out, &nr));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_drop_and_the_seven_verdicts_are_known),
        cmocka_unit_test(a_verdict_is_read_whole_or_not_at_all),
        cmocka_unit_test(unknown_orders_are_refused),
        cmocka_unit_test(a_bound_address_must_be_complete),
        cmocka_unit_test(a_revoked_connection_must_be_tcp_or_udp),
        cmocka_unit_test(a_server_to_be_reset_is_at_the_end_of_a_tcp_connection),
        cmocka_unit_test(a_page_is_text_for_a_tcp_client),
        cmocka_unit_test(a_reply_comes_from_udp_port_53),
        cmocka_unit_test(what_was_found_is_as_long_as_its_addresses),
        cmocka_unit_test(a_question_has_a_name_and_a_known_type),
        cmocka_unit_test(upstreams_come_whole_and_not_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
