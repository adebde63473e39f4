/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: the words become one line, which is checked as a policy of its own (so that its
 * errors speak of nothing else), then the file's text is copied without the lines that stand
 * against it and with the line at its end, and the whole policy is compiled again with that
 * text in the old one's place. What the result says of the target decides whether it is given.
 */
#include "ctl/policy_edit.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/policy_internal.h"
#include "ctl/policy_ask.h"

#define LINE_FILE "rule" /* what the line is called while it is checked alone */

/* One edit in the making. */
struct work {
    const struct policy_dir *dir;
    const char *agent;
    const struct policy_source *source; /* the file as it is, NULL when it is to be made */
    char line[TEXTFILE_LINE_MAX + 1];
    struct parsed_rule rule; /* of line; its target points into line */
    struct policy_edit *edit;
    struct err *err;
};

void policy_edit_clear(struct policy_edit *edit)
{
    free(edit->text);
    memset(edit, 0, sizeof(*edit));
}

static struct work *work_new(const struct policy_dir *dir, const char *agent,
                             struct policy_edit *edit, struct err *err)
{
    struct work *work = calloc(1, sizeof(*work));

    memset(edit, 0, sizeof(*edit));
    if (work == NULL)
        err_set(err, ENOMEM, "policy: out of memory");
    else
        *work = (struct work) { .dir = dir, .agent = agent, .edit = edit, .err = err };
    return work;
}

/* Returns is_good; without it there is no edit. work may be NULL. */
static bool work_end(struct work *work, bool is_good)
{
    if (work && !is_good)
        policy_edit_clear(work->edit);
    free(work);
    return is_good;
}

static void say(struct policy_edit *edit, const char *format, ...) PRINTF_LIKE(2, 3);

static void say(struct policy_edit *edit, const char *format, ...)
{
    size_t used = strlen(edit->said);
    va_list args;

    va_start(args, format);
    vsnprintf(edit->said + used, sizeof(edit->said) - used, format, args);
    va_end(args);
}

/* --- the line ---------------------------------------------------------------------------- */

/* "TARGET             SERVICE..." as the files have it. prefix: "" or "!" */
static bool join_words(struct work *work, const char *prefix, const char *const *words,
                       size_t nr)
{
    size_t used = 0;

    for (size_t i = 0; i < nr; i++) {
        int width = i == 0 && nr > 1 ? 19 : 0, n;

        for (const char *p = words[i]; *p; p++)
            if ((unsigned char)*p < ' ' || *p == 0x7f || *p == '#')
                return err_set(work->err, EINVAL,
                               "\"%.80s\" has a control character or \"#\", expected a rule's "
                               "words",
                               words[i]);
        n = snprintf(work->line + used, sizeof(work->line) - used, "%s%s%-*s", i ? " " : "",
                     i ? "" : prefix, width, words[i]);
        if (n < 0 || (size_t)n >= sizeof(work->line) - used)
            return err_set(work->err, EINVAL, "the rule is too long, expected at most %d bytes",
                           TEXTFILE_LINE_MAX);
        used += (size_t)n;
    }
    return true;
}

/* Cut "rule:1:COLUMN: " off: there is only one line, and the user has just typed it. */
static bool strip_place(struct err *err)
{
    char text[sizeof(err->text)];
    const char *colon = strncmp(err->text, LINE_FILE ":1:", strlen(LINE_FILE) + 3) == 0
                            ? strstr(err->text, ": ")
                            : NULL;

    if (colon) {
        snprintf(text, sizeof(text), "%s", colon + 2);
        memcpy(err->text, text, sizeof(text));
    }
    return false;
}

/* Check the line alone, under the ceiling, and read it. */
static bool read_line(struct work *work)
{
    const struct policy_source alone = { LINE_FILE, work->agent, work->line,
                                         strlen(work->line) };
    struct textfile file = {
        .file = LINE_FILE, .text = work->line, .len = strlen(work->line), .err = work->err
    };
    struct policy *policy = policy_new(&alone, 1, work->dir->ceiling, work->err);

    if (policy == NULL)
        return strip_place(work->err);
    policy_free(policy);
    return policy_parse_next(&file, false, &work->rule) == 1 ||
           err_set(work->err, EINVAL, "no target, expected a name, an address or a network");
}

static bool begin(struct work *work, const char *prefix, const char *const *words, size_t nr)
{
    struct policy_edit *edit = work->edit;

    if (work->agent && !conf_agent_name_is_valid(work->agent, strlen(work->agent)))
        return err_set(work->err, EINVAL,
                       "\"%.80s\" is no agent's name, expected 1 to 63 of a-z, 0-9, \"_\" and "
                       "\"-\"",
                       work->agent);
    snprintf(edit->file, sizeof(edit->file), "%s%.63s", work->agent ? "agents/" : "allowlist",
             work->agent ? work->agent : "");
    for (size_t i = 0; i < work->dir->nr_sources; i++)
        if (strcmp(work->dir->sources[i].file, edit->file) == 0)
            work->source = &work->dir->sources[i];
    return join_words(work, prefix, words, nr) && read_line(work);
}

/* --- the text ---------------------------------------------------------------------------- */

static bool same_target(const struct parsed_rule *a, const struct parsed_rule *b)
{
    const unsigned extent = RULE_SELF | RULE_BELOW;

    return (a->flags & extent) == (b->flags & extent) && strcmp(a->name, b->name) == 0 &&
           (a->name[0] ||
            (a->prefix.bits == b->prefix.bits && addr_equal(&a->prefix.addr, &b->prefix.addr)));
}

static bool share_ports(const struct ports *a, const struct ports *b)
{
    return a->kind == b->kind && a->first <= b->last && b->first <= a->last;
}

/* How many of the services of rule are among, or overlap with, those of wanted? */
static size_t count_shared(const struct parsed_rule *rule, const struct parsed_rule *wanted,
                           bool is_whole)
{
    size_t nr = 0;

    for (size_t i = 0; i < rule->nr_services; i++) {
        const struct ports *a = &rule->services[i];
        bool is_shared = false;

        for (size_t k = 0; k < wanted->nr_services; k++) {
            const struct ports *b = &wanted->services[k];

            is_shared = is_shared || (is_whole ? a->kind == b->kind && a->first >= b->first &&
                                                     a->last <= b->last
                                               : share_ports(a, b));
        }
        nr += is_shared;
    }
    return nr;
}

/* Does this rule of the file stand against the new one? 1: it has to go, -1: it does in part.
 */
static int stands_against(const struct parsed_rule *rule, const struct parsed_rule *wanted)
{
    if (!same_target(rule, wanted) || (rule->flags & RULE_DENY) == (wanted->flags & RULE_DENY))
        return 0;
    if (wanted->flags & RULE_DENY || rule->flags & RULE_ALL_SERVICES)
        return 1;
    if (count_shared(rule, wanted, false) == 0)
        return 0;
    return count_shared(rule, wanted, true) == rule->nr_services ? 1 : -1;
}

/* Copy the file's text but for the lines that stand against the rule; *nr_removed of them. */
static bool copy_text(struct work *work, size_t *nr_removed)
{
    const struct policy_source *source = work->source;
    struct policy_edit *edit = work->edit;
    struct textfile file = { .file = edit->file, .err = work->err };
    struct parsed_rule *rule = malloc(sizeof(*rule));
    const char *from;
    int rc = -1, against = 0;

    *nr_removed = 0;
    edit->text = malloc((source ? source->len : 0) + sizeof(work->line) + 4);
    if (edit->text == NULL || rule == NULL) {
        free(rule);
        return err_set(work->err, ENOMEM, "policy: out of memory");
    }
    file.text = from = source ? source->text : "";
    file.len = source ? source->len : 0;
    while (against >= 0 && (rc = policy_parse_next(&file, false, rule)) == 1) {
        against = stands_against(rule, &work->rule);
        if (against == 0)
            continue;
        memcpy(edit->text + edit->len, from, (size_t)(file.start - from));
        edit->len += (size_t)(file.start - from);
        from = file.text;
        if (against > 0)
            say(edit, "%s\"%.*s\" (%s:%u)", (*nr_removed)++ ? ", " : "", (int)rule->target_len,
                rule->target, edit->file, rule->line);
        else
            err_set(
                work->err, EINVAL,
                "rule \"%.*s\" (%s:%u) denies this and other services, expected all of them "
                "allowed at once, or the line changed by hand",
                (int)rule->target_len, rule->target, edit->file, rule->line);
    }
    memcpy(edit->text + edit->len, from, (size_t)(file.text + file.len - from));
    edit->len += (size_t)(file.text + file.len - from);
    edit->text[edit->len] = '\0';
    free(rule);
    if (*nr_removed)
        say(edit, " removed");
    return rc == 0 && against >= 0;
}

/* Put the line at the end, which ends as the others do. */
static void append_line(struct work *work)
{
    struct policy_edit *edit = work->edit;
    const char *end = edit->len ? memchr(edit->text, '\n', edit->len) : NULL;
    const char *newline = end && end > edit->text && end[-1] == '\r' ? "\r\n" : "\n";
    unsigned line = 1;

    if (edit->len && edit->text[edit->len - 1] != '\n')
        edit->len += (size_t)sprintf(edit->text + edit->len, "%s", newline);
    for (size_t i = 0; i < edit->len; i++)
        line += edit->text[i] == '\n';
    edit->len += (size_t)sprintf(edit->text + edit->len, "%s%s", work->line, newline);
    say(edit, "%s\"%.*s\" (%s:%u) added", edit->said[0] ? ", " : "", (int)work->rule.target_len,
        work->rule.target, edit->file, line);
}

/* --- the policy -------------------------------------------------------------------------- */

/* The policy with the edit's text, or as it is when that is NULL. */
static struct policy *compile(const struct work *work)
{
    const struct policy_dir *dir = work->dir;
    struct policy_source *sources = calloc(dir->nr_sources + 1, sizeof(*sources));
    size_t nr = dir->nr_sources, at = nr;
    struct policy *policy;

    if (sources == NULL) {
        err_set(work->err, ENOMEM, "policy: out of memory");
        return NULL;
    }
    for (size_t i = 0; i < nr; i++) {
        sources[i] = dir->sources[i];
        if (&dir->sources[i] == work->source)
            at = i;
    }
    if (work->edit->text) {
        sources[at] = (struct policy_source) { work->edit->file, work->agent, work->edit->text,
                                               work->edit->len };
        nr += at == nr;
    }
    policy = policy_new(sources, nr, dir->ceiling, work->err);
    free(sources);
    return policy;
}

static unsigned agent_number(const struct work *work, const struct policy *policy)
{
    return work->agent ? policy_agent(policy, work->agent) : 0;
}

/* What other agents' own files say against it. */
static void note_agents(const struct work *work, const struct policy *policy)
{
    for (size_t i = 0; !work->agent && i < work->dir->nr_sources; i++) {
        const char *agent = work->dir->sources[i].agent;
        struct policy_answer answer;

        if (agent && !policy_ask(policy, policy_agent(policy, agent), &work->rule, &answer) &&
            answer.result == POLICY_DENIED)
            say(work->edit, "; agent %s stays denied by \"%s\" (%s:%u)", agent, answer.rule,
                answer.file, answer.line);
    }
}

static bool is_allowed_already(struct work *work, bool *is_already)
{
    struct policy *policy = compile(work);
    struct policy_answer answer;

    if (policy == NULL)
        return false;
    *is_already = policy_ask(policy, agent_number(work, policy), &work->rule, &answer);
    if (*is_already) {
        say(work->edit, "already allowed by \"%s\" (%s:%u)", answer.rule, answer.file,
            answer.line);
        note_agents(work, policy);
    }
    policy_free(policy);
    return true;
}

/* Does the edited policy allow it? */
static bool check_allowed(struct work *work)
{
    struct policy *policy = compile(work);
    struct policy_answer answer;
    bool is_good;

    if (policy == NULL)
        return false;
    is_good = policy_ask(policy, agent_number(work, policy), &work->rule, &answer);
    if (is_good)
        note_agents(work, policy);
    else if (answer.result == POLICY_DENIED)
        err_set(work->err, EPERM,
                "\"%.*s\" stays denied by rule \"%s\" (%s:%u), which wins over any allow, "
                "expected that rule removed first",
                (int)work->rule.target_len, work->rule.target, answer.rule, answer.file,
                answer.line);
    else
        err_set(work->err, EINVAL, "\"%.*s\" would not be allowed by its own rule",
                (int)work->rule.target_len, work->rule.target);
    policy_free(policy);
    return is_good;
}

static bool allow(struct work *work)
{
    bool is_already;
    size_t nr_removed;

    if (!is_allowed_already(work, &is_already))
        return false;
    if (is_already)
        return true;
    if (!copy_text(work, &nr_removed))
        return false;
    append_line(work);
    return check_allowed(work);
}

bool policy_edit_allow(const struct policy_dir *dir, const char *agent,
                       const char *const *words, size_t nr, struct policy_edit *edit,
                       struct err *err)
{
    struct work *work = work_new(dir, agent, edit, err);
    bool is_good = work && begin(work, "", words, nr);

    if (is_good && work->rule.flags & RULE_DENY)
        is_good = err_set(err, EINVAL, "\"%s\" denies, expected the target alone", words[0]);
    return work_end(work, is_good && allow(work));
}

/* Is there a rule that allows any of it, and none that denies all of it? The file's own rules
 * for exactly this target count only after has_gone is false. */
static bool is_still_allowed(const struct work *work, bool has_gone, struct parsed_rule *rule)
{
    bool is_allowed = false;

    for (size_t i = 0; i < work->dir->nr_sources; i++) {
        const struct policy_source *source = &work->dir->sources[i];
        struct err untold;
        struct textfile file = {
            .file = source->file, .text = source->text, .len = source->len, .err = &untold
        };
        bool is_own = source == work->source;

        /* another agent's rules say nothing of this one; for all agents all of them count */
        if (work->agent && source->agent && !is_own)
            continue;
        while (policy_parse_next(&file, false, rule) == 1) {
            if (is_own && has_gone && stands_against(rule, &work->rule))
                continue;
            if (!(rule->flags & RULE_DENY))
                is_allowed = is_allowed || policy_rules_meet(rule, &work->rule);
            else if ((!source->agent || is_own) && policy_rule_denies_all(rule, &work->rule))
                return false;
        }
    }
    return is_allowed;
}

/* Why there is nothing to do. */
static void say_denied(struct work *work, const struct policy *policy)
{
    struct policy_answer answer;

    work->rule.services[0] = (struct ports) { SERVICE_TLS, 443, 443 };
    work->rule.nr_services = 1;
    (void)policy_ask(policy, agent_number(work, policy), &work->rule, &answer);
    if (answer.result == POLICY_DENIED)
        say(work->edit, "already denied by \"%s\" (%s:%u)", answer.rule, answer.file,
            answer.line);
    else
        say(work->edit, "already denied: no rule allows it");
}

static bool deny(struct work *work)
{
    struct policy *policy = compile(work);
    struct parsed_rule *rule = malloc(sizeof(*rule));
    size_t nr_removed = 0;
    bool is_good = policy && rule;

    if (policy && !rule)
        err_set(work->err, ENOMEM, "policy: out of memory");
    if (is_good && !is_still_allowed(work, false, rule)) {
        say_denied(work, policy);
        policy_free(policy);
        free(rule);
        return true;
    }
    policy_free(policy);
    is_good = is_good && copy_text(work, &nr_removed);
    if (is_good && is_still_allowed(work, true, rule))
        append_line(work);
    free(rule);
    if (!is_good)
        return false;
    policy = compile(work);
    policy_free(policy);
    return policy != NULL;
}

bool policy_edit_deny(const struct policy_dir *dir, const char *agent, const char *target,
                      struct policy_edit *edit, struct err *err)
{
    struct work *work = work_new(dir, agent, edit, err);
    bool is_good = work != NULL;

    if (is_good && target[0] == '!')
        is_good =
            err_set(err, EINVAL, "\"%.80s\" denies already, expected the target alone", target);
    return work_end(work, is_good && begin(work, "!", &target, 1) && deny(work));
}
