/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The input follows the header and question that a good answer has, so that it is read at all.
 * Its first eight bytes: flags and the counts of the three sections.
 */
#include <stdlib.h>
#include <string.h>

#include "sni-filter/dns_message.h"

#define QUESTION_AT 12
#define NAME_LEN    8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dns_question question = { .id = 0x1234, .qtype = DNS_A, .wire_name_len = NAME_LEN };
    struct dns_answer answer;
    uint8_t *message;
    size_t len;
    enum parse_rc rc;

    if (size < 8 || size > 65000)
        return 0;
    memcpy(question.wire_name, "\1a\4TesT\0", NAME_LEN);
    if (data[1] & 0x40)
        question.qtype = DNS_AAAA;
    len = dns_question_build(&question, NULL, 0);
    message = malloc(QUESTION_AT + NAME_LEN + 4 + size - 8);
    if (len != 0 || message == NULL)
        abort();
    len = dns_question_build(&question, message, QUESTION_AT + NAME_LEN + 4);
    message[2] = data[0] | 0x80;
    message[3] = data[1];
    memcpy(message + 6, data + 2, 6);
    memcpy(message + len, data + 8, size - 8);
    rc = dns_answer_parse((struct cursor) { .base = message, .len = len + size - 8 }, &question,
                          &answer);
    if (rc == PARSE_MORE || answer.nr_addrs > DNS_ADDRS_MAX)
        abort();
    if (answer.nr_addrs != 0 && (rc != PARSE_OK || answer.rcode != 0 || answer.is_truncated))
        abort();
    for (size_t i = 0; i < answer.nr_addrs; i++)
        if (answer.addrs[i].family != (question.qtype == DNS_A ? ADDR_V4 : ADDR_V6))
            abort();
    if (answer.ttl_s & 0x80000000u)
        abort();
    free(message);
    return 0;
}
