/* SPDX-License-Identifier: MIT
 *
 * request_head.c - takes the head of a request apart (RFC 9112 3), strictly. Any thread. */
#include "http/characters.h"
#include "http/head_section.h"

/* method SP request-target SP HTTP-version: single spaces, nothing around them. */
static enum status request_line_parse(struct slice line, struct request_head *head,
                                      unsigned *ret_status, struct failure *reterr)
{
    size_t method_length = character_span(line, CHARACTER_TOKEN);
    if (method_length == 0 || method_length == line.length || line.data[method_length] != ' ') {
        return head_refuse(400, "method is not a token followed by one space", ret_status, reterr);
    }
    head->method = slice_make(line.data, method_length);

    struct slice rest = slice_after(line, method_length + 1);
    size_t target_length = slice_find(rest, ' ');
    if (target_length == rest.length) {
        return head_refuse(400, "request line without an HTTP version", ret_status, reterr);
    }
    enum status status = head_version(slice_after(rest, target_length + 1), &head->minor_version,
                                      ret_status, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    status = target_parse(slice_make(rest.data, target_length), &head->target, reterr);
    if (status != STATUS_OK) {
        *ret_status = 400;
        return status;
    }
    if (slice_equals(head->method, SLICE("CONNECT"))) {
        return head_refuse(400, "CONNECT is not for this server", ret_status, reterr);
    }
    if (head->target.form == TARGET_ASTERISK && !slice_equals(head->method, SLICE("OPTIONS"))) {
        return head_refuse(400, "'*' as target of another method than OPTIONS", ret_status, reterr);
    }
    return STATUS_OK;
}

/* RFC 9112 3.2: exactly one Host, and a valid one, whatever form the target has. */
static enum status request_host(const struct head_section *section, struct request_head *head,
                                unsigned *ret_status, struct failure *reterr)
{
    struct slice host = {NULL, 0};
    if (head_section_has(section, FIELD_HOST)) {
        struct slice name;
        uint16_t port;
        host = section->first[FIELD_HOST]->value;
        if (head_section_repeats(section, FIELD_HOST)) {
            return head_refuse(400, "more than one Host", ret_status, reterr);
        }
        if (!host_parse(host, &name, &port)) {
            return head_refuse(400, "malformed Host", ret_status, reterr);
        }
    } else if (head->minor_version >= 1) {
        return head_refuse(400, "no Host", ret_status, reterr);
    }
    head->host = head->target.form == TARGET_ABSOLUTE ? head->target.authority : host;
    return STATUS_OK;
}

/* RFC 9110 10.1.1: HTTP/1.0 clients cannot wait for a 100, and nobody waits who sends no body. */
static enum status request_expectation(const struct head_section *section,
                                       struct request_head *head, unsigned *ret_status,
                                       struct failure *reterr)
{
    head->expect_continue = false;
    if (!head_section_has(section, FIELD_EXPECT)) {
        return STATUS_OK;
    }
    if (head_section_repeats(section, FIELD_EXPECT) ||
        !slice_equals_ignoring_case(section->first[FIELD_EXPECT]->value, SLICE("100-continue"))) {
        return head_refuse(417, "Expect is not 100-continue", ret_status, reterr);
    }
    bool has_body = head->framing == BODY_CHUNKED || head->content_length > 0;
    head->expect_continue = has_body && head->minor_version >= 1;
    return STATUS_OK;
}

static enum status request_fields_parse(struct slice text, struct arena *arena,
                                        struct request_head *head, unsigned *ret_status,
                                        struct failure *reterr)
{
    struct head_section section;
    struct head_connection connection;
    enum status status = head_section_parse(text, arena, &section, ret_status, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    head->fields = section.fields;
    head->fields_count = section.fields_count;
    status = request_host(&section, head, ret_status, reterr);
    if (status == STATUS_OK) {
        status = head_section_framing(&section, head->minor_version, &head->framing,
                                      &head->content_length, ret_status, reterr);
    }
    if (status == STATUS_OK) {
        status = head_section_connection(&section, &connection, ret_status, reterr);
    }
    if (status != STATUS_OK) {
        return status;
    }
    head->keep_alive = head_connection_persists(connection, head->minor_version);
    return request_expectation(&section, head, ret_status, reterr);
}

enum status request_head_parse(struct slice text, struct arena *arena, struct request_head *ret,
                               unsigned *ret_status, struct failure *reterr)
{
    struct request_head head;
    struct slice line;
    struct slice rest;
    enum status status = head_first_line(text, &line, &rest, ret_status, reterr);
    if (status == STATUS_OK) {
        status = request_line_parse(line, &head, ret_status, reterr);
    }
    if (status == STATUS_OK) {
        status = request_fields_parse(rest, arena, &head, ret_status, reterr);
    }
    if (status == STATUS_OK) {
        *ret = head;
    }
    return status;
}
