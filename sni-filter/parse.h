/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_PARSE_H
#define SNI_FILTER_PARSE_H

/* What a parser of a peer's bytes says. */
enum parse_rc {
    PARSE_OK,
    PARSE_MORE,   /* good so far, ends early */
    PARSE_ABSENT, /* well formed, what was looked for is not in it */
    PARSE_BAD,
};

#endif
