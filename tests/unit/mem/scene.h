/* SPDX-License-Identifier: MIT
 *
 * scene.h - a bus with a real store in a directory of its own, a remote backend that does as it is
 * told, and a dialect whose calls are plain text. */
#ifndef AG_TESTS_MEM_SCENE_H
#define AG_TESTS_MEM_SCENE_H

#include "mem/bus.h"

struct scene {
    char directory[64];
    struct store *store;
    struct memory *memory;
};

/* The remote: what it does next, and what it has. Under its lock. */
struct remote {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum status write_status; /* what write says while it is not STATUS_OK */
    enum status open_status;
    const char *poison; /* a batch with this prompt is STATUS_INVALID */
    bool lies;          /* says OK and keeps nothing; the next time keeps it */
    bool is_held;       /* write waits until it is false */
    unsigned writing;   /* calls of write that wait there */
    unsigned writes;
    unsigned reads;
    unsigned erasures;
    unsigned expiries;
    size_t count;
    struct {
        char id[event_id_length + 1];
        char subject[32];
        char session[32];
        char prompt[64];
    } rows[20000];
};
extern struct remote remote;
extern const struct backend backend_fake;
/* Embedded, and refuses: every write is STATUS_INVALID. */
extern const struct backend backend_refusing;

/* Requests and replies are plain text: the prompt, and the completion. "[end]" ends a reply. The
 * first "T" in the reply is its first token. */
extern const struct exchange_reader plain_reader;

/* <settings>->backend, the caps and pauses; what is 0 gets a value. */
void scene_begin(struct scene *scene, struct bus_settings settings, const char *redact);
/* Closes bus and store; the directory stays. */
void scene_close(struct scene *scene);
void scene_reopen(struct scene *scene, struct bus_settings settings, const char *redact);
void scene_end(struct scene *scene);

/* Runs a job and waits for its answer. */
void scene_run(struct scene *scene, struct memory_job *job);
/* Writes one event of <subject>; its status. <ret_id> may be NULL. */
enum status scene_write(struct scene *scene, const char *subject, const char *prompt,
                        char ret_id[event_id_length + 1]);
/* How many rows <subject> has in the store (embedded) or the remote; with words, unless NULL. */
size_t scene_count(struct scene *scene, const char *subject, const char *words);
enum status scene_erase(struct scene *scene, const char *subject, const char *id,
                        uint64_t *ret_erased);
size_t remote_count(const char *subject);
void remote_reset(void);

/* Waits until <counter> is <value>, half a minute at most. */
void scene_await(const atomic_uint_fast64_t *counter, uint64_t value);

#endif
