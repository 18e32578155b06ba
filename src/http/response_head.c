/* SPDX-License-Identifier: MIT
 *
 * response_head.c - takes the head of an engine's reply apart (RFC 9112 4), strictly: a reply that
 * two readers could end at different bytes would let one client's answer run into another's. Any
 * thread. */
#include "http/head_section.h"

enum {
    version_length = 8, /* "HTTP/1.1" */
    code_length = 3,
};

static enum status status_line_parse(struct slice line, struct response_head *head,
                                     unsigned *ret_status, struct failure *reterr)
{
    struct slice version = line;
    if (version.length > version_length) {
        version.length = version_length;
    }
    enum status status = head_version(version, &head->minor_version, ret_status, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    uint64_t code;
    struct slice rest = slice_after(line, version_length);
    if (rest.length < 1 + code_length || rest.data[0] != ' ' ||
        !slice_parse_uint(slice_make(rest.data + 1, code_length), 599, &code) || code < 100) {
        return head_refuse(502, "status line without a status of 100 to 599", ret_status, reterr);
    }
    rest = slice_after(rest, 1 + code_length);
    if (rest.length > 0 && rest.data[0] != ' ') {
        return head_refuse(502, "status not followed by a space", ret_status, reterr);
    }
    if (code == 101) {
        return head_refuse(502, "101 though no upgrade was asked for", ret_status, reterr);
    }
    head->status = (unsigned)code;
    head->reason = rest.length > 0 ? slice_after(rest, 1) : rest;
    return STATUS_OK;
}

/* RFC 9112 6.3. A 1xx or 204 that announces a body all the same is refused: we would not read it,
 * and what comes would pass for the beginning of the next reply. */
static enum status response_framing(const struct head_section *section, bool to_head,
                                    struct response_head *head, unsigned *ret_status,
                                    struct failure *reterr)
{
    enum status status = head_section_framing(section, head->minor_version, &head->framing,
                                              &head->content_length, ret_status, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    bool never_has_body = head->status < 200 || head->status == 204;
    if (never_has_body && (head->framing == BODY_CHUNKED || head->content_length > 0)) {
        return head_refuse(502, "body announced for a status that has none", ret_status, reterr);
    }
    if (never_has_body || head->status == 304 || to_head) {
        head->framing = BODY_NONE;
    } else if (head->framing == BODY_NONE) {
        head->framing = BODY_UNTIL_CLOSE;
    }
    return STATUS_OK;
}

enum status response_head_parse(struct slice text, bool to_head, struct arena *arena,
                                struct response_head *ret, struct failure *reterr)
{
    struct response_head head;
    struct head_section section;
    struct head_connection connection;
    struct slice line;
    struct slice rest;
    unsigned answer; /* only requests are answered */
    enum status status = head_first_line(text, &line, &rest, &answer, reterr);
    if (status == STATUS_OK) {
        status = status_line_parse(line, &head, &answer, reterr);
    }
    if (status == STATUS_OK) {
        status = head_section_parse(rest, arena, &section, &answer, reterr);
    }
    if (status == STATUS_OK) {
        status = response_framing(&section, to_head, &head, &answer, reterr);
    }
    if (status == STATUS_OK) {
        status = head_section_connection(&section, &connection, &answer, reterr);
    }
    if (status != STATUS_OK) {
        return status;
    }
    head.fields = section.fields;
    head.fields_count = section.fields_count;
    head.keep_alive = head.framing != BODY_UNTIL_CLOSE &&
                      head_connection_persists(connection, head.minor_version);
    *ret = head;
    return STATUS_OK;
}
