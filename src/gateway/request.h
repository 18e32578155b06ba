/* SPDX-License-Identifier: MIT
 *
 * request.h - one request on its way through the steps (steps.def), and everything that is known of
 * it.
 *
 * It knows no codec and no socket. It lives from the complete head until the record step; its arena
 * holds whatever must live as long. Owning worker only. */
#ifndef AG_GATEWAY_REQUEST_H
#define AG_GATEWAY_REQUEST_H

#include "auth/session_id.h"
#include "exchange/identity.h"
#include "gateway/codec.h"
#include "gateway/connection.h"
#include "proxy/relay.h"

enum {
    request_arena_bytes_max = 512 * 1024,
    request_id_bytes_max = 128,
    mirror_pieces_max = 8, /* of the reply that leave for the client in one event */
};

struct a2a_face;
struct errand;
struct route;
struct capture;

/* Where a reply that is not whole yet comes from: asked whenever the client has taken what it was
 * given. */
enum source_result {
    SOURCE_BYTES, /* <ret_bytes>, valid until the next call */
    SOURCE_WAITS, /* nothing now: an errand is out, or somebody will call request_wake */
    SOURCE_END,
    SOURCE_BROKEN, /* the reply stays unfinished, visibly */
};
typedef enum source_result reply_source(struct request *request, struct slice *ret_bytes);

enum step_result {
    STEP_NEXT,   /* go on with the next step */
    STEP_WAIT,   /* exactly one waker was registered; it calls request_run */
    STEP_ANSWER, /* a reply was given; go to the record step */
    STEP_DROP,   /* the client is gone; go to the record step */
};

struct step {
    const char *name;
    enum step_result (*run)(struct request *request);
    void (*cancel)(struct request *request); /* undoes a wait; NULL when there is nothing to undo */
};

enum step_index {
#define STEP(name, waits) STEP_##name,
#include "gateway/steps.def"
#undef STEP
    STEP_COUNT,
};

struct request {
    struct gateway *gateway;
    struct connection *connection;
    const struct codec *codec;
    enum step_index step;
    bool running; /* inside the loop of request_run */
    bool cancelled;
    struct arena arena;
    struct request_head head;
    unsigned head_status; /* the head could not be taken apart: what to answer, and why */
    struct failure head_failure;
    /* what the steps found out */
    const struct route *route;
    struct slice route_segment; /* what {...} of the route's path stands for */
    struct slice route_rest;    /* what its final '*' stands for */
    struct slice origin;        /* the allowed origin that asks; empty: none */
    struct slice request_id;
    struct identity identity;
    struct cached_session *remembered_session; /* between authenticate and stamp_identity only */
    struct slice session;
    char session_digits[session_id_length];
    bool keys_awaited;          /* keys were asked for once */
    struct key_wait *keys_wait; /* while waiting */
    struct request *keys_next, *keys_previous;
    /* the body */
    struct buffer body; /* collected by read_body; cleared once it is on its way */
    bool body_collects;
    bool body_ended;
    bool body_resumes; /* the engine takes more, the codec is to be told when the event has settled
                        */
    /* an own answer that takes longer */
    bool answer_asked;
    struct errand *errand;          /* out */
    struct errand *errand_returned; /* back, for step_answer_route to finish */
    reply_source *reply_source;
    void *answer_state;                           /* the answer's own */
    struct a2a_face *a2a_face;                    /* of A2A answers, in the arena */
    void (*answer_over)(struct request *request); /* gives it back; NULL: nothing to give */
    struct buffer reply_text;
    size_t reply_text_sent;
    size_t reply_text_held; /* counted in gateway->answers_bytes */
    /* the engine */
    struct slice engine_target;
    bool content_type_json; /* say so to the engine, whatever the client said */
    struct engine_call call;
    bool call_began;
    enum engine_failure engine_failure;
    bool reply_complete; /* the engine's */
    /* what memory sees of it (mirror.c) */
    struct capture *capture;
    struct slice mirror_pieces[mirror_pieces_max]; /* on their way to the client, not shown yet */
    size_t mirror_pieces_count;
    bool mirror_head_seen;
    bool memory_lost; /* the exchange had to be kept, and could not be */
    bool awaits_room;
    struct request *room_next, *room_previous;
    bool last_byte_kept;
    char last_byte;
    /* the reply and the record */
    bool replied; /* a head was sent */
    unsigned status;
    const char *reason;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t started_us;
    uint64_t engine_us;
};

/* From the codec: a head is complete. <head_text> is copied; one that cannot be taken apart makes a
 * request that answers so. NULL without memory. */
struct request *request_create(struct connection *connection, struct slice head_text);

/* From the codec: what arrived is no head; the request answers <status>. */
struct request *request_create_refused(struct connection *connection, unsigned status,
                                       const struct failure *failure);

/* Runs the steps until one waits or all are done; then <request> may be gone. */
void request_run(struct request *request);

/* Something that a waiting request waits for has come: runs it and sees to its connection.
 * Afterwards the request may be gone. Not from inside a step. */
void request_wake(struct request *request);

/* From the codec: a piece of the body, its end. Afterwards the request may be gone. */
void request_body(struct request *request, struct slice bytes);
void request_body_end(struct request *request);

/* From the connection: all that one event brought has been passed on. */
void request_settle(struct request *request);

/* From the connection: the client has taken everything that was kept for it. May end the request.
 */
void request_drained(struct request *request);

/* From the codec: the body is not what it claims to be, or does not come. Answers, if nothing was
 * answered yet. <reason> outlives the request. Ends the request. */
void request_refuse(struct request *request, unsigned status, const char *reason,
                    const char *detail);

/* From the connection: the client is gone. Ends the request. */
void request_cancel(struct request *request, const char *reason);

#endif
