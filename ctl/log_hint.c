/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/log_hint.h"

#include <stdio.h>
#include <string.h>

/* "_http._tcp.deb.example": of SRV and TXT records (RFC 8552), where no host can be. apt asks
 * for one beside each mirror's own name. */
static bool is_of_a_service(const struct log_record *record)
{
    return record->name[0] == '_' && strcmp(record->event, "dns") == 0;
}

/* What a rule would have to name besides the name; false when no rule would help. */
static bool service_for(const struct log_record *record, char out[16])
{
    static const char *const kinds[] = { "tls", "quic", "http" };
    bool is_port = record->port > 0 && record->port < 65536;
    bool is_connect = strcmp(record->event, "connect") == 0;

    out[0] = '\0';
    if (strcmp(record->reason, "name-not-allowed") == 0 &&
        (!is_port || record->port == 443 || strcmp(record->event, "dns") == 0))
        return true;
    if (!is_port || (strcmp(record->reason, "name-not-allowed") != 0 &&
                     strcmp(record->reason, "service-not-allowed") != 0))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(record->event, kinds[i]) == 0)
            return snprintf(out, 16, "%s/%d", kinds[i], (int)record->port) > 0;
    /* port 80 is plain HTTP, of which a rule can judge every request */
    if (is_connect && record->port == 80 && strcmp(record->proto, "tcp") == 0)
        return snprintf(out, 16, "http/80") > 0;
    return is_connect &&
           (strcmp(record->proto, "tcp") == 0 || strcmp(record->proto, "udp") == 0) &&
           snprintf(out, 16, "%s/%d", record->proto, (int)record->port) > 0;
}

void log_hint_count(struct log_hint *hint, const struct log_record *record)
{
    char name[HOSTNAME_MAX + 1], service[16];
    size_t i = 0;

    /* what is no host name is no word for a shell either */
    if (strcmp(record->verdict, "deny") != 0 || is_of_a_service(record) ||
        !service_for(record, service) ||
        hostname_canonical((const uint8_t *)record->name, strlen(record->name), name) == 0)
        return;
    while (i < hint->nr && (strcmp(hint->names[i].name, name) != 0 ||
                            strcmp(hint->names[i].service, service) != 0))
        i++;
    if (i == LOG_HINT_NAMES)
        return;
    if (i == hint->nr) {
        hint->nr++;
        snprintf(hint->names[i].name, sizeof(hint->names[i].name), "%s", name);
        snprintf(hint->names[i].service, sizeof(hint->names[i].service), "%s", service);
        hint->names[i].count = 0;
    }
    hint->names[i].count += record->count > 1 ? record->count : 1;
}

void log_hint_text(const struct log_hint *hint, const char *agent, char out[LOG_HINT_MAX])
{
    bool is_shown[LOG_HINT_NAMES] = { false };
    size_t used = 0;

    out[0] = '\0';
    for (size_t line = 0; line < LOG_HINT_SHOWN && line < hint->nr; line++) {
        const struct log_hint_name *name;
        size_t most = LOG_HINT_NAMES;

        for (size_t i = 0; i < hint->nr; i++)
            if (!is_shown[i] &&
                (most == LOG_HINT_NAMES || hint->names[i].count > hint->names[most].count))
                most = i;
        if (most == LOG_HINT_NAMES)
            break;
        is_shown[most] = true;
        name = &hint->names[most];
        used += (size_t)snprintf(out + used, LOG_HINT_MAX - used,
                                 "secctl allow %s%.63s%s%s%s%s    # refused %lld time%s\n",
                                 agent ? "--agent " : "", agent ? agent : "", agent ? " " : "",
                                 name->name, name->service[0] ? " " : "", name->service,
                                 (long long)name->count, name->count == 1 ? "" : "s");
    }
}
