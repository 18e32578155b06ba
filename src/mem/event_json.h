/* SPDX-License-Identifier: MIT
 *
 * event_json.h - events as JSON, in the original's shape (docs/memory.md), and the cursor that
 * names a place among them. Any thread. */
#ifndef AG_MEM_EVENT_JSON_H
#define AG_MEM_EVENT_JSON_H

#include "base/buffer.h"
#include "mem/backend.h"

/* One row as an object. */
void event_append_json(struct buffer *buffer, const struct event *event);

/* {"data":{"Get":{"MemoryEvent":[...]}},"cursor":...}; the cursor is null on the last page. */
void event_append_page(struct buffer *buffer, const struct event_page *page);

/* The place after <event>: opaque text without quotes, safe in a URL. */
void event_append_cursor(struct buffer *buffer, const struct event *event);

/* Sets has_before, before_us and before_id of <query>. False for anything event_append_cursor did
 * not write. */
bool event_cursor_parse(struct slice text, struct backend_query *query) MUST_CHECK;

/* True when <text> has the form of an event's id. */
bool event_id_is_sound(struct slice text) MUST_CHECK;

#endif
