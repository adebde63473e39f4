/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: one table says which attributes an expression of each kind has and where they
 * stand in struct expr. Writing to the kernel and reading back go through the same table, so
 * what is compared is what was asked for. An attribute that is zero and marked optional is not
 * sent; one that the kernel does not report reads as zero.
 */
#include "fwd/nft_expr.h"

#include <errno.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

enum field_type {
    FIELD_U8,
    FIELD_U16,
    FIELD_U32,
    FIELD_OPTIONAL,
    FIELD_DATA,
    FIELD_FLIP,
    FIELD_INFO,
    FIELD_NAME
};

struct field {
    uint16_t attr;
    uint16_t type;
    size_t offset; /* in struct expr */
};

struct shape {
    const char *name; /* the kernel's */
    uint16_t sign;    /* the attribute that tells this kind from others of that name; 0: none */
    struct field fields[8];
};

#define F(attr, type, member)                                                                  \
    {                                                                                          \
        NFTNL_EXPR_##attr, FIELD_##type, offsetof(struct expr, member)                         \
    }

static const struct shape shapes[NR_EXPR_KINDS] = {
    [EXPR_META_GET] = { "meta",
                        NFTNL_EXPR_META_DREG,
                        { F(META_KEY, U32, key), F(META_DREG, U32, dreg) } },
    [EXPR_META_SET] = { "meta",
                        NFTNL_EXPR_META_SREG,
                        { F(META_KEY, U32, key), F(META_SREG, U32, sreg) } },
    [EXPR_CT_GET] = { "ct",
                      NFTNL_EXPR_CT_DREG,
                      { F(CT_KEY, U32, key), F(CT_DREG, U32, dreg) } },
    [EXPR_CT_SET] = { "ct",
                      NFTNL_EXPR_CT_SREG,
                      { F(CT_KEY, U32, key), F(CT_SREG, U32, sreg) } },
    [EXPR_PAYLOAD_GET] = { "payload",
                           NFTNL_EXPR_PAYLOAD_DREG,
                           { F(PAYLOAD_DREG, U32, dreg), F(PAYLOAD_BASE, U32, base),
                             F(PAYLOAD_OFFSET, U32, offset), F(PAYLOAD_LEN, U32, len) } },
    [EXPR_PAYLOAD_SET] = { "payload",
                           NFTNL_EXPR_PAYLOAD_SREG,
                           { F(PAYLOAD_SREG, U32, sreg), F(PAYLOAD_BASE, U32, base),
                             F(PAYLOAD_OFFSET, U32, offset), F(PAYLOAD_LEN, U32, len),
                             F(PAYLOAD_CSUM_TYPE, U32, csum_type),
                             F(PAYLOAD_CSUM_OFFSET, U32, csum_offset),
                             F(PAYLOAD_FLAGS, OPTIONAL, flags) } },
    [EXPR_EXTHDR_GET] = { "exthdr",
                          NFTNL_EXPR_EXTHDR_DREG,
                          { F(EXTHDR_DREG, U32, dreg), F(EXTHDR_TYPE, U8, key),
                            F(EXTHDR_OFFSET, U32, offset), F(EXTHDR_LEN, U32, len),
                            F(EXTHDR_OP, U32, op), F(EXTHDR_FLAGS, OPTIONAL, flags) } },
    [EXPR_EXTHDR_SET] = { "exthdr",
                          NFTNL_EXPR_EXTHDR_SREG,
                          { F(EXTHDR_SREG, U32, sreg), F(EXTHDR_TYPE, U8, key),
                            F(EXTHDR_OFFSET, U32, offset), F(EXTHDR_LEN, U32, len),
                            F(EXTHDR_OP, U32, op), F(EXTHDR_FLAGS, OPTIONAL, flags) } },
    [EXPR_EXTHDR_STRIP] = { "exthdr", 0, { F(EXTHDR_TYPE, U8, key), F(EXTHDR_OP, U32, op) } },
    [EXPR_RT] = { "rt", 0, { F(RT_KEY, U32, key), F(RT_DREG, U32, dreg) } },
    [EXPR_CMP] = { "cmp",
                   0,
                   { F(CMP_SREG, U32, sreg), F(CMP_OP, U32, op), F(CMP_DATA, DATA, data) } },
    [EXPR_BITWISE] = { "bitwise",
                       0,
                       { F(BITWISE_SREG, U32, sreg), F(BITWISE_DREG, U32, dreg),
                         F(BITWISE_LEN, U32, len), F(BITWISE_OP, OPTIONAL, op),
                         F(BITWISE_MASK, DATA, data), F(BITWISE_XOR, FLIP, flip) } },
    [EXPR_BYTEORDER] = { "byteorder",
                         0,
                         { F(BYTEORDER_SREG, U32, sreg), F(BYTEORDER_DREG, U32, dreg),
                           F(BYTEORDER_OP, U32, op), F(BYTEORDER_LEN, U32, len),
                           F(BYTEORDER_SIZE, U32, base) } },
    [EXPR_DATA] = { "immediate",
                    NFTNL_EXPR_IMM_DATA,
                    { F(IMM_DREG, U32, dreg), F(IMM_DATA, DATA, data) } },
    [EXPR_VERDICT] = { "immediate",
                       NFTNL_EXPR_IMM_VERDICT,
                       { F(IMM_DREG, U32, dreg), F(IMM_VERDICT, U32, op),
                         F(IMM_CHAIN, NAME, name) } },
    [EXPR_LOOKUP] = { "lookup",
                      0,
                      { F(LOOKUP_SREG, U32, sreg), F(LOOKUP_SET, NAME, name),
                        F(LOOKUP_DREG, OPTIONAL, dreg), F(LOOKUP_FLAGS, OPTIONAL, flags) } },
    [EXPR_REJECT] = { "reject", 0, { F(REJECT_TYPE, U32, key), F(REJECT_CODE, U8, base) } },
    [EXPR_QUEUE] = { "queue",
                     0,
                     { F(QUEUE_NUM, U16, key), F(QUEUE_TOTAL, U16, base),
                       F(QUEUE_FLAGS, U16, flags) } },
    [EXPR_TARGET] = { "target",
                      0,
                      { F(TG_NAME, NAME, name), F(TG_REV, U32, key), F(TG_INFO, INFO, data) } },
    [EXPR_MASQ] = { "masq",
                    0,
                    { F(MASQ_FLAGS, OPTIONAL, flags), F(MASQ_REG_PROTO_MIN, OPTIONAL, sreg),
                      F(MASQ_REG_PROTO_MAX, OPTIONAL, dreg) } },
    [EXPR_REDIR] = { "redir",
                     0,
                     { F(REDIR_REG_PROTO_MIN, U32, sreg), F(REDIR_REG_PROTO_MAX, U32, dreg),
                       F(REDIR_FLAGS, U32, flags) } },
    [EXPR_COUNTER] = { "counter", 0, { { 0 } } },
    [EXPR_NOTRACK] = { "notrack", 0, { { 0 } } },
    [EXPR_FLOW] = { "flow_offload", 0, { F(FLOW_TABLE_NAME, NAME, name) } },
};

static int field_write(struct nftnl_expr *to, const struct field *field,
                       const struct expr *expr)
{
    const void *at = (const char *)expr + field->offset;
    uint32_t value;
    void *copy;

    switch ((enum field_type)field->type) {
    case FIELD_U8:
        memcpy(&value, at, sizeof(value));
        nftnl_expr_set_u8(to, field->attr, (uint8_t)value);
        return 0;
    case FIELD_U16:
        memcpy(&value, at, sizeof(value));
        nftnl_expr_set_u16(to, field->attr, (uint16_t)value);
        return 0;
    case FIELD_U32:
    case FIELD_OPTIONAL:
        memcpy(&value, at, sizeof(value));
        if (field->type == FIELD_U32 || value != 0)
            nftnl_expr_set_u32(to, field->attr, value);
        return 0;
    case FIELD_DATA:
    case FIELD_FLIP:
        return nftnl_expr_set(to, field->attr, at, expr->data_len);
    case FIELD_INFO: /* the library keeps the pointer and frees it */
        copy = malloc(expr->data_len);
        if (!copy)
            return -1;
        memcpy(copy, at, expr->data_len);
        // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the library frees it
        return nftnl_expr_set(to, field->attr, copy, expr->data_len);
    case FIELD_NAME:
        return *(const char *)at ? nftnl_expr_set_str(to, field->attr, at) : 0;
    }
    return -1;
}

struct nftnl_expr *nft_expr_new(const struct expr *expr)
{
    const struct shape *shape = &shapes[expr->kind];
    struct nftnl_expr *to = shape->name ? nftnl_expr_alloc(shape->name) : NULL;

    for (size_t i = 0; to && i < ARRAY_LEN(shape->fields) && shape->fields[i].attr; i++) {
        if (field_write(to, &shape->fields[i], expr) == 0)
            continue;
        nftnl_expr_free(to);
        to = NULL;
    }
    return to;
}

static void field_read(const struct nftnl_expr *from, const struct field *field,
                       struct expr *expr)
{
    void *at = (char *)expr + field->offset;
    const void *data;
    uint32_t value = 0, len = 0;

    switch ((enum field_type)field->type) {
    case FIELD_U8:
        value = nftnl_expr_get_u8(from, field->attr);
        memcpy(at, &value, sizeof(value));
        break;
    case FIELD_U16:
        value = nftnl_expr_get_u16(from, field->attr);
        memcpy(at, &value, sizeof(value));
        break;
    case FIELD_U32:
    case FIELD_OPTIONAL:
        value = nftnl_expr_get_u32(from, field->attr);
        memcpy(at, &value, sizeof(value));
        break;
    case FIELD_DATA:
    case FIELD_FLIP:
    case FIELD_INFO:
        data = nftnl_expr_get(from, field->attr, &len);
        expr->data_len = len; /* longer than ours can be: a difference by itself */
        if (data)
            memcpy(at, data, len < EXPR_DATA_MAX ? len : EXPR_DATA_MAX);
        break;
    case FIELD_NAME:
        data = nftnl_expr_get_str(from, field->attr);
        if (data)
            snprintf(at, EXPR_NAME_MAX, "%s", (const char *)data);
        break;
    }
}

static enum expr_kind kind_of(const struct nftnl_expr *from, const char *name)
{
    for (enum expr_kind kind = EXPR_FOREIGN + 1; kind < NR_EXPR_KINDS; kind++) {
        const struct shape *shape = &shapes[kind];

        if (strcmp(shape->name, name) == 0 &&
            (shape->sign == 0 || nftnl_expr_is_set(from, shape->sign)))
            return kind;
    }
    return EXPR_FOREIGN;
}

void nft_expr_read(const struct nftnl_expr *from, struct expr *expr)
{
    const char *name = nftnl_expr_get_str(from, NFTNL_EXPR_NAME);
    const struct shape *shape;

    memset(expr, 0, sizeof(*expr));
    expr->kind = kind_of(from, name);
    if (expr->kind == EXPR_FOREIGN) {
        snprintf(expr->name, sizeof(expr->name), "%s", name);
        return;
    }
    shape = &shapes[expr->kind];
    for (size_t i = 0; i < ARRAY_LEN(shape->fields) && shape->fields[i].attr; i++)
        if (nftnl_expr_is_set(from, shape->fields[i].attr))
            field_read(from, &shape->fields[i], expr);
}

const char *nft_expr_text(const struct expr *expr, char *buf, size_t size)
{
    struct nftnl_expr *made;
    size_t len;

    snprintf(buf, size, "%s",
             expr->kind == EXPR_FOREIGN ? expr->name : shapes[expr->kind].name);
    if (expr->kind == EXPR_FOREIGN || expr->kind == EXPR_COUNTER ||
        expr->data_len > EXPR_DATA_MAX || !(made = nft_expr_new(expr)))
        return buf;
    len = strlen(buf);
    if (len + 1 < size) {
        buf[len++] = ' ';
        nftnl_expr_snprintf(buf + len, size - len, made, NFTNL_OUTPUT_DEFAULT, 0);
    }
    nftnl_expr_free(made);
    return buf;
}
