/* SPDX-License-Identifier: MIT
 *
 * schema_replay.c - the table of tokens that were used and must not be used again; replay.c writes
 * it. replay_total counts its rows: counting a million of them takes too long. */
#include "store/schema.h"

extern const char schema_replay[];

const char schema_replay[] =
    "CREATE TABLE replay(id BLOB PRIMARY KEY NOT NULL, expires_at_s INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE INDEX replay_by_expiry ON replay(expires_at_s);"
    "CREATE TABLE replay_total(id INTEGER PRIMARY KEY CHECK (id = 1), entries INTEGER NOT NULL);"
    "INSERT INTO replay_total(id, entries) VALUES (1, 0);";
