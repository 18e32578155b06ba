/* SPDX-License-Identifier: MIT
 *
 * backend_weaviate_schema.h - class MemoryEvent: which properties it has, made when missing.
 *
 * A class that an older gateway or Weaviate's auto-schema made may know one of our names with
 * another type (payload as an object); ours then goes by another name (payload_text) in that
 * Weaviate. The thread of the handle, only. */
#ifndef AG_MEM_BACKEND_WEAVIATE_SCHEMA_H
#define AG_MEM_BACKEND_WEAVIATE_SCHEMA_H

#include "mem/backend_remote.h"
#include "mem/backend_weaviate_client.h"

enum {
    /* Beside those of event_fields.def. */
    PROPERTY_OWNER = event_fields_count, /* owner_key */
    PROPERTY_ID,                         /* the object's id once more, to sort by */
    PROPERTY_TIMESTAMP,                  /* RFC 3339 with milliseconds */
    PROPERTY_TIMESTAMP_US,               /* exact: a double holds every microsecond until 2255 */
    PROPERTY_STATUS,
    weaviate_properties_count,
    weaviate_name_size = 40,
};

struct weaviate_schema {
    char names[weaviate_properties_count][weaviate_name_size]; /* in this Weaviate */
};

/* Reads the class, makes it or what it lacks, and fills <ret>. */
enum status weaviate_schema_ensure(struct weaviate_client *client, struct weaviate_schema *ret,
                                   struct failure *reterr) MUST_CHECK;

#endif
