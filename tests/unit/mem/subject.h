/* SPDX-License-Identifier: MIT
 *
 * subject.h - the backends that backend_contract_test.c runs against: with what each is opened, and
 * the server behind it. */
#ifndef AG_TESTS_MEM_SUBJECT_H
#define AG_TESTS_MEM_SUBJECT_H

#include "mem/backend.h"

#include "peer.h"

/* One backend under test. */
struct subject {
    const char *name;
    const struct backend *backend;
    struct peer peer;
    bool has_peer;
    bool is_shared; /* with others: what all owners have is not ours to count or to expire */
    char directory[64];
    struct database *database;
    void *handle;
    struct arena arena;
};

/* Each opens <subject>->backend, and fails the test when it cannot. */
void subject_start_none(struct subject *subject);
void subject_start_sqlite(struct subject *subject);
void subject_start_postgres(struct subject *subject);
void subject_start_weaviate(struct subject *subject);
void subject_start_real_weaviate(struct subject *subject); /* of the environment */
void subject_stop(struct subject *subject);

/* What the store does around the embedded backend: one fsync for many rows. */
void subject_transaction(struct subject *subject, const char *sql);

#endif
